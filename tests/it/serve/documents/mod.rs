//! The commands in the documents.
//!
//! Those of `sh` blocks are run, unless a mark before the block names the test that runs them, or
//! says why none does:
//!
//! ```text
//! <!-- run by FILE: `COMMAND`, … -->
//! <!-- not run: `COMMAND`, …: WHY -->
//! ```
//!
//! Those of `sql` blocks are run, and those in running text are parsed. `administration` runs the
//! blocks with PostgreSQL's programs.

mod administration;
mod help_desk;
mod machine;
mod prose;
mod sql;
mod subscriber;

use std::collections::BTreeSet;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::Command;

use karipass_lab::repository;

use super::operating::{RULES, operating, words};
use crate::site::NUMBER;
use crate::support::run;
use machine::Machine;

const FOLDERS: [&str; 5] = ["", "docs", "docs/operating", "asterisk", "asterisk/sounds"];
/// What does not end by itself.
const ENDLESS: [&str; 3] = ["--follow", "--watch", "karipass serve"];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_a_block_is_run_or_a_mark_says_why_not() {
    let machine = Machine::start().await;
    let mut count = 0;
    let documents = documents();
    let found = documents.iter().flat_map(|document| blocks(document, "sh"));
    for block in found.filter(|block| !block.is_administration()) {
        let (endless, others) = block.to_run();
        count += endless.len() + others.len();
        machine.run(&block.place, &others);
        for command in endless {
            machine.run_until_output(&block.place, command).await;
        }
    }
    assert!(count > 20, "{count} commands were run");
}

#[test]
fn every_command_and_option_in_the_documents_exists() {
    let mut definition = karipass::cli::command();
    definition.build(); // adds --help
    let options = options(&definition);
    let makefile = fs::read_to_string(repository().join("Makefile")).unwrap();
    let (mut parsed, mut targets) = (0, BTreeSet::new());
    for document in documents().into_iter().chain([alerts()]) {
        let (name, text) = &document;
        let commands = blocks(&document, "sh").into_iter().flat_map(|block| block.commands);
        for command in spans(text).into_iter().chain(commands) {
            let place = format!("{name}: {command}");
            if let Some(option) = command.strip_prefix("--") {
                let option = option.split(' ').next().unwrap();
                assert!(options.contains(option), "{place}: no such option");
            } else if let Some(arguments) = arguments("karipass", &command) {
                for words in variants(&arguments) {
                    let parsing = definition.clone().try_get_matches_from(words.split(' '));
                    parsing.unwrap_or_else(|error| panic!("{place}: {error}"));
                    parsed += 1;
                }
            } else if let Some(arguments) = arguments("make", &command) {
                let (variables, goals): (Vec<&str>, Vec<&str>) =
                    arguments.split(' ').skip(1).partition(|word| word.contains('='));
                targets.extend(goals.into_iter().map(str::to_owned));
                for variable in variables.iter().filter_map(|word| word.split('=').next()) {
                    let is_known = words(&makefile).any(|word| word == variable);
                    assert!(is_known, "{place}: the Makefile does not name {variable}");
                }
            }
        }
    }
    assert!(parsed > 70 && targets.len() > 8, "{parsed} commands, {targets:?}");
    for target in targets {
        let mut make = Command::new("make");
        make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL").current_dir(repository());
        let ran = run(make.args(["--dry-run", &target]));
        assert_eq!(ran.status, 0, "make {target}: {}", ran.err);
    }
}

/// A block of commands.
struct Block {
    place: String,
    marks: Vec<String>,
    commands: Vec<String>,
}

impl Block {
    /// The commands that no mark excuses: those that do not end by themselves, and the others.
    fn to_run(&self) -> (Vec<&String>, Vec<&String>) {
        let Self { place, marks, commands } = self;
        let excused: Vec<&str> = marks.iter().flat_map(|mark| excused(place, mark)).collect();
        for excuse in &excused {
            let is_there = commands.iter().any(|command| command.starts_with(excuse));
            assert!(is_there, "{place}: a mark excuses {excuse}, which is not there");
        }
        let is_run = |command: &&String| !excused.iter().any(|excuse| command.starts_with(excuse));
        (commands.iter().filter(is_run))
            .partition(|command| ENDLESS.iter().any(|word| command.contains(word)))
    }

    /// Whether it needs PostgreSQL's superuser.
    fn is_administration(&self) -> bool {
        self.commands.iter().any(|command| command.contains("runuser -u postgres "))
    }
}

/// The names and texts of the documents; decisions and the change log are history.
fn documents() -> Vec<(String, String)> {
    let folders = FOLDERS.iter().map(|folder| repository().join(folder));
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut paths: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.retain(|path| !path.ends_with("CHANGELOG.md"));
    paths.sort();
    let name = |path: &Path| path.strip_prefix(repository()).unwrap().display().to_string();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// The same of the alerts, which say what to do.
fn alerts() -> (String, String) {
    (RULES.to_owned(), fs::read_to_string(operating(RULES)).unwrap())
}

/// The blocks in this language.
fn blocks((name, text): &(String, String), language: &str) -> Vec<Block> {
    let (mut blocks, mut marks, mut open) = (Vec::new(), Vec::new(), None::<Block>);
    let begin = format!("```{language}");
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        let mark = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"));
        match (&mut open, line, mark) {
            (Some(_), "```", _) => blocks.extend(open.take()),
            (Some(Block { commands, .. }), ..) => match commands.last_mut() {
                Some(last) if last.ends_with('\\') => {
                    last.pop();
                    last.push_str(line);
                }
                _ => commands.push(line.to_owned()),
            },
            (None, line, _) if line == begin => {
                let place = format!("{name}:{number}");
                open = Some(Block { place, marks: std::mem::take(&mut marks), commands: vec![] });
            }
            (None, _, Some(mark)) => marks.push(mark.to_owned()),
            (None, ..) => marks.clear(),
        }
    }
    blocks
}

/// The commands that a good mark excuses.
fn excused<'a>(place: &str, mark: &'a str) -> Vec<&'a str> {
    let commands: Vec<&str> = mark.split('`').skip(1).step_by(2).collect();
    let file = mark.strip_prefix("run by ").and_then(|rest| rest.split(": ").next());
    if let Some(file) = file {
        let test = fs::read_to_string(repository().join(file));
        let test = test.unwrap_or_else(|error| panic!("{place}: {file}: {error}"));
        for command in &commands {
            assert!(test.contains(command), "{place}: {file} does not name {command}");
        }
    } else {
        let reason = mark.strip_prefix("not run: ").and_then(|rest| rest.rsplit_once("`: "));
        assert!(reason.is_some_and(|(_, why)| why.contains(' ')), "{place}: {mark}");
    }
    commands
}

/// What stands in backticks outside of blocks, each in one line.
fn spans(text: &str) -> Vec<String> {
    let mut in_block = false;
    let mut prose = String::new();
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        prose += if in_block || is_fence { "" } else { line };
        prose += "\n";
    }
    let quoted = prose.split("\n\n").flat_map(|part| part.split('`').skip(1).step_by(2));
    quoted.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// The program with its arguments, if this command runs it, perhaps with variables before it.
fn arguments(program: &str, command: &str) -> Option<String> {
    let command = command.split(" #").next()?;
    let words: Vec<&str> = command.split_whitespace().collect();
    let at = words.iter().position(|word| *word == program)?;
    let is_run = words.len() > at + 1 && words[..at].iter().all(|word| word.contains('='));
    is_run.then(|| words[at..].join(" "))
}

/// The command without what is in brackets, and with each of these; placeholders have values.
fn variants(command: &str) -> Vec<String> {
    let value = |word| match word {
        "N" => NUMBER,
        "T" => "2026-04-01",
        "E" => "login",
        "O" => "wrong",
        "S" => "phone",
        "A" => "192.0.2.1",
        "DAYS" => "100",
        word => word,
    };
    let parts = command.split(" >").next().unwrap().split(" [");
    let parts = parts.map(|part| part.trim_end_matches(']').split(' ').map(value));
    let parts: Vec<String> = parts.map(|words| words.collect::<Vec<_>>().join(" ")).collect();
    let with = parts[1..].iter().map(|option| format!("{} {option}", parts[0]));
    iter::once(parts[0].clone()).chain(with).collect()
}

/// The names of every option of a command and its subcommands.
fn options(command: &clap::Command) -> BTreeSet<String> {
    let here = command.get_arguments().filter_map(|option| option.get_long());
    let below = command.get_subcommands().flat_map(options);
    here.map(str::to_owned).chain(below).collect()
}
