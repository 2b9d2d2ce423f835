//! Whether the dialplan's globals and the configuration tell the same story (`karipass check`).

use std::time::Duration;

use serde::Deserialize;

use super::Finding;
use super::rest::{Rest, RestError};
use crate::config::{Ari, Config, MediaNetwork};
use domain::phone_number::PhoneNumber;
use domain::rules;

/// How long a caller may wait for a daemon that does not answer: one whose call was sent on hears nothing
/// meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(12);

/// What the dialplan's globals must fit.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The application that takes the calls.
    pub app: &'a str,
    /// The number that subscribers are told to call (`P1`).
    pub set_up_number: PhoneNumber,
    /// Where the media of some endpoints are.
    pub media_networks: &'a [MediaNetwork],
}

impl<'a> Expected<'a> {
    /// By the configuration, for one of its Asterisks.
    #[must_use]
    pub fn by(config: &'a Config, ari: &'a Ari) -> Self {
        let media_networks = &config.call.media_networks;
        Self { app: &ari.app, set_up_number: config.site.set_up_number, media_networks }
    }
}

/// Compares the globals, one after the other; one that is not there may be another dialplan's affair.
pub(super) async fn look(rest: &Rest, expected: Expected<'_>) -> Result<Vec<Finding>, RestError> {
    let mut findings = Vec::new();
    for (global, judge) in [
        ("KARIPASS_APPS", judge_app as fn(&str, Expected<'_>) -> Option<String>),
        ("SET_UP_NUMBER", judge_number),
        ("KARIPASS_ANSWER_SECONDS", judge_answer),
    ] {
        let value = value(rest, global).await?;
        if value.is_empty() {
            findings.push(Finding::Doubtful(format!(
                "Asterisk's dialplan has no global {global}: is another one than karipass.conf in use?"
            )));
        } else if let Some(wrong) = judge(&value, expected) {
            findings.push(Finding::Wrong(format!("Asterisk's dialplan: {global} is {wrong}")));
        }
    }
    Ok(findings)
}

/// A variable of no channel; empty if there is none.
pub(super) async fn value(rest: &Rest, global: &str) -> Result<String, RestError> {
    #[derive(Deserialize)]
    struct Variable {
        value: String,
    }
    let query = format!("variable={global}");
    match rest.get::<Variable>("variable", &["asterisk", "variable"], Some(&query)).await {
        Ok(Variable { value }) => Ok(value.trim().to_owned()),
        Err(RestError::Gone) => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn judge_app(value: &str, expected: Expected<'_>) -> Option<String> {
    let app = expected.app;
    let named = value.split('&').any(|named| named.trim() == app);
    (!named).then(|| format!("{value}, ari.app {app}: the daemon gets no calls"))
}

fn judge_number(value: &str, expected: Expected<'_>) -> Option<String> {
    let number = expected.set_up_number.as_str();
    (value != number).then(|| {
        format!("{value}, site.set_up_number {number}: subscribers are told a wrong number to call")
    })
}

fn judge_answer(value: &str, _expected: Expected<'_>) -> Option<String> {
    let (least, most) = (rules::TROUBLE_TIMEOUT.as_secs(), LONGEST_WAIT.as_secs());
    let good = value.parse().is_ok_and(|seconds: u64| (least..=most).contains(&seconds));
    (!good).then(|| {
        format!(
            "{value}, not from {least} to {most}: calls are taken from a daemon that is about to answer, \
             or wait for long at one that never will"
        )
    })
}
