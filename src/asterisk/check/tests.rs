use super::*;

#[test]
fn versions_are_told_apart() {
    for safe in ["22.10.1+dfsg+~cs6.17.60671434-1", "22.11.0", "20.20.1", "20.21.0-rc1"] {
        assert_eq!(judge_version(safe), None, "{safe}");
    }
    for old in ["18.26.4", "16.2.1~dfsg-1", "certified/18.9-cert5"] {
        assert!(matches!(judge_version(old), Some(Finding::Wrong(_))), "{old}");
    }
    for doubtful in
        ["22.10.0", "22.9.3", "20.9.0", "certified-20.7-cert5", "21.12.1", "23.2.0", "GIT-master"]
    {
        assert!(matches!(judge_version(doubtful), Some(Finding::Doubtful(_))), "{doubtful}");
    }
}

#[test]
fn a_log_that_shows_digits_is_found() {
    let log = |configuration: &str| {
        let (channel, configuration) = ("full".to_owned(), configuration.to_owned());
        judge_log(&LogChannel { channel, kind: "File".to_owned(), configuration })
    };
    assert_eq!(log("NOTICE WARNING ERROR "), None);
    assert!(matches!(log("NOTICE DEBUG DTMF "), Some(Finding::Wrong(_))));
    assert!(matches!(log("DEBUG NOTICE "), Some(Finding::Doubtful(_))));
    assert!(matches!(log("VERBOSE "), Some(Finding::Doubtful(_))));
}

#[test]
fn the_modules_that_the_dialplan_is_made_of_are_asked_for() {
    let sample = include_str!("../../../asterisk/etc/modules.conf");
    let (_, rest) = sample.split_once("; dialplan\nload = pbx_config.so\n").unwrap();
    let (dialplan, _) = rest.split_once("\n\n").unwrap();
    let mut modules = dialplan.lines().map(|line| line.strip_prefix("load = ").unwrap());
    assert!(modules.all(|module| MODULES.contains(&module)), "{dialplan}");
}

#[test]
fn missing_modules_and_writers_of_events_are_found() {
    let modules = |names: &[&str], status: &str| -> Vec<Module> {
        let module = |name: &&str| Module { name: (*name).to_owned(), status: status.to_owned() };
        names.iter().map(module).collect()
    };
    let timed = [&MODULES[..], &[TIMING[0]]].concat();
    assert_eq!(judge_modules(&modules(&timed, "Running"), None), []);
    assert_eq!(judge_modules(&modules(&timed, "Not Running"), None).len(), MODULES.len() + 1);
    assert_eq!(judge_modules(&modules(&timed[1..], "Running"), None).len(), 1);
    assert_eq!(judge_modules(&modules(&MODULES, "Running"), None).len(), 1, "untimed");
    let with_sip = [&timed[..], &[PJSIP], &PJSIP_SERVES.map(|(name, _)| name)].concat();
    assert_eq!(judge_modules(&modules(&with_sip, "Running"), None).len(), 1);
    let with_headers = [&with_sip[..], &[PJSIP_HEADERS]].concat();
    assert_eq!(judge_modules(&modules(&with_headers, "Running"), None), []);
    let unserved = [&timed[..], &[PJSIP, PJSIP_HEADERS]].concat();
    let findings = judge_modules(&modules(&unserved, "Running"), None);
    assert_eq!(findings.len(), PJSIP_SERVES.len());
    assert!(findings.iter().all(|finding| matches!(finding, Finding::Doubtful(_))));
    for writer in ["cel_custom.so", "cel_radius.so", "cel_beanstalkd.so", SIP_COPIER] {
        let with_writer = [&timed[..], &[writer]].concat();
        assert!(matches!(
            judge_modules(&modules(&with_writer, "Running"), None)[..],
            [Finding::Doubtful(_)]
        ));
    }
}
