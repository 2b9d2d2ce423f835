//! The memory of a hash: which block is mixed with which (RFC 9106 §3.4).

use argon2::{Block, Params};

/// Slices of a pass. Lanes meet at their ends.
const SLICES: usize = 4;
/// References that one block of addresses holds.
const ADDRESSES: usize = Block::SIZE / 8;
/// The number that stands for Argon2id.
const ARGON2ID: u64 = 2;

/// How the memory is divided: lanes, and segments of lanes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemoryLayout {
    passes: u32,
    pub(crate) lanes: usize,
    pub(crate) lane_length: usize,
    segment_length: usize,
}

impl MemoryLayout {
    pub(crate) fn new(params: &Params) -> Self {
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
    layout: MemoryLayout,
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

    /// Whether the block of the previous pass is mixed in.
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
        let MemoryLayout { lanes, lane_length, segment_length, .. } = self.layout;
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
