//! One hash: digest, fill the memory, digest (RFC 9106 §3.2).

use argon2::{Block, Error, Params};

use super::avx2::Avx2;
use super::digest;
use super::input::HashInput;
use super::layout::MemoryLayout;

/// 1 KiB, by RFC 9106.
const BLOCK: usize = Block::SIZE;

/// Computes one hash; see [`Implementation::hash`](super::Implementation::hash).
pub(crate) fn hash(
    avx2: Avx2,
    params: &Params,
    input: HashInput<'_>,
    memory: &mut [Block],
    tag: &mut [u8],
) -> Result<(), Error> {
    check(params, input, tag)?;
    let memory = memory.get_mut(..params.block_count()).ok_or(Error::MemoryTooLittle)?;
    let layout = MemoryLayout::new(params);
    let initial = digest::initial(params, input, tag.len());
    for lane in 0..layout.lanes {
        for column in 0..2 {
            let mut bytes = [0; BLOCK];
            let place = [low(column), low(lane)].map(u32::to_le_bytes);
            digest::variable(&[initial.as_slice(), &place[0], &place[1]], &mut bytes);
            load(&mut memory[lane * layout.lane_length + column], &bytes);
        }
    }
    avx2.fill(layout, memory);
    let mut last = memory[layout.lane_length - 1];
    for lane in 1..layout.lanes {
        last ^= &memory[(lane + 1) * layout.lane_length - 1];
    }
    let bytes: Vec<u8> = last.as_ref().iter().flat_map(|word| word.to_le_bytes()).collect();
    digest::variable(&[&bytes], tag);
    Ok(())
}

/// The bounds of RFC 9106 §3.1, as the reference checks them.
fn check(params: &Params, input: HashInput<'_>, tag: &[u8]) -> Result<(), Error> {
    let fits = |bytes: usize| u32::try_from(bytes).is_ok();
    let wanted = params.output_len();
    if tag.len() < wanted.unwrap_or(Params::MIN_OUTPUT_LEN) {
        Err(Error::OutputTooShort)
    } else if tag.len() > wanted.unwrap_or(Params::MAX_OUTPUT_LEN) {
        Err(Error::OutputTooLong)
    } else if !fits(input.password.len()) {
        Err(Error::PwdTooLong)
    } else if input.salt.len() < argon2::MIN_SALT_LEN {
        Err(Error::SaltTooShort)
    } else if !fits(input.salt.len()) {
        Err(Error::SaltTooLong)
    } else if !fits(input.secret.len()) {
        Err(Error::SecretTooLong)
    } else {
        Ok(())
    }
}

fn load(block: &mut Block, bytes: &[u8; BLOCK]) {
    let (words, _) = bytes.as_chunks();
    for (word, bytes) in block.as_mut().iter_mut().zip(words) {
        *word = u64::from_le_bytes(*bytes);
    }
}

/// A count or place as the algorithm writes it; [`Params`] has bounded it.
fn low(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
