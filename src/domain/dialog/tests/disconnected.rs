//! The PBX is disconnected for a while: the call continues where it was.

use super::phone::{PhoneModel, SECOND};
use super::surroundings::World;
use crate::dialog::Outcome;
use crate::dialog::{LookupResult, StoreResult};
use crate::rules;

/// Disconnected for longer than every limit of an entry, and reconnected.
fn outage(phone: &mut PhoneModel) {
    phone.disconnect();
    phone.wait(30 * SECOND);
    phone.reconnect();
}

#[test]
fn the_guidance_at_hand_is_played_again_from_its_start() {
    let mut phone = PhoneModel::calls(World::default());
    phone.wait(SECOND);
    outage(&mut phone);
    phone.keys("1");
    phone.wait(SECOND);
    outage(&mut phone);
    phone.listen();
    assert!(
        phone.heard().contains("menu trouble-by-itself menu… set-password"),
        "{}",
        phone.heard()
    );
    assert!(phone.heard().ends_with("set-password(0312301230)"), "{}", phone.heard());
}

#[test]
fn p11_no_limit_of_an_entry_runs_and_nothing_counts_as_wrong() {
    let mut phone = PhoneModel::calls(World::default());
    phone.listen();
    for _ in 0..rules::MAX_WRONG_ENTRIES_PER_STEP {
        outage(&mut phone);
        phone.listen();
    }
    assert!(!phone.heard().contains("invalid"), "{}", phone.heard());
    phone.keys("14567891045678910");
    phone.wait_for_the_end();
    assert_eq!(phone.outcome(), Some(Outcome::Stored));
}

#[test]
fn p11_the_limit_of_the_call_runs_on() {
    let mut phone = PhoneModel::calls(World::default());
    phone.listen();
    phone.disconnect();
    phone.wait(rules::MAX_CALL_DURATION);
    assert_eq!(phone.outcome(), Some(Outcome::TooLong));
}

#[test]
fn half_an_entry_is_dropped() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("14567891");
    outage(&mut phone);
    phone.keys("0");
    phone.wait(SECOND);
    phone.keys("1111111");
    phone.wait(SECOND);
    phone.keys("01111111");
    phone.wait_for_the_end();
    assert_eq!(phone.outcome(), Some(Outcome::Stored));
    assert_eq!(phone.stored[0].password.expose(), b"01111111");
}

#[test]
fn p9_a_password_stored_during_an_outage_is_announced_afterwards() {
    let mut phone = PhoneModel::calls(World { stores_in: Some(SECOND), ..World::default() });
    phone.keys("14567891045678910");
    assert!(phone.asks);
    outage(&mut phone);
    phone.wait_for_the_end();
    assert!(phone.heard().ends_with("completed(0312301230)"), "{}", phone.heard());
}

#[test]
fn the_last_prompt_is_repeated() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("14567891045678910");
    phone.wait(SECOND);
    outage(&mut phone);
    phone.wait_for_the_end();
    // Once more by itself, and from its start after the reconnection.
    assert_eq!(phone.heard().matches("completed").count(), 3, "{}", phone.heard());
    assert!(!phone.heard().contains("trouble"), "{}", phone.heard());
}

#[test]
fn without_a_hangup_the_last_guidance_plays_again_and_then_trouble() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("14567891045678910");
    phone.wait(SECOND);
    phone.disconnect();
    phone.wait(60 * SECOND);
    let completed = "completed(0312301230)";
    assert!(
        phone.heard().ends_with(&format!("{completed} {completed} trouble-by-itself")),
        "{}",
        phone.heard()
    );
}

#[test]
fn a_database_still_at_work_is_waited_for() {
    let stores_in = Some(3 * SECOND);
    let mut phone = PhoneModel::calls(World { stores_in, ..World::default() });
    phone.keys("14567891045678910");
    phone.disconnect();
    phone.reconnect();
    phone.wait_for_the_end();
    assert_eq!(phone.outcome(), Some(Outcome::Stored));
}

#[test]
fn p15_an_unreachable_database_is_trouble_all_the_same() {
    for (stores, stores_in) in
        [(StoreResult::Unreachable, Some(SECOND)), (StoreResult::Stored, None)]
    {
        let mut phone = PhoneModel::calls(World { stores, stores_in, ..World::default() });
        phone.keys("14567891045678910");
        outage(&mut phone);
        phone.wait_for_the_end();
        assert!(phone.heard().ends_with("trouble"), "{}", phone.heard());
        assert_eq!(phone.outcome(), Some(Outcome::Trouble));
    }
}

#[test]
fn a_call_that_still_rings_goes_on_ringing() {
    let finds = |contract| LookupResult::Found(Box::new(contract));
    let finds_in = Some(2 * SECOND);
    let mut phone = PhoneModel::calls(World { finds, finds_in, ..World::default() });
    phone.disconnect();
    phone.reconnect();
    assert_eq!(phone.heard(), "");
    phone.listen();
    phone.wait(2 * SECOND);
    phone.listen();
    assert_eq!(phone.heard(), "menu");
}
