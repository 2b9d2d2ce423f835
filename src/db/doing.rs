//! Who changes what on the site, and the audit's rows that this leaves: one, or one for each of several logins.

use std::net::IpAddr;

use tokio_postgres::types::ToSql;

use super::audit::{Event, Outcome, Record, Source};
use super::transaction::Parameters;
use domain::auth_unit::AuthUnit;
use domain::phone_number::PhoneNumber;

/// Who changes what, for the audit's rows of a hold.
#[derive(Debug, Clone, Copy)]
pub struct Doing {
    /// What.
    pub event: Event,
    /// The session's login number.
    pub login: PhoneNumber,
    /// The contract number.
    pub contract: PhoneNumber,
    /// The unit wanted, if it is about that.
    pub unit: Option<AuthUnit>,
    /// Where from.
    pub address: IpAddr,
}

impl Doing {
    /// Its row.
    #[must_use]
    pub fn record(&self, outcome: Outcome) -> Record {
        Record {
            source: Source::Site(self.address),
            event: self.event,
            outcome,
            login: Some(self.login),
            contract: Some(self.contract),
            unit: self.unit,
        }
    }

    /// What the rows of several logins have in common.
    pub(super) fn rows(&self, event: Event, outcome: Outcome) -> Rows<'_> {
        Rows {
            event: event.as_str(),
            outcome: outcome.as_str(),
            contract: self.contract.as_str(),
            unit: self.unit.map(AuthUnit::as_str),
            address: self.address,
        }
    }
}

/// What the audit's rows of several logins have in common, as the database takes it.
pub(super) struct Rows<'a> {
    event: &'static str,
    outcome: &'static str,
    contract: &'a str,
    unit: Option<&'static str>,
    address: IpAddr,
}

impl Rows<'_> {
    /// The first five parameters of a statement, and `more`.
    pub(super) fn and<'b>(&'b self, more: Parameters<'b>) -> Vec<&'b (dyn ToSql + Sync)> {
        let common: [&'b (dyn ToSql + Sync); 5] =
            [&self.event, &self.outcome, &self.contract, &self.unit, &self.address];
        [&common, more].concat()
    }
}
