//! `/login` (`W2`, `W3`): the telephone number and the password; a refusal is the same page for every reason.

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::form::{Holder as _, Posted};
use super::frame::{Frame, answer};
use super::mistakes::Mistakes;
use super::refused::Refused;
use super::visitor::{AnyVisitor, Stranger};
use super::words;
use crate::db::AttemptId;
use crate::hashing::Salt;
use crate::login::{self, Attempt, Door, SessionToken, Verdict};
use crate::web::Site;
use crate::web::limiter::{Admitted, Cost};
use domain::phone_number::PhoneNumber;
use domain::rules;

/// `login.html`
#[derive(Template)]
#[template(path = "login.html", config = ".askama.toml")]
struct LoginPage {
    frame: Frame,
    form_token: String,
    /// The telephone number as typed.
    number: String,
    mistakes: Mistakes,
    /// Whether it tells the refusal of `W2`.
    refused: bool,
    temporary_digits: usize,
    temporary_hours: u64,
    temporary_wrong: i32,
    password_wrong: i32,
}

/// The empty form; whoever is logged in goes to the top page.
pub(super) async fn show(
    State(site): State<Site>,
    visitor: Result<AnyVisitor, Refused>,
    stranger: Stranger,
) -> Result<Response, Refused> {
    match visitor {
        Ok(_) => Ok(Redirect::to("/").into_response()),
        Err(refused @ Refused::Problem(_)) => Err(refused),
        Err(
            Refused::LoggedOut
            | Refused::SessionOver
            | Refused::TimedOut
            | Refused::MustChange
            | Refused::Told(_),
        ) => {
            let cookie = stranger.new_cookie().map(|cookie| (header::SET_COOKIE, cookie));
            let page = LoginPage::new(&site, &stranger);
            Ok((AppendHeaders(cookie), answer(StatusCode::OK, &page)).into_response())
        }
    }
}

/// Logs in: 303 to the top page, or the form again with 422.
pub(super) async fn log_in(
    State(site): State<Site>,
    admitted: Admitted,
    Posted { holder: stranger, mut form }: Posted<Stranger>,
) -> Result<Response, Refused> {
    let (number, typed) = (form.text("number"), form.password("password"));
    let page = LoginPage { number, ..LoginPage::new(&site, &stranger) };
    let Some(typed) = typed.filter(|_| !page.number.is_empty()) else {
        return Ok(page.incomplete());
    };
    let login = PhoneNumber::from_typed(&page.number).ok();
    let mut charge = admitted.for_login(login).await?;
    let address = admitted.address;
    let attempt = Attempt {
        login,
        typed,
        address,
        door: Door::Pages,
        salt: Salt::draw(&mut rand::rng()),
        token: SessionToken::draw(&mut rand::rng()),
        id: AttemptId::draw(&mut rand::rng()),
        may_void: charge.may_void() > 0,
    };
    let verdict = login::log_in(site.store(), site.hasher(), attempt, site.idle()).await;
    charge.pay(Cost::of_login(&verdict));
    match verdict? {
        Verdict::Accepted(token, _) => {
            // The login stands, whatever becomes of the session before it.
            if let Some(former) = stranger.session
                && let Err(error) =
                    login::log_out(site.store(), &former, Door::Pages, address).await
            {
                tracing::warn!(%error, "the session before a login was not ended");
            }
            Ok(begun(&site.seal(&token, Door::Pages)))
        }
        Verdict::Refused(_) => Ok(page.refused()),
        Verdict::WouldVoid => Err(charge.would_void().into()),
    }
}

impl LoginPage {
    fn new(site: &Site, stranger: &Stranger) -> Self {
        Self {
            frame: Frame::for_anyone(site),
            form_token: stranger.form_token().expose(),
            number: String::new(),
            mistakes: Mistakes::default(),
            refused: false,
            temporary_digits: rules::TEMPORARY_PASSWORD_DIGITS,
            temporary_hours: rules::TEMPORARY_PASSWORD_LIFETIME.as_secs() / 3600,
            temporary_wrong: rules::MAX_TEMPORARY_PASSWORD_FAILURES,
            password_wrong: rules::MAX_PASSWORD_FAILURES,
        }
    }

    /// Something was left empty; nothing was looked up. An empty password says so in any case: it has
    /// to be typed again.
    fn incomplete(mut self) -> Response {
        if self.number.is_empty() {
            self.mistakes.add("number", words::ENTER_NUMBER);
        }
        self.mistakes.add("password", words::ENTER_PASSWORD);
        self.again()
    }

    /// Every refusal of `W2`.
    fn refused(mut self) -> Response {
        self.refused = true;
        self.mistakes.add("number", words::CHECK_NUMBER);
        self.mistakes.add("password", words::CHECK_PASSWORD);
        self.again()
    }

    fn again(mut self) -> Response {
        self.frame = self.frame.with_error(true);
        answer(StatusCode::UNPROCESSABLE_ENTITY, &self)
    }
}

/// A new session in a new cookie; the one that the login form had is over.
fn begun(token: &str) -> Response {
    let cookies = [cookie::set(cookie::SESSION, token), cookie::removed(cookie::BEFORE_LOGIN)];
    let cookies = cookies.map(|cookie| (header::SET_COOKIE, cookie));
    (AppendHeaders(cookies), Redirect::to("/")).into_response()
}
