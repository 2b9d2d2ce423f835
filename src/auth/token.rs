//! A session's token: 256 random bits that only its client keeps, sealed ([`super::Seals`]). The
//! database keeps their digest.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use domain::session::TokenDigest;

const TOKEN_BYTES: usize = 32;

/// A session's token; never shown, wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SessionToken([u8; TOKEN_BYTES]);

/// The client that a token is for; it opens nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The JSON API, whose token is a bearer token.
    Api,
    /// The pages, whose token is a cookie.
    Pages,
}

impl Audience {
    pub(super) fn domain(self) -> &'static [u8] {
        match self {
            Self::Api => b"karipass session api\n",
            Self::Pages => b"karipass session pages\n",
        }
    }
}

/// The text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a session token")]
pub struct InvalidToken;

impl SessionToken {
    /// Draws a token.
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; TOKEN_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The bits in 43 characters of URL-safe base64, without a seal.
    #[must_use]
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The digest by which the database finds the session: SHA-256, with the audience as domain
    /// separation.
    #[must_use]
    pub fn digest(&self, audience: Audience) -> TokenDigest {
        let hash = Sha256::new().chain_update(audience.domain()).chain_update(self.0);
        TokenDigest(hash.finalize().into())
    }
}

impl std::str::FromStr for SessionToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidToken)?);
        bytes.as_slice().try_into().map(Self).map_err(|_| InvalidToken)
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_token_survives_its_way_to_the_client_and_back_and_is_not_its_digest() {
        let token = SessionToken::draw(&mut StdRng::seed_from_u64(1));
        let back: SessionToken = token.expose().parse().unwrap();
        assert_eq!(back.digest(Audience::Api), token.digest(Audience::Api));
        assert_ne!(token.digest(Audience::Api).0, token.0);
        assert_ne!(token.digest(Audience::Api), token.digest(Audience::Pages));
        assert_eq!(format!("{token:?}"), "SessionToken(…)");
        for wrong in ["", "AAAA", "!", &token.expose()[1..], &format!("{}A", token.expose())] {
            assert_eq!(wrong.parse::<SessionToken>().err(), Some(InvalidToken), "{wrong}");
        }
    }
}
