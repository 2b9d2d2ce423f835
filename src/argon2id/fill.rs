//! The memory of a hash: which block is mixed with which (RFC 9106 §3.2 to §3.4).

use argon2::{Block, Error, Params};

use super::avx2::Avx2;
use super::{Input, digest};

/// Bytes of a block.
const BLOCK: usize = Block::SIZE;
/// Slices of a pass. Lanes meet at their ends.
const SLICES: usize = 4;
/// References that one block of addresses holds.
const ADDRESSES: usize = BLOCK / 8;
/// The number that stands for Argon2id.
const ARGON2ID: u64 = 2;

/// Computes one hash; see [`Implementation::hash`](super::Implementation::hash).
pub(crate) fn hash(
    avx2: Avx2,
    params: &Params,
    input: Input<'_>,
    memory: &mut [Block],
    tag: &mut [u8],
) -> Result<(), Error> {
    check(params, input, tag)?;
    let memory = memory.get_mut(..params.block_count()).ok_or(Error::MemoryTooLittle)?;
    let layout = Layout::new(params);
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
fn check(params: &Params, input: Input<'_>, tag: &[u8]) -> Result<(), Error> {
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

/// How the memory is divided: lanes, and segments of lanes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    passes: u32,
    lanes: usize,
    lane_length: usize,
    segment_length: usize,
}

impl Layout {
    fn new(params: &Params) -> Self {
        let lanes = params.p_cost() as usize;
        let lane_length = params.block_count() / lanes;
        let segment_length = lane_length / SLICES;
        Self { passes: params.t_cost(), lanes, lane_length, segment_length }
    }

    /// Every segment, in the order in which they are filled.
    pub(crate) fn segments(self) -> impl Iterator<Item = Segment> {
        let lanes = self.lanes;
        (0..self.passes).flat_map(move |pass| {
            (0..SLICES).flat_map(move |slice| {
                (0..lanes).map(move |lane| Segment { layout: self, pass, slice, lane })
            })
        })
    }
}

/// The part of a lane that lies in one slice, during one pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    layout: Layout,
    pass: u32,
    slice: usize,
    lane: usize,
}

impl Segment {
    /// The blocks to fill, counted within the segment. The first two of a lane are made of `H0`.
    pub(crate) fn indices(&self) -> std::ops::Range<usize> {
        let made = if self.pass == 0 && self.slice == 0 { 2 } else { 0 };
        made..self.layout.segment_length
    }

    /// Whether what is there from the pass before is mixed in.
    pub(crate) fn keeps_old(&self) -> bool {
        self.pass > 0
    }

    /// Whether its references depend on the password: Argon2id's do after the first half of the
    /// first pass.
    pub(crate) fn depends_on_password(&self) -> bool {
        self.pass > 0 || self.slice >= SLICES / 2
    }

    /// Where a block stands in the memory.
    pub(crate) fn place(&self, index: usize) -> usize {
        self.lane_start() + self.slice * self.layout.segment_length + index
    }

    /// Where the block before it stands: for a lane's first block, the lane's last.
    pub(crate) fn place_before(&self, index: usize) -> usize {
        let place = self.place(index);
        if place == self.lane_start() { place + self.layout.lane_length - 1 } else { place - 1 }
    }

    /// Where the block stands that `random` refers to (§3.4.1.1 and §3.4.2).
    pub(crate) fn reference(&self, index: usize, random: u64) -> usize {
        let Layout { lanes, lane_length, segment_length, .. } = self.layout;
        let lane = if self.pass == 0 && self.slice == 0 {
            self.lane
        } else {
            (random >> 32) as usize % lanes
        };
        let filled =
            if self.pass == 0 { self.slice * segment_length } else { lane_length - segment_length };
        let area = if lane == self.lane {
            filled + index - 1
        } else if index == 0 {
            filled - 1
        } else {
            filled
        };
        let low = random & u64::from(u32::MAX);
        let nearness = (area as u64 * ((low * low) >> 32)) >> 32;
        let oldest = if self.pass == 0 || self.slice == SLICES - 1 {
            0
        } else {
            (self.slice + 1) * segment_length
        };
        let column = oldest + area - 1 - nearness as usize;
        let column = if column < lane_length { column } else { column - lane_length };
        lane * lane_length + column
    }

    fn lane_start(&self) -> usize {
        self.lane * self.layout.lane_length
    }
}

/// What references that do not depend on the password are computed from (§3.4.1.1).
pub(crate) struct AddressInput(Block);

impl AddressInput {
    pub(crate) fn new(segment: &Segment) -> Self {
        let layout = segment.layout;
        let mut block = Block::new();
        let words = [
            u64::from(segment.pass),
            segment.lane as u64,
            segment.slice as u64,
            (layout.lanes * layout.lane_length) as u64,
            u64::from(layout.passes),
            ARGON2ID,
        ];
        for (word, value) in block.as_mut().iter_mut().zip(words) {
            *word = value;
        }
        Self(block)
    }

    /// The input of the next block of addresses.
    pub(crate) fn advance(&mut self) -> &Block {
        self.0.as_mut()[6] += 1;
        &self.0
    }
}

/// Which of a block's addresses is `index`'s; at 0 a new block begins.
pub(crate) fn address_slot(index: usize) -> usize {
    index % ADDRESSES
}
