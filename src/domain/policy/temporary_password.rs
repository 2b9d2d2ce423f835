//! Setting a temporary password by phone (`P9`, `P14`, `C4`), and by an operator (`D4`).

use crate::audit::{AuditEntry, AuditEvent, ChangeOutcome, VoidReason};
use crate::auth_unit::AuthUnit;
use crate::change::{Change, Decision};
use crate::password::PhcString;
use crate::phone_number::PhoneNumber;
use crate::snapshot::Snapshot;

/// A temporary password that its caller has confirmed, hashed.
#[derive(Debug, Clone)]
pub struct TemporaryPasswordRequest {
    /// The caller's number.
    pub caller: PhoneNumber,
    /// The unit that the caller chose.
    pub unit: AuthUnit,
    /// The login number that the password is for.
    pub login_number: PhoneNumber,
    /// The password's hash.
    pub hash: PhcString,
}

/// The result of setting a temporary password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOutcome {
    /// Committed; `completed` may play.
    Stored,
    /// The contract has changed during the call: it is suspended or gone, the number is gone, or
    /// another unit is in force.
    Refused,
}

/// Applies the decision of [`may_set`](crate::contract::Contract::may_set) under the lock: the
/// contract may have changed since the caller chose.
#[must_use]
pub fn decide(
    snapshot: Option<&Snapshot>,
    request: &TemporaryPasswordRequest,
) -> Decision<SetOutcome> {
    let TemporaryPasswordRequest { caller, unit, login_number, ref hash } = *request;
    let entry = |event| AuditEntry::new(event, login_number);
    let Some(snapshot) = snapshot.filter(|it| it.contract.may_set(caller, unit, login_number))
    else {
        let refused = entry(AuditEvent::TemporarySet(ChangeOutcome::ContractChanged));
        return Decision::refuse(SetOutcome::Refused, [refused]);
    };
    let mut audit = vec![entry(AuditEvent::TemporarySet(ChangeOutcome::Done))];
    let voids_others = snapshot.contract.unit != Some(unit);
    if voids_others {
        audit.push(entry(AuditEvent::UnitChanged(ChangeOutcome::Done)));
        let others = snapshot.contract.numbers().filter(|it| *it != login_number).collect();
        let voided = AuditEvent::Voided(VoidReason::UnitChanged);
        audit.extend(snapshot.live(&others).map(|(other, _)| AuditEntry::new(voided, other)));
    }
    let change =
        Change::SetTemporaryPassword { login_number, hash: hash.clone(), unit, voids_others };
    Decision { change, audit, reply: SetOutcome::Stored }
}

/// Decides on a temporary password that an operator issues (`D4`): as by phone from the contract
/// number, but the unit in force stays.
#[must_use]
pub fn decide_issue(
    snapshot: Option<&Snapshot>,
    request: &TemporaryPasswordRequest,
) -> Decision<SetOutcome> {
    decide(snapshot.filter(|it| it.contract.keeps_unit(request.unit)), request)
}
