//! Commands of other programs outside of `sh` blocks: none in an indented block, and those in
//! running text are known, with what shows each.

use std::fs;

use karipass_lab::repository;

use super::{alerts, documents, spans};

/// How a command in running text is shown to be right.
enum Shown {
    /// This file contains the text.
    By(&'static str, &'static str),
    /// By nothing, for this reason.
    Not(&'static str),
}

const PROGRAMS: [&str; 21] = [
    "ALTER",
    "CREATE",
    "GRANT",
    "apt",
    "asterisk",
    "cargo",
    "chmod",
    "chown",
    "core",
    "dialplan",
    "dpkg",
    "journalctl",
    "kill",
    "man",
    "pg_ctl",
    "pjsip",
    "psql",
    "sox",
    "sudo",
    "systemctl",
    "visudo",
];

const COMMANDS: [(&str, Shown); 23] = [
    (
        "ALTER ROLE karipass CONNECTION LIMIT n",
        Shown::Not("a statement of PostgreSQL with the operator's number"),
    ),
    (
        "ALTER ROLE karipass SET",
        Shown::By("tests/it/db/faults.rs", "ALTER ROLE karipass IN DATABASE"),
    ),
    ("apt purge karipass", Shown::By("tests/deb/run", "dpkg --purge karipass")),
    ("apt remove karipass", Shown::By("tests/deb/run", "dpkg --remove karipass")),
    ("asterisk -rx 'core reload'", Shown::By("tests/e2e/existing.rs", "\"core reload\"")),
    (
        "asterisk -rx 'core show uptime'",
        Shown::Not("it asks Asterisk alone, and no test depends on it"),
    ),
    ("asterisk -rx 'dialplan reload'", Shown::By("tests/e2e/existing.rs", "\"dialplan reload\"")),
    ("cargo deny", Shown::Not("it is installed by hand, and fetches advisories")),
    (
        "cargo test --locked --test it migrations",
        Shown::By("tests/it/db/mod.rs", "mod migrations;"),
    ),
    ("cargo test --locked --test it sounds", Shown::By("tests/it/main.rs", "mod sounds;")),
    ("cargo test --test it sounds", Shown::By("tests/it/main.rs", "mod sounds;")),
    ("core show settings", Shown::By("tests/e2e/samples/mod.rs", "\"core show settings\"")),
    ("dialplan reload", Shown::By("tests/e2e/existing.rs", "\"dialplan reload\"")),
    ("journalctl -u karipass", Shown::Not("it needs systemd, whose part a test plays")),
    ("kill -9", Shown::By("tests/faults/fleet.rs", "Signal::KILL")),
    ("man karipass", Shown::By("tests/deb/run", "man/man1/karipass.1.gz")),
    ("pg_ctl promote", Shown::By("tests/lab/src/postgres/standby.rs", "pg_promote()")),
    ("pjsip reload", Shown::Not("the text says that not every Asterisk has it")),
    ("pjsip set logger", Shown::By("src/check/debugging.rs", "pjsip set logger on = yes")),
    ("pjsip show endpoints", Shown::By("tests/e2e/samples/mod.rs", "\"pjsip show endpoints\"")),
    ("systemctl reload", Shown::By("docs/karipass.service", "ExecReload=")),
    ("systemctl status karipass", Shown::By("tests/it/serve/systemd.rs", "STATUS=")),
    ("visudo --check", Shown::Not("a program of the package sudo, which the tests do not need")),
];

#[test]
fn every_command_of_another_program_in_running_text_is_known() {
    let mut found = Vec::new();
    for (name, text) in documents().into_iter().chain([alerts()]) {
        for span in spans(&text) {
            let words: Vec<&str> = span.split(' ').collect();
            if words.len() < 2 || !PROGRAMS.contains(&words[0]) {
                continue;
            }
            let known = COMMANDS.iter().find(|(command, _)| command.starts_with(&span));
            let (_, shown) = known.unwrap_or_else(|| panic!("{name}: {span}"));
            match shown {
                Shown::By(file, part) => {
                    let file = fs::read_to_string(repository().join(file)).unwrap();
                    assert!(file.contains(part), "{name}: {span}");
                }
                Shown::Not(reason) => assert!(reason.contains(' '), "{span}"),
            }
            found.push(span);
        }
    }
    for (command, _) in COMMANDS {
        let is_there = found.iter().any(|span| command.starts_with(span));
        assert!(is_there, "no document has {command}");
    }
}

#[test]
fn no_command_stands_in_an_indented_block() {
    for (name, text) in documents() {
        let mut is_fenced = false;
        let (mut above, mut is_list) = ("", false);
        for (line, number) in text.lines().zip(1..) {
            is_fenced ^= line.trim_start().starts_with("```");
            if !is_fenced && !line.starts_with(' ') && !line.is_empty() {
                is_list =
                    line.starts_with("- ") || line.starts_with(|it: char| it.is_ascii_digit());
            }
            let is_block = above.is_empty() && line.starts_with("    ") && !is_list;
            assert!(is_fenced || !is_block, "{name}:{number}: an indented block");
            above = line;
        }
    }
}
