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
        Err(mistakes) => tells_no_value(&mistakes.0, &variables, folder.path()),
    }
    drop(config::load_for_operator(Some(&path), variables));
}

/// Paths apart, which a person has to be told: all of them begin with the folder.
fn tells_no_value(mistakes: &[String], variables: &[(String, String)], folder: &Path) {
    let folder = folder.display().to_string();
    assert!(!mistakes.is_empty());
    for mistake in mistakes {
        assert!(!mistake.is_empty());
        for (name, value) in variables {
            // The fuzzer learns the mistakes' own words, such as `line 16: not an id`.
            let is_ours = value.contains(": ") || value.contains("line ");
            let is_telling = value.len() >= 8 && value.bytes().any(|byte| byte.is_ascii_digit());
            let is_path =
                name.ends_with("_FILE") || name.ends_with("_SOUNDS") || name.ends_with("_ETC");
            let is_name = variables.iter().any(|(name, _)| name.contains(value));
            let is_told = mistake.contains(value) && !mistake.contains(&folder);
            assert!(!is_telling || is_ours || is_path || is_name || !is_told, "{mistake}");
        }
    }
}
