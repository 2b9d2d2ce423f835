//! The modules that Asterisk runs.

use std::path::Path;

use serde::Deserialize;

use super::finding::Finding;
use super::{files, listeners};

/// Modules that the dialplan, the sounds and ARI need. Drivers of trunks and telephones are the
/// PBX's choice.
const REQUIRED: [&str; 23] = [
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

const PJSIP: &str = "chan_pjsip.so";
/// The dialplan reads SIP headers with it, so `PJSIP` requires it.
const PJSIP_HEADERS: &str = "res_pjsip_header_funcs.so";

/// Modules without which some SIP calls fail, and how they fail.
const PJSIP_SERVICES: [(&str, &str); 6] = [
    ("res_pjsip_dtmf_info.so", "digits by SIP INFO are not heard"),
    ("res_pjsip_dlg_options.so", "OPTIONS within a call is not answered"),
    ("res_pjsip_empty_info.so", "INFO without a body is not answered"),
    ("res_pjsip_messaging.so", "MESSAGE within a call is not answered"),
    ("res_pjsip_refer.so", "REFER is not answered"),
    ("res_pjsip_t38.so", "a call that offers fax beside its audio is silent"),
];

/// Modules that record channel events. Keyed digits are among them if `cel.conf` says so.
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

/// Copies SIP to a capture server if `hep.conf` says so. Digits by SIP INFO are part of it.
const SIP_CAPTURE: &str = "res_hep_pjsip.so";

/// Any one of these lets Asterisk measure the lengths of digits well.
const TIMING: [&str; 4] = [
    "res_timing_timerfd.so",
    "res_timing_pthread.so",
    "res_timing_kqueue.so",
    "res_timing_dahdi.so",
];

/// A module as ARI describes it.
#[derive(Deserialize)]
pub(super) struct LoadedModule {
    name: String,
    status: String,
}

/// Judges what runs; `config_dir` may show that a doubtful module is harmless.
pub(super) fn judge(modules: &[LoadedModule], config_dir: Option<&Path>) -> Vec<Finding> {
    let runs = |name: &str| modules.iter().any(|it| it.name == name && it.status == "Running");
    let mut findings = Vec::new();
    for name in REQUIRED.into_iter().chain(runs(PJSIP).then_some(PJSIP_HEADERS)) {
        if !runs(name) {
            findings.push(Finding::error(format!("Asterisk's module {name} does not run")));
        }
    }
    for (name, consequence) in PJSIP_SERVICES {
        if runs(PJSIP) && !runs(name) {
            findings.push(Finding::warning(format!(
                "Asterisk's module {name} does not run: {consequence}"
            )));
        }
    }
    let records_digits = !config_dir.is_some_and(files::records_no_digits);
    for name in EVENT_WRITERS {
        if runs(name) && records_digits {
            findings.push(Finding::warning(format!(
                "Asterisk's module {name} runs: events in cel.conf must not name DTMF or ALL"
            )));
        }
    }
    if runs(SIP_CAPTURE) && !config_dir.is_some_and(listeners::captures_no_sip) {
        findings.push(Finding::warning(format!(
            "Asterisk's module {SIP_CAPTURE} runs: unless hep.conf says enabled = no, it copies \
             SIP to another machine, with the digits in INFO"
        )));
    }
    if !TIMING.into_iter().any(runs) {
        findings.push(Finding::warning(format!(
            "none of Asterisk's timing modules runs ({}): the lengths of digits may be wrong",
            TIMING.join(", ")
        )));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    const SAMPLE: &str = include_str!("../../asterisk/etc/modules.conf");

    fn modules(names: &[&str], status: &str) -> Vec<LoadedModule> {
        let module =
            |name: &&str| LoadedModule { name: (*name).to_owned(), status: status.to_owned() };
        names.iter().map(module).collect()
    }

    fn findings(names: &[&str]) -> Vec<Finding> {
        judge(&modules(names, "Running"), None)
    }

    #[test]
    fn the_modules_of_the_dialplan_are_required() {
        let (_, rest) = SAMPLE.split_once("; dialplan\nload = pbx_config.so\n").unwrap();
        let (dialplan, _) = rest.split_once("\n\n").unwrap();
        let mut modules = dialplan.lines().map(|line| line.strip_prefix("load = ").unwrap());
        assert!(modules.all(|module| REQUIRED.contains(&module)), "{dialplan}");
    }

    #[test]
    fn missing_and_leaking_modules_are_found() {
        let timed = [&REQUIRED[..], &[TIMING[0]]].concat();
        assert_eq!(findings(&timed), []);
        assert_eq!(judge(&modules(&timed, "Not Running"), None).len(), REQUIRED.len() + 1);
        assert_eq!(findings(&timed[1..]).len(), 1);
        assert_eq!(findings(&REQUIRED).len(), 1, "no timing module");
        let with_sip = [&timed[..], &[PJSIP], &PJSIP_SERVICES.map(|(name, _)| name)].concat();
        assert_eq!(findings(&with_sip).len(), 1, "no PJSIP_HEADERS");
        assert_eq!(findings(&[&with_sip[..], &[PJSIP_HEADERS]].concat()), []);
        let without_services = findings(&[&timed[..], &[PJSIP, PJSIP_HEADERS]].concat());
        assert_eq!(without_services.len(), PJSIP_SERVICES.len());
        assert!(without_services.iter().all(|finding| finding.severity == Severity::Warning));
        for leaking in ["cel_custom.so", "cel_radius.so", "cel_beanstalkd.so", SIP_CAPTURE] {
            let found = findings(&[&timed[..], &[leaking]].concat());
            assert!(
                matches!(&found[..], [Finding { severity: Severity::Warning, .. }]),
                "{found:?}"
            );
        }
    }
}
