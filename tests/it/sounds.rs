//! The guidance's files: all exist, have an even loudness, and speak the manual's words.

use anyhow::{Context as _, Result};
use domain::dialog::prompt::SILENCE_LENGTH;
use karipass_lab::sounds::{RATE, length, samples, words};

const MANUAL: [(&str, &str); 20] = [
    (
        "menu",
        "仮パスワード設定をする単位を選択します。回線単位に設定する場合は1、電話番号単位に設定する場合は2、管理者/ユーザ単位に設定する場合は3を入力してください。",
    ),
    (
        "enter-number",
        "仮パスワードを設定する電話番号を市外局番から入力し、最後に#を押してください。",
    ),
    (
        "set-password",
        "番の仮パスワードの設定を行います。設定したい仮パスワードを入力してください。",
    ),
    (
        "register-password",
        "番の仮パスワードの設定を行います。登録したい仮パスワードを入力してください。",
    ),
    ("confirm-password", "確認のためにもう一度仮パスワードを入力してください。"),
    ("completed", "番の仮パスワードの設定が完了しました。ご利用ありがとうございました。"),
    ("invalid", "入力された番号が正しくありません。もう一度押してください。"),
    ("redial", "入力された番号が正しくありません。一度電話を切り、もう一度おかけ直しください。"),
    ("not-available", "おかけの電話番号からは、仮パスワードの設定をご利用いただけません。"),
    ("trouble", "ただいま仮パスワードの設定ができません。しばらくたってから、おかけ直しください。"),
    ("digits/0", "ゼロ"),
    ("digits/1", "イチ"),
    ("digits/2", "ニ"),
    ("digits/3", "サン"),
    ("digits/4", "ヨン"),
    ("digits/5", "ゴ"),
    ("digits/6", "ロク"),
    ("digits/7", "ナナ"),
    ("digits/8", "ハチ"),
    ("digits/9", "キュウ"),
];

/// 20 ms.
const FRAME: usize = RATE as usize / 50;

#[test]
fn the_words_are_the_manuals() {
    assert_eq!(words().collect::<Vec<_>>(), MANUAL);
}

#[test]
fn every_sound_that_is_played_exists() -> Result<()> {
    for sound in domain::dialog::prompt::SOUNDS {
        let name = sound.strip_prefix("karipass/").context("not in the folder of the guidance")?;
        assert!(!samples(name)?.is_empty(), "{name} is empty");
    }
    Ok(())
}

#[test]
fn the_menu_is_shorter_than_16_s() -> Result<()> {
    assert!(samples("menu")?.len() < 16 * RATE as usize);
    Ok(())
}

#[test]
fn speech_starts_within_60_ms() -> Result<()> {
    for (name, _) in words() {
        let levels = levels(name)?;
        let loudest = levels.iter().copied().fold(f64::MIN, f64::max);
        let first = levels.iter().position(|level| *level > loudest - 40.0);
        assert!(first <= Some(2), "{name} starts in frame {first:?}");
    }
    Ok(())
}

#[test]
fn loudness_is_even_and_nothing_is_clipped() -> Result<()> {
    let mut all = Vec::new();
    for (name, _) in words() {
        all.push((name, loudness(name)?));
        let peak = samples(name)?.into_iter().map(i16::unsigned_abs).max();
        assert!(peak < Some(23_197), "{name} peaks above -3 dBFS: {peak:?}");
    }
    let mean = mean(all.iter().map(|(_, loudness)| *loudness));
    for (name, loudness) in all {
        assert!((loudness - mean).abs() < 2.0, "{name}: {loudness:.1} dBFS, mean {mean:.1}");
    }
    Ok(())
}

#[test]
fn digits_are_evenly_long() -> Result<()> {
    let long = samples("digits/0")?.len();
    for digit in 1..=9 {
        let off = samples(&format!("digits/{digit}"))?.len().abs_diff(long);
        assert!(off * 10 < long, "{digit} is {off} samples off");
    }
    Ok(())
}

#[test]
fn silences_are_silent() -> Result<()> {
    for name in ["lead-in", "breath", "quiet"] {
        assert!(samples(name)?.iter().all(|sample| *sample == 0), "{name} is heard");
    }
    assert_eq!(length("quiet")?, SILENCE_LENGTH);
    Ok(())
}

/// The mean level of the frames with speech, in dBFS.
fn loudness(name: &str) -> Result<f64> {
    let levels = levels(name)?;
    let loudest = levels.iter().copied().fold(f64::MIN, f64::max);
    let speaking = levels.into_iter().filter(|level| *level > loudest - 25.0);
    Ok(10.0 * mean(speaking.map(|level| 10_f64.powf(level / 10.0))).log10())
}

/// The level of each 20 ms, in dBFS.
fn levels(name: &str) -> Result<Vec<f64>> {
    let level = |frame: &[i16]| {
        let power = mean(frame.iter().map(|sample| (f64::from(*sample) / 32768.0).powi(2)));
        10.0 * power.log10()
    };
    Ok(samples(name)?.chunks_exact(FRAME).map(level).collect())
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}
