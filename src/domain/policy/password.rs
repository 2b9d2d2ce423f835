//! Changing the password of a session's login (`C5`, `C6`).

use std::time::Duration;

use super::access_of;
use crate::access::Access;
use crate::audit::{AuditEntry, AuditEvent, ChangeOutcome, SessionEndReason, VoidReason};
use crate::change::{Change, Decision, EntryKey};
use crate::credential::{Credential, CredentialId};
use crate::password::{PhcString, Rejection, Verification};
use crate::phone_number::PhoneNumber;
use crate::session::TokenDigest;
use crate::snapshot::Snapshot;

/// A password change whose current password has been compared without a lock.
#[derive(Debug)]
pub struct ComparedChange {
    /// The session's number, whose password changes.
    pub login_number: PhoneNumber,
    /// The credential whose hash was compared; it must still be in force.
    pub compared: CredentialId,
    /// The result of the comparison; after a match, the hash of the new password.
    pub comparison: Verification<PhcString>,
    /// The key of the entry, if it came from a form.
    pub entry: Option<EntryKey>,
    /// The key of that form.
    pub form: Option<EntryKey>,
    /// The session that begins with the new password.
    pub new_session: TokenDigest,
    /// The idle time after which a session ends (`W5`).
    pub idle: Duration,
    /// Whether a wrong password may void the credential.
    pub may_void: bool,
}

/// The verdict on a password change. `Session` is what the new session is reached by.
#[derive(Debug, PartialEq, Eq)]
pub enum PasswordVerdict<Session> {
    /// Changed. Every session of the old password is over; a new one began with this access.
    Changed(Session, Box<Access>),
    /// The new password breaks these rules. The current one was not compared.
    Rejected(Vec<Rejection>),
    /// The current password is wrong, and counted (`C2`), or could not be verified.
    Wrong {
        /// The session's number.
        number: PhoneNumber,
        /// How many more wrong entries void the password. At 0 it is void, and its session over.
        tries_left: i32,
    },
    /// Wrong entries elsewhere have voided the current password of this number, so that nobody can
    /// give it (`C2`, `U3`). The session goes on.
    CredentialVoid(PhoneNumber),
    /// Nothing was counted: it would void the current password, which the rate limit forbids.
    WouldVoid,
    /// The session has ended: logged out, or its password expired or was changed elsewhere.
    SessionOver,
}

impl<Session> PasswordVerdict<Session> {
    /// The same with another name of the new session.
    #[must_use]
    pub fn map<Other>(self, name: impl FnOnce(Session) -> Other) -> PasswordVerdict<Other> {
        match self {
            Self::Changed(session, access) => PasswordVerdict::Changed(name(session), access),
            Self::Rejected(reasons) => PasswordVerdict::Rejected(reasons),
            Self::Wrong { number, tries_left } => PasswordVerdict::Wrong { number, tries_left },
            Self::CredentialVoid(number) => PasswordVerdict::CredentialVoid(number),
            Self::WouldVoid => PasswordVerdict::WouldVoid,
            Self::SessionOver => PasswordVerdict::SessionOver,
        }
    }
}

/// Decides a password change. The comparison counts only if the credential is still the same.
#[must_use]
pub fn decide(
    snapshot: Option<&Snapshot>,
    change: &ComparedChange,
) -> Decision<PasswordVerdict<TokenDigest>> {
    let login_number = change.login_number;
    let entry = |outcome| AuditEntry::new(AuditEvent::PasswordChanged(outcome), login_number);
    let Some(snapshot) = snapshot else {
        return Decision::refuse(PasswordVerdict::SessionOver, []);
    };
    let Some((access, old)) = access_of(snapshot).filter(|(_, old)| old.id == change.compared)
    else {
        return Decision::refuse(PasswordVerdict::SessionOver, [entry(ChangeOutcome::Void)]);
    };
    if old.password_hash.is_none() {
        return Decision::refuse(
            PasswordVerdict::CredentialVoid(login_number),
            [entry(ChangeOutcome::Void)],
        );
    }
    let wrong = PasswordVerdict::Wrong { number: login_number, tries_left: old.tries_left() };
    let hash = match &change.comparison {
        Verification::Match(hash) => hash.clone(),
        Verification::Mismatch if snapshot.has_counted(change.entry) => {
            return Decision::refuse(wrong, []);
        }
        Verification::Mismatch if old.voids_on_next_failure() && !change.may_void => {
            return Decision::refuse(PasswordVerdict::WouldVoid, []);
        }
        Verification::Mismatch => return count_failure(change, old),
        Verification::Unverifiable(_) => {
            return Decision::refuse(wrong, [entry(ChangeOutcome::Unverifiable)]);
        }
    };
    let access = access.with_new_password(old.kind, snapshot.now, change.idle);
    Decision {
        change: Change::ReplacePassword {
            login_number,
            old: old.id,
            hash,
            new_session: change.new_session,
            at: snapshot.now,
            version: access.contract_version,
            form: change.form,
        },
        audit: vec![entry(ChangeOutcome::Done)],
        reply: PasswordVerdict::Changed(change.new_session, Box::new(access)),
    }
}

/// Counts a wrong current password. If that voids the credential, the session ends (`C2`).
fn count_failure(
    change: &ComparedChange,
    old: &Credential,
) -> Decision<PasswordVerdict<TokenDigest>> {
    let login_number = change.login_number;
    let tries_left = (old.tries_left() - 1).max(0);
    let session_over = tries_left == 0;
    let mut events = vec![AuditEvent::PasswordChanged(ChangeOutcome::Wrong)];
    if session_over {
        events.push(AuditEvent::Voided(VoidReason::WrongEntries));
        events.push(AuditEvent::SessionEnded(SessionEndReason::WrongEntries));
    }
    Decision {
        change: Change::CountFailures {
            numbers: vec![login_number],
            voided: session_over.then_some(login_number).into_iter().collect(),
            ends_session: session_over,
            entries: change.entry.into_iter().collect(),
        },
        audit: events.into_iter().map(|event| AuditEntry::new(event, login_number)).collect(),
        reply: PasswordVerdict::Wrong { number: login_number, tries_left },
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::auth_unit::AuthUnit;
    use crate::contract::{Contract, ContractLine};
    use crate::credential::{CredentialKind, NumberCredential};
    use crate::rules;
    use crate::snapshot::SnapshotSession;

    const ENTRY: EntryKey = EntryKey([1; 16]);

    fn number() -> PhoneNumber {
        "0612345600".parse().unwrap()
    }

    /// The decision on a wrong password at a credential with this count.
    fn decide_wrong(
        failed_attempts: i32,
        may_void: bool,
        counted: &[EntryKey],
    ) -> Decision<PasswordVerdict<TokenDigest>> {
        let (number, id) = (number(), CredentialId(1));
        let credential = Credential {
            id,
            kind: CredentialKind::Password,
            set_at: Timestamp::UNIX_EPOCH,
            password_hash: Some("a hash".to_owned().into()),
            failed_attempts,
        };
        let snapshot = Snapshot {
            contract: Contract {
                number,
                lines: vec![ContractLine { number, has_service: true }],
                unit: Some(AuthUnit::Line),
                suspended: false,
                version: 0,
            },
            credentials: vec![NumberCredential { number, credential: Some(credential) }],
            session: Some(SnapshotSession { credential: id, seen_version: 0 }),
            counted: counted.iter().copied().collect(),
            now: Timestamp::UNIX_EPOCH,
        };
        let change = ComparedChange {
            login_number: number,
            compared: id,
            comparison: Verification::Mismatch,
            entry: Some(ENTRY),
            form: None,
            new_session: TokenDigest([0; 32]),
            idle: rules::SESSION_IDLE_TIMEOUT,
            may_void,
        };
        decide(Some(&snapshot), &change)
    }

    #[test]
    fn r_a_wrong_password_that_may_void_nothing_is_not_counted_as_the_last() {
        let decision = decide_wrong(rules::MAX_PASSWORD_FAILURES - 1, false, &[]);
        assert_eq!(decision.reply, PasswordVerdict::WouldVoid);
        assert!(matches!(decision.change, Change::None) && decision.audit.is_empty());
    }

    #[test]
    fn c2_an_entry_that_was_counted_gets_the_same_answer_and_does_not_count_again() {
        for (failures, other) in [(1, EntryKey([2; 16])), (rules::MAX_PASSWORD_FAILURES - 1, ENTRY)]
        {
            let decision = decide_wrong(failures, true, &[other, ENTRY]);
            let tries_left = rules::MAX_PASSWORD_FAILURES - failures;
            assert_eq!(decision.reply, PasswordVerdict::Wrong { number: number(), tries_left });
            assert!(matches!(decision.change, Change::None) && decision.audit.is_empty());
            let decision = decide_wrong(failures, true, &[EntryKey([2; 16])]);
            assert!(matches!(decision.change, Change::CountFailures { .. }));
        }
    }
}
