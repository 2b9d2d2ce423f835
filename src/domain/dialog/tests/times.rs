//! Silence, keys during and before guidance, hanging up, an unreachable database: `P11` to `P15`.
#![expect(clippy::unchecked_time_subtraction, reason = "a test fails by panicking")]

use std::time::Duration;

use super::phone::{BETWEEN_KEYS, PhoneModel, SECOND};
use super::surroundings::World;
use crate::dialog::{LookupResult, Outcome, StoreResult};
use crate::rules;

const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn p11_the_first_digit_has_ten_seconds_from_the_guidances_end() {
    let mut phone = PhoneModel::calls(World::default());
    phone.listen();
    phone.wait(rules::FIRST_DIGIT_TIMEOUT - MOMENT);
    assert_eq!(phone.heard(), "menu");
    phone.wait(2 * MOMENT);
    assert_eq!(phone.heard(), "menu invalid…");
}

#[test]
fn p11_each_further_digit_has_five_seconds() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("1");
    phone.listen();
    for digit in ["4", "5", "6", "7"] {
        phone.keys(digit);
        phone.wait(rules::INTER_DIGIT_TIMEOUT - BETWEEN_KEYS - MOMENT);
        assert_eq!(phone.heard(), "menu… set-password(0312301230)");
    }
    phone.wait(BETWEEN_KEYS + 2 * MOMENT);
    assert_eq!(phone.heard(), "menu… set-password(0312301230) invalid…");
}

#[test]
fn p11_a_number_that_silence_ends_is_taken_as_it_stands() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("2");
    phone.listen();
    phone.keys("0312301231");
    phone.wait(rules::INTER_DIGIT_TIMEOUT);
    phone.listen();
    assert_eq!(phone.heard(), "menu… enter-number set-password(0312301231)");
}

#[test]
fn p11_the_call_ends_after_five_minutes_even_in_mid_entry() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("2");
    while !phone.is_over() {
        phone.keys("0");
        phone.wait(SECOND);
        assert!(phone.call.deadline().is_none_or(|at| at > phone.now));
    }
    assert_eq!(phone.outcome(), Some(Outcome::TooLong));
    assert_eq!(phone.outputs.last().map(String::as_str), Some("HangUp"));
    assert_eq!(phone.heard(), "menu… enter-number…");
}

#[test]
fn p11_the_absolute_limit_is_exact_and_cuts_a_guidance() {
    let mut phone = PhoneModel::calls(World::default());
    let end = phone.now + rules::MAX_CALL_DURATION;
    phone.keys("2");
    while phone.now < end - 8 * SECOND {
        phone.keys("0");
        phone.wait(SECOND / 2);
    }
    phone.wait(end - MOMENT - phone.now);
    assert!(phone.heard().ends_with(" invalid…"), "{}", phone.heard());
    assert!(!phone.is_over());
    phone.wait(MOMENT);
    assert!(phone.is_over());
}

#[test]
fn p11_storing_and_the_last_guidance_are_not_cut() {
    let mut phone = PhoneModel::calls(World { stores_in: Some(3 * SECOND), ..World::default() });
    let end = phone.now + rules::MAX_CALL_DURATION;
    phone.keys("2");
    while phone.now < end - 9 * SECOND {
        phone.keys("0");
        phone.wait(SECOND / 2);
    }
    phone.keys("#");
    phone.wait(SECOND / 10);
    phone.keys("0312301231#45678910");
    phone.keys("45678910");
    assert!(phone.now < end);
    phone.wait(end + SECOND - phone.now);
    assert_eq!(phone.stored(), "number 0312301231 45678910");
    phone.wait_for_the_end();
    assert!(phone.heard().ends_with(" completed(0312301231)"));
    assert_eq!(phone.outcome(), Some(Outcome::Stored));
}

#[test]
fn p12_a_key_stops_the_guidance_at_once_and_counts() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("1");
    phone.wait(SECOND);
    phone.keys("4");
    assert_eq!(phone.heard(), "menu… set-password(0312301230)…");
    phone.keys("5678910");
    phone.keys("45678910");
    phone.wait_for_the_end();
    assert_eq!(
        phone.heard(),
        "menu… set-password(0312301230)… confirm-password… completed(0312301230)"
    );
}

#[test]
fn p12_keys_ahead_of_the_next_guidance_count_even_before_it_starts() {
    let mut phone = PhoneModel::calls(World::default());
    phone.burst("145678910#45678910#");
    phone.wait_for_the_end();
    assert_eq!(phone.stored(), "line 0312301230 45678910");
    assert_eq!(phone.heard(), "completed(0312301230)");
}

#[test]
fn p12_after_a_wrong_entry_keys_from_before_invalid_are_dropped() {
    let mut phone = PhoneModel::calls(World::default());
    phone.burst("923");
    phone.listen();
    assert_eq!(phone.heard(), "invalid");
    phone.keys("1");
    phone.listen();
    assert_eq!(phone.heard(), "invalid set-password(0312301230)");
}

#[test]
fn p12_keys_during_invalid_stop_it_and_the_guidance_behind_it() {
    let mut phone = PhoneModel::calls(World::default());
    phone.stay_silent();
    phone.wait(SECOND);
    phone.keys("1");
    phone.listen();
    assert_eq!(phone.heard(), "menu invalid… set-password(0312301230)");
}

#[test]
fn p13_hanging_up_ends_the_call_at_every_point() {
    let points = ["", "2", "20312301231", "20312301231#456", "20312301231#456789104567891"];
    for keyed in points {
        let mut phone = PhoneModel::calls(World::default());
        phone.keys(keyed);
        phone.hang_up();
        assert_eq!(phone.outcome(), Some(Outcome::HungUp), "{keyed}");
        assert_eq!(phone.stored(), "");
        assert_eq!(phone.call.deadline(), None);
    }
}

#[test]
fn p13_hanging_up_while_storing_leaves_it_to_the_commit() {
    let mut phone = PhoneModel::calls(World { stores_in: Some(SECOND), ..World::default() });
    phone.keys("14567891045678910");
    phone.hang_up();
    assert_eq!(phone.outcome(), Some(Outcome::HungUp));
    assert_eq!(phone.call.deadline(), None);
}

#[test]
fn p13_hanging_up_during_completed_leaves_it_stored() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("14567891045678910");
    phone.wait(SECOND);
    phone.hang_up();
    assert_eq!(phone.outcome(), Some(Outcome::Stored));
}

#[test]
fn p15_trouble_is_heard_if_the_contract_cannot_be_looked_up() {
    let mut phone =
        PhoneModel::calls(World { finds: |_| LookupResult::Unreachable, ..World::default() });
    phone.wait_for_the_end();
    assert_eq!(phone.heard(), "trouble");
    assert_eq!(phone.outcome(), Some(Outcome::Trouble));
}

#[test]
fn p15_trouble_is_heard_in_time_if_the_look_up_never_answers() {
    let mut phone = PhoneModel::calls(World { finds_in: None, ..World::default() });
    phone.wait(rules::TROUBLE_TIMEOUT - SECOND);
    assert_eq!(phone.heard(), "trouble…");
    assert_eq!(phone.outputs.last().map(String::as_str), Some("CancelPending"));
    phone.wait_for_the_end();
    assert_eq!(phone.heard(), "trouble");
}

#[test]
fn p15_trouble_is_heard_if_nothing_can_be_stored() {
    let mut phone =
        PhoneModel::calls(World { stores: StoreResult::Unreachable, ..World::default() });
    phone.keys("14567891045678910");
    phone.wait_for_the_end();
    assert!(phone.heard().ends_with(" trouble"));
    assert!(!phone.heard().contains("completed"));
    assert_eq!(phone.outcome(), Some(Outcome::Trouble));
}

#[test]
fn p15_trouble_is_heard_in_time_if_storing_never_answers() {
    let mut phone = PhoneModel::calls(World { stores_in: None, ..World::default() });
    phone.keys("14567891045678910");
    phone.wait(rules::TROUBLE_TIMEOUT - SECOND);
    assert!(phone.heard().ends_with(" trouble…"));
    assert_eq!(phone.outputs.last().map(String::as_str), Some("CancelPending"));
    phone.wait_for_the_end();
    assert_eq!(phone.outcome(), Some(Outcome::Trouble));
}
