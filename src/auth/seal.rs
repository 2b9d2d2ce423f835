//! The seal of a session's token: a MAC that proves, without a query, that a daemon issued it. All
//! daemons with the same hash keys accept it.
//!
//! A client's token is `SECRET.TIME.SEAL`. The secret is 32 random bytes (43 characters of URL-safe
//! base64). The time is when the token was issued, in seconds since 1970. The seal is the first 16
//! bytes of HMAC-SHA256 over audience, secret and time (22 characters). The MAC's key is derived
//! from a hash key and rotates with it: the first key seals, every key opens.
//!
//! A token that is too old to name a session is refused without a query too.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq;

use super::{Audience, SessionToken};
use crate::keys::{DerivedKey, Keys, hmac};
use domain::credential::CredentialId;
use domain::rules;

/// Domain separation from all other keys that are derived from a hash key.
const DOMAIN: &[u8] = b"karipass session seal v1";

/// Separates the seals of proofs from those of tokens.
const PROOF: &[u8] = b"karipass password proof\n";

const SEAL_BYTES: usize = 16;

/// Seals tokens, opens them, and gets other keys when the configuration is reloaded.
pub struct Seals(RwLock<SealKeys>);

/// The first key seals, every key opens.
struct SealKeys {
    first: DerivedKey,
    others: Vec<DerivedKey>,
}

impl SealKeys {
    fn new(keys: &Keys) -> Self {
        let (first, others) = keys.derived(DOMAIN);
        Self { first, others }
    }
}

impl Seals {
    /// One seal key for each hash key, in the same order.
    #[must_use]
    pub fn new(keys: &Keys) -> Self {
        Self(RwLock::new(SealKeys::new(keys)))
    }

    /// Replaces the keys; tokens that a removed key has sealed become invalid.
    pub fn replace_keys(&self, keys: &Keys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = SealKeys::new(keys);
    }

    /// The token as its client keeps it, issued now.
    #[must_use]
    pub fn seal(&self, token: &SessionToken, audience: Audience, now: Timestamp) -> String {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let issued = now.as_second().to_string();
        let seal = URL_SAFE_NO_PAD.encode(seal(&keys.first, token, audience, &issued));
        format!("{}.{issued}.{seal}", token.expose())
    }

    /// A text by which the session of `token` proves that it has given this credential's password.
    #[must_use]
    pub fn seal_proof(&self, token: &SessionToken, credential: CredentialId) -> String {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let seal = URL_SAFE_NO_PAD.encode(seal_of_proof(&keys.first, token, credential));
        format!("{}.{seal}", credential.0)
    }

    /// The credential of such a text; `None` if it is not this session's.
    #[must_use]
    pub fn open_proof(&self, text: &str, token: &SessionToken) -> Option<CredentialId> {
        let (credential, sent) = text.split_once('.')?;
        let credential = CredentialId(credential.parse().ok()?);
        let sent = URL_SAFE_NO_PAD.decode(sent).ok()?;
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let fits =
            |key: &DerivedKey| bool::from(seal_of_proof(key, token, credential).ct_eq(&sent));
        std::iter::once(&keys.first).chain(&keys.others).any(fits).then_some(credential)
    }

    /// The token that a client of `audience` has sent. `None` without a valid seal for it, or if
    /// the token is older than any session is kept.
    #[must_use]
    pub fn open(&self, text: &str, audience: Audience, now: Timestamp) -> Option<SessionToken> {
        let (secret, rest) = text.split_once('.')?;
        let (issued, sent) = rest.split_once('.')?;
        let token: SessionToken = secret.parse().ok()?;
        let sent = URL_SAFE_NO_PAD.decode(sent).ok()?;
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let fits = |key: &DerivedKey| bool::from(seal(key, &token, audience, issued).ct_eq(&sent));
        let is_sealed = std::iter::once(&keys.first).chain(&keys.others).any(fits);
        let issued = Timestamp::from_second(issued.parse().ok()?).ok()?;
        let oldest = SignedDuration::try_from(rules::SESSION_RETENTION).ok()?;
        (is_sealed && now.duration_since(issued) < oldest).then_some(token)
    }
}

fn seal(
    key: &[u8; 32],
    token: &SessionToken,
    audience: Audience,
    issued: &str,
) -> [u8; SEAL_BYTES] {
    first_bytes(hmac(key, &[audience.domain(), token.bytes(), issued.as_bytes()]))
}

fn seal_of_proof(
    key: &[u8; 32],
    token: &SessionToken,
    credential: CredentialId,
) -> [u8; SEAL_BYTES] {
    first_bytes(hmac(key, &[PROOF, token.bytes(), &credential.0.to_be_bytes()]))
}

fn first_bytes(mac: [u8; 32]) -> [u8; SEAL_BYTES] {
    let mut seal = [0; SEAL_BYTES];
    seal.iter_mut().zip(mac).for_each(|(byte, of_mac)| *byte = of_mac);
    seal
}

impl fmt::Debug for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seals(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    const ONE: &str = "k1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const TWO: &str = "k2 AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn seals(lines: &[&str]) -> Seals {
        Seals::new(&Keys::parse(&lines.join("\n")).unwrap())
    }

    #[test]
    fn w5_a_token_is_known_where_a_key_of_it_is_and_nowhere_else() {
        let token = SessionToken::draw(&mut StdRng::seed_from_u64(1));
        let sealed = seals(&[ONE]).seal(&token, Audience::Api, NOW);
        assert_eq!(sealed.len(), 43 + 1 + 10 + 1 + 22);
        let open = |keys: &[&str], audience| seals(keys).open(&sealed, audience, NOW);
        for keys in [&[ONE][..], &[ONE, TWO], &[TWO, ONE]] {
            let opened = open(keys, Audience::Api).unwrap();
            assert_eq!(opened.digest(Audience::Api), token.digest(Audience::Api));
            assert!(open(keys, Audience::Pages).is_none(), "for the other audience");
        }
        assert!(open(&[TWO], Audience::Api).is_none(), "its key is gone");
        // Under another id the key is the same.
        let renamed = ONE.replace("k1", "k9");
        assert!(open(&[&renamed], Audience::Api).is_some());
    }

    #[test]
    fn w5_a_token_that_is_older_than_any_session_is_refused_without_a_query() {
        let token = SessionToken::draw(&mut StdRng::seed_from_u64(1));
        let seals = seals(&[ONE]);
        let sealed = seals.seal(&token, Audience::Api, NOW);
        let opens = |after: Duration| seals.open(&sealed, Audience::Api, NOW + after).is_some();
        assert!(opens(rules::MAX_SESSION_LIFETIME));
        let kept = rules::SESSION_RETENTION;
        assert!(opens(kept.mul_f64(0.999)) && !opens(kept));
        // Another daemon's clock may be ahead.
        assert!(seals.open(&sealed, Audience::Api, NOW - Duration::from_mins(1)).is_some());
        let later = (NOW.as_second() + 1).to_string();
        let forged = sealed.replace(&NOW.as_second().to_string(), &later);
        assert!(seals.open(&forged, Audience::Api, NOW).is_none(), "the time is sealed");
    }

    #[test]
    fn w5_other_keys_take_over_at_once() {
        let token = SessionToken::draw(&mut StdRng::seed_from_u64(1));
        let rotated = seals(&[ONE]);
        let former = rotated.seal(&token, Audience::Api, NOW);
        let opens = |seals: &Seals, sealed: &str| seals.open(sealed, Audience::Api, NOW).is_some();
        rotated.replace_keys(&Keys::parse(&format!("{TWO}\n{ONE}")).unwrap());
        assert!(opens(&rotated, &former));
        assert!(opens(&seals(&[TWO]), &rotated.seal(&token, Audience::Api, NOW)));
        rotated.replace_keys(&Keys::parse(TWO).unwrap());
        assert!(!opens(&rotated, &former));
    }

    #[test]
    fn u4_a_proof_is_its_sessions_and_its_credentials_own() {
        let mut rng = StdRng::seed_from_u64(1);
        let (token, other) = (SessionToken::draw(&mut rng), SessionToken::draw(&mut rng));
        let proof = seals(&[ONE]).seal_proof(&token, CredentialId(7));
        assert_eq!(seals(&[TWO, ONE]).open_proof(&proof, &token), Some(CredentialId(7)));
        assert_eq!(seals(&[ONE]).open_proof(&proof, &other), None);
        assert_eq!(seals(&[TWO]).open_proof(&proof, &token), None);
        for forged in ["", "7", "7.", &proof.replacen('7', "8", 1), &format!("{proof}A")] {
            assert_eq!(seals(&[ONE]).open_proof(forged, &token), None, "{forged}");
        }
    }

    #[test]
    fn w5_nothing_but_a_sealed_token_is_opened() {
        let seals = seals(&[ONE]);
        let mut rng = StdRng::seed_from_u64(2);
        let token = SessionToken::draw(&mut rng);
        let sealed = seals.seal(&token, Audience::Api, NOW);
        let other = SessionToken::draw(&mut rng).expose();
        let (secret, sealed_time) = sealed.split_once('.').unwrap();
        let (time, seal) = sealed_time.split_once('.').unwrap();
        for forged in [
            "",
            ".",
            secret,
            &format!("{secret}."),
            &format!("{secret}.{seal}"),
            &format!(".{time}.{seal}"),
            &format!("{secret}..{seal}"),
            &format!("{secret}.+{time}.{seal}"),
            &format!("{other}.{time}.{seal}"),
            &format!("{seal}.{time}.{secret}"),
            &sealed[..sealed.len() - 1],
            &format!("{sealed}A"),
            &format!("{sealed}.{seal}"),
            &format!("{secret}.{time}.AAAAAAAAAAAAAAAAAAAAAA"),
        ] {
            assert!(seals.open(forged, Audience::Api, NOW).is_none(), "{forged}");
        }
        // No character may be replaced by another.
        for at in 0..sealed.len() {
            let turned = if sealed[at..].starts_with('A') { "Q" } else { "A" };
            let forged = format!("{}{turned}{}", &sealed[..at], &sealed[at + 1..]);
            assert!(seals.open(&forged, Audience::Api, NOW).is_none(), "character {at}");
        }
        assert_eq!(format!("{seals:?}"), "Seals(…)");
    }
}
