//! A session's token: 256 random bits that only its client keeps, sealed ([`super::Seals`]). The
//! database keeps their digest.

use sha2::{Digest, Sha256};

use super::client_secret::ClientSecret;
use domain::session::TokenDigest;

/// See [`SessionToken`].
#[derive(Debug)]
pub enum SessionPurpose {}

/// A session's token, without its seal.
pub type SessionToken = ClientSecret<SessionPurpose>;

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

impl SessionToken {
    /// The digest by which the database finds the session: SHA-256, with the audience as domain
    /// separation.
    #[must_use]
    pub fn digest(&self, audience: Audience) -> TokenDigest {
        let hash = Sha256::new().chain_update(audience.domain()).chain_update(self.bytes());
        TokenDigest(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::super::client_secret::InvalidClientSecret;
    use super::*;

    #[test]
    fn a_token_survives_its_way_to_the_client_and_back_and_is_not_its_digest() {
        let token = SessionToken::draw(&mut StdRng::seed_from_u64(1));
        let back: SessionToken = token.expose().parse().unwrap();
        assert_eq!(back.digest(Audience::Api), token.digest(Audience::Api));
        assert_ne!(token.digest(Audience::Api).0, token.bytes());
        assert_ne!(token.digest(Audience::Api), token.digest(Audience::Pages));
        assert_eq!(format!("{token:?}"), "ClientSecret(…)");
        for wrong in ["", "AAAA", "!", &token.expose()[1..], &format!("{}A", token.expose())] {
            assert_eq!(wrong.parse::<SessionToken>().err(), Some(InvalidClientSecret), "{wrong}");
        }
    }
}
