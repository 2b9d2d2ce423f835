//! Asterisk's configuration files, as they apply after its next reload.

use std::path::Path;

use super::conf::{Conf, is_false};
use super::dialplan_globals::Expected;
use super::finding::Finding;
use super::{debugging, dialplan, endpoints, listeners, sip};

/// Asterisk's default limit of HTTP connections, ARI's included.
const DEFAULT_SESSIONS: u32 = 100;
/// A daemon that is busy for longer is disconnected. Asterisk's default is 100.
const MIN_WRITE_TIMEOUT_MS: u32 = 1000;

/// Checks the files in `config_dir`. `user` is the daemon's own user of ARI.
pub(super) fn check(config_dir: &Path, user: &str, expected: Expected<'_>) -> Vec<Finding> {
    if !config_dir.is_dir() {
        return vec![Finding::error(format!(
            "ari.config_dir: {} is not a folder",
            config_dir.display()
        ))];
    }
    let mut findings = Vec::new();
    let mut read =
        |file: &str| {
            let conf = Conf::read(config_dir, file).unwrap_or_else(|| Conf::absent(file));
            findings.extend(conf.unread.iter().map(|reason| {
                Finding::warning(format!("{file} was not read completely: {reason}"))
            }));
            conf
        };
    let [http, ari, logger, cel, cli] =
        ["http.conf", "ari.conf", "logger.conf", "cel.conf", "cli.conf"].map(&mut read);
    let [manager, users, rtp] = ["manager.conf", "users.conf", "rtp.conf"].map(&mut read);
    let [asterisk, clients] = ["asterisk.conf", "websocket_client.conf"].map(&mut read);
    let [pjsip, extensions] = ["pjsip.conf", "extensions.conf"].map(&mut read);
    findings.extend([&http, &ari, &manager].into_iter().filter_map(second_general));
    findings.extend(http_server(&http));
    findings.extend(session_limit(&http));
    findings.extend(ari_user(&ari, user));
    findings.extend(write_timeout(&ari));
    findings.extend(logs(&logger));
    findings.extend(recorded_digits(&cel));
    findings.extend(debugging::level(&asterisk));
    findings.extend(debugging::startup_commands(&cli));
    findings.extend(debugging::manager(&manager));
    findings.extend(strict_rtp(&rtp));
    findings.extend(listeners::http_address(&http));
    findings.extend(listeners::ari_users(&ari, user));
    findings.extend(listeners::ari_connections(&ari, &clients, expected.app));
    findings.extend(listeners::managers(&manager, &users));
    findings.extend(sip::check(&pjsip, &extensions, expected.set_up_number.as_str()));
    findings.extend(endpoints::check(&pjsip, expected.media_networks));
    findings.extend(dialplan::check(&extensions, &pjsip, expected));
    findings
}

fn second_general(conf: &Conf) -> Option<Finding> {
    conf.named("general").nth(1).map(|_| {
        Finding::error(format!(
            "{} has a second section [general], which Asterisk does not read: write [general](+)",
            conf.file
        ))
    })
}

/// Whether Asterisk's HTTP server runs, which ARI needs. It has no default address.
fn http_server(http: &Conf) -> Option<Finding> {
    let general = http.first("general");
    let is_enabled = general.is_some_and(|general| general.is_true("enabled"));
    let has_address = general.is_some_and(|it| {
        ["bindaddr", "tlsbindaddr"].iter().any(|address| it.value(address).is_some())
    });
    let mut lines = http.heading("general");
    lines.push_str(if is_enabled { "" } else { "\nenabled = yes" });
    lines.push_str(if has_address { "" } else { "\nbindaddr = 127.0.0.1" });
    (!is_enabled || !has_address).then(|| {
        Finding::error("http.conf: Asterisk's HTTP server, which ARI needs, is not enabled")
            .remedied_in(http, lines)
    })
}

/// Whether ARI is enabled, which is the default, and has the daemon's user.
fn ari_user(ari: &Conf, user: &str) -> Option<Finding> {
    if ari.first("general").is_some_and(|it| it.is_false("enabled")) {
        let lines = format!("{}\nenabled = yes", ari.heading("general"));
        return Some(Finding::error("ari.conf: ARI is not enabled").remedied_in(ari, lines));
    }
    let known = ari.sections.iter().find(|it| it.has_type("user") && it.name == user);
    match known {
        None => Some(
            Finding::error(format!("ari.conf has no user {user}, with the password of [ari]"))
                .remedied_in(ari, format!("[{user}]\ntype = user\npassword = …")),
        ),
        Some(known) => known.is_true("read_only").then(|| {
            Finding::error(format!("ari.conf: user {user} may only read"))
                .remedied_in(ari, format!("[{user}](+)\nread_only = no"))
        }),
    }
}

fn number(conf: &Conf, name: &str) -> Option<u32> {
    conf.value("general", name)?.parse().ok()
}

fn session_limit(http: &Conf) -> Option<Finding> {
    let limit = number(http, "sessionlimit");
    limit.is_none_or(|limit| limit <= DEFAULT_SESSIONS).then(|| {
        let limit = limit.unwrap_or(DEFAULT_SESSIONS);
        Finding::error(format!(
            "http.conf: sessionlimit is {limit}: Asterisk closes further connections without an \
             answer; 256 is enough for two daemons"
        ))
        // Without a section [general], `http_server` has named its first line.
        .remedied_in(http, "[general](+)\nsessionlimit = 256")
    })
}

fn write_timeout(ari: &Conf) -> Option<Finding> {
    let timeout = number(ari, "websocket_write_timeout");
    timeout.is_none_or(|ms| ms < MIN_WRITE_TIMEOUT_MS).then(|| {
        let timeout = timeout.unwrap_or(100);
        Finding::error(format!(
            "ari.conf: websocket_write_timeout is {timeout} ms: Asterisk disconnects a daemon that \
             is busy for longer; use 5000"
        ))
        .remedied_in(ari, format!("{}\nwebsocket_write_timeout = 5000", ari.heading("general")))
    })
}

/// Asterisk uses the first value.
fn strict_rtp(rtp: &Conf) -> Option<Finding> {
    let strict = rtp.first("general")?.values("strictrtp").next()?;
    is_false(strict).then(|| {
        Finding::warning(format!(
            "rtp.conf: strictrtp = {strict}: anyone who finds a call's port can send digits"
        ))
    })
}

fn logs(logger: &Conf) -> Vec<Finding> {
    let files = logger.named("logfiles").flat_map(|section| &section.entries);
    files.filter_map(|(file, levels)| judge_log(file, levels)).collect()
}

/// `levels` is such as `notice,verbose(3),dtmf`, perhaps after a formatter in brackets. `*` is all
/// levels.
fn judge_log(file: &str, levels: &str) -> Option<Finding> {
    let levels = levels.rsplit(']').next().unwrap_or_default().to_lowercase();
    let levels: Vec<&str> =
        levels.split(',').filter_map(|level| level.split('(').next()).map(str::trim).collect();
    if let Some(level) = ["*", "dtmf"].into_iter().find(|level| levels.contains(level)) {
        return Some(Finding::error(format!(
            "logger.conf: {file} has the level {level}, which shows keyed digits"
        )));
    }
    let shown = if levels.contains(&"debug") {
        "debug, which shows keyed digits with core set debug 1 and higher"
    } else if levels.contains(&"verbose") && file != "console" {
        "verbose, which shows callers' numbers with core set verbose 3 and higher"
    } else {
        return None;
    };
    Some(Finding::warning(format!("logger.conf: {file} has the level {shown}")))
}

fn recorded_digits(cel: &Conf) -> Option<Finding> {
    let general = cel.first("general").filter(|general| general.is_true("enable"))?;
    let event =
        general.values("events").flat_map(|events| events.split(',')).map(str::trim).find(
            |event| event.eq_ignore_ascii_case("all") || event.eq_ignore_ascii_case("dtmf"),
        )?;
    let message = format!(
        "cel.conf: events has {}: every keyed digit is recorded; name other events, or none",
        event.to_uppercase()
    );
    // A further line of events only adds to them.
    let lines = format!("{}\nenable = no", cel.heading("general"));
    Some(Finding::error(message).remedied_in(cel, lines))
}

/// Whether `cel.conf` keeps digits away from the modules that record channel events.
pub(super) fn records_no_digits(config_dir: &Path) -> bool {
    let cel = Conf::read(config_dir, "cel.conf").unwrap_or_default();
    cel.unread.is_empty() && recorded_digits(&cel).is_none()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Severity::{self, Error, Warning};
    use super::*;

    /// The shipped samples, with the local files that these are given.
    struct Samples(tempfile::TempDir);

    impl Samples {
        fn with(local: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            karipass_lab::asterisk::copy_samples(folder.path()).unwrap();
            let this = Self(folder);
            this.append("karipass.d/ari.conf", "password = unused\n");
            for (file, text) in local {
                this.append(file, text);
            }
            this
        }

        fn append(&self, file: &str, text: &str) {
            let path = self.0.path().join(file);
            let before = fs::read_to_string(&path).unwrap_or_default();
            fs::write(path, before + text).unwrap();
        }

        fn replace(&self, file: &str, text: &str, replacement: &str) {
            let path = self.0.path().join(file);
            let sample = fs::read_to_string(&path).unwrap();
            assert!(sample.contains(text), "{file} has no {text}");
            fs::write(path, sample.replacen(text, replacement, 1)).unwrap();
        }

        fn check(&self) -> Vec<Finding> {
            check_in(self.0.path())
        }
    }

    fn check_in(config_dir: &Path) -> Vec<Finding> {
        let set_up_number = "0664806430".parse().unwrap();
        let expected = Expected { app: "karipass", set_up_number, media_networks: &[] };
        check(config_dir, "karipass", expected)
    }

    #[track_caller]
    fn assert_found(findings: &[Finding], severity: Severity, words: &[&str]) {
        let is_meant = |finding: &Finding| {
            finding.severity == severity && words.iter().all(|word| finding.message.contains(word))
        };
        assert!(findings.iter().any(is_meant), "{words:?}: {findings:#?}");
    }

    #[test]
    fn every_fault_in_the_samples_is_found_alone() {
        for (file, text, replacement, severity, words) in [
            ("http.conf", "sessionlimit = 256", "", Error, &["http.conf", "100"][..]),
            ("http.conf", "sessionlimit = 256", "sessionlimit = 50", Error, &["http.conf", "50"]),
            ("http.conf", "enabled = yes", "", Error, &["http.conf", "not enabled"]),
            ("http.conf", "bindaddr = 127.0.0.1", "", Error, &["http.conf", "not enabled"]),
            ("http.conf", "= 256", "= 256\n[general]", Error, &["http.conf has a second section"]),
            ("ari.conf", "websocket_write_timeout = 5000", "", Error, &["ari.conf", "100 ms"]),
            ("ari.conf", "enabled = yes", "enabled = no", Error, &["ARI is not enabled"]),
            ("ari.conf", "read_only = no", "read_only = yes", Error, &["karipass may only read"]),
            ("ari.conf", "[karipass]\ntype = user", "[x]", Error, &["no user karipass"]),
            ("logger.conf", "messages.log => ", "messages.log => dtmf,", Error, &["messages.log"]),
            ("cel.conf", "enable = no", "enable = yes\nevents = ALL", Error, &["cel.conf", "ALL"]),
            (
                "cel.conf",
                "enable = no",
                "enable = yes\nevents = ANSWER,dtmf\nevents = ANSWER",
                Error,
                &["cel.conf", "DTMF"],
            ),
            ("pjsip.conf", "\nidentify_by = ip\n", "\n", Error, &["carrier", "identify_by = ip"]),
            ("pjsip.conf", "\ndtmf_mode = auto ", "\n;", Warning, &["carrier", "dtmf_mode"]),
            (
                "pjsip.conf",
                "= karipass-trunk",
                "= karipass-phones",
                Warning,
                &["not reach the line"],
            ),
            ("rtp.conf", "[general]", "[general]\nstrictrtp = no", Warning, &["strictrtp = no"]),
            ("pjsip.conf", "user_agent = PBX", "debug = yes", Error, &["[global]", "debug = yes"]),
            ("pjsip.conf", "message_context =", ";", Warning, &["carrier", "MESSAGE"]),
            ("asterisk.conf", "debug = 0", "debug = 1", Error, &["asterisk.conf", "debug = 1"]),
            ("extensions.conf", "#include \"karipass.conf\"", "", Error, &["karipass.conf"]),
            ("extensions.conf", "KARIPASS_CLAIM_MS", "X", Error, &["KARIPASS_CLAIM_MS"]),
        ] {
            let samples = Samples::with(&[]);
            samples.replace(file, text, replacement);
            let found = samples.check();
            assert_eq!(found.len(), 1, "{file}: {replacement}: {found:#?}");
            assert_found(&found, severity, words);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_completely_is_a_warning() {
        let samples = Samples::with(&[]);
        fs::remove_file(samples.0.path().join("karipass.d/ari.conf")).unwrap();
        let found = samples.check();
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_found(&found, Warning, &["ari.conf was not read completely"]);
        let found = check_in(&samples.0.path().join("none"));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_found(&found, Error, &["ari.config_dir", "not a folder"]);
    }

    #[test]
    fn open_listeners_and_other_users_that_see_digits_are_found() {
        let samples = Samples::with(&[
            ("karipass.d/http.conf", "bindaddr = 0.0.0.0\n"),
            ("ari.conf", "\n[other]\ntype = user\nread_only = yes\npassword = unused\n"),
            (
                "manager.conf",
                "[general]\nenabled = yes\nbindaddr = 192.0.2.1\n[quiet]\nread = system,call\n\
                 [wall]\nread = call,dtmf\n[every](quiet)\nread = all\n[general](+)\ndebug = on\n",
            ),
            ("ari.conf", "[far]\ntype = outbound_websocket\nsubscribe_all = yes\n"),
            ("cli.conf", "[startup_commands]\nari set debug all on = yes\n"),
        ]);
        let found = samples.check();
        assert_eq!(found.len(), 8, "{found:#?}");
        assert_found(&found, Error, &["http.conf", "0.0.0.0"]);
        assert_found(&found, Error, &["manager.conf", "192.0.2.1"]);
        assert_found(&found, Error, &["manager.conf", "user wall"]);
        assert_found(&found, Error, &["manager.conf", "user every"]);
        assert_found(&found, Warning, &["ari.conf", "user other"]);
        assert_found(&found, Error, &["ari.conf", "connection far"]);
        assert_found(&found, Error, &["cli.conf", "ari set debug"]);
        assert_found(&found, Error, &["manager.conf", "debug is on"]);
        let disabled = "[general]\nenabled = no\n[wall]\nread = all\n";
        assert_eq!(Samples::with(&[("manager.conf", disabled)]).check(), []);
    }

    #[test]
    fn files_that_show_a_module_to_be_harmless_count() {
        for (local, capture, records) in [
            (&[][..], false, false),
            (&[("hep.conf", "[general]\nenabled = yes\n")], true, false),
            (&[("hep.conf", "[general]\nenabled = no\n")], false, false),
            (&[("cel.conf", "\n[general](+)\nenable = yes\nevents = DTMF\n")], false, true),
            (&[("cel.conf", "\n#exec \"/bin/true\"\n")], false, true),
        ] {
            let samples = Samples::with(local);
            assert_eq!(!listeners::captures_no_sip(samples.0.path()), capture, "{local:?}");
            assert_eq!(!records_no_digits(samples.0.path()), records, "{local:?}");
        }
    }

    #[test]
    fn levels_that_show_digits_differ_from_those_that_may() {
        for (file, levels, severity) in [
            ("messages.log", "warning,error", None),
            ("full", "notice, DTMF", Some(Error)),
            ("full", "[json]notice,dtmf", Some(Error)),
            ("full", "*", Some(Error)),
            ("console", "dtmf", Some(Error)),
            ("full", "notice,verbose(3)", Some(Warning)),
            ("console", "notice,verbose", None),
            ("console", "debug", Some(Warning)),
        ] {
            let found = judge_log(file, levels).map(|finding| finding.severity);
            assert_eq!(found, severity, "{file} => {levels}");
        }
    }

    #[test]
    fn rtp_from_any_sender_is_a_warning() {
        let found = |text: &str| strict_rtp(&Conf::parse(&format!("[general]\n{text}\n")));
        for lenient in ["strictrtp=no", "strictrtp = off", "strictrtp=no\nstrictrtp=yes"] {
            assert!(found(lenient).is_some(), "{lenient}");
        }
        for strict in ["", "strictrtp=yes", "strictrtp=seqno", "strictrtp=yes\nstrictrtp=no"] {
            assert_eq!(found(strict), None, "{strict}");
        }
    }

    #[test]
    fn the_lines_for_an_absent_file_make_one_section() {
        let http = Conf::parse("");
        let found = [http_server(&http), session_limit(&http)].map(Option::unwrap);
        let [first, second] = found.map(|finding| finding.remedy.unwrap().lines);
        assert!(first.starts_with("[general]\n"), "{first}");
        assert!(second.starts_with("[general](+)\n"), "{second}");
    }
}
