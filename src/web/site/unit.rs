//! `/unit` and `/unit/{unit}` (認証単位変更, table `U`): the choice of the unit, and the passwords that
//! the change requires.

use askama::Template;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};

use super::csrf_form::CsrfForm;
use super::error::{ForPage, OrPage as _, PageError, UNIT_CHANGED};
use super::error_kind::ErrorKind;
use super::form::Form;
use super::layout::{Layout, render};
use super::markup::Markup;
use super::sent_again;
use super::session::{self, CookieSession, RestrictedCookieSession};
use super::session_end::SessionEnd;
use super::text;
use super::unit_form::{FIELD, FormPage};
use crate::auth::{Audience, ChangeUnit, FormId};
use crate::web::AppState;
use crate::web::rate_limit::{RateLimit, RequestCost, Reservation};
use domain::access::Access;
use domain::auth_unit::AuthUnit;
use domain::password::SubmittedPassword;
use domain::phone_number::PhoneNumber;
use domain::policy::unit::{FormVersion, ProvenPassword, UnitChoices, UnitVerdict};
use domain::policy::unit_plan::may_change_unit;

/// The prefix of the field with a proof of a number's password.
const PROOF: &str = "proof-";

/// `unit.html`
#[derive(Template)]
#[template(path = "unit.html", config = ".askama.toml")]
struct ChoicePage {
    layout: Layout,
    in_force: Markup,
    choices: Vec<ChoiceRow>,
}

/// A unit, which can be chosen unless it is in force.
struct ChoiceRow {
    path: Option<&'static str>,
    name: Markup,
    about: Markup,
}

/// The unit in the path; other paths have no page.
pub(super) struct UnitPath(AuthUnit);

impl FromRequestParts<AppState> for UnitPath {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let unit = path.ok().and_then(|Path(unit)| unit.parse().ok());
        unit.map(Self).ok_or_else(|| PageError::from(ErrorKind::NotFound))
    }
}

/// Shows the units to choose from.
pub(super) async fn choose(CookieSession(session): CookieSession) -> Result<Response, PageError> {
    require_change_right(&session.access)?;
    let lang = session.layout.lang;
    let in_force = session.access.unit;
    let choice = |unit: AuthUnit| ChoiceRow {
        path: (unit != in_force).then_some(unit.as_str()),
        name: text::unit(lang, unit),
        about: text::about_unit(lang, unit),
    };
    let page = ChoicePage {
        layout: session.layout,
        in_force: text::the_unit(lang, in_force),
        choices: AuthUnit::ALL.into_iter().map(choice).collect(),
    };
    Ok(render(StatusCode::OK, &page))
}

/// Shows the form of one unit; the one in force leads back to the choice.
pub(super) async fn show(
    State(state): State<AppState>,
    UnitPath(unit): UnitPath,
    CookieSession(session): CookieSession,
) -> Result<Response, PageError> {
    let choices = choices(&state, &session).await?;
    Ok(match FormPage::new(&session, choices, unit) {
        Some(page) => page.render(StatusCode::OK),
        None => Redirect::to("/unit").into_response(),
    })
}

/// Changes the unit: 303 to the outcome, or the form again with 422. After an error that passes the
/// form keeps its proofs, too.
pub(super) async fn change(
    State(state): State<AppState>,
    UnitPath(unit): UnitPath,
    rate_limit: Result<ForPage<RateLimit>, PageError>,
    CsrfForm { session: CookieSession(session), id, mut form }: CsrfForm<CookieSession>,
) -> Result<Response, PageError> {
    let version =
        form.text("version").parse().map_err(|_| PageError::from(ErrorKind::CsrfError))?;
    let passwords = passwords(&mut form);
    let sent = SentForm { unit, version, proven: proven(&state, &session, &mut form) };
    match sent.change(&state, &session, id, passwords, rate_limit).await {
        Err(PageError::Page(report)) if report.kind.is_transient() => {
            let page = sent.page(&state, &session).await;
            let page = page.map(|page| {
                page.with_proofs(state.seals(), &session.token, &sent.proven).with_report(report)
            });
            // The database may be out of reach.
            page.or(Err(PageError::Page(report)))
        }
        answer => answer,
    }
}

/// The parts of a sent form that the next form keeps.
struct SentForm {
    unit: AuthUnit,
    version: i64,
    /// The passwords that were given before.
    proven: Vec<ProvenPassword>,
}

impl SentForm {
    async fn change(
        &self,
        state: &AppState,
        session: &RestrictedCookieSession,
        id: FormId,
        passwords: Vec<(PhoneNumber, SubmittedPassword)>,
        rate_limit: Result<ForPage<RateLimit>, PageError>,
    ) -> Result<Response, PageError> {
        let ForPage(rate_limit) = rate_limit?;
        let mut reservation = rate_limit.reserve_passwords(passwords.len()).await.or_page()?;
        let request = ChangeUnit {
            token: session.token.clone(),
            audience: Audience::Pages,
            access: session.access.clone(),
            unit: self.unit,
            passwords,
            proven: self.proven.clone(),
            version: FormVersion::Form(self.version),
            form: Some(id),
            address: rate_limit.address,
            may_void: reservation.max_voidings(),
        };
        let result = state.auth().change_unit(request).await;
        reservation.settle(RequestCost::from_unit_change(&result));
        self.respond(state, session, result.or_page()?, &reservation).await
    }

    /// Builds the form's page only for an answer that shows it.
    async fn respond(
        &self,
        state: &AppState,
        session: &RestrictedCookieSession,
        verdict: UnitVerdict,
        reservation: &Reservation,
    ) -> Result<Response, PageError> {
        match verdict {
            UnitVerdict::Changed(_) => Ok(Redirect::to(UNIT_CHANGED).into_response()),
            UnitVerdict::Wrong { session_over: true, .. } => {
                Err(SessionEnd::WrongEntries(session.access.unit).into())
            }
            UnitVerdict::Wrong { numbers, missing, proven, voided, .. } => {
                let page = self.page(state, session).await?.with_just_void(&voided).with_proofs(
                    state.seals(),
                    &session.token,
                    &proven,
                );
                Ok(page.with_errors(&numbers, &missing))
            }
            UnitVerdict::CredentialVoid(numbers) => {
                let page = self.page(state, session).await?.with_blocked(&numbers);
                Ok(page.render(StatusCode::CONFLICT))
            }
            UnitVerdict::AlreadyVoided(numbers) => {
                let page = self.page(state, session).await?.with_just_void(&numbers);
                Ok(page.with_errors(&numbers, &[]))
            }
            UnitVerdict::OtherPasswords { missing, unasked, proven } if unasked.is_empty() => {
                let page = self.page(state, session).await?;
                let page = page.with_proofs(state.seals(), &session.token, &proven);
                Ok(page.with_errors(&[], &missing))
            }
            UnitVerdict::OtherPasswords { .. }
            | UnitVerdict::InForce
            | UnitVerdict::ChangedElsewhere => Err(PageError::from(ErrorKind::ChangedElsewhere)),
            UnitVerdict::NotAllowed => Err(PageError::from(ErrorKind::NotAllowed)),
            UnitVerdict::PasswordChangeRequired => Err(PageError::PasswordChangeRequired),
            UnitVerdict::SessionOver => {
                Err(sent_again::answer_late_unit(state, &session.token, self.unit).await)
            }
            UnitVerdict::WouldVoid => Err(reservation.voiding_refused()).or_page(),
        }
    }

    /// The form again.
    async fn page(
        &self,
        state: &AppState,
        session: &RestrictedCookieSession,
    ) -> Result<FormPage, PageError> {
        let page = FormPage::new(session, choices(state, session).await?, self.unit);
        let page = page.map(|page| page.with_version(self.version));
        page.ok_or_else(|| PageError::from(ErrorKind::ChangedElsewhere))
    }
}

/// The choices of the session.
async fn choices(
    state: &AppState,
    session: &RestrictedCookieSession,
) -> Result<UnitChoices, PageError> {
    let RestrictedCookieSession { token, access, .. } = session;
    require_change_right(access)?;
    match state.auth().unit_choices(token, Audience::Pages, access).await.or_page()? {
        Some(choices) => Ok(choices),
        None => Err(session::end_of(state, token).await),
    }
}

/// Refuses a user's login (`U2`).
fn require_change_right(access: &Access) -> Result<(), PageError> {
    if may_change_unit(access.role) { Ok(()) } else { Err(PageError::from(ErrorKind::NotAllowed)) }
}

/// The passwords as typed; a field left empty is left out.
fn passwords(form: &mut Form) -> Vec<(PhoneNumber, SubmittedPassword)> {
    let typed = form.passwords(FIELD);
    typed.into_iter().filter_map(|(number, typed)| Some((number.parse().ok()?, typed))).collect()
}

/// The passwords that the form proves to have been given before.
fn proven(
    state: &AppState,
    session: &RestrictedCookieSession,
    form: &mut Form,
) -> Vec<ProvenPassword> {
    let sent = form.texts(PROOF);
    let opened = sent.iter().filter_map(|(number, proof)| {
        let credential = state.seals().open_proof(proof, &session.token)?;
        Some(ProvenPassword { number: number.parse().ok()?, credential })
    });
    opened.collect()
}
