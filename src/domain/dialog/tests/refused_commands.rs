//! The PBX reports keys and refuses commands: no key counts whose guidance was not played.

use super::channel::Fate;
use super::phone::{PhoneModel, SECOND};
use super::surroundings::World;
use crate::dialog::Outcome;
use crate::dialog::prompt::Prompt;

const PASSWORD_TWICE: &str = "4567891045678910";

/// From this key on the PBX obeys nothing.
fn refused_after(keys: &str) -> PhoneModel {
    let mut phone = PhoneModel::calls(World::default());
    phone.wait(SECOND);
    let (last, before) = (keys.len() - 1, &keys[..keys.len() - 1]);
    phone.keys(before);
    phone.refuse();
    phone.keys(&keys[last..]);
    phone
}

#[test]
fn p12_keys_before_the_refusal_is_known_do_not_count() {
    for keyed in ["1", "2", "20312301231#", "145678910", "20312301231#45678910"] {
        let mut phone = refused_after(keyed);
        phone.keys(PASSWORD_TWICE);
        phone.notice_refusal();
        phone.wait(2 * SECOND);
        phone.reconnect();
        phone.listen();
        assert_eq!(phone.stored(), "", "{keyed}");
        phone.hang_up();
        assert_eq!(phone.outcome(), Some(Outcome::HungUp), "{keyed}");
    }
}

#[test]
fn p12_keys_after_a_known_refusal_do_not_count() {
    for keyed in ["1", "145678910", "1456", "1456789104567"] {
        let mut phone = refused_after(keyed);
        phone.notice_refusal();
        for _ in 0..3 {
            phone.keys(PASSWORD_TWICE);
            phone.keys(PASSWORD_TWICE);
        }
        phone.reconnect();
        phone.listen();
        assert_eq!(phone.stored(), "", "{keyed}");
    }
}

#[test]
fn p12_keys_between_two_refusals_do_not_count() {
    let mut phone = refused_after("1");
    phone.notice_refusal();
    for _ in 0..4 {
        phone.obey_once();
        phone.keys(PASSWORD_TWICE);
        phone.notice_refusal();
    }
    assert_eq!(phone.stored(), "");
    phone.reconnect();
    phone.listen();
    phone.keys(PASSWORD_TWICE);
    phone.wait_for_the_end();
    assert_eq!(phone.stored(), "line 0312301230 45678910");
}

#[test]
fn the_step_is_asked_again_with_its_guidance_after_a_refusal() {
    let mut phone = refused_after("145678910");
    phone.keys("45678910");
    phone.notice_refusal();
    phone.reconnect();
    phone.listen();
    assert!(phone.heard().ends_with("confirm-password"), "{}", phone.heard());
    phone.keys("45678910");
    phone.wait_for_the_end();
    assert_eq!(phone.outcome(), Some(Outcome::Stored));
}

#[test]
fn p12_keys_ahead_of_a_guidance_that_fails_once_are_dropped() {
    let fate = |prompts: &[Prompt], earlier| match prompts {
        [Prompt::SetPassword(_)] if earlier == 1 => Fate::Fails,
        _ => Fate::Plays,
    };
    let mut phone = PhoneModel::calls(World { fate, ..World::default() });
    phone.burst(&format!("1{PASSWORD_TWICE}"));
    phone.listen();
    assert_eq!(phone.stored(), "");
    assert!(phone.heard().ends_with("set-password(0312301230)"), "{}", phone.heard());
}

#[test]
fn more_keys_ahead_than_a_call_takes_are_dropped() {
    let mut phone = PhoneModel::calls(World::default());
    phone.burst(&format!("1{}", PASSWORD_TWICE.repeat(5)));
    phone.listen();
    assert_eq!(phone.stored(), "");
    assert_eq!(phone.heard(), "set-password(0312301230)");
}

#[test]
fn p11_the_limit_of_the_call_ends_a_call_whose_commands_are_never_obeyed() {
    let mut phone = refused_after("1");
    phone.notice_refusal();
    phone.wait_for_the_end();
    assert_eq!((phone.outcome(), phone.stored().as_str()), (Some(Outcome::TooLong), ""));
}

#[test]
fn a_guidance_that_neither_begins_nor_fails_in_time_is_trouble() {
    let mut phone = refused_after("1");
    phone.wait(41 * SECOND);
    phone.keys(PASSWORD_TWICE);
    assert_eq!((phone.outcome(), phone.stored().as_str()), (Some(Outcome::Trouble), ""));
}
