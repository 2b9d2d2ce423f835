//! What `docs/security.md` and `docs/asvs.md` quote exists: tests by their names, files by their
//! paths. Neither can claim a test that was renamed or removed.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const SECURITY: &str = "docs/security.md";
const ASVS: &str = "docs/asvs.md";
/// A column whose heading begins so has nothing in backticks but tests and files.
const QUOTING: &str = "shown by";
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
        let mut quotes = quotes(&read(document));
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
        let told = format!("| {verdict} | {} | {} |", count(verdict, 1), count(verdict, 2));
        let row = text.lines().find(|line| line.starts_with(&format!("| {verdict} | ")));
        assert!(row.is_some_and(|row| row.starts_with(&told)), "{row:?}, not {told}");
    }
}

#[test]
fn only_a_tests_own_name_is_one() {
    let text = "#[test]\n#[ignore]\nasync fn a_b() {}\nfn c_d() {}\nf(\"e_f\")";
    assert_eq!(tests_of(text).into_iter().collect::<Vec<_>>(), ["a_b"]);
    let table = "| a | shown by |\n| --- | --- |\n| `x` | `y_z`, `docs/a.md` |\n\n| `v` | `w` |";
    assert_eq!(quotes(table), [(3, "y_z".to_owned()), (3, "docs/a.md".to_owned())]);
}

/// What stands in backticks in the quoting columns, with its line.
fn quotes(document: &str) -> Vec<(usize, String)> {
    let mut quoting = Vec::new();
    let mut quotes = Vec::new();
    for (line, number) in document.lines().zip(1..) {
        let cells = cells(line);
        if cells.is_empty() {
            quoting.clear();
        } else if cells.iter().any(|cell| cell.starts_with(QUOTING)) {
            quoting = (0..cells.len()).filter(|at| cells[*at].starts_with(QUOTING)).collect();
        } else {
            let columns = quoting.iter().filter_map(|at| cells.get(*at));
            let parts = columns.flat_map(|cell| cell.split('`').skip(1).step_by(2));
            quotes.extend(parts.map(|part| (number, part.to_owned())));
        }
    }
    quotes
}

/// A table's row; nothing if the line is none.
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
