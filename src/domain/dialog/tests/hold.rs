//! The caller puts the call on hold, and resumes it.

use super::phone::{PhoneModel, SECOND};
use super::surroundings::World;
use crate::dialog::Outcome;
use crate::rules;

const PASSWORD: &str = "45678910";

#[test]
fn the_steps_guidance_plays_again_after_a_hold() {
    for (keyed, guidance) in [
        ("", "menu"),
        ("2", "enter-number"),
        ("1", "set-password(0312301230)"),
        ("145678910", "confirm-password"),
    ] {
        let mut phone = PhoneModel::calls(World::default());
        phone.keys(keyed);
        phone.wait(SECOND);
        phone.hold();
        phone.wait(30 * SECOND);
        let before = phone.heard().len();
        phone.unhold();
        phone.listen();
        assert!(phone.heard()[before..].ends_with(guidance), "{}", phone.heard());
        assert!(!phone.heard().contains("invalid"), "{}", phone.heard());
    }
}

#[test]
fn p11_no_silence_counts_while_a_call_is_held_and_half_an_entry_is_dropped() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("14567");
    for _ in 0..rules::MAX_WRONG_ENTRIES_PER_STEP {
        phone.hold();
        phone.wait(rules::FIRST_DIGIT_TIMEOUT + rules::INTER_DIGIT_TIMEOUT);
        phone.keys("8910");
        phone.unhold();
        phone.listen();
    }
    phone.keys(PASSWORD);
    phone.keys(PASSWORD);
    phone.wait_for_the_end();
    assert_eq!(phone.stored(), format!("line 0312301230 {PASSWORD}"));
    assert!(!phone.heard().contains("invalid"), "{}", phone.heard());
}

#[test]
fn p11_the_limit_of_the_call_runs_on_while_it_is_held() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("1");
    phone.hold();
    phone.wait(rules::MAX_CALL_DURATION);
    assert_eq!(phone.outcome(), Some(Outcome::TooLong));
}

#[test]
fn r_no_hold_keeps_a_call_that_has_nothing_stored() {
    let withheld = || PhoneModel::calls(World { caller: None, ..World::default() });
    let mut phone = withheld();
    phone.hold();
    phone.wait(6 * SECOND);
    assert_eq!((phone.is_over(), phone.heard().as_str()), (true, "not-available"));
    let mut phone = withheld();
    for _ in 0..20 {
        phone.hold();
        phone.wait(SECOND);
        phone.unhold();
        phone.wait(SECOND);
    }
    assert!(phone.is_over());
    assert_eq!(phone.outcome(), Some(Outcome::NotAvailable));
}

#[test]
fn p9_the_last_prompt_is_repeated_after_a_hold() {
    for hold_at_once in [true, false] {
        let mut phone = PhoneModel::calls(World { stores_in: Some(SECOND), ..World::default() });
        phone.keys(&format!("1{PASSWORD}{PASSWORD}"));
        if !hold_at_once {
            phone.wait(5 * SECOND);
        }
        phone.hold();
        phone.wait(60 * SECOND);
        assert!(!phone.is_over());
        phone.unhold();
        phone.wait_for_the_end();
        assert!(phone.heard().ends_with(" completed(0312301230)"), "{}", phone.heard());
        assert_eq!(phone.outcome(), Some(Outcome::Stored));
    }
}

#[test]
fn a_call_that_is_resumed_while_disconnected_continues_after_the_reconnection() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("1");
    phone.hold();
    phone.disconnect();
    phone.unhold();
    phone.wait(SECOND);
    phone.reconnect();
    phone.listen();
    phone.keys(PASSWORD);
    phone.keys(PASSWORD);
    phone.wait_for_the_end();
    assert_eq!(phone.outcome(), Some(Outcome::Stored));
}
