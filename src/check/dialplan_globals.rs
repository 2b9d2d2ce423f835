//! Whether the dialplan's globals fit the configuration.

use std::ops::RangeInclusive;
use std::path::Path;

use domain::phone_number::PhoneNumber;
use domain::rules;
use serde::Deserialize;

use super::conf::Conf;
use super::finding::Finding;
use crate::asterisk::rest::{Rest, RestError};
use crate::config::{AriSettings, Config, MediaNetwork};

/// The upper limit of `KARIPASS_ANSWER_SECONDS`: a caller hears nothing for this long if a daemon
/// hangs.
const MAX_ANSWER_SECONDS: u64 = 12;

/// The settings that an Asterisk's configuration must match.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The Stasis application of this daemon.
    pub app: &'a str,
    /// The number that subscribers call (`P1`).
    pub set_up_number: PhoneNumber,
    /// Where the media of the named endpoints may be.
    pub media_networks: &'a [MediaNetwork],
}

impl<'a> Expected<'a> {
    /// The settings for one of the configuration's Asterisks.
    #[must_use]
    pub fn from_config(config: &'a Config, ari: &'a AriSettings) -> Self {
        Self {
            app: &ari.app,
            set_up_number: config.site.set_up_number,
            media_networks: &config.call.media_networks,
        }
    }
}

/// Compares the globals that Asterisk has. What the files in `config_dir` lack is found there.
pub(super) async fn check(
    rest: &Rest,
    config_dir: Option<&Path>,
    expected: Expected<'_>,
) -> Vec<Finding> {
    let extensions = config_dir.and_then(|config_dir| Conf::read(config_dir, "extensions.conf"));
    let mut findings = Vec::new();
    for (global, judge) in [
        ("KARIPASS_APPS", judge_apps as fn(&str, Expected<'_>) -> Option<String>),
        ("SET_UP_NUMBER", judge_number),
        ("KARIPASS_ANSWER_SECONDS", judge_answer_seconds),
    ] {
        let value = match value(rest, global).await {
            Ok(value) => value,
            Err(error) => {
                findings.push(Finding::query_failed("dialplan globals", &error));
                break;
            }
        };
        if value.is_empty() {
            findings.extend(judge_missing(global, extensions.as_ref()));
        } else if let Some(problem) = judge(&value, expected) {
            findings.push(Finding::error(format!(
                "Asterisk's dialplan: {global} is {value}, {problem}"
            )));
        }
    }
    findings
}

fn judge_missing(global: &str, extensions: Option<&Conf>) -> Option<Finding> {
    match extensions.map(|extensions| extensions.value("globals", global).is_some()) {
        Some(true) => Some(Finding::error(format!(
            "Asterisk's dialplan has no global {global} yet: extensions.conf has it, so reload"
        ))),
        Some(false) => None,
        None => Some(Finding::warning(format!(
            "Asterisk's dialplan has no global {global}: does it use karipass.conf?"
        ))),
    }
}

/// The value of a global variable. It is empty if there is none.
pub(super) async fn value(rest: &Rest, global: &str) -> Result<String, RestError> {
    #[derive(Deserialize)]
    struct GlobalVariable {
        value: String,
    }
    let query = format!("variable={global}");
    match rest.get::<GlobalVariable>("variable", &["asterisk", "variable"], Some(&query)).await {
        Ok(GlobalVariable { value }) => Ok(value.trim().to_owned()),
        Err(RestError::NotFound) => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn judge_apps(value: &str, expected: Expected<'_>) -> Option<String> {
    let app = expected.app;
    let is_named = value.split('&').any(|named| named.trim() == app);
    (!is_named).then(|| format!("but ari.app is {app}: the daemon gets no calls"))
}

fn judge_number(value: &str, expected: Expected<'_>) -> Option<String> {
    let number = expected.set_up_number.as_str();
    (value != number)
        .then(|| format!("but site.set_up_number is {number}: the site shows a wrong number"))
}

fn judge_answer_seconds(value: &str, _expected: Expected<'_>) -> Option<String> {
    let allowed: RangeInclusive<u64> = rules::TROUBLE_TIMEOUT.as_secs()..=MAX_ANSWER_SECONDS;
    let is_allowed = value.parse().is_ok_and(|seconds| allowed.contains(&seconds));
    (!is_allowed).then(|| {
        format!(
            "not from {} to {}: calls leave a daemon that is about to answer, or wait long for one \
             that hangs",
            allowed.start(),
            allowed.end()
        )
    })
}
