//! Every quotation in the documents exists: tests by their names, files by their paths, functions
//! and types by their names in a linked file. No document can refer to something renamed or
//! removed. Every code of a rule is explained, and a test shows it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod events;
mod package;
mod prose;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const SECURITY: &str = "docs/security.md";
const ASVS: &str = "docs/asvs.md";
/// A column whose heading begins like this has only tests and files in backticks.
const QUOTING: &str = "shown by";
/// An item of a list that begins like this has only tests and files in backticks.
const SHOWN: &str = "- Shown by: ";
const GLOSSARY: &str = "docs/glossary.md";
/// The heading of the glossary's column of names.
const GLOSSED: &str = "in the code";
const RULES: &str = "docs/rules.md";
/// The prefix of the tests of rule `A`: "a" is a word.
const API_PREFIX: &str = "api";
/// Points of ASVS 5.0 at level 1, and at level 2.
const POINTS: [usize; 2] = [70, 183];
const VERDICTS: [&str; 4] = ["met", "n/a", "operator", "not met"];

#[test]
fn every_test_and_file_that_is_quoted_exists() {
    let tests = tests();
    let exists = |quote: &str| {
        if quote.contains(['/', '.']) {
            root().join(quote).exists()
        } else {
            tests.contains(quote.rsplit("::").next().unwrap_or_default())
        }
    };
    let mut missing = Vec::new();
    for document in [SECURITY, ASVS] {
        let text = read(document);
        let mut quotes = quotes(&text, QUOTING);
        quotes.extend(shown(&text));
        assert!(quotes.len() > 30, "{document} quotes {} tests and files", quotes.len());
        quotes.retain(|(_, quote)| !exists(quote));
        missing.extend(quotes.iter().map(|(line, quote)| format!("{document}:{line}: {quote}")));
    }
    assert!(missing.is_empty(), "neither a test nor a file:\n{}", missing.join("\n"));
}

#[test]
fn each_point_of_asvs_stands_once_and_is_counted() {
    let text = read(ASVS);
    let mut counts: BTreeMap<(&str, usize), usize> = BTreeMap::new();
    let mut last = [0; 3];
    for row in text.lines().map(cells) {
        let Some(point) = row.first().and_then(|cell| point(cell)) else { continue };
        assert!(point > last, "{point:?} stands behind {last:?}");
        last = point;
        let level: usize = row[1].parse().unwrap();
        assert!(VERDICTS.contains(&row[3]), "{point:?} is {}", row[3]);
        assert!(!row[4].is_empty(), "{point:?} has neither a test nor a reason");
        *counts.entry((row[3], level)).or_default() += 1;
    }
    let count = |verdict, level| counts.get(&(verdict, level)).copied().unwrap_or(0);
    for level in [1, 2] {
        let all: usize = VERDICTS.iter().map(|verdict| count(verdict, level)).sum();
        assert_eq!(all, POINTS[level - 1], "points of level {level}");
    }
    for verdict in VERDICTS {
        let expected = format!("| {verdict} | {} | {} |", count(verdict, 1), count(verdict, 2));
        let row = text.lines().find(|line| line.starts_with(&format!("| {verdict} | ")));
        assert!(row.is_some_and(|row| row.starts_with(&expected)), "{row:?}, not {expected}");
    }
}

#[test]
fn every_link_leads_to_a_file_that_defines_its_text() {
    let mut broken = Vec::new();
    for document in documents() {
        let folder = document.parent().unwrap();
        let name = document.strip_prefix(root()).unwrap().display();
        for (line, text, target) in links(&fs::read_to_string(&document).unwrap()) {
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if path.is_empty() { document.clone() } else { folder.join(path) };
            let is_good = match file.extension().and_then(|extension| extension.to_str()) {
                Some("rs") => fs::read_to_string(&file).is_ok_and(|code| is_defined(&text, &code)),
                Some("md") if !anchor.is_empty() => fs::read_to_string(&file)
                    .is_ok_and(|text| text.lines().any(|line| slug(line) == anchor)),
                _ => file.exists(),
            };
            if !is_good {
                broken.push(format!("{name}:{line}: [{text}]({target})"));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn every_word_of_the_code_in_the_glossary_is_in_the_code() {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    let code: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let words: BTreeSet<&str> = code.split(|letter| !is_of_a_name(letter)).collect();
    let mut missing = quotes(&read(GLOSSARY), GLOSSED);
    assert!(missing.len() > 30, "{GLOSSARY} names {} words of the code", missing.len());
    missing.retain(|(_, quote)| {
        let is_name = quote.chars().all(|letter| is_of_a_name(letter) || letter == ':');
        is_name && !quote.split("::").all(|word| words.contains(word))
    });
    assert!(missing.is_empty(), "not in the code: {missing:?}");
}

#[test]
fn every_code_of_a_rule_is_explained_and_shown_by_a_test() {
    let rules = rules(&read(RULES));
    assert!(rules.len() > 40, "{RULES} explains {} codes", rules.len());
    let tests = tests();
    let mut unknown: Vec<String> = Vec::new();
    let mut shown = BTreeSet::new();
    for test in &tests {
        let codes = codes_of_name(test);
        let unexplained = codes.iter().filter(|code| !rules.contains(*code));
        unknown.extend(unexplained.map(|code| format!("{code} of {test}")));
        shown.extend(codes);
    }
    for (file, text) in commented() {
        let codes = text.lines().zip(1..).flat_map(|(line, number)| {
            codes_of_text(line).into_iter().map(move |code| (number, code))
        });
        let unexplained = codes.filter(|(_, code)| !rules.contains(*code));
        unknown
            .extend(unexplained.map(|(line, code)| format!("{code} at {}:{line}", file.display())));
    }
    assert!(unknown.is_empty(), "codes that {RULES} does not explain:\n{}", unknown.join("\n"));
    let untested: Vec<_> = rules.difference(&shown).collect();
    assert!(untested.is_empty(), "no test shows {untested:?}");
}

#[test]
fn a_link_is_read_with_its_line_and_a_heading_as_its_anchor() {
    let text = "a\n[`b`](c.rs), [d e](f.md#g)\n```\n[x](y)\n```\n[z](https://example.com)\n";
    let read = |line, text: &str, target: &str| (line, text.to_owned(), target.to_owned());
    assert_eq!(links(text), [read(2, "`b`", "c.rs"), read(2, "d e", "f.md#g")]);
    assert_eq!(slug("## What `karipass check` finds"), "what-karipass-check-finds");
    assert!(is_defined("`Call::handle`", "impl Call {\n    pub fn handle(&mut self"));
    assert!(!is_defined("`handle`", "fn handle_all() {}  // not fn handled"));
    assert!(is_defined("the file", ""), "a link without a name asks for the file alone");
}

#[test]
fn only_a_tests_own_name_is_one() {
    let text = "#[test]\n#[ignore]\nasync fn a_b() {}\nfn c_d() {}\nf(\"e_f\")";
    assert_eq!(tests_of(text).into_iter().collect::<Vec<_>>(), ["a_b"]);
    let table = "| a | shown by |\n| --- | --- |\n| `x` | `y_z`, `docs/a.md` |\n\n| `v` | `w` |";
    assert_eq!(quotes(table, QUOTING), [(3, "y_z".to_owned()), (3, "docs/a.md".to_owned())]);
    let list = "- `a`\n  - Shown by: `y_z`,\n    `docs/a.md`.\n- `b`\n";
    assert_eq!(shown(list), [(2, "y_z".to_owned()), (3, "docs/a.md".to_owned())]);
}

#[test]
fn a_code_is_read_from_a_tests_name_a_comment_and_a_table() {
    assert_eq!(codes_of_name("p4_p5_a_number"), ["P4", "P5"]);
    assert_eq!(codes_of_name("u_from_line_to_number"), ["U"]);
    assert_eq!(codes_of_name("api_errors"), ["A"]);
    assert!(codes_of_name("a_number_p4").is_empty());
    assert_eq!(codes_of_text("as `B8` says, not `a4`, `K`, `P1x` or `x`"), ["B8"]);
    let table = "| code | rule |\n| --- | --- |\n| `P1` | `P2` |\n| `U` | |\n| number | line |";
    assert_eq!(rules(table).into_iter().collect::<Vec<_>>(), ["P1", "U"]);
}

/// The codes in the first column of the tables.
fn rules(document: &str) -> BTreeSet<String> {
    let first = document.lines().filter_map(|line| cells(line).first().copied());
    let quoted = first.filter_map(|cell| cell.strip_prefix('`')?.strip_suffix('`'));
    quoted.map(str::to_owned).collect()
}

/// The codes that a test's name begins with.
fn codes_of_name(name: &str) -> Vec<String> {
    let code = |part: &str| {
        let (letter, digits) = part.split_at_checked(1)?;
        let is_code = match digits {
            "" => "pcwudr".contains(letter),
            _ => letter.bytes().all(|letter| letter.is_ascii_lowercase()) && is_number(digits),
        };
        is_code.then(|| part.to_uppercase())
    };
    match name.split_once('_') {
        Some((API_PREFIX, _)) => vec!["A".to_owned()],
        _ => name.split('_').map_while(code).collect(),
    }
}

/// What stands in backticks and looks like the code of a rule: a capital and a number.
fn codes_of_text(line: &str) -> Vec<&str> {
    let quotes = line.split('`').skip(1).step_by(2);
    let is_code = |quote: &&str| {
        quote.starts_with(|letter: char| letter.is_ascii_uppercase()) && is_number(&quote[1..])
    };
    quotes.filter(is_code).collect()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// Every document, and the comments of every file of code with nothing else in their lines. What
/// `src/argon2id` quotes are the names of RFC 9106.
fn commented() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        collect(&root().join(folder), &mut files);
    }
    files.retain(|file| !file.starts_with(root().join("src/argon2id")));
    let comment = |line: &str| line.trim_start().starts_with("//");
    let comments = |text: String| -> String {
        text.lines().map(|line| if comment(line) { line } else { "" }.to_owned() + "\n").collect()
    };
    let code = files.into_iter().map(|file| (comments(fs::read_to_string(&file).unwrap()), file));
    let prose = documents().into_iter().map(|file| (fs::read_to_string(&file).unwrap(), file));
    code.chain(prose).map(|(text, file)| (file, text)).collect()
}

/// Every document that people read on its own.
fn documents() -> Vec<PathBuf> {
    let folders = ["", "docs", "docs/adr", "docs/operating", "asterisk", "asterisk/sounds"];
    let files = folders.iter().flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let paths = files.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The links within the repository, each with its line, its text and its target.
fn links(document: &str) -> Vec<(usize, String, String)> {
    let mut links = Vec::new();
    let mut is_code = false;
    for (line, number) in document.lines().zip(1..) {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("](").filter(|_| !is_code) {
            let (target, after) = after.split_once(')').unwrap_or((after, ""));
            let text = before.rsplit('[').next().unwrap_or_default();
            if !target.contains("://") {
                links.push((number, text.to_owned(), target.to_owned()));
            }
            rest = after;
        }
    }
    links
}

/// Whether a text in backticks names something that `code` defines; a path or plain text needs
/// nothing.
fn is_defined(text: &str, code: &str) -> bool {
    let Some(name) = text.strip_prefix('`').and_then(|text| text.strip_suffix('`')) else {
        return true;
    };
    if name.contains(['/', '.']) {
        return true;
    }
    let name = name.rsplit("::").next().unwrap_or_default();
    ["fn", "struct", "enum", "trait", "type", "const", "static", "mod"].iter().any(|kind| {
        let definition = format!("{kind} {name}");
        let mut places = code.match_indices(&definition);
        places.any(|(at, _)| !code[at + definition.len()..].starts_with(is_of_a_name))
    })
}

fn is_of_a_name(letter: char) -> bool {
    letter == '_' || letter.is_ascii_alphanumeric()
}

/// The anchor of a heading, as repository hosts generate it; empty for other lines.
fn slug(line: &str) -> String {
    let heading = line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim());
    let letters = heading.unwrap_or_default().chars();
    let kept =
        letters.filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter.to_ascii_lowercase() }).collect()
}

/// The texts in backticks in the columns whose headings begin with `heading`, with their lines.
fn quotes(document: &str, heading: &str) -> Vec<(usize, String)> {
    let mut quoting = Vec::new();
    let mut quotes = Vec::new();
    for (line, number) in document.lines().zip(1..) {
        let cells = cells(line);
        if cells.is_empty() {
            quoting.clear();
        } else if cells.iter().any(|cell| cell.starts_with(heading)) {
            quoting = (0..cells.len()).filter(|at| cells[*at].starts_with(heading)).collect();
        } else {
            let columns = quoting.iter().filter_map(|at| cells.get(*at));
            let parts = columns.flat_map(|cell| cell.split('`').skip(1).step_by(2));
            quotes.extend(parts.map(|part| (number, part.to_owned())));
        }
    }
    quotes
}

/// The texts in backticks in the items that begin with [`SHOWN`], with their lines.
fn shown(document: &str) -> Vec<(usize, String)> {
    let mut is_shown = false;
    let mut shown = Vec::new();
    for (line, number) in document.lines().zip(1..) {
        if line.is_empty() || line.trim_start().starts_with("- ") {
            is_shown = line.trim_start().starts_with(SHOWN);
        }
        let parts = line.split('`').skip(1).step_by(2).filter(|_| is_shown);
        shown.extend(parts.map(|part| (number, part.to_owned())));
    }
    shown
}

/// The cells of a table's row; none for other lines.
fn cells(line: &str) -> Vec<&str> {
    let row = line.strip_prefix('|').and_then(|line| line.trim_end().strip_suffix('|'));
    row.map_or_else(Vec::new, |row| row.split('|').map(str::trim).collect())
}

/// `V1.2.3`
fn point(cell: &str) -> Option<[u32; 3]> {
    let parts = cell.strip_prefix('V')?.split('.').map(|part| part.parse().ok());
    parts.collect::<Option<Vec<u32>>>()?.try_into().ok()
}

/// The names of a file's test functions.
fn tests_of(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if !line.starts_with(['#', '/']) {
            let name = line.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
            names.extend(name.filter(|_| is_test).map(|(name, _)| name.to_owned()));
            is_test = false;
        }
    }
    names
}

fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        collect(&root().join(folder), &mut files);
    }
    files.iter().flat_map(|file| tests_of(&fs::read_to_string(file).unwrap())).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
