//! A change of the unit on the site (`U`): credentials dropped, copied and voided, sessions ended.

use super::audit::{self, AuditEvent, AuditOutcome, Columns};
use super::site_audit::SiteAudit;
use super::snapshot::{LockedContract, as_strs};
use super::transaction::{Parameters, Statement};
use super::{DbError, count_voided};
use domain::auth_unit::AuthUnit;
use domain::credential::Credential;
use domain::password::PhcString;
use domain::phone_number::PhoneNumber;

/// A change of the unit; whatever is not named keeps what it has.
#[derive(Debug)]
pub struct ReplaceUnit<'a> {
    /// The unit.
    pub unit: AuthUnit,
    /// The credential that is copied.
    pub changers: &'a Credential,
    /// The numbers that get a copy of it in the place of what they have.
    pub copied: &'a [PhoneNumber],
    /// The numbers whose credential is voided.
    pub voided: &'a [PhoneNumber],
    /// The numbers that lose whatever they have.
    pub dropped: &'a [PhoneNumber],
}

/// The first five parameters of this and the next three are an audit row's.
const END_SESSIONS: &str = "
    WITH ended AS (
        DELETE FROM session AS s USING credential AS cr
        WHERE s.contract_number = $3 AND cr.id = s.credential_id RETURNING cr.login_number
    )
    INSERT INTO audit_log (source, event, outcome, login_number, contract_number, unit, address)
    SELECT 'site', $1::text, $2::text, login_number, $3::text, $4::text, $5::inet
    FROM ended ORDER BY login_number";

const DROP: &str = "
    WITH dropped AS (
        DELETE FROM credential WHERE login_number = ANY($6)
        RETURNING login_number, voided_at IS NULL AS was_live
    ), noted AS (
        INSERT INTO audit_log (source, event, outcome, login_number, contract_number, unit, address)
        SELECT 'site', $1::text, $2::text, login_number, $3::text, $4::text, $5::inet
        FROM dropped WHERE was_live ORDER BY login_number
    )
    SELECT login_number FROM dropped WHERE was_live";

const VOID: &str = "
    WITH voided AS (
        UPDATE credential SET password_hash = NULL, voided_at = clock_timestamp()
        WHERE login_number = ANY($6) AND voided_at IS NULL RETURNING login_number
    ), noted AS (
        INSERT INTO audit_log (source, event, outcome, login_number, contract_number, unit, address)
        SELECT 'site', $1::text, $2::text, login_number, $3::text, $4::text, $5::inet
        FROM voided ORDER BY login_number
    )
    SELECT login_number FROM voided";

const COPY: &str = "
    WITH copied AS (
        INSERT INTO credential (login_number, kind, password_hash, set_at)
        SELECT login_number, $7, $8, $9 FROM unnest($6::text[]) AS login_number
        RETURNING login_number
    )
    INSERT INTO audit_log (source, event, outcome, login_number, contract_number, unit, address)
    SELECT 'site', $1::text, $2::text, login_number, $3::text, $4::text, $5::inet
    FROM copied ORDER BY login_number";

const TOUCH: &str = "UPDATE contract SET unit = $2, version = version + 1 WHERE number = $1";

impl LockedContract {
    /// Brings the contract under another unit, all of it or nothing.
    ///
    /// # Errors
    /// [`DbError`]; after [`DbError::OutcomeUnknown`] all of it may have been done.
    pub async fn replace_unit(
        self,
        doing: &SiteAudit,
        new: &ReplaceUnit<'_>,
    ) -> Result<(), DbError> {
        let record = doing.record(AuditOutcome::Done);
        let (ended, voided, copied, changed) = (
            doing.params(AuditEvent::SessionEnded, AuditOutcome::UnitChanged),
            doing.params(AuditEvent::Voided, AuditOutcome::UnitChanged),
            doing.params(AuditEvent::PasswordCopied, AuditOutcome::Done),
            Columns::of(&record),
        );
        let gone = [new.dropped, new.copied].concat();
        let gone = as_strs(&gone);
        let (to_void, to_copy) = (as_strs(new.voided), as_strs(new.copied));
        let phc = new.changers.password_hash.as_ref().map(PhcString::expose);
        let (contract, unit) = (doing.contract.as_str(), new.unit.as_str());
        let copy: Parameters<'_> =
            &[&to_copy, &new.changers.kind.as_str(), &phc, &new.changers.set_at];
        let touched: Parameters<'_> = &[&contract, &unit];
        let (drop, void): (Parameters<'_>, Parameters<'_>) = (&[&gone], &[&to_void]);
        let (sessions, dropped) = (ended.with(&[]), voided.with(drop));
        let (voided, copied) = (voided.with(void), copied.with(copy));
        let changed = changed.parameters();
        let statements: [Statement<'_>; 6] = [
            (audit::INSERT, &changed),
            (END_SESSIONS, &sessions),
            (DROP, &dropped),
            (VOID, &voided),
            (COPY, &copied),
            (TOUCH, touched),
        ];
        let rows = self.commit(AuditOutcome::Done, &statements).await?;
        // Those of what voids credentials: nothing else has any.
        count_voided(AuditOutcome::UnitChanged, rows.iter().map(Vec::len).sum());
        Ok(())
    }
}
