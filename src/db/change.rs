//! The statements of each [`Change`]. They run under the lock of the contract and its credentials.

use super::audit::{self, insert_audit};
use super::ended_session::{self, END_BY_WRONG_ENTRIES, keep_ended};
use super::idempotency::keys;
use super::login_history::{DELETE_CREDENTIALS, INSERT_TEMPORARY_PASSWORD_SET};
use super::transaction::Statement;
use domain::audit::{AuditEvent, SessionEndReason};
use domain::change::{Change, ChangeRequest, EntryKey};
use domain::password::PhcString;
use domain::phone_number::PhoneNumber;

const VOID_CREDENTIALS: &str = "
    UPDATE credential SET password_hash = NULL, voided_at = clock_timestamp()
    WHERE login_number = ANY($1) AND voided_at IS NULL";

const VOID_OTHER_CREDENTIALS: &str = "
    UPDATE credential SET password_hash = NULL, voided_at = clock_timestamp()
    WHERE login_number IN (SELECT number FROM phone_number WHERE contract_number = $1)
      AND login_number <> $2 AND voided_at IS NULL";

const INSERT_TEMPORARY: &str = "
    INSERT INTO credential (login_number, kind, password_hash, set_at)
    VALUES ($1, 'temporary', $2, clock_timestamp())";

/// The password, and the session that begins with it.
const INSERT_PASSWORD: &str = "
    WITH new AS (
        INSERT INTO credential (login_number, kind, password_hash, set_at)
        VALUES ($1, 'password', $2, $3)
        RETURNING id, set_at
    )
    INSERT INTO session
        (token_digest, credential_id, contract_number, created_at, last_seen_at, seen_version)
    SELECT $4, id, $5, set_at, set_at, $6 FROM new";

const COPY_CREDENTIAL: &str = "
    INSERT INTO credential (login_number, kind, password_hash, set_at)
    SELECT login_number, $2, $3, $4 FROM unnest($1::text[]) AS login_number";

const COUNT_CHANGE_FAILURES: &str = "
    UPDATE credential SET
        failed_attempts = failed_attempts + 1,
        voided_at = CASE WHEN login_number = ANY($2) THEN clock_timestamp() END,
        password_hash = CASE WHEN NOT login_number = ANY($2) THEN password_hash END
    WHERE login_number = ANY($1) AND voided_at IS NULL";

/// Keys of forms, which are kept for hours.
const INSERT_ENTRIES: &str = "
    INSERT INTO idempotency_key (key, outcome, is_entry)
    SELECT key, $2::text, true FROM unnest($1::bytea[]) AS key";

const SET_UNIT: &str = "UPDATE contract SET unit = $2, version = version + 1 WHERE number = $1";

const SET_VERSION: &str = "UPDATE contract SET version = $2 WHERE number = $1 AND version <> $2";

/// Without an audit row for each.
pub(super) const DELETE_SESSIONS: &str = "DELETE FROM session WHERE contract_number = $1";

/// With an audit row for each.
pub(super) const END_SESSIONS: &str = concat!(
    "WITH ended AS (
        DELETE FROM session AS s USING credential AS cr
        WHERE s.contract_number = $2 AND cr.id = s.credential_id RETURNING cr.login_number
    ) ",
    insert_audit!(
        "$2::text",
        "(SELECT $6::text, $7::text, login_number FROM ended ORDER BY login_number)
         AS noted (event, outcome, login_number)"
    )
);

/// With an audit row for each, except for the session that changes the password.
const END_SESSIONS_OF_PASSWORD: &str = concat!(
    "WITH ended AS (
        DELETE FROM session WHERE credential_id = $9 RETURNING token_digest, contract_number
    ), kept AS (",
    keep_ended!("password_changed"),
    ") ",
    insert_audit!(
        "$2::text",
        "(SELECT $6::text, $7::text, $8::text FROM ended WHERE token_digest <> $10)
         AS noted (event, outcome, login_number)"
    )
);

/// The statements that make a change, in order.
pub(super) fn statements<'a>(change: &'a Change, request: &ChangeRequest) -> Vec<Statement<'a>> {
    let (contract_number, scope) = (request.contract_number, request.audit_scope());
    let session = || request.session.map(|digest| digest.0.to_vec());
    match change {
        Change::None => Vec::new(),
        Change::SetTemporaryPassword { login_number, hash, unit, voids_others } => {
            let mut all = vec![
                Statement::new(DELETE_CREDENTIALS).with(vec![login_number.as_str()]),
                Statement::new(INSERT_TEMPORARY).with_number(*login_number).with(hash.expose()),
                audit::source_statement(INSERT_TEMPORARY_PASSWORD_SET, *login_number, scope.source),
            ];
            if *voids_others {
                // After these locks, a login under way finds its credential void, or has left a
                // session that is deleted here.
                let others = Statement::new(VOID_OTHER_CREDENTIALS);
                all.push(others.with_number(contract_number).with_number(*login_number));
                all.push(Statement::new(DELETE_SESSIONS).with_number(contract_number));
            }
            all.push(Statement::new(SET_UNIT).with_number(contract_number).with(unit.as_str()));
            all
        }
        Change::ReplacePassword { login_number, old, hash, new_session, at, version, form } => {
            let ended = AuditEvent::SessionEnded(SessionEndReason::PasswordChanged);
            let mut all = vec![
                audit::event_statement(END_SESSIONS_OF_PASSWORD, &scope, ended)
                    .with_number(*login_number)
                    .with(old.0)
                    .with(session()),
                Statement::new(DELETE_CREDENTIALS).with(vec![login_number.as_str()]),
                Statement::new(INSERT_PASSWORD)
                    .with_number(*login_number)
                    .with(hash.expose())
                    .with(*at)
                    .with(new_session.0.to_vec())
                    .with_number(contract_number)
                    .with(*version),
                Statement::new(SET_VERSION).with_number(contract_number).with(*version),
            ];
            all.extend(form.map(|form| insert_entries(&[form], "changed")));
            all
        }
        Change::ChangeUnit { initiator, copied, voided, dropped, outcome } => {
            let ended = AuditEvent::SessionEnded(SessionEndReason::UnitChanged);
            let hash = initiator.password_hash.as_ref().map(PhcString::expose);
            vec![
                audit::event_statement(END_SESSIONS, &scope, ended),
                ended_session::insert_unit_changed(contract_number, request.session, outcome),
                Statement::new(DELETE_CREDENTIALS)
                    .with([as_strs(dropped), as_strs(copied)].concat()),
                Statement::new(VOID_CREDENTIALS).with(as_strs(voided)),
                Statement::new(COPY_CREDENTIAL)
                    .with(as_strs(copied))
                    .with(initiator.kind.as_str())
                    .with(hash)
                    .with(initiator.set_at),
                Statement::new(SET_UNIT).with_number(contract_number).with(outcome.unit.as_str()),
            ]
        }
        Change::CountFailures { numbers, voided, ends_session, entries } => {
            let count =
                Statement::new(COUNT_CHANGE_FAILURES).with(as_strs(numbers)).with(as_strs(voided));
            let end = ends_session.then(|| Statement::new(END_BY_WRONG_ENTRIES).with(session()));
            [count, insert_entries(entries, "counted")].into_iter().chain(end).collect()
        }
    }
}

fn insert_entries<'a>(entries: &[EntryKey], outcome: &'static str) -> Statement<'a> {
    Statement::new(INSERT_ENTRIES).with(keys(entries)).with(outcome)
}

fn as_strs(numbers: &[PhoneNumber]) -> Vec<&str> {
    numbers.iter().map(PhoneNumber::as_str).collect()
}
