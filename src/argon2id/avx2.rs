//! Mixing of blocks by vector instructions of 256 bits.
//!
//! A block is a matrix of 8 rows of 8 registers' halves: 32 registers of four words. The
//! permutation `P` (RFC 9106 §3.6) mixes 16 words: first each row, then each column. A row is four
//! registers in a line. Two columns lie side by side in eight registers, one in each half.
#![expect(unsafe_code, reason = "vector instructions; each use says why it is sound")]

use std::arch::x86_64::{
    __m256i, _MM_HINT_T0, _mm_prefetch, _mm256_add_epi64, _mm256_alignr_epi8, _mm256_loadu_si256,
    _mm256_mul_epu32, _mm256_or_si256, _mm256_permute4x64_epi64, _mm256_setr_epi8,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_shuffle_epi32, _mm256_srli_epi64,
    _mm256_storeu_si256, _mm256_xor_si256,
};

use argon2::Block;

use super::layout::{AddressInput, MemoryLayout, Segment, address_slot};

/// Words of 64 bits in a register.
const WORDS: usize = 4;
/// Registers that hold a block of 1 KiB.
const REGISTERS: usize = 32;
/// Bytes that the processor fetches at once.
const CACHE_LINE: usize = 64;

/// The proof that the processor has AVX2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx2(());

impl Avx2 {
    pub(crate) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Fills what follows the first two blocks of every lane.
    #[expect(clippy::unused_self, reason = "a value of this type is the proof")]
    pub(crate) fn fill(self, layout: MemoryLayout, memory: &mut [Block]) {
        for segment in layout.segments() {
            // SAFETY: there is a value of this type only where `detect` has found AVX2.
            unsafe { fill_segment(&segment, memory) }
        }
    }
}

#[target_feature(enable = "avx2")]
fn fill_segment(segment: &Segment, memory: &mut [Block]) {
    let all = memory.as_ptr();
    let indices = segment.indices();
    let mut addresses = Block::new();
    let mut input = (!segment.depends_on_password()).then(|| AddressInput::new(segment));
    for index in indices.clone() {
        let previous = segment.place_before(index);
        let slot = address_slot(index);
        let random = match &mut input {
            Some(input) => {
                if index == indices.start || slot == 0 {
                    addresses = addresses_of(input.advance());
                }
                addresses.as_ref()[slot]
            }
            None => memory[previous].as_ref()[0],
        };
        let reference = segment.reference(index, random);
        let places = [previous, reference, segment.place(index)];
        let Ok([previous, reference, current]) = memory.get_disjoint_mut(places) else {
            unreachable!("a block refers to itself or to the one before it");
        };
        let fetch_next = |first_word: u64| {
            let next = index + 1;
            if next < indices.end {
                let random = match &input {
                    Some(_) => addresses.as_ref()[address_slot(next)],
                    None => first_word,
                };
                prefetch(all.wrapping_add(segment.reference(next, random)));
            }
        };
        mix(previous, reference, current, segment.keeps_old(), fetch_next);
    }
}

/// A block of references that do not depend on the password (§3.4.1.1).
#[target_feature(enable = "avx2")]
fn addresses_of(input: &Block) -> Block {
    let zero = Block::new();
    let (mut once, mut twice) = (Block::new(), Block::new());
    mix(&zero, input, &mut once, false, |_| ());
    mix(&zero, &once, &mut twice, false, |_| ());
    twice
}

/// The compression function `G` (§3.5). `current` becomes `G(previous, reference)`, with its old
/// words mixed in if `keep_old`. `on_first_word` gets the first word of the result as soon as it
/// is known, with three quarters of the columns still to do.
#[target_feature(enable = "avx2")]
fn mix(
    previous: &Block,
    reference: &Block,
    current: &mut Block,
    keep_old: bool,
    on_first_word: impl FnOnce(u64),
) {
    let (previous, reference) = (registers(previous), registers(reference));
    let current = registers_mut(current);
    let before = |at: usize| _mm256_xor_si256(load(&previous[at]), load(&reference[at]));
    let mut state = [_mm256_setzero_si256(); REGISTERS];
    for (row, at) in state.as_chunks_mut::<4>().0.iter_mut().zip((0..).step_by(4)) {
        *row = mix_row([before(at), before(at + 1), before(at + 2), before(at + 3)]);
    }
    let mut on_first_word = Some(on_first_word);
    for pair in 0..4 {
        let mixed = mix_columns([
            state[pair],
            state[pair + 4],
            state[pair + 8],
            state[pair + 12],
            state[pair + 16],
            state[pair + 20],
            state[pair + 24],
            state[pair + 28],
        ]);
        for (at, mixed) in (pair..).step_by(4).zip(mixed) {
            let mut words = _mm256_xor_si256(mixed, before(at));
            if keep_old {
                words = _mm256_xor_si256(words, load(&current[at]));
            }
            store(words, &mut current[at]);
        }
        if let Some(on_first_word) = on_first_word.take() {
            on_first_word(current[0][0]);
        }
    }
}

/// `P` on 16 words in a line.
#[target_feature(enable = "avx2")]
#[inline]
fn mix_row(row: [__m256i; 4]) -> [__m256i; 4] {
    let [a, b, c, d] = mix_words(row);
    let [a, b, c, d] = mix_words([
        a,
        _mm256_permute4x64_epi64::<0b00_11_10_01>(b),
        _mm256_permute4x64_epi64::<0b01_00_11_10>(c),
        _mm256_permute4x64_epi64::<0b10_01_00_11>(d),
    ]);
    [
        a,
        _mm256_permute4x64_epi64::<0b10_01_00_11>(b),
        _mm256_permute4x64_epi64::<0b01_00_11_10>(c),
        _mm256_permute4x64_epi64::<0b00_11_10_01>(d),
    ]
}

/// `P` on 16 words in the lower halves, and on 16 in the upper ones.
#[target_feature(enable = "avx2")]
#[inline]
fn mix_columns(columns: [__m256i; 8]) -> [__m256i; 8] {
    let [a0, a1, b0, b1, c0, c1, d0, d1] = columns;
    let [a0, b0, c0, d0] = mix_words([a0, b0, c0, d0]);
    let [a1, b1, c1, d1] = mix_words([a1, b1, c1, d1]);
    let [a0, b0, c1, d0, b1, d1] = [
        a0,
        _mm256_alignr_epi8::<8>(b1, b0),
        c1,
        _mm256_alignr_epi8::<8>(d0, d1),
        _mm256_alignr_epi8::<8>(b0, b1),
        _mm256_alignr_epi8::<8>(d1, d0),
    ];
    let [a0, b0, c1, d0] = mix_words([a0, b0, c1, d0]);
    let [a1, b1, c0, d1] = mix_words([a1, b1, c0, d1]);
    [
        a0,
        a1,
        _mm256_alignr_epi8::<8>(b0, b1),
        _mm256_alignr_epi8::<8>(b1, b0),
        c0,
        c1,
        _mm256_alignr_epi8::<8>(d1, d0),
        _mm256_alignr_epi8::<8>(d0, d1),
    ]
}

/// `GB` (§3.6) on four words at once.
#[target_feature(enable = "avx2")]
#[inline]
fn mix_words([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
    let rotate_24 = _mm256_setr_epi8(
        3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10, 3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13,
        14, 15, 8, 9, 10,
    );
    let rotate_16 = _mm256_setr_epi8(
        2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9, 2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12,
        13, 14, 15, 8, 9,
    );
    let a = add_product(a, b);
    let d = _mm256_shuffle_epi32::<0b10_11_00_01>(_mm256_xor_si256(d, a));
    let c = add_product(c, d);
    let b = _mm256_shuffle_epi8(_mm256_xor_si256(b, c), rotate_24);
    let a = add_product(a, b);
    let d = _mm256_shuffle_epi8(_mm256_xor_si256(d, a), rotate_16);
    let c = add_product(c, d);
    let b = _mm256_xor_si256(b, c);
    let b = _mm256_or_si256(_mm256_srli_epi64::<63>(b), _mm256_add_epi64(b, b));
    [a, b, c, d]
}

/// `x + y + 2 · low(x) · low(y)`, where `low` is a word's lower half.
#[target_feature(enable = "avx2")]
#[inline]
fn add_product(x: __m256i, y: __m256i) -> __m256i {
    let product = _mm256_mul_epu32(x, y);
    _mm256_add_epi64(_mm256_add_epi64(x, y), _mm256_add_epi64(product, product))
}

fn registers(block: &Block) -> &[[u64; WORDS]] {
    block.as_ref().as_chunks().0
}

fn registers_mut(block: &mut Block) -> &mut [[u64; WORDS]] {
    block.as_mut().as_chunks_mut().0
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(words: &[u64; WORDS]) -> __m256i {
    // SAFETY: the reference is valid for 32 bytes, of any alignment.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store(register: __m256i, words: &mut [u64; WORDS]) {
    // SAFETY: the reference is valid for 32 bytes, of any alignment.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), register) }
}

/// Lets the processor fetch a block that is soon needed: a hint, which no address makes fail.
#[target_feature(enable = "avx2")]
#[inline]
fn prefetch(block: *const Block) {
    for line in 0..Block::SIZE / CACHE_LINE {
        _mm_prefetch::<_MM_HINT_T0>(block.cast::<i8>().wrapping_add(line * CACHE_LINE));
    }
}
