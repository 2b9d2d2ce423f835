//! `/login` (`W2`, `W3`): the telephone number and the password. Every refusal is the same page.

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::field_errors::FieldErrors;
use super::form::{CsrfBound as _, CsrfForm};
use super::layout::{Layout, render};
use super::refused::PageError;
use super::session::{Anonymous, RestrictedCookieSession};
use super::text;
use crate::db::IdempotencyKey;
use crate::hashing::Salt;
use crate::login::{self, Audience, LoginAttempt, LoginOutcome, SessionToken};
use crate::web::AppState;
use crate::web::rate_limit::{RateLimit, RequestCost};
use domain::phone_number::PhoneNumber;
use domain::rules;

/// `login.html`
#[derive(Template)]
#[template(path = "login.html", config = ".askama.toml")]
struct LoginPage {
    layout: Layout,
    form_token: String,
    /// The telephone number as typed.
    number: String,
    errors: FieldErrors,
    /// Whether it tells the refusal of `W2`.
    refused: bool,
    temporary_digits: usize,
    temporary_hours: u64,
    temporary_wrong: i32,
    password_wrong: i32,
}

/// The empty form; whoever is logged in goes to the top page.
pub(super) async fn show(
    State(state): State<AppState>,
    visitor: Result<RestrictedCookieSession, PageError>,
    stranger: Anonymous,
) -> Result<Response, PageError> {
    match visitor {
        Ok(_) => Ok(Redirect::to("/").into_response()),
        Err(refused @ PageError::Problem(_)) => Err(refused),
        Err(
            PageError::LoggedOut
            | PageError::SessionOver
            | PageError::TimedOut
            | PageError::MustChange
            | PageError::Page(_),
        ) => {
            let cookie = stranger.new_cookie().map(|cookie| (header::SET_COOKIE, cookie));
            let page = LoginPage::new(&state, &stranger);
            Ok((AppendHeaders(cookie), render(StatusCode::OK, &page)).into_response())
        }
    }
}

/// Logs in: 303 to the top page, or the form again with 422.
pub(super) async fn log_in(
    State(state): State<AppState>,
    admitted: RateLimit,
    CsrfForm { session: stranger, mut form }: CsrfForm<Anonymous>,
) -> Result<Response, PageError> {
    let (number, typed) = (form.text("number"), form.password("password"));
    let page = LoginPage { number, ..LoginPage::new(&state, &stranger) };
    let Some(typed) = typed.filter(|_| !page.number.is_empty()) else {
        return Ok(page.incomplete());
    };
    let login = PhoneNumber::from_typed(&page.number).ok();
    let mut charge = admitted.reserve_login(login).await?;
    let address = admitted.address;
    let attempt = LoginAttempt {
        login,
        typed,
        address,
        door: Audience::Pages,
        salt: Salt::draw(&mut rand::rng()),
        token: SessionToken::draw(&mut rand::rng()),
        id: IdempotencyKey::draw(&mut rand::rng()),
        may_void: charge.max_voidings() > 0,
    };
    let verdict = login::log_in(state.store(), state.hasher(), attempt, state.idle()).await;
    charge.settle(RequestCost::from_login(&verdict));
    match verdict? {
        LoginOutcome::Accepted(token, _) => {
            // The login stands, whatever becomes of the session before it.
            if let Some(former) = stranger.session
                && let Err(error) =
                    login::log_out(state.store(), &former, Audience::Pages, address).await
            {
                tracing::warn!(%error, "the session before a login was not ended");
            }
            Ok(begun(&state.seal_token(&token, Audience::Pages)))
        }
        LoginOutcome::Refused(_) => Ok(page.refused()),
        LoginOutcome::WouldVoid => Err(charge.voiding_refused().into()),
    }
}

impl LoginPage {
    fn new(state: &AppState, stranger: &Anonymous) -> Self {
        Self {
            layout: Layout::for_anyone(state),
            form_token: stranger.csrf_token().expose(),
            number: String::new(),
            errors: FieldErrors::default(),
            refused: false,
            temporary_digits: rules::TEMPORARY_PASSWORD_DIGITS,
            temporary_hours: rules::TEMPORARY_PASSWORD_LIFETIME.as_secs() / 3600,
            temporary_wrong: rules::MAX_TEMPORARY_PASSWORD_FAILURES,
            password_wrong: rules::MAX_PASSWORD_FAILURES,
        }
    }

    /// Something was left empty; nothing was looked up. An empty password says so in any case: it
    /// has to be typed again.
    fn incomplete(mut self) -> Response {
        if self.number.is_empty() {
            self.errors.add("number", text::ENTER_NUMBER);
        }
        self.errors.add("password", text::ENTER_PASSWORD);
        self.again()
    }

    /// Every refusal of `W2`.
    fn refused(mut self) -> Response {
        self.refused = true;
        self.errors.add("number", text::CHECK_NUMBER);
        self.errors.add("password", text::CHECK_PASSWORD);
        self.again()
    }

    fn again(mut self) -> Response {
        self.layout = self.layout.with_error(true);
        render(StatusCode::UNPROCESSABLE_ENTITY, &self)
    }
}

/// A new session in a new cookie; the one that the login form had is over.
fn begun(token: &str) -> Response {
    let cookies = [cookie::set(cookie::SESSION, token), cookie::expire(cookie::BEFORE_LOGIN)];
    let cookies = cookies.map(|cookie| (header::SET_COOKIE, cookie));
    (AppendHeaders(cookies), Redirect::to("/")).into_response()
}
