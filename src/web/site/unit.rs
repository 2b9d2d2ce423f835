//! `/unit` and `/unit/{unit}` (認証単位変更, table `U`): the choice of the unit, and the passwords that
//! the change requires.

use std::collections::{HashMap, HashSet};

use askama::Template;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};

use super::csrf::FormTokens;
use super::csrf_form::CsrfForm;
use super::error::{ForPage, OrPage as _, PageError, UNIT_CHANGED};
use super::error_kind::ErrorKind;
use super::field_errors::FieldErrors;
use super::form::Form;
use super::layout::{Layout, render};
use super::markup::Markup;
use super::sent_again;
use super::session::{self, CookieSession, RestrictedCookieSession};
use super::session_end::SessionEnd;
use super::text::{self, ChangeStage, Recovery};
use super::unit_outcome::OutcomeTables;
use crate::auth::{Audience, ChangeUnit, Seals, SessionToken};
use crate::web::AppState;
use crate::web::rate_limit::{RateLimit, RequestCost, Reservation};
use domain::access::Access;
use domain::auth_unit::AuthUnit;
use domain::credential::CredentialId;
use domain::password::SubmittedPassword;
use domain::phone_number::PhoneNumber;
use domain::policy::unit::{FormVersion, ProvenPassword, UnitChoice, UnitChoices, UnitVerdict};
use domain::policy::unit_plan::may_change_unit;

/// The prefix of a password field's name; the number follows.
const FIELD: &str = "password-";
/// The prefix of the field with a proof of a number's password.
const PROOF: &str = "proof-";
/// A form of more fields is a compact one.
const MAX_WIDE_FIELDS: usize = 10;

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

/// `unit_form.html`
#[derive(Template)]
#[template(path = "unit_form.html", config = ".askama.toml")]
struct FormPage {
    layout: Layout,
    tokens: FormTokens,
    contract_number: PhoneNumber,
    /// The number that makes the change.
    login: PhoneNumber,
    version: i64,
    unit: AuthUnit,
    name: Markup,
    about: Markup,
    in_force: Markup,
    recovery: Recovery,
    /// The password of each login after the change, in words.
    afterwards: Option<Markup>,
    outcome: OutcomeTables,
    fields: Vec<PasswordField>,
    /// The numbers that block the change (`U3`).
    blocked: Vec<BlockedNumber>,
    errors: FieldErrors,
}

/// A number that blocks the change.
struct BlockedNumber {
    number: String,
    /// Whether this form has voided its password.
    is_just_void: bool,
}

/// A password field of the form. The contract number's sorts first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct PasswordField {
    is_additional: bool,
    id: String,
    number: String,
    /// The number as a browser keeps it with its password.
    digits: String,
    /// The proof that the password was given before.
    proof: Option<String>,
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
    let version = choices.version;
    Ok(match FormPage::new(&session, choices, unit) {
        Some(page) => page.with_version(version).render(StatusCode::OK),
        None => Redirect::to("/unit").into_response(),
    })
}

/// Changes the unit: 303 to the outcome, or the form again with 422.
pub(super) async fn change(
    State(state): State<AppState>,
    UnitPath(unit): UnitPath,
    ForPage(rate_limit): ForPage<RateLimit>,
    CsrfForm { session: CookieSession(session), id, mut form }: CsrfForm<CookieSession>,
) -> Result<Response, PageError> {
    let version =
        form.text("version").parse().map_err(|_| PageError::from(ErrorKind::CsrfError))?;
    let passwords = passwords(&mut form);
    let proven = proven(&state, &session, &mut form);
    let mut reservation = rate_limit.reserve_passwords(passwords.len()).await.or_page()?;
    let request = ChangeUnit {
        token: session.token.clone(),
        audience: Audience::Pages,
        access: session.access.clone(),
        unit,
        passwords,
        proven,
        version: FormVersion::Form(version),
        form: Some(id),
        address: rate_limit.address,
        may_void: reservation.max_voidings(),
    };
    let result = state.auth().change_unit(request).await;
    reservation.settle(RequestCost::from_unit_change(&result));
    let sent = SentForm { unit, version };
    respond(&state, &session, &sent, result.or_page()?, &reservation).await
}

/// The parts of a sent form that the next form keeps.
struct SentForm {
    unit: AuthUnit,
    version: i64,
}

/// Builds the form's page only for an answer that shows it.
async fn respond(
    state: &AppState,
    session: &RestrictedCookieSession,
    form: &SentForm,
    verdict: UnitVerdict,
    reservation: &Reservation,
) -> Result<Response, PageError> {
    let page = async || {
        let page = FormPage::new(session, choices(state, session).await?, form.unit);
        let page = page.map(|page| page.with_version(form.version));
        page.ok_or_else(|| PageError::from(ErrorKind::ChangedElsewhere))
    };
    match verdict {
        UnitVerdict::Changed(_) => Ok(Redirect::to(UNIT_CHANGED).into_response()),
        UnitVerdict::Wrong { session_over: true, .. } => {
            Err(SessionEnd::WrongEntries(session.access.unit).into())
        }
        UnitVerdict::Wrong { numbers, missing, proven, voided, .. } => {
            let page = page().await?.with_just_void(&voided).with_proofs(
                state.seals(),
                &session.token,
                &proven,
            );
            Ok(page.with_errors(&numbers, &missing))
        }
        UnitVerdict::CredentialVoid(numbers) => {
            Ok(page().await?.with_blocked(&numbers).render(StatusCode::CONFLICT))
        }
        UnitVerdict::OtherPasswords { missing, unasked, proven } if unasked.is_empty() => {
            let page = page().await?.with_proofs(state.seals(), &session.token, &proven);
            Ok(page.with_errors(&[], &missing))
        }
        UnitVerdict::OtherPasswords { .. }
        | UnitVerdict::InForce
        | UnitVerdict::ChangedElsewhere => Err(PageError::from(ErrorKind::ChangedElsewhere)),
        UnitVerdict::NotAllowed => Err(PageError::from(ErrorKind::NotAllowed)),
        UnitVerdict::PasswordChangeRequired => Err(PageError::PasswordChangeRequired),
        UnitVerdict::SessionOver => {
            Err(sent_again::answer_late_unit(state, &session.token, form.unit).await)
        }
        UnitVerdict::WouldVoid => Err(reservation.voiding_refused()).or_page(),
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

fn field_id(number: PhoneNumber) -> String {
    format!("{FIELD}{}", number.as_str())
}

impl FormPage {
    /// The form for `unit`; `None` if it is in force.
    fn new(
        session: &RestrictedCookieSession,
        choices: UnitChoices,
        unit: AuthUnit,
    ) -> Option<Self> {
        let UnitChoices { version, login, choices, in_force } = choices;
        let choice = choices.into_iter().find(|choice| choice.unit == unit)?;
        let UnitChoice { required, blocked, logins, lost, .. } = choice;
        let lang = session.layout.lang;
        let contract_number = session.access.contract_number;
        let replaces_contracts = lost.iter().any(|credential| credential.number == contract_number);
        let page = Self {
            layout: session.layout.clone(),
            tokens: FormTokens::new(session),
            contract_number,
            login,
            version,
            unit,
            name: text::unit(lang, unit),
            about: text::about_unit(lang, unit),
            in_force: text::unit(lang, in_force),
            recovery: Recovery::under(lang, in_force),
            afterwards: text::afterwards(lang, in_force, unit, replaces_contracts),
            outcome: OutcomeTables::new(lang, &logins, &lost, login, ChangeStage::Before),
            fields: Vec::new(),
            blocked: Vec::new(),
            errors: FieldErrors::default(),
        };
        Some(page.with_fields(&required).with_blocked(&blocked))
    }

    /// The form that was made from this version of the contract (`W6`).
    fn with_version(self, version: i64) -> Self {
        Self { version, ..self }
    }

    /// Adds fields for these numbers' passwords; the contract number's comes first.
    fn with_fields(mut self, numbers: &[PhoneNumber]) -> Self {
        self.fields.extend(numbers.iter().map(|number| PasswordField {
            id: field_id(*number),
            number: number.hyphenated(),
            digits: number.as_str().to_owned(),
            is_additional: *number != self.contract_number,
            proof: None,
        }));
        self.fields.sort();
        self
    }

    /// Marks the passwords that were given before, so that they need not be typed again.
    fn with_proofs(
        mut self,
        seals: &Seals,
        token: &SessionToken,
        proven: &[ProvenPassword],
    ) -> Self {
        let proven: HashMap<&str, CredentialId> =
            proven.iter().map(|it| (it.number.as_str(), it.credential)).collect();
        for field in &mut self.fields {
            let credential = proven.get(field.digits.as_str());
            field.proof = credential.map(|it| seals.seal_proof(token, *it));
        }
        self
    }

    fn is_compact(&self) -> bool {
        self.fields.len() > MAX_WIDE_FIELDS
    }

    /// Whether the only password is that of this login.
    fn asks_for_own_alone(&self) -> bool {
        matches!(self.fields.as_slice(), [only] if only.digits == self.login.as_str())
    }

    fn has_proofs(&self) -> bool {
        self.fields.iter().any(|field| field.proof.is_some())
    }

    fn with_blocked(mut self, numbers: &[PhoneNumber]) -> Self {
        let blocked = numbers.iter().map(PhoneNumber::hyphenated);
        self.blocked =
            blocked.map(|number| BlockedNumber { number, is_just_void: false }).collect();
        self
    }

    /// Marks the numbers whose passwords the form has voided.
    fn with_just_void(mut self, numbers: &[PhoneNumber]) -> Self {
        let voided: HashSet<String> = numbers.iter().map(PhoneNumber::hyphenated).collect();
        for blocked in &mut self.blocked {
            blocked.is_just_void = voided.contains(&blocked.number);
        }
        self
    }

    /// The form again, with an error beside the passwords of these numbers. A blocked change has no
    /// fields.
    fn with_errors(mut self, wrong: &[PhoneNumber], missing: &[PhoneNumber]) -> Response {
        let lang = self.layout.lang;
        let [wrong, missing] = [wrong, missing]
            .map(|numbers| numbers.iter().map(PhoneNumber::as_str).collect::<HashSet<_>>());
        let fields = if self.blocked.is_empty() { self.fields.as_slice() } else { &[] };
        for field in fields {
            let digits = field.digits.as_str();
            if wrong.contains(digits) {
                self.errors.add(field.id.clone(), lang.wrong_of(field.number.clone()));
            } else if missing.contains(digits) {
                self.errors.add(field.id.clone(), lang.enter_password_of(field.number.clone()));
            }
        }
        self.render(StatusCode::UNPROCESSABLE_ENTITY)
    }

    fn render(mut self, status: StatusCode) -> Response {
        let is_error = !(self.errors.is_empty() && self.blocked.is_empty());
        self.layout = self.layout.with_error(is_error);
        render(status, &self)
    }
}
