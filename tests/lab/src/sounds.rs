//! The guidance's files: their folder, their words, and their samples.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::repository;

const WORDS: &str = include_str!("../../../asterisk/sounds/words.tsv");

/// Samples a second of every sound.
pub const RATE: u32 = 8000;

/// Every spoken sound (`menu`, `digits/0`, …) and its words.
pub fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    WORDS.lines().skip(1).filter_map(|line| {
        let mut fields = line.split('\t');
        Some((fields.next()?, fields.next()?))
    })
}

/// Their folder.
pub fn folder() -> PathBuf {
    repository().join("asterisk/sounds/ja/karipass")
}

/// How long a sound takes.
pub fn length(name: &str) -> Result<Duration> {
    Ok(Duration::from_secs(samples(name)?.len() as u64) / RATE)
}

/// A sound's samples; an error unless it is 16-bit 8 kHz mono.
pub fn samples(name: &str) -> Result<Vec<i16>> {
    let path = folder().join(name).with_extension("wav");
    let mut reader = hound::WavReader::open(&path).with_context(|| path.display().to_string())?;
    let spec = reader.spec();
    ensure!(
        (spec.channels, spec.sample_rate, spec.bits_per_sample) == (1, RATE, 16),
        "{name} is not 16-bit 8 kHz mono"
    );
    Ok(reader.samples::<i16>().collect::<Result<_, _>>()?)
}
