//! Takes values from the file and the environment, and collects all errors.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::keys::{PREFIX, new_name, variable_of};
use super::platform::is_set_by_platform;
use super::secret::Secret;
use super::value::ConfigValue;

/// The command line reads it.
const CONFIG_VARIABLE: &str = "KARIPASS_CONFIG";

/// Every error of a configuration, one line each. A line starts with the key or variable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigErrors(pub Vec<String>);

/// A text of the file or of a variable, wiped after use: it may be a secret.
type RawText = Zeroizing<String>;

/// A value of the file.
enum RawValue {
    Text(RawText),
    List(Vec<RawText>),
}

/// The values not yet taken, and the errors found.
pub(super) struct Reader {
    file: BTreeMap<String, RawValue>,
    variables: BTreeMap<String, RawText>,
    path: PathBuf,
    folder: PathBuf,
    secret_files: Vec<(String, PathBuf)>,
    /// Whether a file could not be read: a missing key may be in it.
    unread: bool,
    /// Whether a required value is missing.
    lacks: bool,
    errors: Vec<String>,
    /// Every key that was looked for.
    #[cfg(test)]
    pub(super) keys: std::collections::BTreeSet<String>,
}

impl Reader {
    pub(super) fn new(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut reader = Self {
            file: BTreeMap::new(),
            variables: variables
                .into_iter()
                .filter(|(name, _)| name.starts_with(PREFIX) && name != CONFIG_VARIABLE)
                .filter(|(name, value)| !is_set_by_platform(name, value))
                .map(|(name, value)| (name, RawText::new(value)))
                .collect(),
            path: file.map(Path::to_path_buf).unwrap_or_default(),
            secret_files: Vec::new(),
            folder: file.and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default(),
            unread: false,
            lacks: false,
            errors: Vec::new(),
            #[cfg(test)]
            keys: std::collections::BTreeSet::new(),
        };
        if let Some(path) = file {
            reader.read_file(path);
        }
        reader
    }

    fn read_file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => RawText::new(text),
            Err(error) => {
                self.unread = true;
                return self.error(format!("{}: {error}", path.display()));
            }
        };
        match text.parse::<toml::Table>() {
            Ok(table) => self.flatten("", table),
            Err(error) => {
                self.unread = true;
                let line = error.span().map_or(1, |span| line_of(&text, span.start));
                self.error(format!("{}:{line}: {}", path.display(), error.message()));
            }
        }
    }

    /// Moves every value out of the table, so that no copy of a secret is left.
    fn flatten(&mut self, prefix: &str, table: toml::Table) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            match value {
                toml::Value::Table(inner) => self.flatten(&key, inner),
                toml::Value::Array(entries) if entries.iter().any(toml::Value::is_table) => {
                    let places = (1..).map(|place: usize| place.to_string());
                    self.flatten(&key, places.zip(entries).collect());
                }
                toml::Value::Array(entries) => {
                    let entries = entries.into_iter().map(text_of).collect();
                    self.file.insert(key, RawValue::List(entries));
                }
                value @ (toml::Value::String(_)
                | toml::Value::Integer(_)
                | toml::Value::Float(_)
                | toml::Value::Boolean(_)
                | toml::Value::Datetime(_)) => {
                    self.file.insert(key, RawValue::Text(text_of(value)));
                }
            }
        }
    }

    pub(super) fn error(&mut self, error: impl Into<String>) {
        self.errors.push(error.into());
    }

    /// Records that something required is missing.
    pub(super) fn missing(&mut self, error: impl Into<String>) {
        if !self.unread {
            self.error(error);
        }
    }

    /// The value of `key`, the variable's before the file's.
    fn take(&mut self, key: &str) -> Option<RawText> {
        let from_file = match self.file.remove(key) {
            Some(RawValue::Text(text)) => Some(text),
            Some(RawValue::List(_)) => {
                self.error(format!("{key}: a list is not expected here"));
                None
            }
            None => None,
        };
        self.take_variable(key).or(from_file)
    }

    fn take_variable(&mut self, key: &str) -> Option<RawText> {
        #[cfg(test)]
        self.keys.insert(key.to_owned());
        self.variables.remove(&variable_of(key))
    }

    fn parse<T: ConfigValue>(&mut self, key: &str, text: &str) -> Option<T> {
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.error(format!("{key}: not {}", T::DESCRIPTION));
        }
        parsed
    }

    pub(super) fn required<T: ConfigValue>(&mut self, key: &str) -> Option<T> {
        let Some(text) = self.take(key) else {
            self.lacks = true;
            self.missing(format!("{key}: missing (or {})", variable_of(key)));
            return None;
        };
        self.parse(key, &text)
    }

    /// An optional value; also `None` after an error, which is recorded.
    pub(super) fn optional<T: ConfigValue>(&mut self, key: &str) -> Option<T> {
        let text = self.take(key)?;
        self.parse(key, &text)
    }

    pub(super) fn or_default<T: ConfigValue>(&mut self, key: &str, default: &str) -> Option<T> {
        let text = self.take(key);
        self.parse(key, text.as_ref().map_or(default, |text| text.as_str()))
    }

    /// The tables of this name: itself, or each of a list by its place, from 1 on.
    pub(super) fn tables(&self, name: &str) -> Vec<String> {
        let given = |table: &String| {
            let (in_file, in_variables) = (format!("{table}."), variable_of(&format!("{table}.")));
            self.file.keys().any(|key| key.starts_with(&in_file))
                || self.variables.keys().any(|variable| variable.starts_with(&in_variables))
        };
        let listed = (1..).map(|place| format!("{name}.{place}")).take_while(given);
        let listed: Vec<String> = listed.collect();
        if listed.is_empty() { vec![name.to_owned()] } else { listed }
    }

    /// A positive number of seconds up to `max`, perhaps with a fraction.
    pub(super) fn seconds(
        &mut self,
        key: &str,
        default: Duration,
        max: Duration,
    ) -> Option<Duration> {
        let duration = self.span(key, default, max).filter(|duration| !duration.is_zero());
        if duration.is_none() {
            let max = max.as_secs();
            self.error(format!("{key}: not a positive number of seconds, {max} at most"));
        }
        duration
    }

    /// Like [`seconds`](Self::seconds), or 0.
    pub(super) fn seconds_or_none(
        &mut self,
        key: &str,
        default: Duration,
        max: Duration,
    ) -> Option<Duration> {
        let duration = self.span(key, default, max);
        if duration.is_none() {
            let max = max.as_secs();
            self.error(format!("{key}: not a number of seconds from 0 to {max}"));
        }
        duration
    }

    fn span(&mut self, key: &str, default: Duration, max: Duration) -> Option<Duration> {
        let Some(text) = self.take(key) else { return Some(default) };
        let seconds = text.parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok().filter(|duration| *duration <= max)
    }

    /// A whole number from 1 to `max`.
    pub(super) fn count(&mut self, key: &str, default: usize, max: usize) -> Option<usize> {
        let count = match self.take(key) {
            Some(text) => self.parse(key, &text)?,
            None => default,
        };
        if !(1..=max).contains(&count) {
            self.error(format!("{key}: not from 1 to {max}"));
            return None;
        }
        Some(count)
    }

    /// A positive whole number, or `off`.
    #[expect(clippy::option_option, reason = "the outer one is an error, the inner one is `off`")]
    pub(super) fn limit(&mut self, key: &str, default: u32) -> Option<Option<NonZeroU32>> {
        let Some(text) = self.take(key) else { return Some(NonZeroU32::new(default)) };
        if *text == "off" {
            return Some(None);
        }
        let limit = text.parse().ok();
        if limit.is_none() {
            self.error(format!("{key}: not a positive whole number or \"off\""));
        }
        limit.map(Some)
    }

    /// A list: from the file, or separated by commas in a variable; empty if not given.
    pub(super) fn list<T: ConfigValue>(&mut self, key: &str) -> Option<Vec<T>> {
        let from_file = self.file.remove(key);
        let entries = match (self.take_variable(key), from_file) {
            (None, Some(RawValue::List(entries))) => entries,
            (Some(text), _) | (None, Some(RawValue::Text(text))) => separated(&text),
            (None, None) => Vec::new(),
        };
        entries.iter().map(|entry| self.parse(key, entry)).collect()
    }

    /// A path, relative ones from the configuration file's folder.
    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        self.take(key).map(|path| self.folder.join(path.as_str()))
    }

    pub(super) fn required_secret(&mut self, key: &str) -> Option<Secret> {
        let before = self.errors.len();
        let secret = self.secret(key);
        if secret.is_none() && self.errors.len() == before {
            self.lacks = true;
            self.missing(format!("{key}: missing (or {key}_file, or {})", variable_of(key)));
        }
        secret
    }

    /// A secret, given itself or as the file that holds it.
    pub(super) fn secret(&mut self, key: &str) -> Option<Secret> {
        let file_key = format!("{key}_file");
        let is_in_file =
            self.file.contains_key(key) && !self.variables.contains_key(&variable_of(key));
        let direct = self.take(key);
        if is_in_file {
            self.record_secret_file(key, &self.path.clone());
        }
        let Some(path) = self.path(&file_key) else { return direct.map(Secret::from) };
        if direct.is_some() {
            self.error(format!("{key}: given twice, itself and as {file_key}"));
            return None;
        }
        match std::fs::read_to_string(&path).map(RawText::new) {
            Ok(mut text) => {
                self.record_secret_file(&file_key, &path);
                let length = text.trim_end_matches(['\r', '\n']).len();
                text.truncate(length);
                Some(Secret::from(text))
            }
            Err(error) => {
                self.error(format!("{file_key}: {}: {error}", path.display()));
                None
            }
        }
    }

    /// A secret has been read from this file.
    pub(super) fn record_secret_file(&mut self, key: &str, path: &Path) {
        self.secret_files.push((key.to_owned(), path.to_path_buf()));
    }

    /// Every file that a secret was read from.
    pub(super) fn secret_files(&mut self) -> Vec<(String, PathBuf)> {
        std::mem::take(&mut self.secret_files)
    }

    /// Leaves values unread.
    pub(super) fn ignore(&mut self, keys: &[&str]) {
        for key in keys {
            self.file.remove(*key);
            self.variables.remove(&variable_of(key));
        }
    }

    /// Returns the result if there is no error, and no unknown key that starts with `section`.
    pub(super) fn finish<T>(
        mut self,
        section: &str,
        configured: impl FnOnce() -> Option<T>,
    ) -> Result<T, ConfigErrors> {
        let in_variables = variable_of(section);
        let keys = std::mem::take(&mut self.file).into_keys();
        let variables = std::mem::take(&mut self.variables).into_keys();
        let unknown = keys
            .filter(|key| key.starts_with(section))
            .chain(variables.filter(|name| name.starts_with(&in_variables)));
        for key in unknown {
            self.error(match new_name(&key) {
                Some(new) => format!("{key}: renamed to {new}"),
                None => format!("{key}: no such setting"),
            });
        }
        if self.lacks && self.path.as_os_str().is_empty() {
            self.error(format!("{CONFIG_VARIABLE}: no file is named, there or with --config"));
        }
        match configured() {
            Some(configured) if self.errors.is_empty() => Ok(configured),
            Some(_) | None => Err(ConfigErrors(self.errors)),
        }
    }
}

fn text_of(value: toml::Value) -> RawText {
    RawText::new(if let toml::Value::String(text) = value { text } else { value.to_string() })
}

fn separated(text: &str) -> Vec<RawText> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(|entry| RawText::new(entry.to_owned())).collect()
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
