//! Which contexts of `extensions.conf` lead to the line, and what is believed of who comes that way (`P1`).

use std::collections::{BTreeMap, BTreeSet};

use super::conf::Conf;

/// How a context's callers come into the line, and what is believed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Door {
    /// P-Asserted-Identity of a trunk.
    Asserted,
    /// The From header of a trunk whose carrier vouches for it.
    Vouched,
    /// The `callerid` of a telephone's endpoint.
    Phone,
}

const LINE: &str = "karipass-line";
const DOORS: [(&str, Door); 3] =
    [("asserted", Door::Asserted), ("vouched", Door::Vouched), ("phone", Door::Phone)];

/// Extensions that Asterisk itself goes to, as where there is none that was dialled.
const BY_ITSELF: [&str; 7] = ["a", "e", "h", "i", "o", "t", "T"];
/// Applications that let a caller dial anew in the context.
const LISTENING: [&str; 2] = ["background", "waitexten"];

/// The doors of each context for whoever may dial anything there.
pub(super) type Doors = BTreeMap<String, BTreeSet<Door>>;

/// What is dialled in a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Dialled<'a> {
    Anything,
    Only(&'a str),
}

/// What stands in all sections of one name.
#[derive(Debug, Default)]
struct Context<'a> {
    includes: Vec<&'a str>,
    /// Extensions and their steps, without spaces.
    steps: Vec<(&'a str, String)>,
}

type Contexts<'a> = BTreeMap<&'a str, Context<'a>>;

/// Where a call may go on: a context and what is dialled there.
type Way<'a> = (&'a str, Dialled<'a>);

/// Which contexts lead to the line, and by which doors.
pub(super) fn doors(extensions: &Conf) -> Doors {
    let contexts = contexts(extensions);
    contexts.keys().map(|name| ((*name).to_owned(), doors_of(&contexts, name))).collect()
}

fn contexts(extensions: &Conf) -> Contexts<'_> {
    let mut contexts = Contexts::new();
    for section in extensions.sections.iter().filter(|section| !section.is_template) {
        let context = contexts.entry(&section.name).or_default();
        let mut extension = "";
        for (name, value) in &section.entries {
            let first = value.split(',').next().unwrap_or_default();
            if name.eq_ignore_ascii_case("include") {
                // A time may follow, at which alone it holds.
                context.includes.push(first.trim());
                continue;
            }
            if name.eq_ignore_ascii_case("exten") {
                // The caller that it is meant for may follow.
                extension = first.split('/').next().unwrap_or_default().trim();
            } else if !name.eq_ignore_ascii_case("same") {
                continue;
            }
            context.steps.push((extension, value.split_whitespace().collect()));
        }
    }
    contexts
}

fn doors_of(contexts: &Contexts<'_>, start: &str) -> BTreeSet<Door> {
    let mut doors = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut ways = vec![(start, Dialled::Anything)];
    while let Some(way @ (context, dialled)) = ways.pop() {
        if !seen.insert(way) {
            continue;
        }
        // Asterisk looks for a pattern, and into what is included, only if it finds none of that name.
        let is_own = dialled.is_of(contexts, context);
        let names = if is_own { BTreeSet::from([context]) } else { scope(contexts, context) };
        let may_be = |extension: &str| {
            if is_own { dialled.is(extension) } else { dialled.may_be(extension) }
        };
        for name in names {
            if name == LINE {
                let entered = DOORS.iter().filter(|(door, _)| may_be(door));
                doors.extend(entered.map(|(_, door)| *door));
                continue;
            }
            let steps = contexts.get(name).into_iter().flat_map(|context| &context.steps);
            for (_, step) in steps.filter(|(extension, _)| may_be(extension)) {
                doors.extend(named(step));
                ways.extend(onward(step, context));
            }
        }
    }
    doors
}

/// A context with all that it includes.
fn scope<'a>(contexts: &'a Contexts<'_>, context: &'a str) -> BTreeSet<&'a str> {
    let mut scope = BTreeSet::new();
    let mut names = vec![context];
    while let Some(name) = names.pop() {
        if scope.insert(name) {
            names.extend(contexts.get(name).into_iter().flat_map(|context| &context.includes));
        }
    }
    scope
}

impl<'a> Dialled<'a> {
    /// As a step has it; what its variables hold is not known.
    fn of(written: &'a str) -> Self {
        if written.contains('$') { Self::Anything } else { Self::Only(written) }
    }

    /// Whether the context has an extension of just this name.
    fn is_of(self, contexts: &Contexts<'_>, context: &str) -> bool {
        let mut steps = contexts.get(context).into_iter().flat_map(|context| &context.steps);
        steps.any(|(extension, _)| self == Dialled::Only(extension))
    }

    /// Whether it leads into the extension of its name, or into one that Asterisk goes to by itself.
    fn is(self, extension: &str) -> bool {
        self == Dialled::Only(extension) || BY_ITSELF.contains(&extension)
    }

    /// Whether it may lead into this extension; what a pattern matches is not looked at.
    fn may_be(self, extension: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Only(_) => {
                self.is(extension) || extension.starts_with('_') || extension.contains('$')
            }
        }
    }
}

/// The doors that a step names, be it only for a variable.
fn named(step: &str) -> impl Iterator<Item = Door> {
    DOORS
        .into_iter()
        .filter(move |(door, _)| step.contains(&format!("{LINE},{door},")))
        .map(|(_, door)| door)
}

/// Where a step in this context may go on: each jump, each channel of `Local`, and what a caller may key.
fn onward<'a>(step: &'a str, context: &'a str) -> Vec<Way<'a>> {
    let lower = step.to_ascii_lowercase();
    let is_branch = ["gotoif", "gosubif"].iter().any(|app| lower.contains(app));
    let marks = step.match_indices(['(', '?', ':', '@']);
    let jumps = marks.filter_map(|(at, mark)| {
        let (before, rest) = (lower.get(..at)?, step.get(at + 1..)?);
        if mark == "@" {
            return local(before, step, rest);
        }
        let is_jump = ["goto", "gosub"].iter().any(|app| before.ends_with(app));
        match arguments(rest)?[..] {
            _ if mark == "(" && !is_jump => None,
            [context, extension, _, ..] => Some((context, Dialled::of(extension))),
            [extension, _] if is_jump || is_branch => Some((context, Dialled::of(extension))),
            _ => None,
        }
    });
    let mut ways: Vec<Way<'_>> = jumps.collect();
    if LISTENING.iter().any(|app| lower.contains(app)) {
        ways.push((context, Dialled::Anything));
    }
    ways
}

/// The arguments that begin here, up to the end of their bracket or branch; none in the middle of a variable.
fn arguments(rest: &str) -> Option<Vec<&str>> {
    let mut arguments = Vec::new();
    let (mut depth, mut begin, mut end) = (0_usize, 0, rest.len());
    for (at, letter) in rest.char_indices() {
        match letter {
            ')' | ':' if depth == 0 => {
                end = at;
                break;
            }
            ',' if depth == 0 => {
                arguments.push(rest.get(begin..at)?);
                begin = at + 1;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    arguments.push(rest.get(begin..end)?);
    Some(arguments)
}

/// `Local/extension@context`, of which `before` in small letters and `rest` stand on either side of the `@`.
fn local<'a>(before: &str, step: &'a str, rest: &'a str) -> Option<Way<'a>> {
    let begin = before.rfind("local/")? + "local/".len();
    let extension = step.get(begin..before.len())?;
    let context = rest.split(['(', ')', ',', ':', '/', '&']).next()?;
    (!extension.contains(['@', '&'])).then_some((context, Dialled::of(extension)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_context_of_the_samples_has_its_door() {
        let doors = doors(&Conf::shipped_dialplan());
        for (context, door) in [
            ("karipass-trunk", Door::Asserted),
            ("karipass-trunk-from", Door::Vouched),
            ("karipass-phones", Door::Phone),
        ] {
            assert_eq!(doors[context], BTreeSet::from([door]), "{context}");
        }
        assert!(doors["karipass-header"].is_empty());
        assert_eq!(doors["karipass-line"], BTreeSet::from(DOORS.map(|(_, door)| door)));
    }

    #[test]
    fn includes_and_jumps_lead_where_the_other_context_does() {
        for (step, leads) in [
            ("include => b", true),
            ("Include => b,09:00-17:00,mon-fri,*,*", true),
            ("exten => 1,1,Goto(b,${EXTEN:1},1)", true),
            ("exten => 1,1,NoOp()\n same => n,goto( b , 1 , 1 )", true),
            ("exten => 1,1,Gosub(b,1,1(x,y))", true),
            ("exten => 1,1,GotoIf($[\"${X:0:4}\" = \"x\"]?b,1,1:c,1,1)", true),
            ("exten => 1,1,GotoIf($[${X}]?other,1,1:b,${CUT(X,:,1)},1)", true),
            ("exten => 1,1,GotoIf($[${X}]?:b,1,1)", true),
            ("exten => 1,1,GosubIf($[${X}]?b,1,1(x):other,s,1)", true),
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
            let conf = Conf::of(&format!("[a]\n{step}\n{rest}"));
            let expected = leads.then_some(Door::Phone).into_iter().collect();
            assert_eq!(doors(&conf)["a"], expected, "{step}");
        }
    }

    /// The doors of the context `a` of this dialplan, in which `b` leads to all of them.
    fn doors_of_a(steps: &str) -> BTreeSet<Door> {
        let line = "[b]\nexten => 1,1,Goto(karipass-line,phone,1)\n\
                    exten => 2/06,1,NoOp()\n same => n,Goto(karipass-line,vouched,1)\n\
                    include => c\n[c]\nexten => 3,1,Goto(karipass-line,asserted,1)\n\
                    exten => 4,1,Goto(2,1)\nexten => 5,1,Goto(6,1)\n";
        let conf = Conf::of(&format!("[a]\n{steps}\n{line}"));
        doors(&conf).remove("a").unwrap()
    }

    #[test]
    fn a_jump_leads_only_where_its_extension_does() {
        let all = [Door::Asserted, Door::Vouched, Door::Phone];
        for (steps, expected) in [
            ("exten => _X.,1,Goto(b,1,1)", &[Door::Phone][..]),
            ("exten => _X.,1,Goto(b,2,1)", &[Door::Vouched]),
            ("exten => _X.,1,Goto(b,3,1)", &[Door::Asserted]),
            ("exten => _X.,1,Goto(b,4,1)", &[Door::Vouched]),
            ("exten => _X.,1,Goto(b,5,1)", &[]),
            ("exten => _X.,1,Goto(b,${EXTEN},1)", &all),
            ("exten => _X.,1,Gosub(b,$[1 + 1],1)", &all),
            ("exten => _X.,1,GotoIf($[${X}]?b,1,1:b,3,1)", &[Door::Asserted, Door::Phone]),
            ("exten => _X.,1,Dial(Local/1@b/n&LOCAL/2@b,60)", &[Door::Vouched, Door::Phone]),
            ("exten => _X.,1,Dial(Local/5@b)", &[]),
            ("exten => _X.,1,Dial(Local/${CUT(X,/,1)}@b)", &all),
            ("exten => _X.,1,Dial(Local/phone@karipass-line)", &[Door::Phone]),
            ("exten => _X.,1,Goto(own,1,1)\n[own]\nexten => 1,1,NoOp()\ninclude => b", &[]),
            (
                "exten => _X.,1,Goto(own,2,1)\n[own]\nexten => 1,1,NoOp()\ninclude => b",
                &[Door::Vouched],
            ),
            ("exten => _X.,1,Goto(karipass-line,${X},1)", &all),
            ("exten => _X.,1,Goto(karipass-line,judge,1)", &[]),
            ("exten => _X.,1,Set(X=karipass-line,phone,1)", &[Door::Phone]),
            ("exten => _X.,1,Goto(5,1)\ninclude => b", &all),
            ("include => b,9:00-17:00,*,*,*", &all),
            ("include => karipass-line", &all),
        ] {
            let expected: BTreeSet<Door> = expected.iter().copied().collect();
            assert_eq!(doors_of_a(steps), expected, "{steps}");
        }
    }

    #[test]
    fn what_may_be_reached_with_an_extension_counts() {
        for (steps, leads) in [
            ("exten => 8,1,Goto(karipass-line,phone,1)", false),
            ("exten => _X.,1,Goto(karipass-line,phone,1)", true),
            ("exten => ${NUMBER},1,Goto(karipass-line,phone,1)", true),
            ("exten => i,1,Goto(karipass-line,phone,1)", true),
            ("exten => 7,1,Goto(8,1)\nexten => 8,1,Goto(karipass-line,phone,1)", true),
            ("exten => 7,1,GotoIf($[${X}]?8,1)\nexten => 8,1,Goto(karipass-line,phone,1)", true),
            ("exten => 7,1,GotoIf($[${X}]?:8,1)\nexten => 8,1,Goto(karipass-line,phone,1)", true),
            ("exten => 7,1,Set(Y=${X:8},1)\nexten => 8,1,Goto(karipass-line,phone,1)", false),
            ("exten => 7,1,BackGround(menu)\nexten => 8,1,Goto(karipass-line,phone,1)", true),
            ("exten => 7,1,NoOp()\n same => n,WaitExten\nexten => 8,1,Goto(b,1,1)", true),
            ("exten => 7,1,Goto(a,7,1)\nexten => 8,1,Goto(karipass-line,phone,1)", false),
        ] {
            let text = format!("exten => s,1,Goto(inner,7,1)\n[inner]\n{steps}");
            let expected = leads.then_some(Door::Phone).into_iter().collect();
            assert_eq!(doors_of_a(&text), expected, "{steps}");
        }
    }

    #[test]
    fn a_trunk_that_calls_a_telephone_does_not_come_in_as_one() {
        let conf = Conf::of(
            "[phones]\nexten => 0664806430,1,Goto(karipass-line,phone,1)\n\
             exten => 100,1,Dial(PJSIP/100,60)\n\
             [from-trunk]\nexten => 0664806430,1,Goto(karipass-line,asserted,1)\n\
             exten => _X.,1,Goto(phones,100,1)\n",
        );
        let doors = doors(&conf);
        assert_eq!(doors["from-trunk"], BTreeSet::from([Door::Asserted]));
        assert_eq!(doors["phones"], BTreeSet::from([Door::Phone]));
    }
}
