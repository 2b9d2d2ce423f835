//! What is wrong with an Asterisk, asked over ARI (`karipass check`).

mod conf;
mod endpoints;
mod files;
mod listeners;

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::dialplan::{self, Expected};
use super::rest::{Rest, RestError};
use super::{Chain, Pace, sounds};
use crate::{clock, config};
use domain::dialog::prompt::SOUNDS;

/// Modules without which the line does not work: those of its dialplan, of its sounds and of ARI; drivers
/// of trunks and telephones are the PBX's affair.
const MODULES: [&str; 23] = [
    "app_exec.so",
    "app_playback.so",
    "app_stack.so",
    "app_stasis.so",
    "format_wav.so",
    "func_callerid.so",
    "func_channel.so",
    "func_cut.so",
    "func_logic.so",
    "func_pjsip_endpoint.so",
    "func_strings.so",
    "func_timeout.so",
    "res_ari.so",
    "res_ari_applications.so",
    "res_ari_asterisk.so",
    "res_ari_channels.so",
    "res_ari_events.so",
    "res_ari_playbacks.so",
    "res_ari_sounds.so",
    "res_http_websocket.so",
    "res_stasis.so",
    "res_stasis_answer.so",
    "res_stasis_playback.so",
];

/// The driver of SIP calls, and what the dialplan reads their headers with: who calls, and who does not want to
/// be known.
const PJSIP: &str = "chan_pjsip.so";
const PJSIP_HEADERS: &str = "res_pjsip_header_funcs.so";

/// Modules of SIP without which some calls go wrong, and which.
const PJSIP_SERVES: [(&str, &str); 6] = [
    ("res_pjsip_dtmf_info.so", "digits by SIP INFO are not heard"),
    ("res_pjsip_dlg_options.so", "OPTIONS within a call is not answered"),
    ("res_pjsip_empty_info.so", "INFO without a body is not answered"),
    ("res_pjsip_messaging.so", "MESSAGE within a call is not answered"),
    ("res_pjsip_refer.so", "REFER is not answered"),
    ("res_pjsip_t38.so", "a call that offers fax beside its audio is silent"),
];

/// Modules that write channel events down, keyed digits among them if `cel.conf` says so.
const EVENT_WRITERS: [&str; 8] = [
    "cel_beanstalkd.so",
    "cel_custom.so",
    "cel_manager.so",
    "cel_odbc.so",
    "cel_pgsql.so",
    "cel_radius.so",
    "cel_sqlite3_custom.so",
    "cel_tds.so",
];

/// Copies SIP to a capture server, keys among it that come in INFO, if `hep.conf` says so.
const SIP_COPIER: &str = "res_hep_pjsip.so";

/// What tells Asterisk the time, without which it measures digits badly: one of them.
const TIMING: [&str; 4] = [
    "res_timing_timerfd.so",
    "res_timing_pthread.so",
    "res_timing_kqueue.so",
    "res_timing_dahdi.so",
];

/// The releases of each long-term series that have no known hole in ARI
/// (GHSA-wcvv-g26m-wx5c, GHSA-vrfp-mg3q-3959).
const SAFE_RELEASES: [[u32; 3]; 2] = [[20, 20, 1], [22, 10, 1]];

/// Something that the operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The line does not work, or leaks.
    Wrong(String),
    /// It may be meant, or not.
    Doubtful(String),
}

#[derive(Deserialize)]
struct Info {
    system: System,
}

#[derive(Deserialize)]
struct System {
    version: String,
}

#[derive(Deserialize)]
struct Module {
    name: String,
    status: String,
}

#[derive(Deserialize)]
struct LogChannel {
    channel: String,
    #[serde(default, rename = "type")]
    kind: String,
    configuration: String,
}

/// Looks at the configured Asterisk: version, modules, sounds, the ARI user, the dialplan's globals, and
/// what would leak digits into logs. Nothing is changed.
pub async fn check(ari: &config::Ari, expected: Expected<'_>) -> Vec<Finding> {
    let rest = match Rest::new(ari, Pace::default().request) {
        Ok(rest) => rest,
        Err(error) => return vec![Finding::Wrong(format!("ari: {}", Chain(&error)))],
    };
    match rest.get::<Info>("info", &["asterisk", "info"], Some("only=system")).await {
        Ok(info) => {
            let mut findings: Vec<Finding> =
                judge_version(&info.system.version).into_iter().collect();
            findings.extend(look(&rest, ari).await);
            findings.extend(beside(&rest, ari, expected).await);
            match dialplan::look(&rest, expected).await {
                Ok(found) => findings.extend(found),
                Err(error) => findings.push(untold("its dialplan's globals", &error)),
            }
            findings
        }
        Err(error) => vec![Finding::Wrong(unreached(ari, &error))],
    }
}

fn unreached(ari: &config::Ari, error: &RestError) -> String {
    let url = &ari.url;
    match error {
        RestError::Refused(status) if status.as_u16() == 401 => {
            format!("Asterisk at {url} does not know ari.user with ari.password")
        }
        RestError::Gone => format!("there is no ARI at {url}: is res_ari loaded and enabled?"),
        RestError::Refused(_)
        | RestError::NotSent(_)
        | RestError::OutcomeUnknown(_)
        | RestError::NotUnderstood(_) => format!("ARI at {url}: {}", Chain(error)),
    }
}

/// Its clock, and what stands in its files alone.
async fn beside(rest: &Rest, ari: &config::Ari, expected: Expected<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let before = clock::wall_clock();
    match dialplan::value(rest, "EPOCH").await {
        Ok(epoch) => findings.extend(judge_clock(&epoch, before)),
        Err(error) => findings.push(untold("its time", &error)),
    }
    match &ari.config_dir {
        Some(etc) => findings.extend(files::look(etc, &ari.user, expected)),
        None => findings.push(Finding::Doubtful(format!(
            "Asterisk's files were not looked at for what ARI at {} does not tell (sessions, time-outs, \
             event logs, who else is told digits, which endpoints can be forged): set ari.config_dir to their folder",
            ari.url
        ))),
    }
    findings
}

/// What `EPOCH` held at some moment since `before`.
fn judge_clock(epoch: &str, before: Timestamp) -> Option<Finding> {
    let Some(epoch) = epoch.parse().ok().filter(|epoch: &f64| epoch.is_finite()) else {
        return Some(Finding::Wrong(
            "Asterisk did not tell its time: EPOCH is no number".to_owned(),
        ));
    };
    let ahead_s = clock::ahead_s(epoch, epoch + 1.0, before, clock::wall_clock())?;
    Some(Finding::Wrong(format!("Asterisk's clock is {ahead_s:+.0} s from this machine's")))
}

async fn look(rest: &Rest, ari: &config::Ari) -> Vec<Finding> {
    let mut findings = Vec::new();
    match rest.get::<Vec<Module>>("modules", &["asterisk", "modules"], None).await {
        Ok(modules) => findings.extend(judge_modules(&modules, ari.config_dir.as_deref())),
        Err(error) => findings.push(untold("its modules", &error)),
    }
    match rest.get::<Vec<LogChannel>>("logging", &["asterisk", "logging"], None).await {
        Ok(channels) => findings.extend(channels.iter().filter_map(judge_log)),
        Err(error) => findings.push(untold("its log channels", &error)),
    }
    match rest.stop("karipass-check").await {
        Ok(()) => {}
        Err(RestError::Refused(status)) if status.as_u16() == 403 => {
            findings
                .push(Finding::Wrong("ari.user may only read (ari.conf: read_only)".to_owned()));
        }
        Err(error) => findings.push(untold("whether ari.user may write", &error)),
    }
    match rest.probe().await {
        Ok(()) => {}
        Err(error) => findings.push(untold("its channels", &error)),
    }
    match sounds::missing(rest, ari.sounds_dir.as_deref()).await {
        Ok(missing) => findings.extend(missing.into_iter().map(|sound| {
            Finding::Wrong(format!(
                "sound {sound} is missing in ja (after adding files: module reload sounds)"
            ))
        })),
        Err(error) => findings.push(untold("its sounds", &error)),
    }
    match twofold(rest).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(untold("its sounds' formats", &error)),
    }
    findings
}

fn untold(what: &str, error: &RestError) -> Finding {
    Finding::Wrong(format!("Asterisk did not tell {what}: {}", Chain(error)))
}

fn judge_version(version: &str) -> Option<Finding> {
    let Some(numbers @ [major, ..]) = numbers(version) else {
        return Some(Finding::Doubtful(format!("Asterisk {version}: not a release that is known")));
    };
    if major < 20 {
        return Some(Finding::Wrong(format!("Asterisk {version} is too old: 20 or 22 is needed")));
    }
    match SAFE_RELEASES.iter().find(|safe| safe.first() == Some(&major)) {
        Some(safe) if numbers < *safe => Some(Finding::Doubtful(format!(
            "Asterisk {version} has known holes in ARI (GHSA-wcvv-g26m-wx5c, GHSA-vrfp-mg3q-3959): \
             {}.{}.{} or later is recommended",
            safe[0], safe[1], safe[2]
        ))),
        Some(_) => None,
        None => Some(Finding::Doubtful(format!("Asterisk {version} is not tried: 20 and 22 are"))),
    }
}

/// The first three numbers of a version such as `22.10.1+dfsg`, `certified-20.7-cert5` or `20.9.0-rc1`.
fn numbers(version: &str) -> Option<[u32; 3]> {
    let start = version.find(|letter: char| letter.is_ascii_digit())?;
    let release = version.get(start..)?.split(['-', '+', '~', ' ']).next()?;
    let mut parts = release.split('.').map(|part| part.parse().ok());
    let major = parts.next()??;
    let minor = parts.next()??;
    Some([major, minor, parts.next().flatten().unwrap_or(0)])
}

fn judge_modules(modules: &[Module], etc: Option<&Path>) -> Vec<Finding> {
    let runs = |name: &str| modules.iter().any(|it| it.name == name && it.status == "Running");
    let missing = MODULES
        .into_iter()
        .chain(runs(PJSIP).then_some(PJSIP_HEADERS))
        .filter(|name| !runs(name))
        .map(|name| Finding::Wrong(format!("Asterisk's module {name} does not run")));
    let writers = EVENT_WRITERS
        .into_iter()
        .filter(|name| runs(name) && !etc.is_some_and(files::writes_no_digits))
        .map(|name| {
            Finding::Doubtful(format!(
                "Asterisk's module {name} runs: cel.conf must not name DTMF or ALL in events"
            ))
        });
    let unserved = PJSIP_SERVES.into_iter().filter(|(name, _)| runs(PJSIP) && !runs(name)).map(
        |(name, what)| Finding::Doubtful(format!("Asterisk's module {name} does not run: {what}")),
    );
    let copier = (runs(SIP_COPIER) && !etc.is_some_and(listeners::captures_nothing)).then(|| {
        Finding::Doubtful(format!(
            "Asterisk's module {SIP_COPIER} runs: unless hep.conf says enabled = no, SIP is copied to another \
             machine, and the keys that come in INFO with it"
        ))
    });
    let untimed = (!TIMING.into_iter().any(runs)).then(|| {
        Finding::Doubtful(format!(
            "none of Asterisk's timing modules runs ({}): the lengths of digits may be wrong",
            TIMING.join(", ")
        ))
    });
    missing.chain(unserved).chain(writers).chain(copier).chain(untimed).collect()
}

/// The sounds that are there in several formats: which of them is played depends on the call.
async fn twofold(rest: &Rest) -> Result<Vec<Finding>, RestError> {
    let told = |(sound, formats): (String, Vec<String>)| {
        let formats = formats.join(" and ");
        Finding::Doubtful(format!(
            "sound {sound} is there as {formats}: callers hear one or the other, which may have other words"
        ))
    };
    let ours = |(sound, formats): &(String, Vec<String>)| {
        SOUNDS.contains(&sound.as_str()) && formats.len() > 1
    };
    Ok(rest.sounds().await?.into_iter().filter(ours).map(told).collect())
}

fn judge_log(log: &LogChannel) -> Option<Finding> {
    let has = |wanted| log.configuration.split_whitespace().any(|level| level == wanted);
    let LogChannel { channel, kind, .. } = log;
    if has("DTMF") {
        Some(Finding::Wrong(format!("Asterisk's log {channel} shows keyed digits (level dtmf)")))
    } else if has("DEBUG") {
        Some(Finding::Doubtful(format!(
            "Asterisk's log {channel} has the level debug: from core set debug 4 on it shows keyed digits"
        )))
    } else if has("VERBOSE") && kind != "Console" {
        Some(Finding::Doubtful(format!(
            "Asterisk's log {channel} has the level verbose: from core set verbose 3 on it shows callers' numbers"
        )))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
