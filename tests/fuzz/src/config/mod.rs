//! The configuration: variables, a file, and one more file that either may name.
//!
//! Three parts, each begun by a line `---`: lines `NAME=value`, the TOML file, and the file `extra`
//! beside it (a secret, keys, a certificate).

mod values;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use karipass::config::{Config, ConfigErrors};
use karipass::settings;

/// A valid key file that no installation uses.
pub const KEYS: &str = "fuzz AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Files that never end, or that the target must not read.
const ELSEWHERE: [&str; 5] = ["/dev", "/proc", "/sys", "..", "\\u"];

/// Reads one configuration: either all of it, or every error is named and no value repeated.
pub fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if ELSEWHERE.iter().any(|path| text.contains(path)) {
        return;
    }
    let mut parts = text.splitn(3, "---\n").map(str::to_owned);
    let mut part = || parts.next().unwrap_or_default();
    let parts = Parts { variables: part(), file: part(), extra: part() };
    let folder = tempfile::tempdir().unwrap();
    match parts.load(folder.path()) {
        Ok(config) => parts.assert_not_shown(&config),
        Err(errors) => parts.assert_not_logged(&errors, folder.path()),
    }
    let file = folder.path().join("karipass.toml");
    drop(settings::load_for_operator(Some(&file), parts.variables()));
}

struct Parts {
    variables: String,
    file: String,
    extra: String,
}

impl Parts {
    fn load(&self, folder: &Path) -> Result<Config, ConfigErrors> {
        let file = folder.join("karipass.toml");
        fs::write(&file, &self.file).unwrap();
        fs::write(folder.join("extra"), &self.extra).unwrap();
        settings::load(Some(&file), self.variables())
    }

    fn variables(&self) -> Vec<(String, String)> {
        let pairs = self.variables.lines().filter_map(|line| line.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// `Debug` shows no secret.
    fn assert_not_shown(&self, config: &Config) {
        let Config {
            ari,
            site,
            operators,
            call,
            login,
            session,
            shutdown: stop,
            log,
            secret_files: guarded_files,
            ..
        } = config;
        let mut open = vec![
            format!("{site:?}"),
            format!("{operators:?}"),
            format!("{call:?}"),
            format!("{login:?}"),
            format!("{session:?}"),
            format!("{stop:?}"),
            format!("{log:?}"),
            format!("{guarded_files:?}"),
        ];
        for ari in ari {
            let (url, app, user) = (&ari.url, &ari.app, &ari.user);
            open.extend([format!("{url:?}"), format!("{app:?}"), format!("{user:?}")]);
            open.extend([&ari.sounds_dir, &ari.config_dir].map(|folder| format!("{folder:?}")));
        }
        let all = format!("{config:?}");
        let shown = open.iter().fold(all, |shown, open| shown.replace(open, " "));
        for value in self.values() {
            assert!(!shown.contains(value), "{value}: {shown}");
        }
    }

    fn assert_not_logged(&self, errors: &ConfigErrors, folder: &Path) {
        assert!(!errors.0.is_empty() && errors.0.iter().all(|error| !error.is_empty()));
        for value in self.values() {
            let is_reported = |error: &String| {
                error.contains(value) && !is_key(error) && !self.is_in_a_path(error, value)
            };
            if let Some(error) = errors.0.iter().find(|error| is_reported(error)) {
                assert!(self.is_said_anyway(value, folder), "{value}: {error}");
            }
        }
    }

    fn values(&self) -> BTreeSet<&str> {
        let Self { variables, file, extra } = self;
        let named = [variables, file]
            .into_iter()
            .flat_map(|text| values::named(text).into_iter().map(|place| &text[place]));
        named.chain(values::any(extra).into_iter().map(|place| &extra[place])).collect()
    }

    /// The operator has to know which file it is.
    fn is_in_a_path(&self, error: &str, value: &str) -> bool {
        let is_of_a_file = error.split_once(": ").is_some_and(|(key, _)| key.ends_with("_file"));
        is_of_a_file && (self.variables.contains(value) || self.file.contains(value))
    }

    /// Whether an error is the same for another value, as with an example such as `192.0.2.1`.
    fn is_said_anyway(&self, value: &str, folder: &Path) -> bool {
        let Self { variables, file, extra } = self;
        let others = Self {
            variables: values::replaced(variables, &values::named(variables), value),
            file: values::replaced(file, &values::named(file), value),
            extra: values::replaced(extra, &values::any(extra), value),
        };
        let said = others.load(folder).err();
        said.is_some_and(|errors| errors.0.iter().any(|error| error.contains(value)))
    }
}

/// Whether the text shows only a key.
fn is_key(error: &str) -> bool {
    error.ends_with(": no such setting")
}
