//! All guidance, and the sound files that speak it.
//!
//! A prompt is one or more sounds in a row; [`SOUNDS`] is every sound that any of them needs.

use std::time::Duration;

use strum::IntoStaticStr;

use crate::phone_number::PhoneNumber;

/// Something that the line plays: the guidance of the specification's table, or silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Prompt {
    /// Which unit (`P3`).
    Menu,
    /// Which number (`P5`).
    EnterNumber,
    /// A password for this number, 設定したい (`P7`).
    SetPassword(PhoneNumber),
    /// A password for this number, 登録したい (`P6`).
    RegisterPassword(PhoneNumber),
    /// The password once more (`P8`).
    ConfirmPassword,
    /// This number's password is stored (`P9`).
    Completed(PhoneNumber),
    /// A wrong entry; the step is repeated (`P10`).
    Invalid,
    /// The third wrong entry; call again (`P10`).
    Redial,
    /// Not from this number (`P2`).
    NotAvailable,
    /// Not now (`P15`).
    Trouble,
    /// A short silence before the first guidance, so that its first syllable is not cut.
    LeadIn,
    /// This many times [`SILENCE_LENGTH`], while the line listens or waits: Asterisk repeats fast
    /// digits on a channel that plays nothing. The line always stops the silence early. If the
    /// daemon has died, [`Prompt::Trouble`] follows by itself, again and again.
    Silence(u8),
    /// A silence between the last guidance of a call and its repetition, in case nobody hangs up.
    Pause,
}

const MENU: &str = "karipass/menu";
const ENTER_NUMBER: &str = "karipass/enter-number";
const SET_PASSWORD: &str = "karipass/set-password";
const REGISTER_PASSWORD: &str = "karipass/register-password";
const CONFIRM_PASSWORD: &str = "karipass/confirm-password";
const COMPLETED: &str = "karipass/completed";
const INVALID: &str = "karipass/invalid";
const REDIAL: &str = "karipass/redial";
const NOT_AVAILABLE: &str = "karipass/not-available";
const TROUBLE: &str = "karipass/trouble";
const LEAD_IN: &str = "karipass/lead-in";
const SILENCE: &str = "karipass/quiet";
const BREATH: &str = "karipass/breath";

/// How long the silence's sound file is.
pub const SILENCE_LENGTH: Duration = Duration::from_millis(5_500);

/// How often the fallback repeats for an abandoned call: every 11.6 s for ten minutes, longer than
/// any call lasts ([`Limits::max_channel_lifetime`](super::Limits::max_channel_lifetime)).
const FALLBACK_REPEATS: usize = 52;

/// Every sound file that the line needs, without language folder and extension.
pub const SOUNDS: [&str; 23] = [
    MENU,
    ENTER_NUMBER,
    SET_PASSWORD,
    REGISTER_PASSWORD,
    CONFIRM_PASSWORD,
    COMPLETED,
    INVALID,
    REDIAL,
    NOT_AVAILABLE,
    TROUBLE,
    LEAD_IN,
    SILENCE,
    BREATH,
    "karipass/digits/0",
    "karipass/digits/1",
    "karipass/digits/2",
    "karipass/digits/3",
    "karipass/digits/4",
    "karipass/digits/5",
    "karipass/digits/6",
    "karipass/digits/7",
    "karipass/digits/8",
    "karipass/digits/9",
];

impl Prompt {
    /// A silence of at least `wait`.
    #[must_use]
    pub fn silence_for(wait: Duration) -> Self {
        let times = wait.as_millis().div_ceil(SILENCE_LENGTH.as_millis());
        Self::Silence(u8::try_from(times).unwrap_or(u8::MAX))
    }

    /// Whether it is silent.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Silence(_) | Self::Pause)
    }

    /// Its name in logs, which is that of its sound.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.into()
    }

    /// The sounds that speak it, in order, each out of [`SOUNDS`].
    #[must_use]
    pub fn media(&self) -> Vec<&'static str> {
        match self {
            Self::Menu => vec![MENU],
            Self::EnterNumber => vec![ENTER_NUMBER],
            Self::SetPassword(number) => read_out(*number, SET_PASSWORD),
            Self::RegisterPassword(number) => read_out(*number, REGISTER_PASSWORD),
            Self::ConfirmPassword => vec![CONFIRM_PASSWORD],
            Self::Completed(number) => read_out(*number, COMPLETED),
            Self::Invalid => vec![INVALID],
            Self::Redial => vec![REDIAL],
            Self::NotAvailable => vec![NOT_AVAILABLE],
            Self::Trouble => vec![TROUBLE],
            Self::LeadIn => vec![LEAD_IN],
            Self::Silence(times) => {
                let mut sounds = vec![SILENCE; usize::from(*times)];
                sounds.push(TROUBLE);
                sounds.extend([SILENCE, TROUBLE].repeat(FALLBACK_REPEATS - 1));
                sounds
            }
            Self::Pause => vec![SILENCE],
        }
    }
}

/// A number digit by digit, with a short pause between its groups, and the words after it.
fn read_out(number: PhoneNumber, words: &'static str) -> Vec<&'static str> {
    let mut sounds = Vec::new();
    for group in number.groups() {
        if !sounds.is_empty() {
            sounds.push(BREATH);
        }
        sounds.extend(group.chars().filter_map(digit));
    }
    sounds.push(words);
    sounds
}

/// The sound of a digit.
fn digit(digit: char) -> Option<&'static str> {
    SOUNDS.into_iter().find(|sound| {
        sound.strip_prefix("karipass/digits/").is_some_and(|name| name.starts_with(digit))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::dialog::Limits;
    use crate::dialog::MAX_CALL_LIMIT;

    fn number() -> PhoneNumber {
        "0664806430".parse().unwrap()
    }

    #[test]
    fn a_number_is_read_digit_by_digit_with_a_breath_between_its_groups() {
        let spoken: Vec<&str> = Prompt::SetPassword(number())
            .media()
            .into_iter()
            .map(|sound| sound.trim_start_matches("karipass/").trim_start_matches("digits/"))
            .collect();
        assert_eq!(spoken.join(" "), "0 6 breath 6 4 8 0 breath 6 4 3 0 set-password");
    }

    #[test]
    fn behind_the_silence_comes_trouble() {
        let wait = Duration::from_secs(11);
        assert_eq!(Prompt::silence_for(wait), Prompt::Silence(2));
        assert_eq!(Prompt::silence_for(wait + Duration::from_millis(1)), Prompt::Silence(3));
        let sounds = Prompt::Silence(2).media();
        assert_eq!(sounds[..5], [SILENCE, SILENCE, TROUBLE, SILENCE, TROUBLE]);
        assert_eq!(sounds.last(), Some(&TROUBLE));
        // What Asterisk takes at most for one playback.
        assert!(Prompt::silence_for(Duration::from_secs(61)).media().len() <= 128);
        let number: PhoneNumber = "09012345678".parse().unwrap();
        let last = [Prompt::Pause, Prompt::Completed(number), Prompt::Silence(1)];
        assert!(last.iter().flat_map(Prompt::media).count() <= 128);
    }

    #[test]
    fn the_fallback_repeats_for_as_long_as_any_call_may_last() {
        let file = |name: &str| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../asterisk/sounds/ja");
            fs::metadata(folder.join(format!("{name}.wav"))).unwrap().len()
        };
        // 8,000 samples of 2 bytes a second.
        let fallback = Duration::from_millis((file(SILENCE) + file(TROUBLE)) / 16)
            * u32::try_from(FALLBACK_REPEATS).unwrap();
        let limits = Limits { first_digit: fallback, inter_digit: fallback, call: MAX_CALL_LIMIT };
        assert!(fallback >= limits.max_channel_lifetime(), "{fallback:?}");
    }

    #[test]
    fn every_sound_of_every_prompt_is_listed_and_every_listed_one_is_used() {
        let all_digits: Vec<PhoneNumber> =
            ["0123456789", "0664806430"].iter().map(|text| text.parse().unwrap()).collect();
        let mut prompts = vec![
            Prompt::Menu,
            Prompt::EnterNumber,
            Prompt::ConfirmPassword,
            Prompt::Invalid,
            Prompt::Redial,
            Prompt::NotAvailable,
            Prompt::Trouble,
            Prompt::LeadIn,
            Prompt::Silence(2),
            Prompt::Pause,
        ];
        for number in all_digits {
            prompts.push(Prompt::SetPassword(number));
            prompts.push(Prompt::RegisterPassword(number));
            prompts.push(Prompt::Completed(number));
        }
        let mut played: Vec<&str> = prompts.iter().flat_map(Prompt::media).collect();
        played.sort_unstable();
        played.dedup();
        let mut listed = SOUNDS.to_vec();
        listed.sort_unstable();
        assert_eq!(played, listed);
    }
}
