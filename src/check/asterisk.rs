//! One Asterisk, examined over ARI and, where `ari.config_dir` is set, by its files.

use std::time::Duration;

use domain::dialog::prompt::SOUNDS;
use jiff::Timestamp;
use serde::Deserialize;

use super::clock_skew::skew_seconds;
use super::dialplan_globals::{self, Expected};
use super::files;
use super::finding::Finding;
use super::modules::{self, LoadedModule};
use crate::asterisk::rest::{ErrorChain, Rest, RestError};
use crate::asterisk::sounds;
use crate::{clock, config};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// The first release of each long-term series without known vulnerabilities in ARI
/// (GHSA-wcvv-g26m-wx5c, GHSA-vrfp-mg3q-3959).
const SAFE_RELEASES: [[u32; 3]; 2] = [[20, 20, 1], [22, 10, 1]];

#[derive(Deserialize)]
struct Info {
    system: SystemInfo,
}

#[derive(Deserialize)]
struct SystemInfo {
    version: String,
}

#[derive(Deserialize)]
struct LogChannel {
    channel: String,
    #[serde(default, rename = "type")]
    kind: String,
    configuration: String,
}

/// Checks one Asterisk: over ARI its version, modules, logs, sounds, user, clock and the dialplan's
/// globals; and its files, also if ARI does not answer.
pub async fn check(ari: &config::AriSettings, expected: Expected<'_>) -> Vec<Finding> {
    let mut findings = match Rest::new(ari, REQUEST_TIMEOUT) {
        Ok(rest) => check_over_ari(&rest, ari, expected).await,
        Err(error) => vec![Finding::error(format!("ari: {}", ErrorChain(&error)))],
    };
    findings.extend(match &ari.config_dir {
        Some(config_dir) => files::check(config_dir, &ari.user, expected),
        None => vec![Finding::warning(format!(
            "the configuration files of Asterisk at {} were not examined (sessions, time-outs, \
             event logs, other users that see digits, endpoints that can be forged): set ari.config_dir",
            ari.url
        ))],
    });
    findings
}

async fn check_over_ari(
    rest: &Rest,
    ari: &config::AriSettings,
    expected: Expected<'_>,
) -> Vec<Finding> {
    let info: Info = match rest.get("info", &["asterisk", "info"], Some("only=system")).await {
        Ok(info) => info,
        Err(error) => return vec![unreachable(ari, &error)],
    };
    let mut findings: Vec<Finding> = judge_version(&info.system.version).into_iter().collect();
    findings.extend(check_modules(rest, ari).await);
    findings.extend(check_logs(rest).await);
    findings.extend(check_access(rest).await);
    findings.extend(check_sounds(rest, ari).await);
    findings.extend(check_clock(rest).await);
    findings.extend(dialplan_globals::check(rest, ari.config_dir.as_deref(), expected).await);
    findings
}

fn unreachable(ari: &config::AriSettings, error: &RestError) -> Finding {
    let url = &ari.url;
    Finding::error(match error {
        RestError::Refused(status) if status.as_u16() == 401 => {
            format!("Asterisk at {url} rejects ari.user with ari.password")
        }
        RestError::NotFound => format!("there is no ARI at {url}: is res_ari loaded and enabled?"),
        RestError::Refused(_)
        | RestError::NotSent(_)
        | RestError::OutcomeUnknown(_)
        | RestError::UnexpectedResponse(_) => format!("ARI at {url}: {}", ErrorChain(error)),
    })
}

fn judge_version(version: &str) -> Option<Finding> {
    let Some(numbers @ [major, ..]) = version_numbers(version) else {
        return Some(Finding::warning(format!("Asterisk {version}: unknown release")));
    };
    if major < 20 {
        return Some(Finding::error(format!(
            "Asterisk {version} is too old: 20 or 22 is required"
        )));
    }
    match SAFE_RELEASES.iter().find(|safe| safe.first() == Some(&major)) {
        Some(safe) if numbers < *safe => Some(Finding::warning(format!(
            "Asterisk {version} has known vulnerabilities in ARI (GHSA-wcvv-g26m-wx5c, \
             GHSA-vrfp-mg3q-3959): use {}.{}.{} or later",
            safe[0], safe[1], safe[2]
        ))),
        Some(_) => None,
        None => Some(Finding::warning(format!("Asterisk {version} is not tested: 20 and 22 are"))),
    }
}

/// The first three numbers of a version such as `22.10.1+dfsg`, `certified-20.7-cert5` or
/// `20.9.0-rc1`.
fn version_numbers(version: &str) -> Option<[u32; 3]> {
    let start = version.find(|letter: char| letter.is_ascii_digit())?;
    let release = version.get(start..)?.split(['-', '+', '~', ' ']).next()?;
    let mut parts = release.split('.').map(|part| part.parse().ok());
    let major = parts.next()??;
    let minor = parts.next()??;
    Some([major, minor, parts.next().flatten().unwrap_or(0)])
}

async fn check_modules(rest: &Rest, ari: &config::AriSettings) -> Vec<Finding> {
    match rest.get::<Vec<LoadedModule>>("modules", &["asterisk", "modules"], None).await {
        Ok(modules) => modules::judge(&modules, ari.config_dir.as_deref()),
        Err(error) => vec![Finding::query_failed("modules", &error)],
    }
}

async fn check_logs(rest: &Rest) -> Vec<Finding> {
    match rest.get::<Vec<LogChannel>>("logging", &["asterisk", "logging"], None).await {
        Ok(channels) => channels.iter().filter_map(judge_log).collect(),
        Err(error) => vec![Finding::query_failed("log channels", &error)],
    }
}

fn judge_log(log: &LogChannel) -> Option<Finding> {
    let has = |wanted| log.configuration.split_whitespace().any(|level| level == wanted);
    let LogChannel { channel, kind, .. } = log;
    if has("DTMF") {
        Some(Finding::error(format!("Asterisk's log {channel} shows keyed digits (level dtmf)")))
    } else if has("DEBUG") {
        Some(Finding::warning(format!(
            "Asterisk's log {channel} has the level debug: it shows keyed digits with core set \
             debug 1 and higher"
        )))
    } else if has("VERBOSE") && kind != "Console" {
        Some(Finding::warning(format!(
            "Asterisk's log {channel} has the level verbose: it shows callers' numbers with core \
             set verbose 3 and higher"
        )))
    } else {
        None
    }
}

/// Checks that the ARI user may write, and that channels can be read.
async fn check_access(rest: &Rest) -> Vec<Finding> {
    let mut findings = Vec::new();
    match rest.stop("karipass-check").await {
        Ok(()) => {}
        Err(RestError::Refused(status)) if status.as_u16() == 403 => {
            findings.push(Finding::error("ari.user may only read (ari.conf: read_only)"));
        }
        Err(error) => findings.push(Finding::query_failed("permissions of ari.user", &error)),
    }
    if let Err(error) = rest.ping().await {
        findings.push(Finding::query_failed("channels", &error));
    }
    findings
}

async fn check_sounds(rest: &Rest, ari: &config::AriSettings) -> Vec<Finding> {
    let mut findings: Vec<Finding> = match sounds::missing(rest, ari.sounds_dir.as_deref()).await {
        Ok(missing) => missing
            .into_iter()
            .map(|sound| {
                Finding::error(format!(
                    "sound {sound} is missing in ja (after adding files: module reload sounds)"
                ))
            })
            .collect(),
        Err(error) => return vec![Finding::query_failed("sounds", &error)],
    };
    match rest.sounds().await {
        Ok(sounds) => findings.extend(sounds.iter().filter_map(judge_formats)),
        Err(error) => findings.push(Finding::query_failed("sound formats", &error)),
    }
    findings
}

/// Which of several formats plays depends on the call.
fn judge_formats((sound, formats): &(String, Vec<String>)) -> Option<Finding> {
    (SOUNDS.contains(&sound.as_str()) && formats.len() > 1).then(|| {
        Finding::warning(format!(
            "sound {sound} exists as {}: some callers hear one and some the other, and their words \
             may differ",
            formats.join(" and ")
        ))
    })
}

async fn check_clock(rest: &Rest) -> Option<Finding> {
    let before = clock::wall_clock();
    match dialplan_globals::value(rest, "EPOCH").await {
        Ok(epoch) => judge_clock(&epoch, before),
        Err(error) => Some(Finding::query_failed("clock", &error)),
    }
}

/// `epoch` is Asterisk's time in whole seconds at some moment since `before`.
fn judge_clock(epoch: &str, before: Timestamp) -> Option<Finding> {
    let Some(epoch) = epoch.parse().ok().filter(|epoch: &f64| epoch.is_finite()) else {
        return Some(Finding::error("could not query Asterisk's clock: EPOCH is not a number"));
    };
    let skew = skew_seconds(epoch, epoch + 1.0, before, clock::wall_clock())?;
    Some(Finding::error(format!("Asterisk's clock differs from this machine's by {skew:+.0} s")))
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    #[test]
    fn old_and_unsafe_releases_are_found() {
        let severity = |version| judge_version(version).map(|finding| finding.severity);
        for safe in ["22.10.1+dfsg+~cs6.17.60671434-1", "22.11.0", "20.20.1", "20.21.0-rc1"] {
            assert_eq!(severity(safe), None, "{safe}");
        }
        for old in ["18.26.4", "16.2.1~dfsg-1", "certified/18.9-cert5"] {
            assert_eq!(severity(old), Some(Severity::Error), "{old}");
        }
        for unsafe_release in [
            "22.10.0",
            "22.9.3",
            "20.9.0",
            "certified-20.7-cert5",
            "21.12.1",
            "23.2.0",
            "GIT-master",
        ] {
            assert_eq!(severity(unsafe_release), Some(Severity::Warning), "{unsafe_release}");
        }
    }

    #[test]
    fn a_log_that_shows_digits_is_found() {
        let severity = |configuration: &str| {
            let (channel, configuration) = ("full".to_owned(), configuration.to_owned());
            let log = LogChannel { channel, kind: "File".to_owned(), configuration };
            judge_log(&log).map(|finding| finding.severity)
        };
        assert_eq!(severity("NOTICE WARNING ERROR "), None);
        assert_eq!(severity("NOTICE DEBUG DTMF "), Some(Severity::Error));
        assert_eq!(severity("DEBUG NOTICE "), Some(Severity::Warning));
        assert_eq!(severity("VERBOSE "), Some(Severity::Warning));
    }
}
