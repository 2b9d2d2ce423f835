//! What is wrong in Asterisk's own configuration files, where the operator names their folder (`ari.config_dir`).

use std::path::Path;

use super::conf::Conf;
use super::{Expected, Finding, endpoints, listeners};

/// Asterisk's own limit of HTTP connections, all of ARI's included (`http.conf`).
const DEFAULT_SESSIONS: u32 = 100;
/// Milliseconds for which a daemon may be too busy to read, at least; 100 by default (`ari.conf`).
const LEAST_WRITE_TIMEOUT: u32 = 1000;

/// Looks at the files in `etc`; `user` is as whom Asterisk is spoken to.
pub(super) fn look(etc: &Path, user: &str, expected: Expected<'_>) -> Vec<Finding> {
    if !etc.is_dir() {
        return vec![Finding::Wrong(format!("ari.config_dir: {} is no folder", etc.display()))];
    }
    let mut findings = Vec::new();
    let mut read = |file: &str| {
        let conf = Conf::read(etc, file).unwrap_or_default();
        let unread = conf.unread.iter();
        findings.extend(
            unread.map(|what| Finding::Doubtful(format!("{file} was not seen whole: {what}"))),
        );
        conf
    };
    let [http, ari, logger, cel, manager, rtp, pjsip] = [
        "http.conf",
        "ari.conf",
        "logger.conf",
        "cel.conf",
        "manager.conf",
        "rtp.conf",
        "pjsip.conf",
    ]
    .map(&mut read);
    findings.extend(sessions(&http));
    findings.extend(write_timeout(&ari));
    findings.extend(logs(&logger));
    findings.extend(events(&cel));
    findings.extend(strangers_media(&rtp));
    findings.extend(listeners::addresses(&http));
    findings.extend(listeners::users(&ari, user));
    findings.extend(listeners::managers(&manager));
    findings.extend(endpoints::judge(&pjsip, expected.media_networks));
    findings
}

fn number(conf: &Conf, name: &str) -> Option<u32> {
    conf.value("general", name)?.parse().ok()
}

fn sessions(http: &Conf) -> Option<Finding> {
    let limit = number(http, "sessionlimit");
    limit.is_none_or(|limit| limit <= DEFAULT_SESSIONS).then(|| {
        Finding::Wrong(format!(
            "http.conf: sessionlimit is {}: Asterisk closes connections beyond it without an answer; 256 is enough for two daemons",
            limit.map_or(format!("left at {DEFAULT_SESSIONS}"), |limit| limit.to_string())
        ))
    })
}

fn write_timeout(ari: &Conf) -> Option<Finding> {
    let timeout = number(ari, "websocket_write_timeout");
    timeout.is_none_or(|ms| ms < LEAST_WRITE_TIMEOUT).then(|| {
        Finding::Wrong(format!(
            "ari.conf: websocket_write_timeout is {} ms: a daemon that is busy for as long is cut off; 5000 is good",
            timeout.map_or("left at 100".to_owned(), |ms| ms.to_string())
        ))
    })
}

/// Asterisk takes the first value.
fn strangers_media(rtp: &Conf) -> Option<Finding> {
    let strict = rtp.named("general").flat_map(|general| general.values("strictrtp")).next()?;
    let words = ["no", "false", "n", "f", "0", "off"];
    words.iter().any(|word| strict.eq_ignore_ascii_case(word)).then(|| {
        Finding::Doubtful(format!(
            "rtp.conf: strictrtp = {strict}: digits of any sender that finds a call's port are taken"
        ))
    })
}

fn logs(logger: &Conf) -> Vec<Finding> {
    let files = logger.named("logfiles").flat_map(|section| &section.entries);
    files.filter_map(|(file, levels)| log(file, levels)).collect()
}

/// Levels such as `notice,verbose(3),dtmf`, perhaps behind a formatter in brackets; `*` is all of them.
fn log(file: &str, levels: &str) -> Option<Finding> {
    let levels = levels.rsplit(']').next().unwrap_or_default().to_lowercase();
    let levels: Vec<&str> =
        levels.split(',').filter_map(|level| level.split('(').next()).map(str::trim).collect();
    let has = |level: &str| levels.contains(&level);
    if has("dtmf") || has("*") {
        let level = if has("*") { "*" } else { "dtmf" };
        return Some(Finding::Wrong(format!(
            "logger.conf: {file} has the level {level}, which shows keyed digits"
        )));
    }
    let level = ["debug", "verbose"].into_iter().find(|level| has(level))?;
    let shows = match level {
        "debug" => "from core set debug 4 on keyed digits",
        _ => "from core set verbose 3 on callers' numbers",
    };
    (level == "debug" || file != "console").then(|| {
        Finding::Doubtful(format!("logger.conf: {file} has the level {level}, which shows {shows}"))
    })
}

fn events(cel: &Conf) -> Option<Finding> {
    let enabled = cel.named("general").any(|general| general.is_true("enable"));
    let events = cel.named("general").flat_map(|general| general.values("events"));
    let mut events = events.flat_map(|events| events.split(',')).map(str::trim);
    let named =
        events.find(|event| ["all", "dtmf"].iter().any(|it| event.eq_ignore_ascii_case(it)));
    named.filter(|_| enabled).map(|event| {
        Finding::Wrong(format!(
            "cel.conf: events has {}: each keyed digit is written down",
            event.to_uppercase()
        ))
    })
}

/// Whether `etc` says that no event writer is told of keyed digits.
pub(super) fn writes_no_digits(etc: &Path) -> bool {
    let cel = Conf::read(etc, "cel.conf").unwrap_or_default();
    cel.unread.is_empty() && events(&cel).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(file: &str, levels: &str) -> &'static str {
        match log(file, levels) {
            Some(Finding::Wrong(_)) => "wrong",
            Some(Finding::Doubtful(_)) => "doubtful",
            None => "good",
        }
    }

    #[test]
    fn levels_that_show_digits_are_told_from_those_that_may() {
        for (file, levels, told) in [
            ("messages.log", "warning,error", "good"),
            ("full", "notice, DTMF", "wrong"),
            ("full", "[json]notice,dtmf", "wrong"),
            ("full", "*", "wrong"),
            ("console", "dtmf", "wrong"),
            ("full", "notice,verbose(3)", "doubtful"),
            ("console", "notice,verbose", "good"),
            ("console", "debug", "doubtful"),
        ] {
            assert_eq!(level(file, levels), told, "{file} => {levels}");
        }
    }

    #[test]
    fn rtp_from_any_sender_is_doubtful() {
        let found = |text: &str| strangers_media(&Conf::parse(&format!("[general]\n{text}\n")));
        for lenient in ["strictrtp=no", "strictrtp = off", "strictrtp=no\nstrictrtp=yes"] {
            assert!(matches!(found(lenient), Some(Finding::Doubtful(_))), "{lenient}");
        }
        for strict in ["", "strictrtp=yes", "strictrtp=seqno", "strictrtp=yes\nstrictrtp=no"] {
            assert_eq!(found(strict), None, "{strict}");
        }
    }
}
