//! `/password` (パスワード変更): the forced change (`C6`) and the ordinary one (`C5`).

use std::net::IpAddr;

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::error::What;
use super::form::{Form, Holder as _, Posted};
use super::frame::{Frame, answer};
use super::mistakes::Mistakes;
use super::refused::Refused;
use super::top;
use super::visitor::AnyVisitor;
use super::words;
use crate::db::AttemptId;
use crate::hashing::Salt;
use crate::login::{self, ChangePassword, Door, PasswordVerdict, SessionToken};
use crate::web::Site;
use crate::web::limiter::{Admitted, Cost};
use domain::credential::PasswordChange;
use domain::password::{NewPassword, Rejection, SubmittedPassword};
use domain::rules;

/// `password.html`
#[derive(Template)]
#[template(path = "password.html", config = ".askama.toml")]
struct PasswordPage {
    frame: Frame,
    form_token: String,
    /// The login number, which a browser keeps the password under.
    number: String,
    /// Why the password must be changed.
    forced: Option<PasswordChange>,
    mistakes: Mistakes,
    fewest: usize,
    most: usize,
    wrong_entries: i32,
    password_days: u64,
}

/// The three fields as typed.
struct Typed {
    current: SubmittedPassword,
    new: SubmittedPassword,
    again: SubmittedPassword,
}

/// The empty form.
pub(super) async fn show(State(site): State<Site>, visitor: AnyVisitor) -> Response {
    answer(StatusCode::OK, &PasswordPage::new(&site, &visitor))
}

/// Changes the password: 303 to the top page with a new session, or the form again with 422.
pub(super) async fn change(
    State(site): State<Site>,
    admitted: Admitted,
    Posted { holder: visitor, mut form }: Posted<AnyVisitor>,
) -> Result<Response, Refused> {
    let page = PasswordPage::new(&site, &visitor);
    let typed = match Typed::of(&mut form) {
        Ok(typed) => typed,
        Err(mistakes) => return Ok(page.again(mistakes)),
    };
    let mut charge = admitted.for_passwords(1).await?;
    let may_void = charge.may_void() > 0;
    let request = typed.asked_by(visitor, admitted.address, may_void);
    let verdict = login::change_password(site.store(), site.hasher(), request, site.idle()).await;
    charge.pay(Cost::of_password(&verdict));
    match verdict? {
        PasswordVerdict::Changed(token, _) => Ok(changed(&site.seal(&token, Door::Pages))),
        PasswordVerdict::Rejected(reasons) => Ok(page.again(rejected(&reasons))),
        PasswordVerdict::Wrong { session_over: true, .. } => Err(Refused::Told(What::Voided)),
        PasswordVerdict::Wrong { .. } => Ok(page.wrong()),
        PasswordVerdict::CredentialVoid(_) => Err(Refused::Told(What::VoidElsewhere)),
        PasswordVerdict::WouldVoid => Err(charge.would_void().into()),
        PasswordVerdict::SessionOver => Err(Refused::SessionOver),
    }
}

impl Typed {
    fn asked_by(self, visitor: AnyVisitor, address: IpAddr, may_void: bool) -> ChangePassword {
        let AnyVisitor { token, standing, .. } = visitor;
        let Self { current, new, again } = self;
        let (salt, fresh) = (Salt::draw(&mut rand::rng()), SessionToken::draw(&mut rand::rng()));
        let door = Door::Pages;
        let attempt = AttemptId::draw(&mut rand::rng());
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
    fn of(form: &mut Form) -> Result<Self, Mistakes> {
        let [current, new, again] = ["current", "new", "new_again"].map(|it| form.password(it));
        let is_there = current.is_some();
        let [current, new, again] = [current, new, again]
            .map(|typed| typed.unwrap_or_else(|| SubmittedPassword::from(String::new())));
        if is_there {
            return Ok(Self { current, new, again });
        }
        let mut reasons = NewPassword::check(&current, &new, &again).err().unwrap_or_default();
        reasons.retain(|reason| *reason != Rejection::SameAsCurrent);
        let mut mistakes = Mistakes::default();
        mistakes.add("current", words::ENTER_CURRENT);
        mistakes.append(rejected(&reasons));
        Err(mistakes)
    }
}

/// Every reason beside its field.
fn rejected(reasons: &[Rejection]) -> Mistakes {
    let mut mistakes = Mistakes::default();
    for reason in reasons {
        mistakes.add(words::field_of(*reason), words::rejection(*reason));
    }
    mistakes
}

impl PasswordPage {
    fn new(site: &Site, visitor: &AnyVisitor) -> Self {
        let forced = visitor.standing.password_change;
        Self {
            frame: Frame::for_visitor(site, visitor),
            form_token: visitor.form_token().expose(),
            number: visitor.standing.login.as_str().to_owned(),
            forced,
            mistakes: Mistakes::default(),
            fewest: *rules::PASSWORD_LENGTH.start(),
            most: *rules::PASSWORD_LENGTH.end(),
            wrong_entries: match forced {
                Some(PasswordChange::Temporary) => rules::MAX_TEMPORARY_PASSWORD_FAILURES,
                Some(PasswordChange::Expired) | None => rules::MAX_PASSWORD_FAILURES,
            },
            password_days: words::days(rules::PASSWORD_MAX_AGE),
        }
    }

    fn about_new(&self) -> String {
        words::about_new(self.fewest, self.most)
    }

    /// The current password is wrong, and counted (`C2`).
    fn wrong(self) -> Response {
        let mut mistakes = Mistakes::default();
        mistakes.add("current", words::wrong_current(self.wrong_entries));
        self.again(mistakes)
    }

    fn again(mut self, mistakes: Mistakes) -> Response {
        self.mistakes = mistakes;
        self.frame = self.frame.with_error(true);
        answer(StatusCode::UNPROCESSABLE_ENTITY, &self)
    }
}

/// The old session is over; the new one's cookie takes its place.
fn changed(token: &str) -> Response {
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie::set(cookie::SESSION, token))]);
    (cookie, Redirect::to(top::AFTER_CHANGE)).into_response()
}
