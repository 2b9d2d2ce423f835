//! Who changes what on the site, and the audit's rows that this leaves: one, or one for each of several logins.

use std::net::IpAddr;

use tokio_postgres::types::ToSql;

use super::audit::{AuditEvent, AuditOutcome, AuditRecord, AuditSource};
use super::transaction::Parameters;
use domain::auth_unit::AuthUnit;
use domain::phone_number::PhoneNumber;

/// Who changes what, for the audit's rows of a hold.
#[derive(Debug, Clone, Copy)]
pub struct SiteAudit {
    /// What.
    pub event: AuditEvent,
    /// The session's login number.
    pub login: PhoneNumber,
    /// The contract number.
    pub contract: PhoneNumber,
    /// The unit wanted, if it is about that.
    pub unit: Option<AuthUnit>,
    /// Where from.
    pub address: IpAddr,
}

impl SiteAudit {
    /// Its row.
    #[must_use]
    pub fn record(&self, outcome: AuditOutcome) -> AuditRecord {
        AuditRecord {
            source: AuditSource::Site(self.address),
            event: self.event,
            outcome,
            login: Some(self.login),
            contract: Some(self.contract),
            unit: self.unit,
        }
    }

    /// What the rows of several logins have in common.
    pub(super) fn params(&self, event: AuditEvent, outcome: AuditOutcome) -> AuditParams<'_> {
        AuditParams {
            event: event.as_str(),
            outcome: outcome.as_str(),
            contract: self.contract.as_str(),
            unit: self.unit.map(AuthUnit::as_str),
            address: self.address,
        }
    }
}

/// What the audit's rows of several logins have in common, as the database takes it.
pub(super) struct AuditParams<'a> {
    event: &'static str,
    outcome: &'static str,
    contract: &'a str,
    unit: Option<&'static str>,
    address: IpAddr,
}

impl AuditParams<'_> {
    /// The first five parameters of a statement, and `more`.
    pub(super) fn with<'b>(&'b self, more: Parameters<'b>) -> Vec<&'b (dyn ToSql + Sync)> {
        let common: [&'b (dyn ToSql + Sync); 5] =
            [&self.event, &self.outcome, &self.contract, &self.unit, &self.address];
        [&common, more].concat()
    }
}
