//! `/password` (パスワード変更): the forced change (`C6`) and the ordinary one (`C5`).

use std::net::IpAddr;

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::error::ErrorKind;
use super::field_errors::FieldErrors;
use super::form::{CsrfBound as _, CsrfForm, Form};
use super::layout::{Layout, render};
use super::refused::PageError;
use super::session::RestrictedCookieSession;
use super::text;
use super::top;
use crate::db::IdempotencyKey;
use crate::hashing::Salt;
use crate::login::{self, Audience, ChangePassword, PasswordVerdict, SessionToken};
use crate::web::AppState;
use crate::web::rate_limit::{RateLimit, RequestCost};
use domain::credential::PasswordChange;
use domain::password::{NewPassword, Rejection, SubmittedPassword};
use domain::rules;

/// `password.html`
#[derive(Template)]
#[template(path = "password.html", config = ".askama.toml")]
struct PasswordPage {
    layout: Layout,
    form_token: String,
    /// The login number, which a browser keeps the password under.
    number: String,
    /// Why the password must be changed.
    forced: Option<PasswordChange>,
    errors: FieldErrors,
    fewest: usize,
    most: usize,
    wrong_entries: i32,
    password_days: u64,
}

/// The three fields as typed.
struct SubmittedForm {
    current: SubmittedPassword,
    new: SubmittedPassword,
    again: SubmittedPassword,
}

/// The empty form.
pub(super) async fn show(
    State(state): State<AppState>,
    visitor: RestrictedCookieSession,
) -> Response {
    render(StatusCode::OK, &PasswordPage::new(&state, &visitor))
}

/// Changes the password: 303 to the top page with a new session, or the form again with 422.
pub(super) async fn change(
    State(state): State<AppState>,
    admitted: RateLimit,
    CsrfForm { session: visitor, mut form }: CsrfForm<RestrictedCookieSession>,
) -> Result<Response, PageError> {
    let page = PasswordPage::new(&state, &visitor);
    let typed = match SubmittedForm::of(&mut form) {
        Ok(typed) => typed,
        Err(errors) => return Ok(page.again(errors)),
    };
    let mut charge = admitted.reserve_passwords(1).await?;
    let may_void = charge.max_voidings() > 0;
    let request = typed.asked_by(visitor, admitted.address, may_void);
    let verdict =
        login::change_password(state.store(), state.hasher(), request, state.idle()).await;
    charge.settle(RequestCost::from_password_change(&verdict));
    match verdict? {
        PasswordVerdict::Changed(token, _) => {
            Ok(changed(&state.seal_token(&token, Audience::Pages)))
        }
        PasswordVerdict::Rejected(reasons) => Ok(page.again(rejected(&reasons))),
        PasswordVerdict::Wrong { session_over: true, .. } => {
            Err(PageError::Page(ErrorKind::Voided))
        }
        PasswordVerdict::Wrong { .. } => Ok(page.wrong()),
        PasswordVerdict::CredentialVoid(_) => Err(PageError::Page(ErrorKind::VoidElsewhere)),
        PasswordVerdict::WouldVoid => Err(charge.voiding_refused().into()),
        PasswordVerdict::SessionOver => Err(PageError::SessionOver),
    }
}

impl SubmittedForm {
    fn asked_by(
        self,
        visitor: RestrictedCookieSession,
        address: IpAddr,
        may_void: bool,
    ) -> ChangePassword {
        let RestrictedCookieSession { token, standing, .. } = visitor;
        let Self { current, new, again } = self;
        let (salt, fresh) = (Salt::draw(&mut rand::rng()), SessionToken::draw(&mut rand::rng()));
        let door = Audience::Pages;
        let attempt = IdempotencyKey::draw(&mut rand::rng());
        ChangePassword {
            token,
            door,
            standing,
            current,
            new,
            again,
            address,
            salt,
            fresh,
            attempt,
            may_void,
        }
    }

    /// An empty current password is asked for, not compared and not counted; what is wrong with the
    /// new one is told with it.
    fn of(form: &mut Form) -> Result<Self, FieldErrors> {
        let [current, new, again] = ["current", "new", "new_again"].map(|it| form.password(it));
        let is_there = current.is_some();
        let [current, new, again] = [current, new, again]
            .map(|typed| typed.unwrap_or_else(|| SubmittedPassword::from(String::new())));
        if is_there {
            return Ok(Self { current, new, again });
        }
        let mut reasons = NewPassword::check(&current, &new, &again).err().unwrap_or_default();
        reasons.retain(|reason| *reason != Rejection::SameAsCurrent);
        let mut errors = FieldErrors::default();
        errors.add("current", text::ENTER_CURRENT);
        errors.append(rejected(&reasons));
        Err(errors)
    }
}

/// Every reason beside its field.
fn rejected(reasons: &[Rejection]) -> FieldErrors {
    let mut errors = FieldErrors::default();
    for reason in reasons {
        errors.add(text::field_of(*reason), text::rejection(*reason));
    }
    errors
}

impl PasswordPage {
    fn new(state: &AppState, visitor: &RestrictedCookieSession) -> Self {
        let forced = visitor.standing.password_change;
        Self {
            layout: Layout::for_session(state, visitor),
            form_token: visitor.csrf_token().expose(),
            number: visitor.standing.login.as_str().to_owned(),
            forced,
            errors: FieldErrors::default(),
            fewest: *rules::PASSWORD_LENGTH.start(),
            most: *rules::PASSWORD_LENGTH.end(),
            wrong_entries: match forced {
                Some(PasswordChange::Temporary) => rules::MAX_TEMPORARY_PASSWORD_FAILURES,
                Some(PasswordChange::Expired) | None => rules::MAX_PASSWORD_FAILURES,
            },
            password_days: text::days(rules::PASSWORD_MAX_AGE),
        }
    }

    fn about_new(&self) -> String {
        text::about_new(self.fewest, self.most)
    }

    /// The current password is wrong, and counted (`C2`).
    fn wrong(self) -> Response {
        let mut errors = FieldErrors::default();
        errors.add("current", text::wrong_current(self.wrong_entries));
        self.again(errors)
    }

    fn again(mut self, errors: FieldErrors) -> Response {
        self.errors = errors;
        self.layout = self.layout.with_error(true);
        render(StatusCode::UNPROCESSABLE_ENTITY, &self)
    }
}

/// The old session is over; the new one's cookie takes its place.
fn changed(token: &str) -> Response {
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie::set(cookie::SESSION, token))]);
    (cookie, Redirect::to(top::AFTER_CHANGE)).into_response()
}
