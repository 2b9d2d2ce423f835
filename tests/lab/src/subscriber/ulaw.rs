//! G.711 µ-law, as far as recognising sounds needs it.

/// µ-law's offset and its greatest magnitude (ITU-T G.711).
const BIAS: i32 = 0x84;
const CLIP: i32 = 32_635;

/// Silence; µ-law has two zeros, and [`canonical`] makes them one.
pub(super) const SILENCE: u8 = 0xff;

/// In place of the code of a sample that never arrived: the other zero.
pub(super) const LOST: u8 = 0x7f;

/// The code of a 16-bit sample, with one zero. µ-law codes 14 bits: like Asterisk's table, this
/// uses the highest sample of the four with the same code.
pub(super) fn encode(sample: i16) -> u8 {
    let magnitude = i32::from(sample | 3).abs().min(CLIP) + BIAS;
    let exponent = (24 - magnitude.leading_zeros()).min(7);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let code = u8::try_from(exponent).unwrap_or(7) << 4 | u8::try_from(mantissa).unwrap_or(0);
    canonical(!(code | sign))
}

/// The same code with one zero.
pub(super) fn canonical(code: u8) -> u8 {
    if code == LOST { SILENCE } else { code }
}

/// Whether a code is loud enough to differ from a room's noise (about -42 dB of full scale).
pub fn is_loud(code: u8) -> bool {
    (!code & 0x7f) >= 0x15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_of_g711() {
        let samples = [0, -1, 8, -8, 32_767, -32_768, 1000];
        for (sample, code) in samples.into_iter().zip([0xff, 0xff, 0xfe, 0x7e, 0x80, 0x00, 0xce]) {
            assert_eq!(encode(sample), code, "{sample}");
        }
    }
}
