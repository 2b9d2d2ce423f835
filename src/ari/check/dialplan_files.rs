//! What `extensions.conf` says of the contexts that lead to the line, and of calls that nobody holds.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::conf::Conf;

/// How a context's callers come into `karipass-line`, and what is believed there (`P1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Door {
    /// P-Asserted-Identity of a trunk.
    Asserted,
    /// The From header of a trunk whose carrier vouches for it.
    Vouched,
    /// The `callerid` of a telephone's endpoint.
    Phone,
}

const DOORS: [(&str, Door); 3] = [
    ("karipass-line,asserted,", Door::Asserted),
    ("karipass-line,vouched,", Door::Vouched),
    ("karipass-line,phone,", Door::Phone),
];

/// The doors of each context, through its includes and jumps too.
pub(super) type Doors = BTreeMap<String, BTreeSet<Door>>;

/// Which contexts lead to the line, and by which doors.
pub(super) fn doors(extensions: &Conf) -> Doors {
    let mut doors = Doors::new();
    let mut ways: BTreeSet<(&str, String)> = BTreeSet::new();
    for section in extensions.sections.iter().filter(|section| !section.is_template) {
        let found = doors.entry(section.name.clone()).or_default();
        for (name, step) in &section.entries {
            let step = step.replace(' ', "");
            let leads = DOORS.iter().filter(|(text, _)| step.contains(text));
            found.extend(leads.map(|(_, door)| *door));
            let next =
                if name.eq_ignore_ascii_case("include") { included(&step) } else { jumps(&step) };
            ways.extend(next.into_iter().map(|to| (section.name.as_str(), to.to_owned())));
        }
    }
    // As often as there are contexts, so that ways of several steps are followed to their end.
    for _ in 0..doors.len() {
        let before = doors.clone();
        for (from, to) in &ways {
            let more = before.get(to).into_iter().flatten();
            doors.entry((*from).to_owned()).or_default().extend(more);
        }
        if doors == before {
            break;
        }
    }
    doors
}

/// The context of an `include`, which may hold at some times only.
fn included(value: &str) -> Vec<&str> {
    value.split(',').take(1).collect()
}

/// What a step without spaces may go on in: the context of each jump that names one, and of each channel of `Local`.
fn jumps(step: &str) -> Vec<&str> {
    let marks = step.match_indices(['(', '?', ':', '@']);
    let targets = marks.filter_map(|(at, mark)| {
        let (before, rest) = (step.get(..at)?.to_ascii_lowercase(), step.get(at + 1..)?);
        let end = rest.find(['(', ')', ',', ':', '/', '&']).unwrap_or(rest.len());
        let (context, behind) = rest.split_at(end);
        let is_jump = match mark {
            "@" => before.rsplit_once('/').is_some_and(|(kind, _)| kind.ends_with("local")),
            "(" => ["goto", "gosub"].iter().any(|app| before.ends_with(app)) && is_whole(behind),
            _ => is_whole(behind),
        };
        is_jump.then_some(context)
    });
    targets.collect()
}

/// Whether an extension and a priority follow; with fewer arguments a jump stays in its context.
fn is_whole(behind: &str) -> bool {
    let (mut depth, mut commas) = (0_usize, 0);
    for letter in behind.chars() {
        match letter {
            ')' | ':' if depth == 0 => break,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => commas += 1,
            _ => {}
        }
    }
    behind.starts_with(',') && commas >= 2
}

/// Extensions that hand a call to the application with no `TIMEOUT(absolute)` before it.
pub(super) fn orphans(extensions: &Conf, app: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for section in &extensions.sections {
        let mut extension = String::new();
        let mut is_limited = false;
        for (name, step) in &section.entries {
            if name.eq_ignore_ascii_case("exten") {
                let named = step.split(',').next().unwrap_or_default();
                is_limited &= named == extension;
                named.clone_into(&mut extension);
            } else if !name.eq_ignore_ascii_case("same") {
                continue;
            }
            let limit = step.split_once("TIMEOUT(absolute)=").map(|(_, rest)| rest);
            is_limited = limit.map_or(is_limited, |limit| !limit.starts_with("0)"));
            if !is_limited && hands_over(step, app) {
                let message = format!(
                    "extensions.conf: extension {extension} of [{}] calls Stasis without TIMEOUT(absolute): \
                     a call that no daemon holds any more never ends",
                    section.name
                );
                findings.push(Finding::Wrong(message));
                break;
            }
        }
    }
    findings
}

/// Whether a step is `Stasis` or `StasisBroadcast` for one of the line's applications.
fn hands_over(step: &str, app: &str) -> bool {
    let arguments = step
        .split_once("Stasis(")
        .or_else(|| step.split_once("StasisBroadcast("))
        .map(|(_, arguments)| arguments);
    arguments.is_some_and(|it| {
        let is_ours = it.strip_prefix(app).is_some_and(|rest| rest.starts_with([',', ')']));
        it.contains("${KARIPASS_APP") || it.contains("(KARIPASS_APP") || is_ours
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn read(file: &str, text: &str) -> Conf {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(file), text).unwrap();
        Conf::read(folder.path(), file).unwrap()
    }

    fn samples() -> Conf {
        let text = fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplan/karipass.conf"),
        );
        read("extensions.conf", &text.unwrap())
    }

    #[test]
    fn every_context_of_the_samples_has_its_door() {
        let doors = doors(&samples());
        for (context, door) in [
            ("karipass-trunk", Door::Asserted),
            ("karipass-trunk-from", Door::Vouched),
            ("karipass-phones", Door::Phone),
        ] {
            assert_eq!(doors[context], BTreeSet::from([door]), "{context}");
        }
        assert!(doors["karipass-header"].is_empty());
    }

    #[test]
    fn includes_and_jumps_lead_where_the_other_context_does() {
        for (step, leads) in [
            ("include => b", true),
            ("Include => b,09:00-17:00,mon-fri,*,*", true),
            ("exten => 1,1,Goto(b,${EXTEN:1},1)", true),
            ("exten => 1,1,NoOp()\n same => n,goto( b , 1 , 1 )", true),
            ("exten => 1,1,Gosub(b,s,1(x,y))", true),
            ("exten => 1,1,GotoIf($[\"${X:0:4}\" = \"x\"]?b,1,1:c,1,1)", true),
            ("exten => 1,1,GotoIf($[${X}]?other,1,1:b,${CUT(X,:,1)},1)", true),
            ("exten => 1,1,GotoIf($[${X}]?:b,1,1)", true),
            ("exten => 1,1,GosubIf($[${X}]?b,s,1(x):other,s,1)", true),
            ("exten => 1,1,GotoIfTime(09:00-17:00,mon-fri,*,*?b,1,1)", true),
            ("exten => 1,1,ExecIf($[${X}]?Goto(b,1,1))", true),
            ("exten => 1,1,Dial(PJSIP/x&Local/${EXTEN}@b/n,60)", true),
            ("exten => 1,1,Dial(local/1@b)", true),
            ("exten => 1,1,Goto(c,1,1)", false),
            ("exten => 1,1,Goto(bb,1,1)", false),
            ("exten => 1,1,Goto(B,1,1)", false),
            ("exten => 1,1,Goto(b,1)", false),
            ("exten => 1,1,GotoIf($[${X}]?b:b,${CUT(X,-,1)})", false),
            ("exten => 1,1,ExecIf($[${X}]?Queue(b,t,,,60))", false),
            ("exten => 1,1,Dial(Local/1@c&PJSIP/1@b,60)", false),
            ("exten => 1,1,VoiceMail(1@b,u)", false),
        ] {
            let rest = "[b]\ninclude => d\n[c]\nexten => s,1,Return()\n\
                        [d]\nexten => 1,1,Goto(karipass-line, phone,1)\n";
            let conf = read("extensions.conf", &format!("[a]\n{step}\n{rest}"));
            let expected = leads.then_some(Door::Phone).into_iter().collect();
            assert_eq!(doors(&conf)["a"], expected, "{step}");
        }
    }

    #[test]
    fn a_call_without_an_absolute_limit_is_found() {
        assert_eq!(orphans(&samples(), "karipass"), []);
        for (steps, found) in [
            ("exten => s,1,Stasis(karipass,x)", 1),
            ("exten => s,1,Set(TIMEOUT(absolute)=900)\n same => n,Stasis(karipass,x)", 0),
            ("exten => s,1,Set(TIMEOUT(absolute)=0)\n same => n,Stasis(${KARIPASS_APP},x)", 1),
            ("exten => s,1,Set(TIMEOUT(absolute)=9)\nexten => t,1,Stasis(karipass)", 1),
            ("exten => s,1,Set(TIMEOUT(absolute)=9)\nexten => s,n,Stasis(karipass)", 0),
            ("exten => s,1,TryExec(StasisBroadcast(1,^(${STRREPLACE(KARIPASS_APPS,&,|)})$))", 1),
            ("exten => s,1,Stasis(another,x)", 0),
            ("exten => s,1,Stasis(karipass-ivr,x)", 0),
        ] {
            let conf = read("extensions.conf", &format!("[a]\n{steps}\n"));
            assert_eq!(orphans(&conf, "karipass").len(), found, "{steps}");
        }
    }
}
