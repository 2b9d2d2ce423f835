//! `/password` (パスワード変更): the forced change (`C6`) and the ordinary one (`C5`).

use std::net::IpAddr;

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::cookie;
use super::csrf::FormTokens;
use super::csrf_form::CsrfForm;
use super::error::{ForPage, OrPage as _, PageError};
use super::error_kind::ErrorKind;
use super::field_errors::FieldErrors;
use super::form::Form;
use super::language::Language;
use super::layout::{Layout, render};
use super::markup::Markup;
use super::sent_again;
use super::session::RestrictedCookieSession;
use super::session_end::SessionEnd;
use super::text::{self, Recovery};
use super::top;
use crate::auth::{Audience, AuthService, ChangePassword, FormId};
use crate::web::AppState;
use crate::web::rate_limit::{RateLimit, RequestCost};
use domain::credential::PasswordChange;
use domain::password::{Rejection, SubmittedPassword};
use domain::policy::password::PasswordVerdict;

/// `password.html`
#[derive(Template)]
#[template(path = "password.html", config = ".askama.toml")]
struct PasswordPage {
    layout: Layout,
    tokens: FormTokens,
    /// The login number, under which a browser keeps the password.
    number: String,
    /// Why the password must be changed.
    forced: Option<PasswordChange>,
    /// Whether strangers' wrong entries have voided the current password (`C2`).
    is_void: bool,
    errors: FieldErrors,
    good_until: Markup,
    good_until_for_machines: String,
    recovery: Recovery,
}

/// The three fields as typed.
struct SubmittedForm {
    current: SubmittedPassword,
    new: SubmittedPassword,
    confirmation: SubmittedPassword,
    empty: EmptyFields,
}

/// Whether the fields of the new password are empty.
#[derive(Debug, Clone, Copy)]
struct EmptyFields {
    new: bool,
    confirmation: bool,
}

/// Shows the empty form.
pub(super) async fn show(session: RestrictedCookieSession) -> Response {
    render(StatusCode::OK, &PasswordPage::new(&session))
}

/// Changes the password: 303 to the top page with a new session, or the form again with 422.
pub(super) async fn change(
    State(state): State<AppState>,
    ForPage(rate_limit): ForPage<RateLimit>,
    CsrfForm { session, id, mut form }: CsrfForm<RestrictedCookieSession>,
) -> Result<Response, PageError> {
    let lang = session.layout.lang;
    let passwords = match SubmittedForm::read(&mut form, lang, state.auth()) {
        Ok(passwords) => passwords,
        Err(errors) => return Ok(PasswordPage::new(&session).with_errors(errors)),
    };
    let mut reservation = rate_limit.reserve_passwords(1).await.or_page()?;
    let may_void = reservation.max_voidings() > 0;
    let empty = passwords.empty;
    let request = passwords.into_request(&session, id.clone(), rate_limit.address, may_void);
    let verdict = state.auth().change_password(request).await;
    reservation.settle(RequestCost::from_password_change(&verdict));
    let unit = session.access.unit;
    let page = || PasswordPage::new(&session);
    match verdict.or_page()? {
        PasswordVerdict::Changed(token, _) => {
            Ok(changed(&state.seal_token(&token, Audience::Pages)))
        }
        PasswordVerdict::Rejected(reasons) => {
            Ok(page().with_errors(rejected(lang, &reasons, empty)))
        }
        PasswordVerdict::Wrong { tries_left: 0, .. } => Err(SessionEnd::WrongEntries(unit).into()),
        PasswordVerdict::Wrong { tries_left, .. } => Ok(page().wrong(tries_left)),
        PasswordVerdict::CredentialVoid(_) => Err(PageError::from(ErrorKind::VoidElsewhere(unit))),
        PasswordVerdict::WouldVoid => Err(reservation.voiding_refused()).or_page(),
        PasswordVerdict::SessionOver => {
            Err(sent_again::answer_late_password(&state, &session.token, &id).await)
        }
    }
}

impl SubmittedForm {
    /// Reads the fields. An empty current password must be entered, and is neither compared nor
    /// counted; errors of the new one are shown too.
    fn read(form: &mut Form, lang: Language, auth: &AuthService) -> Result<Self, FieldErrors> {
        let [current, new, confirmation] =
            ["current", "new", "new_again"].map(|field| form.password(field));
        let is_current_empty = current.is_none();
        let empty = EmptyFields { new: new.is_none(), confirmation: confirmation.is_none() };
        let [current, new, confirmation] = [current, new, confirmation]
            .map(|typed| typed.unwrap_or_else(|| SubmittedPassword::from(String::new())));
        if !is_current_empty {
            return Ok(Self { current, new, confirmation, empty });
        }
        let mut reasons =
            auth.check_new_password(&current, &new, &confirmation).err().unwrap_or_default();
        reasons.retain(|reason| *reason != Rejection::SameAsCurrent);
        let mut errors = FieldErrors::default();
        errors.add("current", lang.enter_current());
        errors.append(rejected(lang, &reasons, empty));
        Err(errors)
    }

    fn into_request(
        self,
        session: &RestrictedCookieSession,
        form: FormId,
        address: IpAddr,
        may_void: bool,
    ) -> ChangePassword {
        let Self { current, new, confirmation, empty: _ } = self;
        ChangePassword {
            token: session.token.clone(),
            audience: Audience::Pages,
            access: session.access.clone(),
            current,
            new,
            confirmation,
            form: Some(form),
            address,
            may_void,
        }
    }
}

/// Every reason beside its field. An empty field gets only the request to fill it.
fn rejected(lang: Language, reasons: &[Rejection], empty: EmptyFields) -> FieldErrors {
    let mut errors = FieldErrors::default();
    if empty.new {
        errors.add("new", lang.enter_new());
    }
    for reason in reasons {
        let field = text::field_of(*reason);
        let is_empty = if field == "new" { empty.new } else { empty.confirmation };
        if !is_empty {
            errors.add(field, text::rejection(lang, *reason));
        }
    }
    if empty.confirmation {
        errors.add("new_again", lang.enter_new_again());
    }
    errors
}

impl PasswordPage {
    fn new(session: &RestrictedCookieSession) -> Self {
        let (layout, access) = (session.layout.clone(), &session.access);
        let lang = layout.lang;
        Self {
            layout: layout.with_error(access.is_void),
            tokens: FormTokens::new(session),
            number: access.login_number.as_str().to_owned(),
            forced: access.password_change,
            is_void: access.is_void,
            errors: FieldErrors::default(),
            good_until: text::time(lang, access.password_expires_at),
            good_until_for_machines: text::machine_time(access.password_expires_at),
            recovery: Recovery::under(lang, access.unit),
        }
    }

    /// The current password is wrong, and counted (`C2`).
    fn wrong(self, tries_left: i32) -> Response {
        let (lang, rules) = (self.layout.lang, &self.layout.site.rules);
        let message = match self.forced {
            Some(PasswordChange::Temporary) => {
                lang.wrong_current_temporary(rules.temporary_wrong, tries_left)
            }
            Some(PasswordChange::Expired) | None => {
                lang.wrong_current(rules.password_wrong, tries_left)
            }
        };
        let mut errors = FieldErrors::default();
        errors.add("current", message);
        self.with_errors(errors)
    }

    fn with_errors(mut self, errors: FieldErrors) -> Response {
        self.errors = errors;
        self.layout = self.layout.with_error(true);
        render(StatusCode::UNPROCESSABLE_ENTITY, &self)
    }
}

/// Sets the cookie of the session that replaces the one of the old password.
fn changed(token: &str) -> Response {
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie::set(cookie::SESSION, token))]);
    (cookie, Redirect::to(top::AFTER_CHANGE)).into_response()
}
