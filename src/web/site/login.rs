//! `/login` (`W2`, `W3`, `W13`): the telephone number and the password. Every refusal is the same
//! page.

use std::net::IpAddr;

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::csrf::FormTokens;
use super::csrf_form::CsrfForm;
use super::error::{ForPage, OrPage as _, PageError};
use super::field_errors::FieldErrors;
use super::layout::{Layout, render};
use super::session::{Anonymous, RestrictedCookieSession};
use crate::auth::{Audience, LoginAttempt, LoginVerdict};
use crate::web::AppState;
use crate::web::rate_limit::{RateLimit, RequestCost};
use domain::phone_number::PhoneNumber;

/// `login.html`
#[derive(Template)]
#[template(path = "login.html", config = ".askama.toml")]
struct LoginPage {
    layout: Layout,
    tokens: FormTokens,
    /// The telephone number as typed.
    number: String,
    errors: FieldErrors,
    /// Whether the page explains the refusal of `W2`.
    refused: bool,
}

/// Shows the empty form; a browser with a session goes to the top page.
pub(super) async fn show(
    session: Result<RestrictedCookieSession, PageError>,
    anonymous: Anonymous,
) -> Result<Response, PageError> {
    match session {
        Ok(_) => Ok(Redirect::to("/").into_response()),
        Err(error @ PageError::Page(_)) => Err(error),
        Err(
            PageError::LoggedOut
            | PageError::SessionEnded(_)
            | PageError::UnitChanged(_)
            | PageError::FormAfterUnitChange
            | PageError::SentAgain(_)
            | PageError::PasswordChangeRequired,
        ) => {
            let cookie = anonymous.new_cookie().map(|cookie| (header::SET_COOKIE, cookie));
            let page = LoginPage::new(&anonymous, String::new());
            Ok((AppendHeaders(cookie), render(StatusCode::OK, &page)).into_response())
        }
    }
}

/// Logs in: 303 to the top page, or the form again with 422.
pub(super) async fn log_in(
    State(state): State<AppState>,
    ForPage(rate_limit): ForPage<RateLimit>,
    CsrfForm { session: anonymous, id, mut form }: CsrfForm<Anonymous>,
) -> Result<Response, PageError> {
    let (number, password) = (form.text("number"), form.password("password"));
    let has_password = password.is_some();
    let (Ok(login_number), Some(password)) = (PhoneNumber::from_typed(&number), password) else {
        return Ok(LoginPage::new(&anonymous, number).incomplete(has_password));
    };
    let mut reservation = rate_limit.reserve_login(login_number).await.or_page()?;
    let attempt = LoginAttempt {
        login_number,
        password,
        address: rate_limit.address,
        audience: Audience::Pages,
        form: Some(id),
        may_void: reservation.max_voidings() > 0,
    };
    let outcome = state.auth().log_in(attempt).await;
    reservation.settle(RequestCost::from_login(&outcome));
    match outcome.or_page()? {
        LoginVerdict::Accepted(token, _) => {
            end_former_session(&state, &anonymous, rate_limit.address).await;
            Ok(session_begun(&state.seal_token(&token, Audience::Pages)))
        }
        LoginVerdict::Refused(_) => Ok(LoginPage::new(&anonymous, number).refused()),
        LoginVerdict::WouldVoid => Err(reservation.voiding_refused()).or_page(),
    }
}

/// Ends the session that the browser had. The login succeeds even if this fails.
async fn end_former_session(state: &AppState, anonymous: &Anonymous, address: IpAddr) {
    let Some(former) = &anonymous.session else { return };
    if let Err(error) = state.auth().log_out(former, Audience::Pages, address).await {
        tracing::warn!(%error, "could not end the browser's previous session");
    }
}

impl LoginPage {
    fn new(anonymous: &Anonymous, number: String) -> Self {
        Self {
            layout: anonymous.layout.clone(),
            tokens: FormTokens::new(anonymous),
            number,
            errors: FieldErrors::default(),
            refused: false,
        }
    }

    /// A field is empty, or the number cannot be one; nothing was looked up. The password must be
    /// typed again in any case, since the form does not keep it.
    fn incomplete(mut self, has_password: bool) -> Response {
        let lang = self.layout.lang;
        if self.number.is_empty() {
            self.errors.add("number", lang.enter_number());
        } else if PhoneNumber::from_typed(&self.number).is_err() {
            let rules = &self.layout.site.rules;
            let message = lang.enter_whole_number(rules.number_min, rules.number_max);
            self.errors.add("number", message);
        }
        let password = if has_password { lang.check_password() } else { lang.enter_password() };
        self.errors.add("password", password);
        self.with_errors()
    }

    /// Every refusal of `W2`.
    fn refused(mut self) -> Response {
        self.refused = true;
        self.errors.add("number", self.layout.lang.check_number());
        self.errors.add("password", self.layout.lang.check_password());
        self.with_errors()
    }

    fn with_errors(mut self) -> Response {
        self.layout = self.layout.with_error(true);
        render(StatusCode::UNPROCESSABLE_ENTITY, &self)
    }
}

/// Sets the session's cookie, and removes that of the login form.
fn session_begun(token: &str) -> Response {
    let cookies = [cookie::set(cookie::SESSION, token), cookie::expire(cookie::BEFORE_LOGIN)]
        .map(|cookie| (header::SET_COOKIE, cookie));
    (AppendHeaders(cookies), Redirect::to("/")).into_response()
}
