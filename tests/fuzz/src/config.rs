//! The configuration: variables, a file, and one more file that either may name.
//!
//! Three parts, each begun by a line `---`: lines `NAME=value`, the TOML file, and the file `extra`
//! beside it (a secret, keys, a certificate).

use std::fs;
use std::path::Path;

use karipass::config;

/// A key file as it should be; the key is nobody's.
pub const KEYS: &str = "fuzz AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Files that never end, or that are none of the target's business.
const ELSEWHERE: [&str; 5] = ["/dev", "/proc", "/sys", "..", "\\u"];

/// Reads one configuration: all of it, or every mistake named and no value repeated.
pub fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if ELSEWHERE.iter().any(|path| text.contains(path)) {
        return;
    }
    let mut parts = text.splitn(3, "---\n");
    let mut part = || parts.next().unwrap_or_default();
    let (variables, file, extra) = (part(), part(), part());
    let variables: Vec<(String, String)> = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karipass.toml");
    fs::write(&path, file).unwrap();
    fs::write(folder.path().join("extra"), extra).unwrap();
    match config::load(Some(&path), variables.clone()) {
        Ok(config) => {
            let shown = format!("{config:?}");
            for (name, value) in &variables {
                let is_secret =
                    ["KARIPASS_ARI_PASSWORD", "KARIPASS_DATABASE_URL"].contains(&name.as_str());
                assert!(!is_secret || value.len() < 20 || !shown.contains(value), "{shown}");
            }
        }
        Err(mistakes) => tells_no_value(&mistakes.0, &variables, &path),
    }
    drop(config::load_for_operator(Some(&path), variables));
}

/// Paths apart, which a person has to be told: all of them begin with the folder.
fn tells_no_value(mistakes: &[String], variables: &[(String, String)], path: &Path) {
    let folder = path.parent().unwrap().display().to_string();
    assert!(!mistakes.is_empty());
    for mistake in mistakes {
        assert!(!mistake.is_empty());
        for (name, value) in variables {
            let is_telling = value.len() >= 8 && value.bytes().any(|byte| byte.is_ascii_digit());
            let is_path =
                name.ends_with("_FILE") || name.ends_with("_SOUNDS") || name.ends_with("_ETC");
            let is_name = variables.iter().any(|(name, _)| name.contains(value));
            let is_told = is_telling && mistake.contains(value) && !mistake.contains(&folder);
            assert!(
                is_path || is_name || !is_told || is_said_anyway(name, value, variables, path),
                "{mistake}"
            );
        }
    }
}

/// Whether a mistake says the same of another value, as an example such as `192.0.2.1`.
fn is_said_anyway(name: &str, value: &str, variables: &[(String, String)], path: &Path) -> bool {
    let mut others = variables.to_vec();
    for (_, other) in others.iter_mut().filter(|(variable, _)| variable == name) {
        *other = other
            .chars()
            .map(|letter| if letter.is_ascii_digit() { '#' } else { letter })
            .collect();
    }
    let said = config::load(Some(path), others).err();
    said.is_some_and(|mistakes| mistakes.0.iter().any(|mistake| mistake.contains(value)))
}
