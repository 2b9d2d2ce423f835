//! Reads a form and compares its CSRF token with that of its session.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;

use super::csrf::{CsrfBound, form_id};
use super::error::{OrPage as _, PageError};
use super::error_kind::ErrorKind;
use super::form::{self, Form};
use super::sent_again;
use crate::auth::FormId;
use crate::web::AppState;
use crate::web::body::{has_content_type, read_limited};
use domain::rules;

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
                let may_be_done = sent_again::may_be_done(&error, parts.uri.path());
                let otherwise = sent_again::session_ended(error, parts.uri.path());
                if !may_be_done {
                    return Err(otherwise);
                }
                let form = read(&parts, body, rules::MAX_BODY_BYTES, state).await?;
                return Err(sent_again::answer(&mut parts, state, &form, otherwise).await);
            }
        };
        let form = read(&parts, body, session.max_form_bytes(), state).await?;
        if session.csrf_token().is_in(&form) {
            let id = form_id(&form).unwrap_or_else(|| FormId::draw(&mut rand::rng()));
            Ok(Self { session, id, form })
        } else {
            let otherwise = PageError::from(ErrorKind::CsrfError);
            Err(sent_again::answer(&mut parts, state, &form, otherwise).await)
        }
    }
}

async fn read(
    parts: &Parts,
    body: Body,
    max_bytes: usize,
    state: &AppState,
) -> Result<Form, PageError> {
    if !has_content_type(&parts.headers, form::CONTENT_TYPE) {
        return Err(PageError::from(ErrorKind::Malformed));
    }
    let timeout = state.timeouts().body;
    let body = read_limited(&parts.headers, body, max_bytes, timeout).await.or_page()?;
    Form::decode(&body).ok_or_else(|| PageError::from(ErrorKind::Malformed))
}
