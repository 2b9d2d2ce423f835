//! SIP besides calls: what a log shows of it, a MESSAGE that starts the line's dialplan, and media
//! that others can read.

use super::conf::{Conf, Section, is_false};
use super::dialplan::{DEFAULT_CONTEXT, entries};
use super::endpoints::{addresses, further, is_believed};
use super::finding::Finding;
use super::listeners::is_loopback;

/// Checks `pjsip`; `extensions` lead calls to `number` to the line.
pub(super) fn check(pjsip: &Conf, extensions: &Conf, number: &str) -> Vec<Finding> {
    let found = [logged(pjsip), messages(pjsip, extensions, number), clear_media(pjsip)];
    found.into_iter().flatten().collect()
}

/// `debug` is yes, no, or the host whose SIP is logged.
fn logged(pjsip: &Conf) -> Option<Finding> {
    let globals = pjsip.sections.iter().filter(|section| section.has_type("global"));
    let mut debugs = globals.filter_map(|global| Some((&global.name, global.value("debug")?)));
    let (name, debug) = debugs.find(|(_, debug)| !debug.is_empty() && !is_false(debug))?;
    let message =
        format!("pjsip.conf: [{name}] has debug = {debug}: SIP is logged, with the digits in INFO");
    let lines = format!("[{name}](+type=global)\ndebug = no");
    Some(Finding::error(message).remedied_in(pjsip, lines))
}

/// Without `message_context` a MESSAGE outside a call goes where calls go.
fn messages(pjsip: &Conf, extensions: &Conf, number: &str) -> Option<Finding> {
    let reaches_line = |endpoint: &&Section| {
        let value = |name: &str| endpoint.value(name).filter(|value| !value.is_empty());
        let context = value("message_context").or_else(|| value("context"));
        let entries = entries(extensions, context.unwrap_or(DEFAULT_CONTEXT), number);
        entries.is_some_and(|entries| !entries.is_empty())
    };
    let open: Vec<&Section> = believed(pjsip).filter(reaches_line).collect();
    let lines: Vec<String> =
        open.iter().map(|it| further(it, "message_context = karipass-no-messages")).collect();
    (!open.is_empty()).then(|| {
        Finding::warning(format!(
            "pjsip.conf: a MESSAGE outside a call from endpoint {} starts the line's dialplan",
            names(&open)
        ))
        .remedied_in(pjsip, lines.join("\n\n"))
    })
}

fn clear_media(pjsip: &Conf) -> Option<Finding> {
    let is_clear = |endpoint: &&Section| {
        let encryption = endpoint.value("media_encryption").unwrap_or("no");
        !["sdes", "dtls"].iter().any(|kind| encryption.eq_ignore_ascii_case(kind))
            && !endpoint.is_true("webrtc")
    };
    let clear = believed(pjsip).filter(is_clear).filter(|endpoint| is_remote(pjsip, endpoint));
    let clear: Vec<&Section> = clear.collect();
    (!clear.is_empty()).then(|| {
        Finding::warning(format!(
            "pjsip.conf: endpoint {} has no media_encryption: anyone who can read its packets can \
             read the keyed digits: use SRTP, or a network that nobody else reads",
            names(&clear)
        ))
    })
}

/// Whether its calls may come from another machine.
fn is_remote(pjsip: &Conf, endpoint: &Section) -> bool {
    let addresses = addresses(pjsip, endpoint);
    let is_here = !addresses.is_empty() && addresses.iter().all(|address| is_loopback(address));
    let own = endpoint.value("transport");
    let transports = pjsip.sections.iter().filter(|section| section.has_type("transport"));
    let mut transports = transports.filter(|it| own.is_none_or(|own| it.name == own));
    !is_here && transports.any(|it| !it.value("bind").is_some_and(is_loopback))
}

fn believed(pjsip: &Conf) -> impl Iterator<Item = &Section> {
    let endpoints = pjsip.sections.iter().filter(|section| section.has_type("endpoint"));
    endpoints.filter(|endpoint| is_believed(endpoint))
}

fn names(endpoints: &[&Section]) -> String {
    let names: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    const EXTENSIONS: &str = "[in]\nexten=>0664806430,1,Goto(karipass-line,phone,1)\n\
        [elsewhere]\nexten=>_X.,1,Dial(PJSIP/201)\n[karipass-line]\nexten=>phone,1,NoOp()\n";
    const PHONE: &str = "[201]\ntype=endpoint\ncontext=in\nauth=201\ncallerid=<0612345600>\n";

    fn found(pjsip: &str) -> Vec<Finding> {
        check(&Conf::parse(pjsip), &Conf::parse(EXTENSIONS), "0664806430")
    }

    fn is_one(found: &[Finding], severity: Severity, word: &str) -> bool {
        matches!(found, [one] if one.severity == severity && one.message.contains(word))
    }

    #[test]
    fn r_sip_that_is_logged_is_an_error_whether_of_all_or_of_one_host() {
        let global = |debug: &str| format!("[any]\ntype=global\n{debug}\n");
        for debug in ["debug=yes", "debug = ON", "debug=192.0.2.1", "debug=no\ndebug=1"] {
            let found = found(&global(debug));
            assert!(is_one(&found, Severity::Error, "[any]"), "{debug}: {found:?}");
            let lines = &found[0].remedy.as_ref().unwrap().lines;
            assert_eq!(lines, "[any](+type=global)\ndebug = no");
            let cured = format!("{}{lines}\n", global(debug));
            assert_eq!(check(&Conf::parse(&cured), &Conf::parse(""), ""), [], "{debug}");
        }
        for debug in ["", "debug=no", "debug=0", "debug=yes\ndebug=no"] {
            assert_eq!(found(&global(debug)), [], "{debug}");
        }
        assert_eq!(found("[any]\ntype=system\ndebug=yes\n"), [], "another type");
    }

    #[test]
    fn r_a_message_that_reaches_the_line_is_a_warning() {
        for (more, is_warned_of) in [
            ("", true),
            ("message_context=", true),
            ("message_context=in", true),
            ("message_context=elsewhere", false),
            ("message_context=karipass-no-messages", false),
        ] {
            let found = found(&format!("{PHONE}{more}\n"));
            assert_eq!(found.len(), usize::from(is_warned_of), "{more}: {found:?}");
            assert!(!is_warned_of || is_one(&found, Severity::Warning, "a MESSAGE"), "{found:?}");
        }
        assert_eq!(found(&PHONE.replace("=in", "=elsewhere")), []);
        assert_eq!(found(&PHONE.replace("<0612345600>", "<201>")), [], "nobody believes it");
    }

    #[test]
    fn r_media_in_the_clear_to_another_machine_are_a_warning() {
        let transport = |name: &str, bind: &str| {
            format!("[{name}]\ntype=transport\nprotocol=tls\nbind={bind}\n")
        };
        let (away, here) = (transport("away", "0.0.0.0"), transport("here", "127.0.0.1"));
        let identify =
            |address: &str| format!("[201]\ntype=identify\nendpoint=201\nmatch={address}\n");
        let phone = PHONE.replace("=in", "=elsewhere");
        for (text, is_warned_of) in [
            (format!("{phone}{away}"), true),
            (format!("{phone}media_encryption=no\n{here}{away}"), true),
            (format!("{phone}transport=away\n{here}{away}"), true),
            (format!("{phone}{away}{}", identify("127.0.0.2,192.0.2.1")), true),
            (format!("{phone}transport=here\n{here}{away}"), false),
            (format!("{phone}{here}"), false),
            (phone.clone(), false),
            (format!("{phone}media_encryption=sdes\n{away}"), false),
            (format!("{phone}media_encryption=DTLS\n{away}"), false),
            (format!("{phone}webrtc=yes\n{away}"), false),
            (format!("{phone}{away}{}", identify("127.0.0.2")), false),
            (format!("{}{away}", phone.replace("<0612345600>", "<201>")), false),
        ] {
            let found = found(&text);
            assert_eq!(found.len(), usize::from(is_warned_of), "{text}: {found:?}");
            let word = "media_encryption";
            assert!(!is_warned_of || is_one(&found, Severity::Warning, word), "{found:?}");
        }
    }
}
