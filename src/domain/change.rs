//! The result of a decision: the change, its audit entries, and the reply.

use jiff::Timestamp;

use crate::audit::{AuditEntry, AuditScope, AuditSource};
use crate::auth_unit::AuthUnit;
use crate::credential::{Credential, CredentialId};
use crate::password::PhcString;
use crate::phone_number::PhoneNumber;
use crate::session::TokenDigest;
use crate::unit_outcome::UnitChanged;

/// The key of a form's entry: a MAC of the form, the credential and the typed password. The same
/// form sent again has the same key, and counts once (`C2`). A form that changes a password has a
/// key without these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryKey(pub [u8; 16]);

/// A request to change a contract.
#[derive(Debug, Clone)]
pub struct ChangeRequest {
    /// The contract that is locked and changed, by its contract number.
    pub contract_number: PhoneNumber,
    /// Where the request came from.
    pub source: AuditSource,
    /// The unit wanted, if the request is about one.
    pub unit: Option<AuthUnit>,
    /// The session that asks; none by phone.
    pub session: Option<TokenDigest>,
    /// The entries that were compared, if they came from a form.
    pub entries: Vec<EntryKey>,
}

impl ChangeRequest {
    /// The fields that the request's audit rows share.
    #[must_use]
    pub fn audit_scope(&self) -> AuditScope {
        AuditScope {
            source: self.source,
            contract_number: Some(self.contract_number),
            unit: self.unit,
        }
    }
}

/// The answer of a pure function to a [`Snapshot`](crate::snapshot::Snapshot) whose contract is
/// locked. It is committed whole or not at all.
#[derive(Debug)]
pub struct Decision<R> {
    /// The change to commit; [`Change::None`] if there is none.
    pub change: Change,
    /// The audit entries, in order.
    pub audit: Vec<AuditEntry>,
    /// The answer to the request, once the change is committed.
    pub reply: R,
}

impl<R> Decision<R> {
    /// Changes nothing.
    #[must_use]
    pub fn refuse(reply: R, audit: impl IntoIterator<Item = AuditEntry>) -> Self {
        Self { change: Change::None, audit: audit.into_iter().collect(), reply }
    }
}

/// A change of one contract.
#[derive(Debug)]
pub enum Change {
    /// Nothing changes.
    None,
    /// A temporary password by phone (`P9`). The login number gets a new credential, which ends its
    /// sessions (`C4`).
    SetTemporaryPassword {
        /// The number that logs in with it.
        login_number: PhoneNumber,
        /// The temporary password's hash.
        hash: PhcString,
        /// The unit in force afterwards.
        unit: AuthUnit,
        /// Whether the unit is new: then every other credential of the contract becomes void, and
        /// every session ends (`P14`).
        voids_others: bool,
    },
    /// A password in the place of a credential (`C5`). Its sessions end, and a new one begins.
    ReplacePassword {
        /// The number that logs in with it.
        login_number: PhoneNumber,
        /// The credential that it replaces.
        old: CredentialId,
        /// The new password's hash.
        hash: PhcString,
        /// The session that begins.
        new_session: TokenDigest,
        /// When the password is set and the session begins.
        at: Timestamp,
        /// The contract's version afterwards, which the new session has seen (`W6`).
        version: i64,
        /// The key of the form that changes it, if it came from a form.
        form: Option<EntryKey>,
    },
    /// Another unit (`U`). Every session of the contract ends; a number that is not named keeps its
    /// credential.
    ChangeUnit {
        /// The credential of the number that asks, whose hash others may get.
        initiator: Credential,
        /// The numbers that get a copy of the initiator's credential.
        copied: Vec<PhoneNumber>,
        /// The numbers whose credential becomes void.
        voided: Vec<PhoneNumber>,
        /// The numbers that lose their credential.
        dropped: Vec<PhoneNumber>,
        /// The outcome of the change, with the unit in force afterwards.
        outcome: UnitChanged,
    },
    /// One wrong password for each number (`C2`).
    CountFailures {
        /// The numbers, whose credentials are not void.
        numbers: Vec<PhoneNumber>,
        /// Numbers among these whose credential becomes void.
        voided: Vec<PhoneNumber>,
        /// Whether the credential of the asking session becomes void, which ends the session.
        ends_session: bool,
        /// The entries that count, so that they do not count again.
        entries: Vec<EntryKey>,
    },
}
