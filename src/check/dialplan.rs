//! `extensions.conf`: whether it has the line's dialplan and globals, and whether the calls of each
//! endpoint get there.
//!
//! Calls are followed from an endpoint's context through `include`, and through every context that
//! an application names. That is more than Asterisk would do, so a call that arrives is never
//! reported as one that does not.

use std::collections::BTreeSet;

use super::conf::{Conf, Section};
use super::dialplan_globals::Expected;
use super::endpoints::{
    has_auth, has_number, is_believed, is_trunk, is_trusted, none_is_believed, not_believed,
};
use super::finding::Finding;

const SAMPLE: &str = include_str!("../../dialplan/extensions.conf");
/// The context of the line. Its extensions are its entries.
const LINE: &str = "karipass-line";
/// Where the Debian package puts the line's dialplan.
const PACKAGED: &str = "#include \"/usr/share/karipass/asterisk/karipass.conf\"";
/// Asterisk's default of an endpoint's `context`.
pub(super) const DEFAULT_CONTEXT: &str = "default";

/// Checks `extensions` and the contexts of the endpoints in `pjsip`.
pub(super) fn check(extensions: &Conf, pjsip: &Conf, expected: Expected<'_>) -> Vec<Finding> {
    let has_line = extensions.first(LINE).is_some();
    if !has_line && applications(extensions).any(|text| is_stasis(text, expected.app)) {
        return Vec::new(); // the operator's own dialplan
    }
    let mut findings = Vec::new();
    if !has_line {
        findings.push(
            Finding::error("extensions.conf does not include the line's dialplan, karipass.conf")
                .remedied_in(extensions, PACKAGED),
        );
    }
    findings.extend(missing_globals(extensions, expected));
    if has_line {
        findings.extend(unreached(extensions, pjsip, expected));
    }
    findings
}

/// Whether this hands calls to the daemon's application. Another program may have its own.
fn is_stasis(text: &str, app: &str) -> bool {
    let mut applications = text.split("Stasis(").skip(1);
    applications.any(|arguments| arguments.split([',', ')']).next().map(str::trim) == Some(app))
}

fn missing_globals(extensions: &Conf, expected: Expected<'_>) -> Option<Finding> {
    let (number, app) = (expected.set_up_number.as_str(), expected.app);
    let has = |name: &str| extensions.named("globals").any(|it| it.value(name).is_some());
    let missing: Vec<(&str, &str)> = [
        ("SET_UP_NUMBER", number),
        ("KARIPASS_APPS", app),
        ("KARIPASS_CLAIM_MS", sample("KARIPASS_CLAIM_MS")),
        ("KARIPASS_ANSWER_SECONDS", sample("KARIPASS_ANSWER_SECONDS")),
    ]
    .into_iter()
    .filter(|(name, _)| !has(name))
    .collect();
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    let values = missing.iter().map(|(name, value)| format!("\n{name} = {value}"));
    let lines = extensions.heading("globals") + &values.collect::<String>();
    (!missing.is_empty()).then(|| {
        Finding::error(format!("extensions.conf has no global {}", names.join(", ")))
            .remedied_in(extensions, lines)
    })
}

/// The value of a global in the shipped `extensions.conf`.
fn sample(global: &str) -> &'static str {
    let mut values = SAMPLE.lines().filter_map(|line| line.strip_prefix(global)?.split_once('='));
    let value = values.next().map(|(_, value)| value.split(';').next().unwrap_or_default());
    value.unwrap_or_default().trim()
}

/// Believed endpoints whose calls do not reach the entry that believes them.
fn unreached(extensions: &Conf, pjsip: &Conf, expected: Expected<'_>) -> Vec<Finding> {
    let number = expected.set_up_number.as_str();
    let endpoints = pjsip.sections.iter().filter(|section| section.has_type("endpoint"));
    let mut findings: Vec<Finding> = Vec::new();
    let mut doubted: Vec<&Section> = Vec::new();
    let mut is_any_trusted = false;
    // Whether an endpoint's calls are believed, or may be, since its context is elsewhere.
    let mut may_any_call = false;
    for endpoint in endpoints {
        let context = endpoint.value("context").unwrap_or(DEFAULT_CONTEXT);
        let Some(entries) = entries(extensions, context, number) else {
            may_any_call = true;
            continue;
        };
        let asserts = entries.contains("asserted") || entries.contains("vouched");
        let calls = entries.contains("phone");
        may_any_call |= has_number(endpoint) && calls || is_trusted(endpoint) && asserts;
        is_any_trusted |= is_trusted(endpoint) && asserts;
        match (has_number(endpoint), is_trusted(endpoint), has_auth(endpoint)) {
            (_, true, true) if asserts && endpoint.value("callerid").is_some() => {
                findings.push(Finding::warning(format!(
                    "telephone {} may assert any number: its context {context} leads to an entry \
                     that believes its trust_id_inbound",
                    endpoint.name
                )));
            }
            (true, trusted, _) if !(calls || trusted && asserts) => {
                findings.push(not_reached(extensions, endpoint, context, number, "phone"));
            }
            (false, true, false) if !asserts => {
                findings.push(not_reached(extensions, endpoint, context, number, "asserted"));
            }
            (_, false, false) if asserts && is_trunk(pjsip, endpoint) => doubted.push(endpoint),
            _ => {}
        }
    }
    let is_any_believed =
        pjsip.sections.iter().any(|it| it.has_type("endpoint") && is_believed(it));
    if is_any_believed && !is_any_trusted {
        findings.extend(doubted.into_iter().map(|trunk| not_believed(pjsip, trunk)));
    }
    if findings.is_empty() && is_any_believed && !may_any_call {
        findings.push(none_is_believed(pjsip));
    }
    findings.dedup_by(|one, other| one.remedy.is_some() && one.remedy == other.remedy);
    findings
}

fn not_reached(
    extensions: &Conf,
    endpoint: &Section,
    context: &str,
    number: &str,
    entry: &str,
) -> Finding {
    Finding::warning(format!(
        "extensions.conf: calls of endpoint {} to {number} do not reach the line: its context \
         {context} needs",
        endpoint.name
    ))
    .remedied_in(
        extensions,
        format!(
            "[{context}]\nexten => {number},1,Goto({LINE},{entry},1)\n\
             exten => _18[46]{number},1,Goto({LINE},{entry},1)"
        ),
    )
}

/// The line's entries that a call to `number` may reach in `context`. Returns `None` if there is
/// no such context, which may be configured elsewhere.
pub(super) fn entries<'a>(
    extensions: &'a Conf,
    context: &'a str,
    number: &'a str,
) -> Option<BTreeSet<&'a str>> {
    extensions.first(context)?;
    let mut entries = BTreeSet::new();
    let mut seen = BTreeSet::new();
    // Without a number after a jump, since the jump may change it.
    let mut ahead: Vec<(&str, Option<&str>)> = vec![(context, Some(number))];
    while let Some((context, number)) = ahead.pop() {
        if !seen.insert((context, number)) {
            continue;
        }
        for included in extensions.named(context).flat_map(|it| it.values("include")) {
            ahead.push((included.split(',').next().unwrap_or_default(), number));
        }
        for text in applications_for(extensions, context, number) {
            entries.extend(entries_named(text));
            let named = names(text).filter(|name| *name != LINE);
            let contexts = named.filter(|name| extensions.first(name).is_some());
            ahead.extend(contexts.map(|name| (name, None)));
        }
    }
    Some(entries)
}

fn entries_named(text: &str) -> impl Iterator<Item = &str> {
    let after = text.split(LINE).skip(1);
    after.filter_map(|after| names(after.strip_prefix(',')?).next())
}

/// Words that may name a context.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '-' | '_'))
        .filter(|name| !name.is_empty())
}

fn applications(extensions: &Conf) -> impl Iterator<Item = &str> {
    let entries = extensions.sections.iter().flat_map(|section| &section.entries);
    entries.map(|(_, text)| text.as_str())
}

/// What the extensions of a context do that match `number`, or all of them.
fn applications_for<'a>(
    extensions: &'a Conf,
    context: &'a str,
    number: Option<&str>,
) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut matches = false;
    for (kind, text) in extensions.named(context).flat_map(|section| &section.entries) {
        if kind.eq_ignore_ascii_case("exten") {
            let pattern = text.split(',').next().unwrap_or_default();
            matches = number.is_none_or(|number| is_match(pattern, number));
        }
        if matches && !kind.eq_ignore_ascii_case("include") {
            found.push(text.as_str());
        }
    }
    found
}

/// Whether an extension such as `0664806430`, `_0X.` or `_X!/0612345600` matches `number`.
fn is_match(extension: &str, number: &str) -> bool {
    let extension = extension.split('/').next().unwrap_or_default().trim();
    let Some(pattern) = extension.strip_prefix('_') else {
        return extension.replace('-', "") == number;
    };
    let mut pattern = pattern.chars();
    let mut digits = number.chars().peekable();
    while let Some(letter) = pattern.next() {
        let set: String = match letter {
            '-' => continue,
            '!' => return true,
            '.' => return digits.peek().is_some(),
            '[' => pattern.by_ref().take_while(|letter| *letter != ']').collect(),
            'X' | 'x' => "0-9".to_owned(),
            'Z' | 'z' => "1-9".to_owned(),
            'N' | 'n' => "2-9".to_owned(),
            other => other.to_string(),
        };
        if !digits.next().is_some_and(|digit| is_in(&set, digit)) {
            return false;
        }
    }
    digits.next().is_none()
}

/// Whether `digit` is in a set such as `46` or `0-57`.
fn is_in(set: &str, digit: char) -> bool {
    let letters: Vec<char> = set.chars().collect();
    letters.contains(&digit)
        || letters.windows(3).any(|range| match range {
            [first, '-', last] => (*first..=*last).contains(&digit),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    /// The line's dialplan and globals.
    const LINES: &str = "\
        [globals]\nSET_UP_NUMBER=0664806430\nKARIPASS_APPS=karipass\nKARIPASS_CLAIM_MS=1000\n\
        KARIPASS_ANSWER_SECONDS=10\n\
        [karipass-trunk]\nexten=>_[+0-9]!,1,Gosub(karipass-dialled,s,1)\n\
        same=>n,Goto(karipass-line,asserted,1)\n\
        [karipass-dialled]\nexten=>s,1,Return()\n[karipass-line]\nexten=>asserted,1,Stasis(x)\n";
    const TRUNK: &str = "[carrier]\ntype=endpoint\ncontext=in\ntrust_id_inbound=yes\n";
    const PHONE: &str = "[201]\ntype=endpoint\ncontext=in\nauth=201\ncallerid=Desk <0612345600>\n";

    fn found(extensions: &str, pjsip: &str) -> Vec<Finding> {
        let set_up_number = "0664806430".parse().unwrap();
        let expected = Expected { app: "karipass", set_up_number, media_networks: &[] };
        check(&Conf::parse(extensions), &Conf::parse(pjsip), expected)
    }

    fn remedies(found: &[Finding]) -> Vec<&str> {
        found.iter().filter_map(|it| it.remedy.as_ref()).map(|it| it.lines.as_str()).collect()
    }

    #[test]
    fn a_dialplan_without_the_line_or_its_globals_is_an_error_with_the_lines() {
        let all = "[globals](+)\nSET_UP_NUMBER = 0664806430\nKARIPASS_APPS = karipass\n\
                   KARIPASS_CLAIM_MS = 1000\nKARIPASS_ANSWER_SECONDS = 10";
        let none = found("[globals]\nX=1\n[in]\nexten=>1,1,Hangup()\n", TRUNK);
        assert_eq!(remedies(&none), [PACKAGED, all]);
        assert!(none.iter().all(|finding| finding.severity == Severity::Error));
        let one = found(&LINES.replace("KARIPASS_CLAIM_MS=1000\n", ""), "");
        assert_eq!(remedies(&one), ["[globals](+)\nKARIPASS_CLAIM_MS = 1000"]);
        assert_eq!(found("[in]\nexten=>1,1,Stasis(karipass,trusted,1)\n", TRUNK), []);
        let others = found("[in]\nexten=>1,1,Stasis(karipass2,1)\nsame=>n,Stasis(voicebot)\n", "");
        assert_eq!(remedies(&others).first(), Some(&PACKAGED));
    }

    #[test]
    fn the_lines_that_check_names_are_those_of_the_document() {
        let document = include_str!("../../docs/installing.md");
        let found = found("[globals]\n", "");
        assert!(remedies(&found).iter().all(|lines| document.contains(lines)), "{found:?}");
    }

    #[test]
    fn an_endpoint_whose_calls_do_not_reach_its_entry_is_a_warning_with_the_lines() {
        let lines = |entry: &str| {
            format!(
                "[in]\nexten => 0664806430,1,Goto(karipass-line,{entry},1)\n\
                 exten => _18[46]0664806430,1,Goto(karipass-line,{entry},1)"
            )
        };
        for (context, trunk, phone) in [
            ("exten=>_X.,1,Dial(PJSIP/201)", false, false),
            ("exten=>0664806430,1,Goto(karipass-line,asserted,1)", true, false),
            ("exten=>0664806430,1,Goto(karipass-line,vouched,1)", true, false),
            ("exten=>0664806430,1,Goto(karipass-line,phone,1)", false, true),
            ("exten=>0664806431,1,Goto(karipass-line,phone,1)", false, false),
            ("exten=>_06648X.,1,NoOp()\nsame=>n,Goto(karipass-line,phone,1)", false, true),
            ("include=>karipass-trunk", true, false),
            (
                "include=>other\n[other]\nexten=>_[05]!,1,Goto(in2,1,1)\n[in2]\n\
              exten=>1,1,Goto(karipass-line,phone,1)",
                false,
                true,
            ),
            ("include=>in", false, false),
        ] {
            let extensions = format!("{LINES}[in]\n{context}\n");
            for (pjsip, reaches, entry) in [(TRUNK, trunk, "asserted"), (PHONE, phone, "phone")] {
                let found = found(&extensions, pjsip);
                let expected = if reaches { vec![] } else { vec![lines(entry)] };
                assert_eq!(remedies(&found), expected, "{context}: {found:?}");
            }
        }
        assert_eq!(found(&format!("{LINES}[out]\n"), TRUNK), [], "a context of another file");
    }

    #[test]
    fn telephones_that_are_trusted_but_call_elsewhere_leave_the_trunk_to_be_named() {
        let phone = PHONE.replace("<0612345600>", "<201>\ntrust_id_inbound=yes");
        let trunk =
            "[x]\ntype=endpoint\ncontext=in\n[x]\ntype=identify\nendpoint=x\nmatch=192.0.2.1\n";
        let found = found(&format!("{LINES}[in]\n"), &format!("{phone}{trunk}"));
        let remedies = remedies(&found);
        assert!(matches!(&remedies[..], [one] if one.starts_with("[x](+")), "{remedies:?}");
    }

    #[test]
    fn a_trunk_that_reaches_the_line_untrusted_is_a_warning_unless_another_is_trusted() {
        let extensions = format!("{LINES}[in]\nexten=>_0X.,1,Goto(karipass-trunk,${{EXTEN}},1)\n");
        let trunk = |name: &str, trust: &str| {
            format!(
                "[{name}]\ntype=endpoint\ncontext=in\ntrust_id_inbound={trust}\n\
                 [{name}]\ntype=identify\nendpoint={name}\nmatch=192.0.2.1\n"
            )
        };
        let phone = PHONE.replace("context=in", "context=elsewhere");
        let one = found(&extensions, &format!("{phone}{}", trunk("a", "no")));
        assert!(matches!(&one[..], [one] if one.message.contains("trunk a")), "{one:?}");
        let two = format!("{phone}{}{}", trunk("a", "no"), trunk("b", "yes"));
        assert_eq!(found(&extensions, &two), []);
    }

    #[test]
    fn p1_a_telephone_that_may_assert_any_number_is_a_warning() {
        let extensions =
            format!("{LINES}[in]\nexten=>0664806430,1,Goto(karipass-line,asserted,1)\n");
        for caller_id in ["<201>", "<0612345600>"] {
            let trusted = format!("{caller_id}\ntrust_id_inbound=yes");
            let found = found(&extensions, &PHONE.replace("<0612345600>", &trusted));
            assert!(matches!(&found[..], [one] if one.message.contains("any number")), "{found:?}");
        }
        let trunk = TRUNK.to_owned() + "callerid=<0612345600>\n";
        assert_eq!(found(&extensions, &trunk), [], "a trunk with a number is still a trunk");
    }

    #[test]
    fn extensions_match_as_asterisk_matches_them() {
        for (extension, is_matched) in [
            ("0664806430", true),
            ("06-6480-6430", true),
            ("_0664806430", true),
            ("_0XXXXXXXXX/_06.", true),
            ("_06[4-7]4806430", true),
            ("_06[46]4806430", true),
            ("_06Z48N6430", false),
            ("_06Z4806430", true),
            ("_066480643.", true),
            ("_0664806430.", false),
            ("_0664806430!", true),
            ("_06[0-5]!", false),
            ("_X", false),
            ("s", false),
        ] {
            assert_eq!(is_match(extension, "0664806430"), is_matched, "{extension}");
        }
    }
}
