//! One press counts once, however often a telephone reports it (`P12`). The times are real ones.

use std::time::Duration;

use proptest::prelude::*;

use super::phone::{PhoneModel, SECOND};
use super::surroundings::{ADDITIONAL, World};
use crate::dialog::Outcome;
use crate::rules;

const PASSWORD: &str = "11223344";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The reports of one press: how long after its beginning, and with which duration.
type KeyReports = Vec<(u64, u64)>;

/// Presses all keys of a call ahead, each key for `tone` with `gap` after it.
fn keys_all(phone: &mut PhoneModel, password: &str, tone: u64, gap: u64, reports: &KeyReports) {
    for key in format!("1{password}{password}").chars() {
        presses(phone, key, tone, gap, reports);
    }
}

fn presses(phone: &mut PhoneModel, key: char, tone: u64, gap: u64, reports: &KeyReports) {
    let mut at = 0;
    for (at_ms, held) in reports {
        phone.wait(ms(at_ms - at));
        at = *at_ms;
        phone.report_key(key, ms(*held));
    }
    phone.wait(ms((tone + gap).saturating_sub(at)));
}

fn stores_once(tone: u64, gap: u64, reports: &[(u64, u64)]) {
    let mut phone = PhoneModel::calls(World::default());
    phone.wait(SECOND);
    keys_all(&mut phone, PASSWORD, tone, gap, &reports.to_vec());
    phone.wait_for_the_end();
    assert_eq!(phone.stored(), format!("line 0312301230 {PASSWORD}"), "{reports:?}");
    assert_eq!(phone.outcome(), Some(Outcome::Stored));
}

#[test]
fn p12_a_key_sent_as_rfc_4733_and_as_sip_info_counts_once() {
    stores_once(100, 100, &[(0, 100), (100, 120)]);
    stores_once(100, 40, &[(0, 250), (100, 100)]);
    stores_once(100, 60, &[(100, 100), (110, 100)]);
    stores_once(400, 100, &[(5, 100), (400, 400)]);
}

#[test]
fn p12_end_packets_with_time_stamps_of_their_own_count_once() {
    stores_once(120, 100, &[(120, 120), (124, 120), (130, 120)]);
}

#[test]
fn p12_a_key_that_is_reported_in_two_parts_counts_once() {
    stores_once(300, 100, &[(40, 40), (120, 300)]);
    stores_once(300, 100, &[(40, 40), (300, 300)]);
}

#[test]
fn p12_the_fastest_digits_count_each() {
    stores_once(40, 40, &[(40, 40)]);
    // An end that is reported late shortens the distance to the next one.
    for late in [10, 20] {
        let mut phone = PhoneModel::calls(World::default());
        phone.report_key('1', ms(40));
        for key in "11223344".repeat(2).as_bytes().chunks(2) {
            phone.wait(ms(80 + late));
            phone.report_key(key[0].into(), ms(40));
            phone.wait(ms(80 - late));
            phone.report_key(key[1].into(), ms(40));
        }
        phone.wait_for_the_end();
        assert_eq!(phone.outcome(), Some(Outcome::Stored));
    }
}

#[test]
fn keys_of_a_telephone_that_gives_all_the_same_duration_count_each() {
    let mut phone = PhoneModel::calls(World::default());
    for key in format!("1{}{}", "57112233", "57112233").chars() {
        phone.wait(ms(180));
        phone.report_key(key, ms(250));
    }
    phone.wait_for_the_end();
    assert_eq!(phone.stored(), "line 0312301230 57112233");
}

#[test]
fn p12_a_key_held_since_before_invalid_neither_counts_nor_stops_it() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("1");
    phone.listen();
    phone.keys("4");
    phone.wait(rules::INTER_DIGIT_TIMEOUT + SECOND);
    assert!(phone.heard().ends_with("invalid…"), "{}", phone.heard());
    phone.report_key('5', 5 * SECOND);
    phone.wait(SECOND);
    assert!(phone.heard().ends_with("invalid…"), "{}", phone.heard());
    phone.listen();
    assert!(phone.heard().ends_with("invalid set-password(0312301230)"), "{}", phone.heard());
    phone.keys("4567891045678910");
    phone.wait_for_the_end();
    assert_eq!(phone.stored(), "line 0312301230 45678910");
}

#[test]
fn p12_a_key_held_until_silence_has_completed_its_entry_is_none_of_the_next() {
    for key in ['#', '5'] {
        let mut phone = PhoneModel::calls(World::default());
        phone.keys("2");
        phone.listen();
        phone.keys(ADDITIONAL);
        phone.wait(rules::INTER_DIGIT_TIMEOUT + SECOND);
        phone.report_key(key, 5 * SECOND);
        phone.wait(SECOND);
        phone.keys("4567891045678910");
        phone.wait_for_the_end();
        assert!(!phone.heard().contains("invalid"), "{key}: {}", phone.heard());
        assert_eq!(phone.stored(), format!("number {ADDITIONAL} 45678910"), "{key}");
    }
}

/// How a telephone, or a device on the way, reports a press.
#[derive(Debug, Clone, Copy)]
enum Way {
    Once,
    /// SIP INFO as the key goes down, with this duration, and RFC 4733.
    Both(u64),
    /// The same with SIP INFO when the key comes up, this much later.
    BothAtRelease(u64),
    /// Three ends.
    Ends,
    /// In two parts, the first this long.
    Parts(u64),
}

impl Way {
    fn reports(self, tone: u64) -> KeyReports {
        match self {
            Self::Once => vec![(tone, tone)],
            Self::Both(info) => vec![(0, info), (tone, tone)],
            Self::BothAtRelease(later) => vec![(tone, tone), (tone + later, tone)],
            Self::Ends => vec![(tone, tone), (tone + 4, tone), (tone + 10, tone)],
            Self::Parts(first) => vec![(tone * first / 10, tone * first / 10), (tone, tone)],
        }
    }
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        Just(Way::Once),
        (40_u64..300).prop_map(Way::Both),
        (0_u64..35).prop_map(Way::BothAtRelease),
        Just(Way::Ends),
        (1_u64..10).prop_map(Way::Parts),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p12_the_stored_password_is_the_keyed_one_or_none(
        password in "[1-3]{8}",
        way in way(),
        tone in 40_u64..400,
        gap in 40_u64..400,
        lost in prop::option::of(0_usize..17),
    ) {
        let mut phone = PhoneModel::calls(World::default());
        phone.wait(SECOND);
        for (place, key) in format!("1{password}{password}").chars().enumerate() {
            let reports = if lost == Some(place) { Vec::new() } else { way.reports(tone) };
            presses(&mut phone, key, tone, gap, &reports);
        }
        phone.wait_for_the_end();
        let keyed = format!("line 0312301230 {password}");
        prop_assert!(phone.stored().is_empty() || phone.stored() == keyed, "{}", phone.stored());
        if lost.is_none() {
            prop_assert_eq!(phone.stored(), keyed);
        }
    }
}
