use super::*;

fn shown(text: &str) -> String {
    format!("{:?}", parse(text))
}

fn start(args: &str) -> IdentitySource {
    let text = format!(r#"{{"type":"StasisStart","args":{args},"channel":{{"id":"1.5"}}}}"#);
    let event = parse(&text).unwrap();
    let Event::StasisStart(channel, identity) = event else { panic!("{event:?}") };
    assert_eq!(channel, Channel { id: "1.5".to_owned(), endpoint: None });
    identity
}

/// As Asterisk 22.10.1 sends it.
const FINISHED: &str = r#"{"type": "PlaybackFinished", "timestamp": "2026-11-22T14:04:31.678+0000", "playback": {"id": "1795356271.3-7", "media_uri": "sound:karipass/a", "target_uri": "channel:1795356271.3", "language": "ja", "state": "done"}, "asterisk_id": "02:fc:00:00:00:01", "application": "karipass"}"#;

#[test]
fn p2_only_a_trusted_national_number_is_a_caller() {
    let number = "0612345678".parse().ok();
    let caller = |identity: IdentitySource| match identity {
        IdentitySource::InEvent(caller) => caller.number,
        IdentitySource::ChannelVariable => panic!("no argument"),
    };
    assert_eq!(caller(start(r#"["trusted","0612345678"]"#)), number);
    assert_eq!(caller(start(r#"["trusted","0612345678","a@b"]"#)), number);
    assert_eq!(parse_identity("1.5", "trusted/0612345678/1.5").number, number);
    assert_eq!(parse_identity("1.5", "trusted/0612345678/1.5/a@b").number, number);
    assert_eq!(start("[]"), IdentitySource::ChannelVariable);
    for other in [
        r#"["untrusted","0612345678"]"#,
        r#"["withheld",""]"#,
        r#"["trusted",""]"#,
        r#"["trusted","+81612345678"]"#,
        r#"["Trusted","0612345678"]"#,
        r#"["trusted","0612345678","x","y","z"]"#,
        r#"["trusted"]"#,
    ] {
        assert_eq!(caller(start(other)), None, "{other}");
    }
    for other in ["", "/", "trusted//1.5", "withheld//1.5", "untrusted/0612345678/1.5"] {
        assert_eq!(parse_identity("1.5", other).number, None, "{other}");
    }
}

#[test]
fn an_identity_names_its_verdict_its_evidence_and_the_invites_call_id() {
    let named = |found: CallerIdentity| {
        (found.verdict.as_str(), found.evidence.map(Evidence::as_str), found.sip_call_id)
    };
    for (text, verdict, evidence, sip_call_id) in [
        ("trusted/0612345678/1.5/asserted/a/b@x", "trusted", Some("asserted"), Some("a/b@x")),
        ("withheld//1.5/vouched/a", "withheld", Some("vouched"), Some("a")),
        ("untrusted//1.5/phone/", "untrusted", Some("phone"), None),
        ("trusted/0612345678/1.5/a/b@192.0.2.1", "trusted", None, Some("a/b@192.0.2.1")),
        ("else//1.5", "untrusted", None, None),
        ("trusted/0612345678/1.4/asserted/a", "untrusted", None, None),
    ] {
        let found = named(parse_identity("1.5", text));
        assert_eq!(found, (verdict, evidence, sip_call_id.map(str::to_owned)), "{text}");
    }
    for (arguments, evidence) in [
        (r#"["trusted","0612345678","a@b","phone"]"#, Some("phone")),
        (r#"["trusted","0612345678","a@b","else"]"#, None),
        (r#"["trusted","0612345678","a@b"]"#, None),
    ] {
        let IdentitySource::InEvent(found) = start(arguments) else { panic!("{arguments}") };
        assert_eq!(named(found), ("trusted", evidence, Some("a@b".to_owned())), "{arguments}");
    }
}

#[test]
fn a_calls_endpoint_is_the_one_in_its_channels_name() {
    for kind in ["StasisStart", "CallBroadcast"] {
        for (name, endpoint) in [
            ("PJSIP/carrier-00000001", "PJSIP/carrier"),
            ("PJSIP/carrier-2-0000ffff", "PJSIP/carrier-2"),
            ("Local/s@karipass-line-00000001;2", "Local/s@karipass-line"),
        ] {
            let text = format!(r#"{{"type":"{kind}","channel":{{"id":"c","name":"{name}"}}}}"#);
            let (Event::StasisStart(channel, _) | Event::CallBroadcast(channel)) =
                parse(&text).unwrap()
            else {
                panic!("{text}")
            };
            assert_eq!(channel.endpoint.as_deref(), Some(endpoint));
        }
    }
}

#[test]
fn p1_another_channels_variable_is_no_identity() {
    for on in ["", "/", "/1.4", "/1.51", "//1.5", "/x/1.5"] {
        let text = format!("trusted/0612345678{on}");
        assert_eq!(parse_identity("1.5", &text), CallerIdentity::default(), "{on}");
    }
}

#[test]
fn p1_a_channel_that_replaces_another_is_no_new_call() {
    let text = r#"{"type":"StasisStart","args":["trusted","0612345678"],"replace_channel":{"id":"1.5"},"channel":{"id":"1.6"}}"#;
    let Event::ChannelReplaced { channel, replaced } = parse(text).unwrap() else { panic!() };
    assert_eq!((channel.as_str(), replaced.as_str()), ("1.6", "1.5"));
}

#[test]
fn a_playback_belongs_to_its_channel_and_shows_how_it_ended() {
    assert_eq!(shown(FINISHED), r#"Ok(Call("1795356271.3", PlaybackFinished(Slot(7), Done)))"#);
    assert!(shown(&FINISHED.replace("done", "failed")).contains("Failed"));
    assert!(shown(&FINISHED.replace("done", "surprise")).contains("Failed"));
    assert_eq!(shown(&FINISHED.replace("3-7", "3-x")), "Ok(Other)");
    assert_eq!(shown(&FINISHED.replace("3-7", "3-8")), "Ok(Other)");
    assert_eq!(shown(&FINISHED.replace("1.3-7", "1.30-7")), "Ok(Other)");
    assert_eq!(shown(&FINISHED.replace("channel:", "bridge:")), "Ok(Other)");
}

#[test]
fn every_key_of_the_keypad_is_understood_and_none_is_shown() {
    let pressed = |digit: char| {
        format!(
            r#"{{"type":"ChannelDtmfReceived","digit":"{digit}","duration_ms":100,"channel":{{"id":"c"}}}}"#
        )
    };
    for digit in "0123456789*#ABCD".chars() {
        let wanted =
            r#"Ok(KeyPressed("c", KeyEvent { key: Key(…), held: 100ms, released_at: None }))"#;
        assert_eq!(shown(&pressed(digit)), wanted, "{digit}");
    }
    let set_back = shown(&pressed('5').replace(":100,", ":-100,"));
    assert!(set_back.contains("key: Key(…), held: 0ns"), "{set_back}");
    let at = r#""timestamp":"2026-11-22T14:04:31.678+0000","digit""#;
    let with_time = shown(&pressed('5').replace(r#""digit""#, at));
    assert!(
        with_time.contains("held: 100ms, released_at: Some(2026-11-22T14:04:31.678Z)"),
        "{with_time}"
    );
    assert!(parse(&pressed('x')).is_err());
}

#[test]
fn an_unknown_event_is_ignored() {
    assert_eq!(shown(r#"{"type":"ChannelVarset","channel":{"id":"c"}}"#), "Ok(Other)");
    assert_eq!(shown(r#"{"type":"PlaybackStarted"}"#), "Ok(Other)");
    assert_eq!(
        shown(r#"{"type":"ApplicationReplaced","application":"karipass"}"#),
        "Ok(AppReplaced)"
    );
}

#[test]
fn a_malformed_event_is_reported_without_its_text() {
    for malformed in [
        "12345678",
        r#"{"type":12345678}"#,
        r#"{"type":"ChannelDtmfReceived","digit":"12345678""#,
        r#"{"type":"ChannelDtmfReceived","digit":12345678,"channel":{"id":"c"}}"#,
        r#"{"type":"ChannelDtmfReceived","digit":"12345678","channel":{"id":"c"}}"#,
        r#"{"type":"StasisEnd"}"#,
    ] {
        let error = parse(malformed).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("12345678"), "{error}");
    }
}
