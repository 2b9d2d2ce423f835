//! The password, its confirmation, and wrong entries: `P7` to `P10`.

use super::phone::{PhoneModel, SECOND};
use super::surroundings::World;
use crate::dialog::{Outcome, Progress, Refusal, StepName, StoreResult, WrongEntry};
use crate::rules;

const ASKED: &str = "menu… set-password(0312301230)";

/// A call that waits for the password after its guidance.
fn asked_for_password() -> PhoneModel {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("1");
    phone.listen();
    assert_eq!(phone.heard(), ASKED);
    phone
}

/// A call that waits for the confirmation of 45678910 after its guidance.
fn asked_to_confirm() -> PhoneModel {
    let mut phone = asked_for_password();
    phone.keys("45678910");
    phone.listen();
    phone
}

/// Everything heard after `ASKED`.
fn heard_since(phone: &PhoneModel) -> String {
    phone.heard().strip_prefix(ASKED).unwrap().trim_start().to_owned()
}

#[test]
fn p7_the_eighth_digit_completes_the_entry() {
    let mut phone = asked_for_password();
    phone.keys("4567891");
    assert_eq!(heard_since(&phone), "");
    phone.keys("0");
    phone.wait(SECOND);
    assert_eq!(heard_since(&phone), "confirm-password…");
}

#[test]
fn p7_a_hash_right_after_the_eighth_digit_belongs_to_it() {
    let mut phone = asked_for_password();
    phone.keys("45678910#");
    phone.listen();
    phone.keys("45678910#");
    phone.wait_for_the_end();
    assert_eq!(heard_since(&phone), "confirm-password completed(0312301230)");
}

#[test]
fn p7_a_later_hash_key_or_a_second_one_is_a_separate_entry() {
    let mut phone = asked_for_password();
    phone.keys("45678910##");
    phone.listen();
    assert_eq!(heard_since(&phone), "confirm-password… invalid");

    let mut phone = asked_for_password();
    phone.keys("45678910");
    phone.wait(rules::INTER_DIGIT_TIMEOUT + SECOND);
    phone.keys("#");
    phone.listen();
    assert_eq!(heard_since(&phone), "confirm-password invalid");
}

#[test]
fn p7_fewer_digits_are_a_wrong_entry() {
    for short in ["#", "4#", "4567891#"] {
        let mut phone = asked_for_password();
        phone.keys(short);
        phone.listen();
        assert_eq!(heard_since(&phone), "invalid", "{short}");
    }
    let mut phone = asked_for_password();
    phone.keys("4567891");
    phone.wait(rules::INTER_DIGIT_TIMEOUT);
    phone.listen();
    assert_eq!(heard_since(&phone), format!("invalid {}", &ASKED["menu… ".len()..]));
}

#[test]
fn p7_a_star_or_letter_among_the_digits_is_one_wrong_entry_and_not_two() {
    for slip in ["456*78910", "*45678910", "4567891A0", "456**78910"] {
        let mut phone = asked_for_password();
        phone.keys(slip);
        phone.listen();
        assert_eq!(heard_since(&phone), "invalid", "{slip}");
        phone.keys("45678910");
        phone.listen();
        assert_eq!(heard_since(&phone), "invalid confirm-password", "{slip}");
    }
}

#[test]
fn p7_a_star_alone_ends_with_silence() {
    let mut phone = asked_for_password();
    phone.keys("*");
    phone.wait(rules::INTER_DIGIT_TIMEOUT + SECOND);
    assert_eq!(heard_since(&phone), "invalid…");
}

#[test]
fn p8_two_that_differ_lead_back_to_the_password_with_its_guidance() {
    let mut phone = asked_to_confirm();
    phone.keys("45678911");
    phone.listen();
    assert_eq!(heard_since(&phone), "confirm-password invalid set-password(0312301230)");
    phone.keys("45678911");
    phone.listen();
    phone.keys("45678911");
    phone.wait_for_the_end();
    assert_eq!(phone.stored(), "line 0312301230 45678911");
}

#[test]
fn p8_a_hash_is_begun_by_the_first_entry_and_dropped_if_the_second_differs() {
    let hashed = |phone: &PhoneModel| {
        let digits = phone.hash_ahead.as_ref().map(|password| password.expose().to_owned());
        digits.map(|digits| String::from_utf8(digits).unwrap())
    };
    let mut phone = asked_for_password();
    phone.keys("4567891");
    assert_eq!(hashed(&phone), None);
    phone.keys("0");
    assert_eq!(hashed(&phone).as_deref(), Some("45678910"));
    phone.listen();
    phone.keys("4567#");
    phone.listen();
    assert_eq!(hashed(&phone).as_deref(), Some("45678910"), "it may still be confirmed");
    phone.keys("45678911");
    assert_eq!(hashed(&phone), None);
    phone.listen();
    phone.keys("45678912");
    assert_eq!(hashed(&phone).as_deref(), Some("45678912"));
}

#[test]
fn p8_a_malformed_confirmation_is_asked_for_again() {
    for malformed in ["4567#", "4567891*0"] {
        let mut phone = asked_to_confirm();
        phone.keys(malformed);
        phone.listen();
        assert_eq!(heard_since(&phone), "confirm-password invalid", "{malformed}");
        phone.keys("45678910");
        phone.wait_for_the_end();
        assert_eq!(phone.stored(), "line 0312301230 45678910");
    }
}

#[test]
fn p9_completed_is_heard_only_after_the_commit_and_the_call_ends() {
    let mut phone = PhoneModel::calls(World { stores_in: Some(2 * SECOND), ..World::default() });
    phone.keys("14567891045678910");
    phone.wait(SECOND);
    assert_eq!(phone.stored(), "line 0312301230 45678910");
    assert_eq!(phone.outcome(), None);
    assert!(!phone.heard().contains("completed"));
    phone.wait(2 * SECOND);
    assert!(phone.heard().ends_with("completed(0312301230)…"));
    assert_eq!(phone.outcome(), Some(Outcome::Stored));
    phone.wait_for_the_end();
    assert!(phone.heard().ends_with("completed(0312301230)"));
}

#[test]
fn p9_a_contract_that_changed_meanwhile_is_not_available() {
    let mut phone = PhoneModel::calls(World { stores: StoreResult::Refused, ..World::default() });
    phone.keys("14567891045678910");
    phone.wait_for_the_end();
    assert!(phone.heard().ends_with(" not-available"));
    assert!(!phone.heard().contains("completed"));
    assert_eq!(phone.refused, [Refusal::NotAvailable]);
}

#[test]
fn p10_the_third_wrong_entry_ends_the_call() {
    let mut phone = PhoneModel::calls(World::default());
    for _ in 0..3 {
        phone.keys("9");
        phone.listen();
    }
    phone.wait_for_the_end();
    assert_eq!(phone.heard(), "menu… invalid invalid redial");
    assert_eq!(phone.outcome(), Some(Outcome::WrongEntries));
    assert_eq!(phone.refused, [Refusal::WrongEntries]);
    assert_eq!(phone.stored(), "");
}

#[test]
fn p10_each_step_allows_its_own_wrong_entries() {
    let mut phone = PhoneModel::calls(World::default());
    for entry in ["9", "9", "2", "1#", "1#", "0312301231#", "1#", "1#", "45678910"] {
        phone.keys(entry);
        phone.listen();
    }
    assert!(phone.heard().ends_with(" confirm-password"), "{}", phone.heard());
    phone.keys("45678910");
    phone.wait_for_the_end();
    assert_eq!(phone.stored(), "number 0312301231 45678910");
}

#[test]
fn p10_the_number_allows_three_wrong_entries() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("2");
    for _ in 0..3 {
        phone.keys("0664806430#");
        phone.listen();
    }
    phone.wait_for_the_end();
    assert_eq!(phone.heard(), "menu… enter-number… invalid invalid redial");
}

#[test]
fn p10_the_password_and_its_confirmation_are_one_step() {
    let mut phone = asked_for_password();
    for entry in ["4567#", "45678910", "4567#", "45678911"] {
        phone.keys(entry);
        phone.listen();
    }
    phone.wait_for_the_end();
    assert_eq!(heard_since(&phone), "invalid confirm-password invalid redial");
    assert_eq!(phone.stored(), "");
}

#[test]
fn p10_after_a_wrong_entry_by_keys_only_invalid_is_heard() {
    let mut phone = asked_to_confirm();
    phone.keys("1#");
    phone.stay_silent();
    phone.listen();
    assert_eq!(heard_since(&phone), "confirm-password invalid invalid confirm-password");
}

#[test]
fn p10_after_silence_the_guidance_is_heard_again() {
    let mut phone = PhoneModel::calls(World::default());
    phone.stay_silent();
    phone.stay_silent();
    phone.listen();
    assert_eq!(phone.heard(), "menu invalid menu invalid menu");
    phone.stay_silent();
    phone.wait_for_the_end();
    assert_eq!(phone.heard(), "menu invalid menu invalid menu redial");
}

/// The wrong entries since the last call: step, digits, reason, count in the step.
fn wrong_entries(phone: &mut PhoneModel) -> Vec<(StepName, usize, WrongEntry, u8)> {
    let progress = phone.call.take_progress().into_iter();
    progress
        .filter_map(|progress| match progress {
            Progress::EntryRefused { entry, reason, wrong_entries } => {
                Some((entry.step, entry.digits, reason, wrong_entries))
            }
            Progress::GuidanceBegan(_)
            | Progress::BargeIn
            | Progress::EntryAccepted(_)
            | Progress::Disconnected
            | Progress::Reconnected
            | Progress::Held
            | Progress::Unheld => None,
        })
        .collect()
}

#[test]
fn p10_each_wrong_entry_is_described_by_its_step_its_digits_and_its_reason() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("9");
    phone.listen();
    phone.keys("*");
    phone.listen();
    let menu = |digits, number| (StepName::Menu, digits, WrongEntry::NoSuchChoice, number);
    assert_eq!(wrong_entries(&mut phone), [menu(1, 1), menu(0, 2)]);
    let mut phone = asked_to_confirm();
    phone.keys("45678911");
    phone.listen();
    phone.keys("4567#");
    phone.listen();
    assert_eq!(
        wrong_entries(&mut phone),
        [
            (StepName::Confirmation, 8, WrongEntry::Differs, 1),
            (StepName::Password, 4, WrongEntry::NotAPassword, 2)
        ]
    );
    phone.wait(rules::FIRST_DIGIT_TIMEOUT + SECOND);
    assert_eq!(wrong_entries(&mut phone), [(StepName::Password, 0, WrongEntry::Empty, 3)]);
}
