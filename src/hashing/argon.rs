//! One hash operation: made and verified as a PHC string, keyed, in memory that is used again.
//!
//! `$argon2id$v=19$m=19456,t=2,p=1,keyid=…$salt$hash`; `keyid` names one of the [`Keys`].

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash};
use argon2::{ARGON2ID_IDENT, Block, Params, ParamsBuilder, Version};
use argon2id::{HashInput, Implementation};
use metrics::counter;
use rand::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::error::HashError;
use crate::keys::{HashKey, Keys};
use crate::metrics::PASSWORD_HASH_OPERATIONS;
use domain::password::{PhcString, Verification};
use domain::rules;

const HASH_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
const DUMMY_BYTES: usize = 32;
/// The most memory that a stored hash may ask for.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;

/// The cost parameters of one hash operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// How many lanes the memory is divided into.
    pub lanes: u32,
}

impl Cost {
    /// The cost of every new hash (`C7`).
    pub const LIVE: Self = Self {
        memory_kib: rules::ARGON2_MEMORY_KIB,
        passes: rules::ARGON2_PASSES,
        lanes: rules::ARGON2_LANES,
    };
}

/// The salt of a new hash.
#[derive(Clone, Copy)]
pub struct Salt([u8; SALT_BYTES]);

impl Salt {
    /// Draws a salt of 16 bytes.
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; SALT_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

/// Input of the dummy hash; random and not kept.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Dummy {
    password: [u8; DUMMY_BYTES],
    salt: [u8; SALT_BYTES],
}

impl Dummy {
    /// Draws a random input.
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut dummy = Self { password: [0; DUMMY_BYTES], salt: [0; SALT_BYTES] };
        rng.fill_bytes(&mut dummy.password);
        rng.fill_bytes(&mut dummy.salt);
        dummy
    }
}

/// The hash to store instead of one that matched, if that is weaker than the live cost or has
/// another key (`C7`).
pub type Renewed = Option<PhcString>;

/// Block memory that is not in use. The memory used last is on top, because the processor's cache
/// still holds it.
struct BlockPool {
    free: Mutex<Vec<Vec<Block>>>,
    /// How many blocks to keep in each, even after a costlier stored hash has needed more.
    kept: usize,
}

impl BlockPool {
    fn new(kept: usize) -> Self {
        Self { free: Mutex::default(), kept }
    }

    /// Lends `work` the memory of one operation.
    fn with_blocks<T>(&self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        let mut memory = self.lock().pop().unwrap_or_default();
        if memory.len() < blocks {
            memory.resize(blocks, Block::new());
        }
        let done = work(&mut memory);
        memory.truncate(self.kept);
        memory.shrink_to_fit();
        self.lock().push(memory);
        done
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hashes and verifies with the live keys and cost.
pub(super) struct Argon {
    implementation: Implementation,
    cost: Cost,
    live: RwLock<Arc<Live>>,
    operations: AtomicU64,
    memories: BlockPool,
}

/// The keys in use, the cost of new hashes, and the dummy hash.
pub(super) struct Live {
    keys: Keys,
    params: Params,
    dummy: PhcString,
}

impl Live {
    fn new(keys: Keys, cost: Cost) -> Result<Self, HashError> {
        let params = ParamsBuilder::new()
            .m_cost(cost.memory_kib)
            .t_cost(cost.passes)
            .p_cost(cost.lanes)
            .output_len(HASH_BYTES)
            .keyid(keys.first().id().as_bytes().try_into().map_err(failed)?)
            .build()
            .map_err(failed)?;
        Ok(Self { keys, params, dummy: PhcString::from(String::new()) })
    }

    fn parse(&self, stored: &PhcString) -> Result<Parsed<'_>, &'static str> {
        let phc: PasswordHash = stored.expose().parse().map_err(|_| "not a PHC string")?;
        if phc.algorithm != ARGON2ID_IDENT || phc.version != Some(Version::V0x13.into()) {
            return Err("not Argon2id of version 19");
        }
        let params = Params::try_from(&phc).map_err(|_| "bad parameters")?;
        if params.m_cost() > MAX_MEMORY_KIB {
            return Err("asks for more than 1 GiB");
        }
        let (Some(salt), Some(hash)) = (phc.salt, phc.hash) else {
            return Err("no salt or no hash");
        };
        let key = self.keys.find(params.keyid()).ok_or("its key is not configured")?;
        Ok(Parsed { key, params, salt: salt.as_ref().to_vec(), hash: hash.as_bytes().to_vec() })
    }
}

impl Argon {
    pub(super) fn new(keys: Keys, cost: Cost, dummy: &Dummy) -> Result<Self, HashError> {
        let live = Live::new(keys.clone(), cost)?;
        let memories = BlockPool::new(live.params.block_count());
        let live = RwLock::new(Arc::new(live));
        let implementation = Implementation::detect();
        tracing::debug!(
            implementation = implementation.name(),
            "selected the Argon2 implementation"
        );
        let argon = Self { implementation, cost, live, operations: AtomicU64::new(0), memories };
        argon.replace_keys(argon.prepare_keys(keys, dummy)?);
        Ok(argon)
    }

    /// Other keys with their own dummy hash.
    pub(super) fn prepare_keys(&self, keys: Keys, dummy: &Dummy) -> Result<Live, HashError> {
        let mut live = Live::new(keys, self.cost)?;
        live.dummy = self.hash_with(&live, &dummy.password, Salt(dummy.salt))?;
        Ok(live)
    }

    /// Uses other keys from the next operation on.
    pub(super) fn replace_keys(&self, live: Live) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
    }

    fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// One hash operation with the first key.
    pub(super) fn hash(&self, password: &[u8], salt: Salt) -> Result<PhcString, HashError> {
        self.hash_with(&self.live(), password, salt)
    }

    fn hash_with(&self, live: &Live, password: &[u8], salt: Salt) -> Result<PhcString, HashError> {
        let mut bytes = [0; HASH_BYTES];
        self.compute(live.keys.first(), &live.params, password, &salt.0, &mut bytes)?;
        let phc = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&live.params).map_err(failed)?,
            salt: Some(salt.0.as_slice().try_into().map_err(failed)?),
            hash: Some(Output::new(&bytes).map_err(failed)?),
        };
        bytes.zeroize();
        Ok(PhcString::from(phc.to_string()))
    }

    /// One hash operation with the stored hash's key and cost, or with the dummy's, which no
    /// password matches. It is the dummy's too if this configuration cannot verify the stored hash.
    /// One more operation with the live ones follows if the hash is outdated and `renewal` has a
    /// salt.
    pub(super) fn verify(
        &self,
        password: &[u8],
        stored: Option<&PhcString>,
        renewal: Option<Salt>,
    ) -> Result<Verification<Renewed>, HashError> {
        let live = self.live();
        let parsed = match stored.map(|stored| live.parse(stored)) {
            Some(Ok(parsed)) => parsed,
            Some(Err(reason)) => {
                self.compare_with_dummy(&live, password)?;
                return Ok(Verification::Unverifiable(reason));
            }
            None => {
                self.compare_with_dummy(&live, password)?;
                return Ok(Verification::Mismatch);
            }
        };
        if !self.matches(&parsed, password)? {
            return Ok(Verification::Mismatch);
        }
        let salt = renewal.filter(|_| self.is_outdated(&live, &parsed));
        let renewed = salt.map(|salt| self.hash_with(&live, password, salt)).transpose()?;
        Ok(Verification::Match(renewed))
    }

    fn compare_with_dummy(&self, live: &Live, password: &[u8]) -> Result<(), HashError> {
        let dummy = live.parse(&live.dummy).map_err(failed)?;
        self.matches(&dummy, password).map(drop)
    }

    fn matches(&self, parsed: &Parsed<'_>, password: &[u8]) -> Result<bool, HashError> {
        let mut bytes = vec![0; parsed.hash.len()];
        self.compute(parsed.key, &parsed.params, password, &parsed.salt, &mut bytes)?;
        let same = bytes.ct_eq(&parsed.hash).into();
        bytes.zeroize();
        Ok(same)
    }

    /// Every hash operation passes through here, and is counted.
    fn compute(
        &self,
        key: &HashKey,
        params: &Params,
        password: &[u8],
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), HashError> {
        self.operations.fetch_add(1, Ordering::Relaxed);
        counter!(PASSWORD_HASH_OPERATIONS).increment(1);
        let input = HashInput { password, salt, secret: key.expose() };
        self.memories
            .with_blocks(params.block_count(), |memory| {
                self.implementation.hash(params, input, memory, out)
            })
            .map_err(failed)
    }

    /// Uncounts one operation: the next one repeats a job that is already counted.
    pub(super) fn uncount_repeated(&self) {
        self.operations.fetch_sub(1, Ordering::Relaxed);
    }

    /// Hash operations so far, the dummy's own among them.
    pub(super) fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    fn is_outdated(&self, live: &Live, stored: &Parsed<'_>) -> bool {
        stored.key.id() != live.keys.first().id()
            || stored.params.m_cost() < self.cost.memory_kib
            || stored.params.t_cost() < self.cost.passes
            || stored.params.p_cost() < self.cost.lanes
            || stored.hash.len() < HASH_BYTES
    }
}

/// A parsed stored hash.
struct Parsed<'keys> {
    key: &'keys HashKey,
    params: Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl fmt::Debug for Argon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Argon").field("cost", &self.cost).finish_non_exhaustive()
    }
}

fn failed(error: impl fmt::Display) -> HashError {
    HashError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extra_memory_of_a_costlier_hash_is_not_kept() {
        let memories = BlockPool::new(8);
        assert_eq!(memories.with_blocks(32, |memory| memory.len()), 32);
        assert_eq!(memories.with_blocks(8, |memory| memory.len()), 8);
        assert_eq!(memories.lock().iter().map(Vec::capacity).collect::<Vec<_>>(), [8]);
    }
}
