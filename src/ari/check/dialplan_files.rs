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

/// The doors of each context, through its includes too.
pub(super) type Doors = BTreeMap<String, BTreeSet<Door>>;

/// Which contexts lead to the line, and by which doors.
pub(super) fn doors(extensions: &Conf) -> Doors {
    let mut doors = Doors::new();
    for section in extensions.sections.iter().filter(|section| !section.is_template) {
        let found = doors.entry(section.name.clone()).or_default();
        for (_, step) in &section.entries {
            let leads = DOORS.iter().filter(|(text, _)| step.replace(' ', "").contains(text));
            found.extend(leads.map(|(_, door)| *door));
        }
    }
    // As often as there are contexts, so that includes of includes are followed to their end.
    for _ in 0..doors.len() {
        let before = doors.clone();
        for section in &extensions.sections {
            let steps = section.entries.iter().filter(|(name, _)| name == "include");
            let reached = steps.filter_map(|(_, name)| before.get(name.as_str())).flatten();
            let more: Vec<Door> = reached.copied().collect();
            doors.entry(section.name.clone()).or_default().extend(more);
        }
        if doors == before {
            break;
        }
    }
    doors
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
    fn an_include_leads_where_the_included_context_does() {
        let conf = read(
            "extensions.conf",
            "[a]\ninclude => b\n[b]\ninclude => c\n[c]\nexten => 1,1,Goto(karipass-line, phone,1)\n",
        );
        assert_eq!(doors(&conf)["a"], BTreeSet::from([Door::Phone]));
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
