//! Playbacks that fail, are hit by another's stop or never end; events that come late; the order of
//! commands to the channel.

use super::channel::{BY_ITSELF, Fate, is_silent};
use super::phone::{PhoneModel, SECOND, key_of};
use super::surroundings::{World, now};
use crate::dialog::prompt::Prompt;
use crate::dialog::{Input, Outcome, PlaybackEnd, PlaybackId, Press};

fn calls(fate: fn(&[Prompt], usize) -> Fate) -> PhoneModel {
    PhoneModel::calls(World { fate, ..World::default() })
}

#[test]
fn from_the_last_digit_to_the_next_guidance_it_is_one_play_and_one_stop() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("1");
    phone.listen();
    phone.keys("4567891");
    let before = phone.outputs.len();
    phone.keys("0");
    assert_eq!(
        phone.outputs[before..],
        [
            "Play(PlaybackId(5), [ConfirmPassword])",
            "Stop(PlaybackId(4))",
            "Play(PlaybackId(6), [Silence(2)])",
            "HashAhead(TemporaryPassword(…))"
        ]
    );
}

#[test]
fn a_key_during_a_guidance_is_one_stop() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("1");
    phone.wait(SECOND);
    let before = phone.outputs.len();
    phone.keys("4");
    assert_eq!(phone.outputs[before..], ["Stop(PlaybackId(3))"]);
}

#[test]
fn storing_is_begun_without_a_word_to_the_channel() {
    let mut phone = PhoneModel::calls(World { stores_in: None, ..World::default() });
    phone.keys("1456789104567891");
    let before = phone.outputs.len();
    phone.keys("0");
    assert_eq!(phone.outputs.len(), before + 1);
    assert!(phone.outputs[before].starts_with("Store("));
}

#[test]
fn the_first_guidance_and_no_other_has_a_lead_in() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("14567891045678910");
    phone.wait_for_the_end();
    let led_in: Vec<&String> =
        phone.outputs.iter().filter(|output| output.contains("LeadIn")).collect();
    assert_eq!(led_in, ["Play(PlaybackId(1), [LeadIn, Menu])"]);
}

#[test]
fn the_silence_is_played_again_for_as_long_as_keys_may_come() {
    let mut phone = PhoneModel::calls(World::default());
    phone.keys("2");
    phone.listen();
    for _ in 0..30 {
        phone.keys("0");
        phone.wait(4 * SECOND);
    }
    assert!(!phone.is_over());
}

#[test]
fn p15_a_slow_database_after_a_slow_entry_lets_nobody_hear_the_trouble_behind_the_silence() {
    let mut phone = PhoneModel::calls(World { stores_in: Some(7 * SECOND), ..World::default() });
    phone.keys("145678910");
    phone.listen();
    for digit in "45678910".chars() {
        phone.wait(4 * SECOND);
        phone.keys(&digit.to_string());
    }
    phone.wait_for_the_end();
    assert!(!phone.heard().contains("trouble"), "{}", phone.heard());
}

#[test]
fn a_guidance_that_fails_once_is_played_once_more() {
    let mut phone = calls(|_, earlier| if earlier == 0 { Fate::Fails } else { Fate::Plays });
    phone.listen();
    assert_eq!(phone.heard(), "menu");
    phone.keys("14567891045678910");
    phone.wait_for_the_end();
    assert_eq!(phone.outcome(), Some(Outcome::Stored));
}

#[test]
fn a_guidance_that_fails_twice_is_trouble() {
    let mut phone =
        calls(|prompts, _| if prompts.contains(&Prompt::Menu) { Fate::Fails } else { Fate::Plays });
    phone.wait_for_the_end();
    assert_eq!(phone.heard(), "trouble");
    assert_eq!(phone.outcome(), Some(Outcome::Trouble));
}

#[test]
fn p12_no_key_counts_for_a_guidance_whose_sound_file_is_empty() {
    let mut phone = calls(|prompts, _| match prompts {
        [Prompt::SetPassword(_)] => Fate::Stopped,
        _ => Fate::Plays,
    });
    phone.keys("1");
    phone.keys("4567891045678910");
    phone.wait_for_the_end();
    assert_eq!(phone.heard(), "menu… trouble");
    assert_eq!((phone.outcome(), phone.stored().as_str()), (Some(Outcome::Trouble), ""));
}

#[test]
fn p12_a_key_between_a_short_guidance_and_its_repetition_is_dropped() {
    let mut phone = PhoneModel::calls(World::default());
    phone.wait(SECOND);
    let key = |key| Input::Key(Press { key: key_of(key), pressed: now(), released: now() });
    phone.feed(key('1'));
    let guidance = PlaybackId(3);
    phone.feed(Input::Started(guidance));
    phone.feed(Input::Finished(guidance, PlaybackEnd::Done));
    phone.feed(key('4'));
    phone.wait(SECOND);
    phone.listen();
    phone.keys("4567891045678910");
    phone.wait_for_the_end();
    assert_eq!(phone.stored(), "line 0312301230 45678910");
    assert!(!phone.heard().contains("invalid"), "{}", phone.heard());
}

#[test]
fn if_nothing_at_all_can_be_played_the_call_ends() {
    let mut phone = calls(|_, _| Fate::Fails);
    phone.wait(SECOND);
    assert!(phone.is_over());
    assert_eq!(phone.outcome(), Some(Outcome::Trouble));
    assert_eq!(phone.heard(), "");
}

#[test]
fn a_call_whose_silence_cannot_be_played_is_trouble() {
    let mut phone = calls(|prompts, _| if is_silent(prompts) { Fate::Fails } else { Fate::Plays });
    phone.wait_for_the_end();
    assert!(phone.heard().ends_with("trouble"), "{}", phone.heard());
}

#[test]
fn a_stored_password_is_never_called_trouble() {
    let mut phone = calls(|prompts, _| match prompts {
        [Prompt::Completed(_)] => Fate::Fails,
        _ => Fate::Plays,
    });
    phone.keys("14567891045678910");
    phone.wait_for_the_end();
    assert!(!phone.heard().contains("trouble"));
    assert_eq!(phone.outcome(), Some(Outcome::Stored));
}

#[test]
fn a_refusal_that_cannot_be_played_is_trouble_and_stays_a_refusal() {
    let mut phone = PhoneModel::calls(World {
        caller: None,
        fate: |prompts, _| {
            if prompts.contains(&Prompt::NotAvailable) { Fate::Fails } else { Fate::Plays }
        },
        ..World::default()
    });
    phone.wait_for_the_end();
    assert_eq!(phone.heard(), "trouble");
    assert_eq!(phone.outcome(), Some(Outcome::NotAvailable));
    assert_eq!(phone.refused.len(), 1);
}

#[test]
fn a_guidance_hit_by_the_stop_of_the_silence_before_it_is_played_once_more() {
    let mut phone = calls(|_, earlier| if earlier == 1 { Fate::Stopped } else { Fate::Plays });
    phone.keys("1");
    phone.listen();
    assert_eq!(phone.heard(), "menu… set-password(0312301230)");
    phone.keys("45678910");
    phone.listen();
    assert!(phone.heard().ends_with("confirm-password"));
}

#[test]
fn a_guidance_whose_end_is_never_reported_is_given_up_in_bounded_time() {
    let mut phone = calls(|_, _| Fate::EndIsLost);
    phone.wait(41 * SECOND);
    assert_eq!(phone.heard(), format!("menu {BY_ITSELF}"));
    phone.keys("1");
    phone.wait(SECOND);
    assert_eq!(phone.heard(), format!("menu {BY_ITSELF} set-password(0312301230)…"));
    phone.keys("4567891045678910");
    phone.wait(41 * SECOND);
    assert!(phone.is_over());
    assert_eq!(phone.outcome(), Some(Outcome::Stored));
}
