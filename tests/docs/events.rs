//! The log lines that `docs/operations.md` lists, against those of the program.

use std::collections::BTreeSet;
use std::path::Path;

use super::{cells, collect, read, root};

const OPERATIONS: &str = "docs/operations.md";
const LEVELS: [&str; 4] = ["error", "warn", "info", "debug"];

#[test]
fn the_table_of_log_lines_has_every_event_of_the_program_with_its_level() {
    let mut listed = BTreeSet::new();
    for row in table("| event | level | fields | when |") {
        let levels: Vec<&str> = row[1].split(", ").collect();
        for (at, event) in quoted(&row[0]).into_iter().enumerate() {
            // As many levels as events, or one for all.
            let level = levels.get(at).unwrap_or(&levels[0]);
            listed.insert((event, (*level).to_owned()));
        }
    }
    assert_eq!(listed, logged());
}

#[test]
fn the_table_of_outcomes_has_every_end_of_a_call() {
    let listed = table("| outcome of `ended` | meaning | to do |");
    let listed: BTreeSet<String> = listed.iter().flat_map(|row| quoted(&row[0])).collect();
    let dialog = read("src/domain/dialog/mod.rs");
    let (_, variants) = dialog.split_once("pub enum Outcome {").unwrap();
    let variants = variants.split("\n}").next().unwrap().lines().map(str::trim);
    let mut outcomes: BTreeSet<String> =
        variants.filter_map(|line| line.strip_suffix(',')).map(snake_case).collect();
    let task = read("src/asterisk/call_task.rs");
    let ends = task.split("EndReason::").skip(1).filter_map(|rest| rest.split_once(" => (\""));
    let ends = ends.filter(|(reason, _)| reason.chars().all(char::is_alphanumeric));
    outcomes.extend(ends.map(|(_, rest)| rest.split('"').next().unwrap().to_owned()));
    assert_eq!(listed, outcomes);
}

/// The rows of a table of the guide.
fn table(heading: &str) -> Vec<Vec<String>> {
    let guide = read(OPERATIONS);
    let (_, rows) = guide.split_once(&format!("\n{heading}\n")).unwrap();
    let rows = rows.split("\n\n").next().unwrap().lines().skip(1);
    rows.map(|row| cells(row).into_iter().map(str::to_owned).collect()).collect()
}

fn quoted(cell: impl AsRef<str>) -> Vec<String> {
    cell.as_ref().split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The events of the program, with their levels.
fn logged() -> BTreeSet<(String, String)> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    let mut found = BTreeSet::new();
    for file in files.iter().filter(|file| !is_of_tests(file)) {
        let text = std::fs::read_to_string(file).unwrap();
        for (at, _) in text.match_indices("event = \"") {
            let event = text[at..].split('"').nth(1).unwrap().to_owned();
            let level =
                LEVELS.into_iter().max_by_key(|level| text[..at].rfind(&format!("{level}!(")));
            found.insert((event, level.unwrap().to_owned()));
        }
    }
    // Those that are audit rows too.
    let audit = read("src/db/audit/mod.rs");
    let arms = audit.split("AuditEvent::").skip(1).filter(|arm| arm.contains("log(scope, same"));
    let names = arms.map(|arm| arm.split(|letter: char| !letter.is_alphanumeric()).next().unwrap());
    found.extend(names.map(|name| (snake_case(name), "info".to_owned())));
    assert!(found.len() > 20, "{found:?}");
    found
}

fn is_of_tests(file: &Path) -> bool {
    file.components().any(|part| part.as_os_str() == "tests")
}

fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
