//! The help desk's page: its rights, and the outcomes that it explains.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use domain::audit::{ChangeOutcome, LoginOutcome, SessionEndReason};
use domain::dialog::{Refusal, WrongEntry};
use karipass_lab::repository;
use strum::VariantNames as _;

use super::{blocks, documents};

const PAGE: &str = "docs/operating/help-desk.md";

#[test]
fn the_help_desks_rights_cover_its_commands_and_no_others() {
    let document = documents().into_iter().find(|(name, _)| name == PAGE).unwrap();
    let rule = document.1.lines().find(|line| line.starts_with("%helpdesk ")).unwrap();
    let pattern = &rule[rule.find('^').unwrap()..];
    // Characters that sudoers gives another meaning.
    assert!(!pattern.contains([',', ':', '=', '\\']), "{pattern}");
    let may_run = |arguments: &str| {
        let mut grep = Command::new("grep");
        grep.args(["--quiet", "--extended-regexp", "--regexp", pattern]).stdin(Stdio::piped());
        let mut grep = grep.spawn().unwrap();
        grep.stdin.take().unwrap().write_all(arguments.as_bytes()).unwrap();
        grep.wait().unwrap().success()
    };
    let commands = blocks(&document, "sh").into_iter().flat_map(|block| block.commands);
    let commands: Vec<String> = commands
        .filter_map(|command| command.strip_prefix("karipass ").map(str::to_owned))
        .map(|command| command.split(" #").next().unwrap().trim_end().to_owned())
        .collect();
    assert!(commands.len() > 5, "{commands:?}");
    let configured = |command: &str| format!("--config /etc/karipass/operator.toml {command}");
    let alias = format!("alias karipass='sudo karipass {}'\n", configured("").trim_end());
    assert!(document.1.contains(&alias), "{alias}");
    for command in &commands {
        assert!(may_run(&configured(command)), "{command}");
    }
    assert!(may_run(&configured("contracts issue 0612345601 --unit admin_user")));
    for command in [
        "contracts remove 0612345600",
        "contracts import 1",
        "contracts issue 0612345601 --by somebody",
        "contracts show 0612345600 --config 1",
        "audit prune --older-than 100",
        "logs --number 0612345600 1",
        "logs 1",
        "migrate",
    ] {
        assert!(!may_run(&configured(command)), "{command}");
    }
    assert!(!may_run("--config /tmp/operator.toml calls"));
}

#[test]
fn the_help_desks_page_explains_every_outcome_and_reason() {
    let page = fs::read_to_string(repository().join(PAGE)).unwrap();
    let explained = [
        LoginOutcome::VARIANTS,
        ChangeOutcome::VARIANTS,
        SessionEndReason::VARIANTS,
        Refusal::VARIANTS,
        WrongEntry::VARIANTS,
    ];
    for name in explained.concat().into_iter().filter(|name| *name != "done") {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}
