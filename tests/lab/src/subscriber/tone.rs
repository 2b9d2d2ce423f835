//! A key's pair of tones by ITU-T Q.23.

use std::f64::consts::TAU;

use super::rtp::SAMPLES;
use super::ulaw;
use crate::sounds::RATE;

const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// The keypad row by row, in RFC 4733's numbers for the keys.
const KEYPAD: [u8; 16] = [1, 2, 3, 12, 4, 5, 6, 13, 7, 8, 9, 14, 10, 0, 11, 15];
/// Of each of the two tones, 12 dB below full scale.
const AMPLITUDE: f64 = 8192.0;

/// The packet of this tick of a key with this RFC 4733 number, in µ-law.
pub(super) fn packet(event: u8, tick: u16) -> Vec<u8> {
    let place = KEYPAD.iter().position(|key| *key == event).unwrap_or_default();
    let tone = |sample: u16| {
        let wave = |hertz: f64| (TAU * hertz * f64::from(sample) / f64::from(RATE)).sin();
        #[expect(clippy::cast_possible_truncation, reason = "no sample exceeds 16384")]
        let sample = (AMPLITUDE * (wave(LOW[place / 4]) + wave(HIGH[place % 4]))) as i16;
        ulaw::encode(sample)
    };
    (tick * SAMPLES..(tick + 1) * SAMPLES).map(tone).collect()
}
