//! Properties that hold whatever the caller does. The test's phone checks two more in every test:
//! the channel is never idle while keys count, and a live call has a deadline.

use proptest::prelude::*;

use super::behaviour::{Act, CallScenario, scenario};
use super::channel::BY_ITSELF;
use super::phone::{PhoneModel, SECOND, key_of};
use super::surroundings::{self, ADDITIONAL, CONTRACT, WITHOUT_SERVICE, contract, number};
use crate::auth_unit::AuthUnit;
use crate::dialog::prompt::Prompt;
use crate::dialog::{Input, LookupResult, NewTemporaryPassword, Outcome, PlaybackEnd, StoreResult};
use crate::rules;

/// All acts of a caller, and then nothing until the call is over.
fn whole_call(scenario: &CallScenario) -> PhoneModel {
    let mut phone = PhoneModel::calls(scenario.world());
    for act in &scenario.acts {
        act.does(&mut phone);
    }
    phone.wait_for_the_end();
    phone
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_stored_without_two_equal_entries_for_a_number_of_the_callers(scenario in scenario()) {
        let phone = whole_call(&scenario);
        prop_assert!(phone.stored.len() <= 1);
        if let Some(new) = phone.stored.first() {
            let password = str::from_utf8(new.password.expose()).unwrap();
            prop_assert_eq!(password.len(), rules::TEMPORARY_PASSWORD_DIGITS);
            prop_assert!(phone.keyed.matches(password).count() >= 2, "{} in {}", password, phone.keyed);
            prop_assert!(is_permitted(new, &scenario), "{:?}", new);
        }
        if phone.outcome() == Some(Outcome::Stored) {
            prop_assert!(!phone.stored.is_empty());
        }
        let completed = phone.said.iter().flatten().any(|said| matches!(said, Prompt::Completed(_)));
        prop_assert_eq!(completed, phone.outcome() == Some(Outcome::Stored));
    }

    #[test]
    fn on_a_good_channel_nobody_hears_the_trouble_behind_the_silence(scenario in scenario()) {
        let phone = whole_call(&scenario.on_a_good_channel());
        prop_assert!(!phone.heard().contains(BY_ITSELF), "{}", phone.heard());
    }

    #[test]
    fn whenever_a_call_is_disconnected_it_continues_where_it_was(scenario in scenario(), at in 0..12_usize) {
        let scenario = scenario.on_a_good_channel();
        let mut phone = PhoneModel::calls(scenario.world());
        for (done, act) in scenario.acts.iter().enumerate() {
            if done == at {
                phone.disconnect();
                phone.wait(20 * SECOND);
                phone.reconnect();
            }
            act.does(&mut phone);
        }
        phone.wait_for_the_end();
        let completed = phone.heard().matches("completed").count();
        // Once more by itself, and from its start after the reconnection.
        prop_assert!(completed <= 3, "{}", phone.heard());
        prop_assert!(completed == 0 || phone.outcome() == Some(Outcome::Stored));
        prop_assert!(phone.stored.len() <= 1);
    }

    #[test]
    fn a_step_allows_three_wrong_entries_and_no_more(scenario in scenario()) {
        let phone = whole_call(&scenario.on_a_good_channel());
        let mut wrong = 0;
        for said in &phone.said {
            if said.contains(&Prompt::Invalid) || said.contains(&Prompt::Redial) {
                wrong += 1;
            } else if said.iter().any(begins_a_step) {
                wrong = 0;
            }
            let at_last = said.contains(&Prompt::Redial);
            prop_assert_eq!(at_last, wrong == rules::MAX_WRONG_ENTRIES_PER_STEP, "{:?}", phone.said);
        }
    }

    #[test]
    fn late_events_change_nothing(scenario in scenario()) {
        let mut phone = PhoneModel::calls(scenario.world());
        for act in &scenario.acts {
            act.does(&mut phone);
            report_again(&mut phone)?;
        }
        while !phone.is_over() {
            phone.wait(SECOND);
            report_again(&mut phone)?;
        }
        report_again(&mut phone)?;
    }

    #[test]
    fn no_debug_distinguishes_two_passwords(scenario in scenario()) {
        let now = surroundings::now();
        let mut phone = PhoneModel::calls_at(scenario.world(), now);
        let mut other = PhoneModel::calls_at(scenario.world(), now);
        for act in scenario.acts.iter().flat_map(single_keys) {
            if let Act::Burst(key) = &act {
                let key = key.chars().next().unwrap();
                prop_assert_eq!(
                    format!("{:?}", key_of(key)),
                    format!("{:?}", key_of(disguised(key)))
                );
            }
            act.does(&mut phone);
            disguise(&act).does(&mut other);
            prop_assert_eq!(format!("{:?}", phone.call), format!("{:?}", other.call));
            prop_assert_eq!(&phone.outputs, &other.outputs);
        }
    }
}

/// `P4` to `P6` and `P14` in reverse: whether this may ever be stored.
fn is_permitted(new: &NewTemporaryPassword, scenario: &CallScenario) -> bool {
    let is_contract_number = scenario.number == Some(CONTRACT);
    let has_service = [CONTRACT, ADDITIONAL].map(number).contains(&new.login_number);
    let unit_is_free = is_contract_number || scenario.unit.is_none_or(|unit| unit == new.unit);
    let login_fits = match new.unit {
        AuthUnit::Line => new.login_number == number(CONTRACT),
        AuthUnit::Number => has_service,
        AuthUnit::AdminUser if is_contract_number => has_service,
        AuthUnit::AdminUser => {
            scenario.number != Some(WITHOUT_SERVICE)
                && Some(new.login_number) == scenario.number.map(number)
        }
    };
    new.contract_number == number(CONTRACT)
        && Some(new.caller) == scenario.number.map(number)
        && unit_is_free
        && login_fits
}

/// Whether this is the first guidance of a step; the confirmation continues the password's step
/// (`P10`).
fn begins_a_step(prompt: &Prompt) -> bool {
    matches!(
        prompt,
        Prompt::Menu | Prompt::EnterNumber | Prompt::SetPassword(_) | Prompt::RegisterPassword(_)
    )
}

/// Reports again to the call what has ended, and reports what it did not ask for.
fn report_again(phone: &mut PhoneModel) -> Result<(), TestCaseError> {
    let mut events = Vec::new();
    let channel = &phone.channel;
    let over = if phone.is_over() { &channel.known } else { &channel.over };
    for id in over.iter().rev().take(4) {
        events.push(Input::Started(*id));
        events.push(Input::Finished(*id, PlaybackEnd::Done));
        events.push(Input::Finished(*id, PlaybackEnd::Failed));
    }
    if !phone.asks {
        events.push(Input::LookedUp(LookupResult::Found(Box::new(contract(None)))));
        events.push(Input::LookedUp(LookupResult::Unknown));
        events.push(Input::LookedUp(LookupResult::Unreachable));
        events.push(Input::Stored(StoreResult::Stored));
        events.push(Input::Stored(StoreResult::Refused));
        events.push(Input::Stored(StoreResult::Unreachable));
    }
    events.push(Input::Timeout);
    if phone.is_over() {
        events.push(Input::HangUp);
    }
    let before = format!("{:?}", phone.call);
    for late in events {
        let input = format!("{late:?}");
        let outputs = phone.call.handle(late, phone.now);
        prop_assert!(outputs.is_empty(), "{}: {:?}", input, outputs);
        prop_assert_eq!(&before, &format!("{:?}", phone.call), "{}", input);
    }
    Ok(())
}

/// The same, key by key.
fn single_keys(act: &Act) -> Vec<Act> {
    match act {
        Act::Keys(keys) => keys.chars().map(|key| Act::Keys(key.into())).collect(),
        Act::Burst(keys) => keys.chars().map(|key| Act::Burst(key.into())).collect(),
        Act::Pause(_) | Act::Listen | Act::StaySilent | Act::HangUp => vec![act.clone()],
    }
}

/// The same with other digits, except those of a unit or of a number of the contract.
fn disguise(act: &Act) -> Act {
    match act {
        Act::Keys(keys) => Act::Keys(keys.chars().map(disguised).collect()),
        Act::Burst(keys) => Act::Burst(keys.chars().map(disguised).collect()),
        Act::Pause(_) | Act::Listen | Act::StaySilent | Act::HangUp => act.clone(),
    }
}

fn disguised(key: char) -> char {
    match key {
        '4' => '7',
        '5' => '9',
        '6' => '4',
        '7' => '5',
        '8' => '6',
        '9' => '8',
        same => same,
    }
}
