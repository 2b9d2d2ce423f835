//! CSRF tokens: a form's token proves that it was made for this browser (RFC 6265 §8.2). Also form
//! ids, by which the same form sent again is recognised (`C2`).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::form::Form;
use crate::auth::{FormId, SessionToken};
use domain::rules;

/// The hidden field with the token.
const TOKEN_FIELD: &str = "form_token";
/// The hidden field with the form's id.
const ID_FIELD: &str = "form_id";
/// Separates the token from every other digest of a cookie.
const DOMAIN: &[u8] = b"karipass form token\0";

/// A session whose forms carry a CSRF token.
pub(super) trait CsrfBound {
    fn csrf_token(&self) -> &CsrfToken;

    /// The largest form.
    fn max_form_bytes(&self) -> usize {
        rules::MAX_BODY_BYTES
    }
}

/// The token that a form must send back: a digest of the cookie, which does not reveal it.
pub(super) struct CsrfToken(String);

impl CsrfToken {
    /// The token of this cookie's forms.
    pub(super) fn from_cookie(cookie: &SessionToken) -> Self {
        let cookie = Zeroizing::new(cookie.expose());
        let digest = Sha256::new().chain_update(DOMAIN).chain_update(cookie.as_bytes()).finalize();
        Self(URL_SAFE_NO_PAD.encode(digest))
    }

    /// The value of the hidden field.
    pub(super) fn expose(&self) -> String {
        self.0.clone()
    }

    /// Whether a form was sent with this token.
    pub(super) fn is_in(&self, form: &Form) -> bool {
        self.matches(form.peek(TOKEN_FIELD))
    }

    fn matches(&self, sent: &str) -> bool {
        self.0.as_bytes().ct_eq(sent.as_bytes()).into()
    }
}

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfToken(…)")
    }
}

/// The hidden fields of a form.
pub(super) struct FormTokens {
    pub(super) csrf: String,
    pub(super) id: String,
}

impl FormTokens {
    /// The fields of a new form for this session.
    pub(super) fn new(session: &impl CsrfBound) -> Self {
        let id = FormId::draw(&mut rand::rng());
        Self { csrf: session.csrf_token().expose(), id: id.expose() }
    }
}

/// The id of a form that came with one.
pub(super) fn form_id(form: &Form) -> Option<FormId> {
    form.peek(ID_FIELD).parse().ok()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_form_is_this_cookies_own_or_refused() {
        let mut rng = StdRng::seed_from_u64(1);
        let (own, foreign) = (SessionToken::draw(&mut rng), SessionToken::draw(&mut rng));
        let token = CsrfToken::from_cookie(&own);
        assert!(token.matches(&CsrfToken::from_cookie(&own).expose()));
        for wrong in [CsrfToken::from_cookie(&foreign).expose(), own.expose(), String::new()] {
            assert!(!token.matches(&wrong));
        }
        assert_eq!(format!("{token:?}"), "CsrfToken(…)");
    }
}
