//! What a page's form has sent: fields exactly as typed, wiped on drop, and the token that shows that the
//! form was this browser's own (RFC 6265 §8.2).

use std::collections::BTreeMap;
use std::fmt;

use axum::extract::{FromRequest, FromRequestParts, Request};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::ErrorKind;
use super::refused::PageError;
use crate::login::SessionToken;
use crate::web::AppState;
use crate::web::body::{has_content_type, read_limited};
use crate::web::problem::Problem;
use domain::password::SubmittedPassword;

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";
/// The hidden field with the token.
const TOKEN_FIELD: &str = "form_token";
/// Sets the token apart from everything else that is made of a cookie.
const DOMAIN: &[u8] = b"karipass form token\0";

/// Whoever was given a form: the token is bound to the cookie.
pub(super) trait CsrfBound {
    /// What the form must bring back.
    fn csrf_token(&self) -> &CsrfToken;
}

/// What a form must bring back; made of a cookie, which it does not tell.
pub(super) struct CsrfToken(String);

impl CsrfToken {
    /// The token of this cookie's forms.
    pub(super) fn from_cookie(cookie: &SessionToken) -> Self {
        let cookie = Zeroizing::new(cookie.expose());
        let digest = Sha256::new().chain_update(DOMAIN).chain_update(cookie.as_bytes()).finalize();
        Self(URL_SAFE_NO_PAD.encode(digest))
    }

    /// As the hidden field holds it.
    pub(super) fn expose(&self) -> String {
        self.0.clone()
    }

    fn matches(&self, sent: &str) -> bool {
        self.0.as_bytes().ct_eq(sent.as_bytes()).into()
    }
}

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormToken(…)")
    }
}

/// A form that `holder` was given and has sent.
#[derive(Debug)]
pub(super) struct CsrfForm<H> {
    pub(super) session: H,
    pub(super) form: Form,
}

impl<H> FromRequest<AppState> for CsrfForm<H>
where
    H: CsrfBound + FromRequestParts<AppState, Rejection = PageError> + Send,
{
    type Rejection = PageError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let holder = H::from_request_parts(&mut parts, state).await.map_err(session_over)?;
        if !has_content_type(&parts.headers, CONTENT_TYPE) {
            return Err(Problem::malformed("フォームではありません。").into());
        }
        let bytes = read_limited(&parts.headers, body).await?;
        let form = Form::decode(&bytes)
            .ok_or_else(|| Problem::malformed("フォームの内容を読み取れません。"))?;
        let sent = form.fields.get(TOKEN_FIELD).map_or("", |sent| sent.as_str());
        if holder.csrf_token().matches(sent) {
            Ok(Self { session: holder, form })
        } else {
            Err(PageError::Page(ErrorKind::StaleForm))
        }
    }
}

/// Whoever sends a form was logged in when it was made, and is told why nothing came of it.
fn session_over(refused: PageError) -> PageError {
    match refused {
        PageError::LoggedOut => PageError::SessionOver,
        PageError::SessionOver
        | PageError::TimedOut
        | PageError::MustChange
        | PageError::Page(_)
        | PageError::Problem(_) => refused,
    }
}

/// The fields, each once.
pub struct Form {
    fields: BTreeMap<String, Zeroizing<String>>,
}

impl Form {
    /// A field's text; empty if it was not sent.
    pub fn text(&mut self, field: &str) -> String {
        self.fields.remove(field).map(|mut text| std::mem::take(&mut *text)).unwrap_or_default()
    }

    /// A password exactly as typed (`W3`); none if nothing was.
    pub fn password(&mut self, field: &str) -> Option<SubmittedPassword> {
        let typed = self.text(field);
        (!typed.is_empty()).then(|| SubmittedPassword::from(typed))
    }

    /// The passwords of all fields with this prefix, by the rest of the field's name. Empty fields
    /// are left out.
    pub fn passwords(&mut self, prefix: &str) -> Vec<(String, SubmittedPassword)> {
        let names = self.fields.keys().filter_map(|name| name.strip_prefix(prefix));
        let rests: Vec<String> = names.map(str::to_owned).collect();
        let typed = |rest: String| Some((rest.clone(), self.password(&format!("{prefix}{rest}"))?));
        rests.into_iter().filter_map(typed).collect()
    }

    /// `None` unless every field is there once, in UTF-8.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut fields = BTreeMap::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut name = unescape(halves.next().unwrap_or_default())?;
            let value = unescape(halves.next().unwrap_or_default())?;
            if fields.insert(std::mem::take(&mut *name), value).is_some() {
                return None;
            }
        }
        Some(Self { fields })
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form(…)")
    }
}

/// Takes `+` and `%xx` back; a `%` before anything else is itself, as the URL standard has it.
fn unescape(escaped: &[u8]) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(escaped.len()));
    let mut rest = escaped;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (*first, after) {
            (b'%', [high, low, after @ ..]) if let Some(byte) = byte(*high, *low) => {
                bytes.push(byte);
                rest = after;
            }
            (b'+', _) => bytes.push(b' '),
            (literal, _) => bytes.push(literal),
        }
    }
    String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new).ok()
}

fn byte(high: u8, low: u8) -> Option<u8> {
    let digit = |hex: u8| char::from(hex).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn w3_a_field_is_taken_exactly_as_typed() {
        let mut form = Form::decode(b"a=%E3%81%82+b%2B&b=&c=x%3Dy=z%&&d").unwrap();
        assert_eq!(form.text("a"), "あ b+");
        assert!(form.password("b").is_none());
        assert_eq!(form.password("c").unwrap().expose(), b"x=y=z%");
        assert_eq!(form.text("d"), "");
        assert_eq!(form.text("e"), "");
    }

    #[test]
    fn a_field_that_is_there_twice_or_is_no_text_is_refused() {
        for wrong in [&b"a=1&a=1"[..], b"a=%ff", b"%ff=a", b"a=\xff"] {
            assert!(Form::decode(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn row_15_a_form_is_this_cookies_own_or_refused() {
        let mut rng = StdRng::seed_from_u64(1);
        let (own, foreign) = (SessionToken::draw(&mut rng), SessionToken::draw(&mut rng));
        let token = CsrfToken::from_cookie(&own);
        assert!(token.matches(&CsrfToken::from_cookie(&own).expose()));
        for wrong in [CsrfToken::from_cookie(&foreign).expose(), own.expose(), String::new()] {
            assert!(!token.matches(&wrong));
        }
        assert_eq!(format!("{token:?}"), "FormToken(…)");
    }
}
