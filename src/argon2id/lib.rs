//! Argon2id (RFC 9106) as fast as the processor allows.
//!
//! The `argon2` crate holds the reference. It is written so that the compiler may use wide
//! registers, which leaves half of their speed unused. Where the processor has AVX2, this crate
//! fills the memory by hand-placed vector instructions. It fetches each block while the block
//! before it is still being mixed. Elsewhere it calls the reference. Both give the same hashes.
//!
//! All `unsafe` is in `avx2.rs`, and each use says why it is sound.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod digest;
#[cfg(target_arch = "x86_64")]
mod hash;
mod input;
#[cfg(target_arch = "x86_64")]
mod layout;
#[cfg(test)]
mod tests;

pub use input::HashInput;

use argon2::{Algorithm, Argon2, Block, Error, Params, Version};

/// One way to compute a hash; all give the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Implementation {
    /// The `argon2` crate, on every processor.
    Portable,
    /// Vector instructions of 256 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
}

impl Implementation {
    /// The fastest one that this processor can run.
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = avx2::Avx2::detect() {
            return Self::Avx2(avx2);
        }
        Self::Portable
    }

    /// Its name, for a log line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "AVX2",
        }
    }

    /// Fills `tag` with the hash of `input`. `memory` has at least [`Params::block_count`] blocks,
    /// whose content does not matter.
    ///
    /// # Errors
    /// [`Error`] if a length is out of the algorithm's bounds, or the memory is too small.
    pub fn hash(
        self,
        params: &Params,
        input: HashInput<'_>,
        memory: &mut [Block],
        tag: &mut [u8],
    ) -> Result<(), Error> {
        match self {
            Self::Portable => Argon2::new_with_secret(
                input.secret,
                Algorithm::Argon2id,
                Version::V0x13,
                params.clone(),
            )?
            .hash_password_into_with_memory(input.password, input.salt, tag, memory),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => hash::hash(avx2, params, input, memory, tag),
        }
    }
}
