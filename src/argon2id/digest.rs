//! The `BLAKE2b` at both ends of a hash: `H0` (RFC 9106 §3.2) and `H'` (§3.3).

use argon2::{Algorithm, Params, Version};
use blake2b_simd::OUTBYTES as DIGEST;
use zeroize::Zeroizing;

use super::input::HashInput;

/// Bytes that `H'` takes of each digest but the last.
const HALF: usize = DIGEST / 2;

/// `H0`: everything that goes into a hash, digested.
pub(crate) fn initial(
    params: &Params,
    input: HashInput<'_>,
    tag: usize,
) -> Zeroizing<[u8; DIGEST]> {
    let numbers = [
        params.p_cost(),
        length(tag),
        params.m_cost(),
        params.t_cost(),
        Version::V0x13 as u32,
        Algorithm::Argon2id as u32,
    ];
    let mut state = blake2b_simd::State::new();
    for number in numbers {
        state.update(&number.to_le_bytes());
    }
    for part in [input.password, input.salt, input.secret, params.data()] {
        state.update(&length(part.len()).to_le_bytes()).update(part);
    }
    Zeroizing::new(*state.finalize().as_array())
}

/// `H'`: digests `parts` into as many bytes as `out` has.
pub(crate) fn variable(parts: &[&[u8]], out: &mut [u8]) {
    let size = length(out.len()).to_le_bytes();
    let parts = [&[size.as_slice()], parts].concat();
    if out.len() <= DIGEST {
        return blake2b(&parts, out);
    }
    let mut digest = Zeroizing::new([0; DIGEST]);
    blake2b(&parts, digest.as_mut());
    let mut rest = out;
    loop {
        let (half, others) = rest.split_at_mut(HALF);
        half.copy_from_slice(&digest[..HALF]);
        rest = others;
        let previous = digest.clone();
        if rest.len() <= DIGEST {
            return blake2b(&[previous.as_slice()], rest);
        }
        blake2b(&[previous.as_slice()], digest.as_mut());
    }
}

/// `BLAKE2b` with a digest as long as `out`: 1 to 64 bytes.
fn blake2b(parts: &[&[u8]], out: &mut [u8]) {
    let mut state = blake2b_simd::Params::new().hash_length(out.len()).to_state();
    for part in parts {
        state.update(part);
    }
    out.copy_from_slice(state.finalize().as_bytes());
}

/// A length as the algorithm writes it; [`hash`](super::hash::hash) has checked its bounds.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
