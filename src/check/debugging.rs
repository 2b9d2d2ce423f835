//! Debugging that Asterisk's files turn on: its console and logs then show keyed digits.

use super::conf::{Conf, is_false};
use super::finding::Finding;

/// Commands that show SIP with the digits in INFO, telephone events, frames, or the events of ARI
/// and AMI. Asterisk ignores the case of their words.
const SHOWING: [&[&str]; 6] = [
    &["ari", "set", "debug"],
    &["core", "set", "debug"],
    &["manager", "set", "debug"],
    &["pjsip", "set", "history"],
    &["pjsip", "set", "logger"],
    &["rtp", "set", "debug"],
];

/// Commands that Asterisk runs at its start, as `pjsip set logger on = yes`.
pub(super) fn startup_commands(cli: &Conf) -> Vec<Finding> {
    let commands = cli.named("startup_commands").flat_map(|section| &section.entries);
    let shown = commands.filter(|(command, value)| shows_digits(command) && !is_false(value));
    shown
        .map(|(command, _)| {
            Finding::error(format!(
                "cli.conf: {command} shows keyed digits from Asterisk's start on"
            ))
        })
        .collect()
}

fn shows_digits(command: &str) -> bool {
    let command = command.to_lowercase();
    let words: Vec<&str> = command.split_whitespace().collect();
    let is_off = words.last() == Some(&"off");
    let shows = SHOWING.iter().any(|showing| words.starts_with(showing)) && !is_level_0(&words);
    !is_off && (shows || adds_level(&words))
}

/// Whether it is such as `core set debug 0` or `core set debug atleast 0 res_ari.so`.
fn is_level_0(words: &[&str]) -> bool {
    words.iter().skip(3).find(|word| **word != "atleast") == Some(&"0")
}

/// Whether it gives a log a level that shows digits, as `logger add channel x dtmf,error`.
fn adds_level(words: &[&str]) -> bool {
    let mut levels = words.iter().skip(1).flat_map(|word| word.split(','));
    words.first() == Some(&"logger") && levels.any(|level| ["dtmf", "debug", "*"].contains(&level))
}

/// The debug level in `asterisk.conf`. From 1 on the level `debug` shows RFC 4733's digits, from 4
/// on `verbose` shows ARI's events.
pub(super) fn level(asterisk: &Conf) -> Option<Finding> {
    let debug = asterisk.first("options")?.value("debug")?;
    let is_on = match debug.parse::<i64>() {
        Ok(level) => level > 0,
        Err(_) => asterisk.first("options")?.is_true("debug"),
    };
    is_on.then(|| {
        let message = format!(
            "asterisk.conf: debug = {debug}: a log with the level debug shows keyed digits, from 4 \
             on also one with verbose"
        );
        let lines = format!("{}\ndebug = 0", asterisk.heading("options"));
        Finding::error(message).remedied_in(asterisk, lines)
    })
}

/// `debug` in `manager.conf`: every event of AMI is shown, keyed digits among them.
pub(super) fn manager(manager: &Conf) -> Option<Finding> {
    let general = manager.first("general")?;
    (general.is_true("enabled") && general.is_true("debug")).then(|| {
        let lines = format!("{}\ndebug = no", manager.heading("general"));
        Finding::error("manager.conf: debug is on: the console and logs show every keyed digit")
            .remedied_in(manager, lines)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_a_command_at_asterisks_start_that_shows_digits_is_an_error() {
        for (command, is_found) in [
            ("pjsip set logger on = yes", true),
            ("pjsip set logger host 192.0.2.1 = yes", true),
            ("pjsip  set logger verbose on = fully-booted", true),
            ("pjsip set history on = yes", true),
            ("rtp set debug on = yes", true),
            ("ari set debug all on = yes", true),
            ("ARI Set Debug karipass on = yes", true),
            ("manager set debug on = yes", true),
            ("core set debug 5 = yes", true),
            ("core set debug atleast 1 = pre-init", true),
            ("core set debug 1 res_rtp_asterisk.so = pre-module", true),
            ("core set debug channel all = yes", true),
            ("core set debug category rtp_packet = yes", true),
            ("logger add channel keys notice,DTMF = yes", true),
            ("logger set level DTMF on = yes", true),
            ("pjsip set logger on = no", false),
            ("pjsip set logger off = yes", false),
            ("pjsip set logger OFF = yes", false),
            ("core set debug off = yes", false),
            ("core set debug 0 = yes", false),
            ("core set debug atleast 0 chan_pjsip.so = yes", false),
            ("core set verbose 3 = yes", false),
            ("logger set level DTMF off = yes", false),
            ("logger add channel quiet warning,error = yes", false),
        ] {
            let cli = Conf::parse(&format!("[startup_commands]\n{command}\n"));
            assert_eq!(startup_commands(&cli).len(), usize::from(is_found), "{command}");
        }
    }

    #[test]
    fn r_a_debug_level_from_asterisks_start_on_is_an_error() {
        for (debug, is_found) in [
            ("debug = 5", true),
            ("debug = 1", true),
            ("debug = yes", true),
            ("debug = 0\ndebug = 4", true),
            ("debug = 0", false),
            ("debug = no", false),
            ("debug = 4\ndebug = 0", false),
            ("verbose = 3", false),
        ] {
            let asterisk = format!("[options]\n{debug}\n");
            let found = level(&Conf::parse(&asterisk));
            assert_eq!(found.is_some(), is_found, "{debug}");
            let Some(finding) = found else { continue };
            let remedied = format!("{asterisk}{}\n", finding.remedy.unwrap().lines);
            assert_eq!(level(&Conf::parse(&remedied)), None, "{debug}");
        }
    }

    #[test]
    fn r_ami_that_shows_its_events_is_an_error() {
        for (general, is_found) in [
            ("enabled = yes\ndebug = on", true),
            ("enabled = yes\ndebug = off", false),
            ("enabled = yes", false),
            ("enabled = no\ndebug = on", false),
        ] {
            let conf = Conf::parse(&format!("[general]\n{general}\n"));
            assert_eq!(manager(&conf).is_some(), is_found, "{general}");
        }
    }
}
