//! The form of a unit change: the outcome, and a field for each password that the change requires.

use std::collections::{HashMap, HashSet};

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::csrf::FormTokens;
use super::error::ErrorReport;
use super::error_kind::ErrorKind;
use super::field_errors::FieldErrors;
use super::language::Language;
use super::layout::{Layout, render};
use super::markup::Markup;
use super::session::RestrictedCookieSession;
use super::text::{self, ChangeStage, Recovery};
use super::unit_outcome::OutcomeTables;
use crate::auth::{Seals, SessionToken};
use domain::auth_unit::AuthUnit;
use domain::credential::CredentialId;
use domain::phone_number::PhoneNumber;
use domain::policy::unit::{ProvenPassword, UnitChoice, UnitChoices};
use domain::unit_outcome::NewCredential;

/// The prefix of a password field's name; the number follows.
pub(super) const FIELD: &str = "password-";
/// A form of more fields is a compact one.
const MAX_WIDE_FIELDS: usize = 10;

/// `unit_form.html`
#[derive(Template)]
#[template(path = "unit_form.html", config = ".askama.toml")]
pub(super) struct FormPage {
    layout: Layout,
    tokens: FormTokens,
    contract_number: PhoneNumber,
    /// The number that makes the change.
    login_number: PhoneNumber,
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
    /// Whether the form was sent, and changed nothing.
    is_sent: bool,
    /// Why the form cannot be accepted now, but later.
    postponed: Option<Postponed>,
}

/// An error that passes.
struct Postponed {
    heading: Markup,
    why: Markup,
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

fn field_id(number: PhoneNumber) -> String {
    format!("{FIELD}{}", number.as_str())
}

impl FormPage {
    /// The form for `unit`; `None` if it is in force.
    pub(super) fn new(
        session: &RestrictedCookieSession,
        choices: UnitChoices,
        unit: AuthUnit,
    ) -> Option<Self> {
        let UnitChoices { version, login_number, choices, in_force } = choices;
        let choice = choices.into_iter().find(|choice| choice.unit == unit)?;
        let UnitChoice { required, blocked, logins, lost, .. } = choice;
        let lang = session.layout.lang;
        let contract_number = session.access.contract_number;
        let replaces_contracts = lost.iter().any(|credential| credential.number == contract_number);
        let copies_to_contract = logins.iter().any(|login| {
            login.number == contract_number && login.with == NewCredential::CopiedFromInitiator
        });
        let page = Self {
            layout: session.layout.clone(),
            tokens: FormTokens::new(session),
            contract_number,
            login_number,
            version,
            unit,
            name: text::unit(lang, unit),
            about: text::about_unit(lang, unit),
            in_force: text::unit(lang, in_force),
            recovery: Recovery::under(lang, in_force),
            afterwards: text::afterwards(
                lang,
                in_force,
                unit,
                replaces_contracts,
                copies_to_contract,
            ),
            outcome: OutcomeTables::new(lang, &logins, &lost, login_number, ChangeStage::Before),
            fields: Vec::new(),
            blocked: Vec::new(),
            errors: FieldErrors::default(),
            is_sent: false,
            postponed: None,
        };
        Some(page.with_fields(&required).with_blocked(&blocked))
    }

    /// The form again after it was sent, made from this version of the contract (`W6`).
    pub(super) fn with_version(self, version: i64) -> Self {
        Self { version, is_sent: true, ..self }
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
    pub(super) fn with_proofs(
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
        matches!(self.fields.as_slice(), [only] if only.digits == self.login_number.as_str())
    }

    /// The heading of a refusal.
    fn refusal(&self) -> Markup {
        let postponed = self.postponed.as_ref().map(|postponed| postponed.heading.clone());
        postponed.unwrap_or_else(|| self.layout.lang.unit_refused())
    }

    /// Which passwords have to be entered again.
    fn to_enter_again(&self) -> Markup {
        let lang = self.layout.lang;
        if self.asks_for_own_alone() {
            lang.unit_refused_own()
        } else if self.fields.iter().any(|field| field.proof.is_some()) {
            lang.unit_refused_some()
        } else {
            lang.unit_refused_all()
        }
    }

    pub(super) fn with_blocked(mut self, numbers: &[PhoneNumber]) -> Self {
        let blocked = numbers.iter().map(PhoneNumber::hyphenated);
        self.blocked =
            blocked.map(|number| BlockedNumber { number, is_just_void: false }).collect();
        self
    }

    /// Marks the numbers whose passwords the form has voided.
    pub(super) fn with_just_void(mut self, numbers: &[PhoneNumber]) -> Self {
        let voided: HashSet<String> = numbers.iter().map(PhoneNumber::hyphenated).collect();
        for blocked in &mut self.blocked {
            blocked.is_just_void = voided.contains(&blocked.number);
        }
        self
    }

    /// The form again, with an error beside the passwords of these numbers. A blocked change has no
    /// fields.
    pub(super) fn with_errors(
        mut self,
        wrong: &[PhoneNumber],
        missing: &[PhoneNumber],
    ) -> Response {
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

    /// The form again in the place of the page of an error that passes. A blocked change has none.
    pub(super) fn with_report(mut self, report: ErrorReport) -> Response {
        if self.blocked.is_empty() {
            self.postponed = Some(Postponed::new(self.layout.lang, report));
        }
        report.around(self.render(report.status))
    }

    pub(super) fn render(mut self, status: StatusCode) -> Response {
        let is_error = !(self.errors.is_empty() && self.blocked.is_empty());
        let is_error = is_error || self.postponed.is_some();
        self.layout = self.layout.with_error(is_error);
        render(status, &self)
    }
}

impl Postponed {
    fn new(lang: Language, report: ErrorReport) -> Self {
        let wait = text::wait(lang, report.retry_after_s.unwrap_or_default());
        let why = if report.kind == ErrorKind::RateLimited {
            lang.rate_limited_why(wait)
        } else if report.may_have_counted {
            lang.unavailable_why(wait)
        } else {
            lang.unavailable_for_form(wait)
        };
        Self { heading: text::heading(lang, report.kind), why }
    }
}
