//! CSRF tokens: a form's token proves that it was made for this browser (RFC 6265 §8.2). Also form
//! ids, by which the same form sent again is recognised (`C2`).

use std::fmt;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::{OrPage as _, PageError};
use super::error_kind::ErrorKind;
use super::form::{self, Form};
use super::sent_again;
use super::session_end::SessionEnd;
use crate::auth::{FormId, SessionToken};
use crate::web::AppState;
use crate::web::body::{has_content_type, read_limited};
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

/// A form that was sent with the CSRF token of `session`.
#[derive(Debug)]
pub(super) struct CsrfForm<S> {
    pub(super) session: S,
    /// The form's id; a new one if it came without.
    pub(super) id: FormId,
    pub(super) form: Form,
}

impl<S> FromRequest<AppState> for CsrfForm<S>
where
    S: CsrfBound + FromRequestParts<AppState, Rejection = PageError> + Send,
{
    type Rejection = PageError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let session = match S::from_request_parts(&mut parts, state).await {
            Ok(session) => session,
            Err(error) => {
                let was_changed =
                    matches!(error, PageError::SessionEnded(SessionEnd::PasswordChanged));
                let otherwise = sent_again::session_ended(error, parts.uri.path());
                if !was_changed {
                    return Err(otherwise);
                }
                let form = read(&parts, body, rules::MAX_BODY_BYTES).await?;
                return Err(sent_again::answer(&mut parts, state, &form, otherwise).await);
            }
        };
        let form = read(&parts, body, session.max_form_bytes()).await?;
        if session.csrf_token().matches(form.peek(TOKEN_FIELD)) {
            let id = form_id(&form).unwrap_or_else(|| FormId::draw(&mut rand::rng()));
            Ok(Self { session, id, form })
        } else {
            let otherwise = PageError::from(ErrorKind::CsrfError);
            Err(sent_again::answer(&mut parts, state, &form, otherwise).await)
        }
    }
}

/// The id of a form that came with one.
pub(super) fn form_id(form: &Form) -> Option<FormId> {
    form.peek(ID_FIELD).parse().ok()
}

async fn read(parts: &Parts, body: Body, max_bytes: usize) -> Result<Form, PageError> {
    if !has_content_type(&parts.headers, form::CONTENT_TYPE) {
        return Err(PageError::from(ErrorKind::Malformed));
    }
    let body = read_limited(&parts.headers, body, max_bytes).await.or_page()?;
    Form::decode(&body).ok_or_else(|| PageError::from(ErrorKind::Malformed))
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
