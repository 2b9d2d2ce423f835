//! The keys of hashes and seals (`C7`): read once from the configuration, wiped on drop, never
//! shown.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, Zeroizing};

/// The fewest bytes of a key.
const KEY_BYTES: usize = 32;
/// The most bytes of a key's id: a PHC string has no room for more (`keyid`).
const ID_BYTES: usize = 8;

/// The keys by their ids; the first one hashes, every one verifies.
#[derive(Clone)]
pub struct Keys {
    first: HashKey,
    others: Vec<HashKey>,
}

/// A key with its id, under which stored hashes name it.
#[derive(Clone)]
pub(crate) struct HashKey {
    id: String,
    bytes: Zeroizing<Vec<u8>>,
}

impl HashKey {
    /// Its id, as it stands in the stored hashes.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The key itself, for the hash and nothing else.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.bytes
    }
}

/// Every error of a list of keys, one line each, without a value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct KeyErrors(pub Vec<String>);

impl Keys {
    /// Takes lines of `id base64`; empty lines and those that begin with `#` are passed over.
    ///
    /// An id is 1 to 8 letters, digits, `-` or `_`; a key is 32 bytes or more in standard base64.
    ///
    /// # Errors
    /// [`KeyErrors`]: all of them, each with its line.
    pub fn parse(text: &str) -> Result<Self, KeyErrors> {
        let mut keys: Vec<HashKey> = Vec::new();
        let mut errors = Vec::new();
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match parse_line(line) {
                Ok(key) if keys.iter().any(|known| known.id == key.id) => {
                    errors.push(format!("line {number}: an id given before"));
                }
                Ok(key) => keys.push(key),
                Err(error) => errors.push(format!("line {number}: {error}")),
            }
        }
        let mut keys = keys.into_iter();
        match keys.next() {
            Some(first) if errors.is_empty() => Ok(Self { first, others: keys.collect() }),
            None if errors.is_empty() => Err(KeyErrors(vec!["no key".to_owned()])),
            Some(_) | None => Err(KeyErrors(errors)),
        }
    }

    /// Derives one key per hash key for `domain`: the first key's, and the others'. It reveals
    /// neither the hash key nor another domain's keys.
    #[must_use]
    pub fn derived(&self, domain: &[u8]) -> (DerivedKey, Vec<DerivedKey>) {
        let derived = |key: &HashKey| Zeroizing::new(hmac(&key.bytes, &[domain]));
        (derived(&self.first), self.others.iter().map(derived).collect())
    }

    /// The key that hashes.
    pub(crate) fn first(&self) -> &HashKey {
        &self.first
    }

    pub(crate) fn find(&self, id: &[u8]) -> Option<&HashKey> {
        std::iter::once(&self.first).chain(&self.others).find(|key| key.id.as_bytes() == id)
    }
}

/// A key derived from a hash key.
pub(crate) type DerivedKey = Zeroizing<[u8; 32]>;

/// HMAC-SHA256 (RFC 2104) of the concatenated parts.
pub(crate) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    const BLOCK: usize = 64;
    // A longer key counts as its digest, a shorter one as if zeros followed.
    let digest = (key.len() > BLOCK).then(|| Sha256::digest(key));
    let key = digest.as_ref().map_or(key, |digest| digest.as_slice());
    let mut block = Zeroizing::new([0; BLOCK]);
    block.iter_mut().zip(key).for_each(|(byte, of_key)| *byte = *of_key);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn parse_line(line: &str) -> Result<HashKey, &'static str> {
    let (id, encoded) = line.split_once(char::is_whitespace).ok_or("not an id and a key")?;
    let legible = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if id.len() > ID_BYTES || !id.bytes().all(legible) {
        return Err("the id is not 1 to 8 letters, digits, - or _");
    }
    let mut bytes = Zeroizing::new(Vec::new());
    STANDARD.decode_vec(encoded.trim(), &mut bytes).map_err(|_| "the key is not base64")?;
    if bytes.len() < KEY_BYTES {
        bytes.zeroize();
        return Err("the key is shorter than 32 bytes");
    }
    Ok(HashKey { id: id.to_owned(), bytes })
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} of them)", 1 + self.others.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "b64AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    #[test]
    fn c7_the_first_key_hashes_and_every_key_verifies() {
        let text = format!("# of 2026\nk2 {GOOD}\n\nk1\t{GOOD}\r\n");
        let keys = Keys::parse(&text).unwrap();
        assert_eq!(keys.first().id(), "k2");
        assert_eq!(keys.find(b"k1").unwrap().expose().len(), 32);
        assert!(keys.find(b"k3").is_none());
    }

    #[test]
    fn every_mistake_is_named_by_its_line_and_without_its_value() {
        let text = format!(
            "secretsecret\nsecret= {GOOD}\nsecretsecret {GOOD}\nk1 secret!\nk2 c2VjcmV0\nk3 {GOOD}\nk3 {GOOD}"
        );
        let errors = Keys::parse(&text).unwrap_err().0;
        let lines: Vec<&str> = errors.iter().filter_map(|error| error.split(':').next()).collect();
        assert_eq!(lines, ["line 1", "line 2", "line 3", "line 4", "line 5", "line 7"]);
        assert!(!errors.concat().contains("secret"), "{errors:?}");
        assert_eq!(Keys::parse("# none\n").unwrap_err().0, ["no key"]);
    }

    #[test]
    fn hmac_is_rfc_4231s() {
        let hex = |bytes: [u8; 32]| bytes.map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(
            hex(hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(hmac(&[0xaa; 131], &[b"Test Using Larger Than Block-Size Key - Hash Key First"])),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn debug_shows_no_key() {
        let keys = Keys::parse(&format!("k1 {GOOD}")).unwrap();
        assert_eq!(format!("{keys:?}"), "Keys(1 of them)");
    }
}
