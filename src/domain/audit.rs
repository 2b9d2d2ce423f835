//! Audit events (`D3`): one for every set, change, voiding, login and refusal. Never with a secret.

use std::collections::BTreeSet;
use std::net::IpAddr;

use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::auth_unit::AuthUnit;
use crate::dialog;
use crate::phone_number::PhoneNumber;

/// Where an act came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum AuditSource {
    /// A call, from this number if the dialplan has proved it (`P1`).
    Phone(Option<PhoneNumber>),
    /// The site or the API, from this address; none if the daemon acts by itself.
    Site(Option<IpAddr>),
    /// An operator's command.
    Operator,
}

/// An act or an attempt at one, with its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum AuditEvent {
    /// A call that ended without a password.
    Call(dialog::Refusal),
    /// A temporary password set by phone (`P9`).
    TemporarySet(ChangeOutcome),
    /// A password changed on the site (`C5`).
    PasswordChanged(ChangeOutcome),
    /// The contract's unit set or changed (`P14`, `U`).
    UnitChanged(ChangeOutcome),
    /// A login (`W2`).
    Login(LoginOutcome),
    /// A credential that no longer logs in.
    Voided(VoidReason),
    /// A session ended by a change.
    SessionEnded(SessionEndReason),
    /// A login number got another's password by a unit change (`U`).
    PasswordCopied,
    /// A session ended by its user (`W5`).
    Logout,
    /// Contracts loaded from a file (`D1`).
    ContractsImported,
    /// A contract has another customer now (`D1`).
    CustomerChanged,
    /// A contract suspended (`D2`).
    ContractSuspended,
    /// A contract resumed (`D2`).
    ContractResumed,
    /// A contract removed (`D2`).
    ContractRemoved,
    /// Old audit rows removed by an operator.
    AuditPruned,
}

/// The outcome of a change that a subscriber asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ChangeOutcome {
    /// Committed.
    Done,
    /// The contract has changed under the call or the form (`P14`, `W6`).
    ContractChanged,
    /// The role does not allow it (`U2`).
    NotAllowed,
    /// The new password breaks a rule (`C5`).
    Rejected,
    /// A wrong password, counted (`C2`).
    Wrong,
    /// The credential is void, or has been replaced.
    Void,
    /// The stored hash has an unknown key, or is damaged.
    Unverifiable,
}

/// How a login ended, as the audit names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum LoginOutcome {
    /// A session began.
    Done,
    /// A wrong password, counted (`C2`).
    Wrong,
    /// No contract has the number.
    UnknownNumber,
    /// The number has never had a credential.
    NoCredential,
    /// The credential is void, or became so before the verdict.
    Void,
    /// The temporary password has expired (`C1`).
    Expired,
    /// The number does not log in under the unit in force (`W1`).
    NotALogin,
    /// The contract is suspended.
    Suspended,
    /// The contract changed before the verdict, and the number no longer logs in.
    ContractChanged,
    /// The stored hash has an unknown key, or is damaged.
    Unverifiable,
}

/// Why a credential no longer logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum VoidReason {
    /// Too many wrong entries in a row (`C2`).
    WrongEntries,
    /// A temporary password has expired (`C1`).
    Expired,
    /// The contract's unit changed (`P14`, `U1`).
    UnitChanged,
    /// The number belongs to another contract now (`D1`).
    NumberMoved,
    /// The number is gone (`D1`, `D2`).
    NumberRemoved,
    /// The contract has another customer now (`D1`).
    CustomerChanged,
    /// Without its service the number does not log in.
    ServiceEnded,
}

/// Why a change ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum SessionEndReason {
    /// The contract's unit changed (`U1`).
    UnitChanged,
    /// The password changed (`C5`).
    PasswordChanged,
    /// Its own wrong entries voided its credential (`C2`).
    WrongEntries,
    /// An operator ended it (`D4`).
    Operator,
}

impl AuditEvent {
    /// The outcome's name in the database.
    #[must_use]
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Call(refusal) => refusal.into(),
            Self::TemporarySet(outcome)
            | Self::PasswordChanged(outcome)
            | Self::UnitChanged(outcome) => outcome.into(),
            Self::Login(outcome) => outcome.into(),
            Self::Voided(reason) => reason.into(),
            Self::SessionEnded(end) => end.into(),
            Self::PasswordCopied
            | Self::Logout
            | Self::ContractsImported
            | Self::CustomerChanged
            | Self::ContractSuspended
            | Self::ContractResumed
            | Self::ContractRemoved
            | Self::AuditPruned => ChangeOutcome::Done.into(),
        }
    }

    /// The names of all outcomes, each once.
    #[must_use]
    pub fn outcomes() -> BTreeSet<&'static str> {
        let by_event = [
            dialog::Refusal::VARIANTS,
            ChangeOutcome::VARIANTS,
            LoginOutcome::VARIANTS,
            VoidReason::VARIANTS,
            SessionEndReason::VARIANTS,
        ];
        by_event.into_iter().flatten().copied().collect()
    }
}

/// The fields that several audit rows share.
#[derive(Debug, Clone, Copy)]
pub struct AuditScope {
    /// Where the act came from.
    pub source: AuditSource,
    /// The contract number, if it is known.
    pub contract_number: Option<PhoneNumber>,
    /// The unit that was chosen, if it is about one.
    pub unit: Option<AuthUnit>,
}

/// One event of an [`AuditScope`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditEntry {
    /// What happened.
    pub event: AuditEvent,
    /// The login number, if one was named.
    pub login_number: Option<PhoneNumber>,
}

impl AuditEntry {
    /// The event of this login number.
    #[must_use]
    pub fn new(event: AuditEvent, login_number: PhoneNumber) -> Self {
        Self { event, login_number: Some(login_number) }
    }
}
