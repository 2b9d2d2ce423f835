//! Which module of the daemon may know which: `ari → call`, `web → login → {store, hashing}`, and
//! nothing pure knows a runtime, a database, a wire or a clock.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Values that any module may use.
const VALUES: [&str; 6] = ["contract", "credential", "number", "password", "rules", "unit"];

/// The modules that do something, and what else each may know.
const ARROWS: [(&str, &[&str]); 6] = [
    ("call", &[]),
    ("hashing", &["clock"]),
    ("store", &["clock", "config"]),
    ("login", &["store", "hashing"]),
    ("ari", &["call", "clock", "config", "hashing", "store"]),
    ("web", &["clock", "config", "hashing", "login", "store"]),
];

/// What is decided here is decided from arguments alone.
const PURE: [&str; 4] = ["call", "login/decision", "login/plan", "login/standing"];

/// Crates that do something rather than compute it.
const ACTING: [&str; 10] = [
    "tokio",
    "tokio_postgres",
    "deadpool_postgres",
    "reqwest",
    "axum",
    "tokio_tungstenite",
    "tracing",
    "metrics",
    "rand",
    "url",
];

#[test]
fn every_module_knows_only_what_lies_below_it() {
    for (module, allowed) in ARROWS {
        for (file, code) in sources(module) {
            for known in known_modules(&code) {
                let fits = known == module || VALUES.contains(&known) || allowed.contains(&known);
                assert!(fits, "{} must not know crate::{known}", file.display());
            }
        }
    }
}

#[test]
fn what_is_pure_knows_no_runtime_no_database_no_wire_and_no_clock() {
    for module in PURE {
        for (file, code) in sources(module) {
            for acting in ACTING {
                let path = format!("{acting}::");
                assert!(!code.contains(&path), "{} must not know {acting}", file.display());
            }
            for reading in ["clock::", "::now()", "std::fs", "std::net", "std::env", "async "] {
                assert!(!code.contains(reading), "{} must not use {reading}", file.display());
            }
        }
    }
}

/// Every source file of a module, tests and comments apart.
fn sources(module: &str) -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src.join(module), &mut files);
    files.push(src.join(format!("{module}.rs")));
    files.retain(|file| file.is_file());
    assert!(!files.is_empty(), "there is a module {module}");
    files.into_iter().map(|file| (file.clone(), code_of(&file))).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && !path.ends_with("tests") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules that `code` names: `crate::call::…`, and each of `crate::{clock, rules::…}`.
fn known_modules(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).flat_map(|path| match path.strip_prefix('{') {
        Some(group) => {
            group.split('}').take(1).flat_map(|paths| paths.split(',')).map(name).collect()
        }
        None => vec![name(path)],
    })
}

/// The first name of a path.
fn name(path: &str) -> &str {
    let mut names =
        path.trim_start().split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    names.next().unwrap_or_default()
}
