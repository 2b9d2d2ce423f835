//! 256 random bits that only a client keeps: the id of a form, or the token of a session.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::CryptoRng;
use zeroize::Zeroizing;

const BYTES: usize = 32;

/// The secret of a form or a session, by its `Purpose`. It is never shown, and wiped on drop.
pub struct ClientSecret<Purpose>(Zeroizing<[u8; BYTES]>, PhantomData<Purpose>);

/// The text is not the secret of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 32 bytes in URL-safe base64")]
pub struct InvalidClientSecret;

impl<Purpose> ClientSecret<Purpose> {
    /// Draws a new one.
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; BYTES]);
        rng.fill_bytes(&mut *bytes);
        Self(bytes, PhantomData)
    }

    /// The bits in 43 characters of URL-safe base64.
    #[must_use]
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl<Purpose> Clone for ClientSecret<Purpose> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<Purpose> FromStr for ClientSecret<Purpose> {
    type Err = InvalidClientSecret;

    fn from_str(text: &str) -> Result<Self, InvalidClientSecret> {
        let decoded =
            URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new).map_err(|_| InvalidClientSecret)?;
        let mut bytes = Zeroizing::new([0; BYTES]);
        if decoded.len() != BYTES {
            return Err(InvalidClientSecret);
        }
        bytes.copy_from_slice(&decoded);
        Ok(Self(bytes, PhantomData))
    }
}

impl<Purpose> fmt::Debug for ClientSecret<Purpose> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}
