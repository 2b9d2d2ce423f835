//! The history of a login number, for the top page (`W11`). A login and a temporary password write
//! it in their own statements, and it is read with its session: the audit is never searched.
//!
//! A wrong entry is counted only at its credential (`C2`), so that refused logins stay equally
//! cheap (`W2`). The count moves to the history when the credential's count is reset or the
//! credential is deleted.

use std::net::IpAddr;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::error::DbError;
use super::rows::{column, number};
use domain::session::{LoginHistory, PreviousLogin, TemporaryPasswordSet};

/// A login of the number `$8` from the address `$5`, behind `accepted`, if it is new (`$18`).
macro_rules! insert_login {
    () => {
        "INSERT INTO login_history AS known
             (login_number, last_login_at, last_login_address, failed_attempts_before_last)
         SELECT $8::text, now, $5::inet, failed_attempts FROM accepted WHERE $18
         ON CONFLICT (login_number) DO UPDATE SET
             previous_login_at = known.last_login_at,
             previous_login_address = known.last_login_address,
             last_login_at = excluded.last_login_at,
             last_login_address = excluded.last_login_address,
             failed_attempts_before_last =
                 known.failed_attempts_of_replaced + excluded.failed_attempts_before_last,
             failed_attempts_of_replaced = 0"
    };
}

pub(super) use insert_login;

/// Deletes credentials and keeps their counts.
pub(super) const DELETE_CREDENTIALS: &str = "
    WITH gone AS (
        DELETE FROM credential WHERE login_number = ANY($1) RETURNING login_number, failed_attempts
    )
    INSERT INTO login_history AS known (login_number, failed_attempts_of_replaced)
    SELECT login_number, failed_attempts FROM gone WHERE failed_attempts > 0
    ON CONFLICT (login_number) DO UPDATE SET
        failed_attempts_of_replaced =
            known.failed_attempts_of_replaced + excluded.failed_attempts_of_replaced";

/// A temporary password was set for `$1` by the source `$2`, from the caller `$3`.
pub(super) const INSERT_TEMPORARY_PASSWORD_SET: &str = "
    INSERT INTO login_history
        (login_number, temporary_set_at, temporary_set_source, temporary_set_caller)
    VALUES ($1, clock_timestamp(), $2, $3)
    ON CONFLICT (login_number) DO UPDATE SET
        temporary_set_at = excluded.temporary_set_at,
        temporary_set_source = excluded.temporary_set_source,
        temporary_set_caller = excluded.temporary_set_caller";

/// The columns of [`login_history`], from `credential AS cr` and `login_history AS h`.
macro_rules! history_columns {
    () => {
        "h.previous_login_at, h.previous_login_address,
         coalesce(h.failed_attempts_before_last + h.failed_attempts_of_replaced, 0)
             + cr.failed_attempts AS failed_attempts,
         h.temporary_set_at, h.temporary_set_caller"
    };
}

pub(super) use history_columns;

/// The history of a login number.
pub(super) fn login_history(row: &Row) -> Result<LoginHistory, DbError> {
    let logged_in: Option<Timestamp> = column(row, "previous_login_at")?;
    let address: Option<IpAddr> = column(row, "previous_login_address")?;
    let set: Option<Timestamp> = column(row, "temporary_set_at")?;
    let caller: Option<&str> = column(row, "temporary_set_caller")?;
    let caller = caller.map(|_| number(row, "temporary_set_caller")).transpose()?;
    Ok(LoginHistory {
        previous_login: logged_in.map(|at| PreviousLogin { at, address }),
        failed_attempts: column(row, "failed_attempts")?,
        temporary_password_set: set.map(|at| TemporaryPasswordSet { at, caller }),
    })
}
