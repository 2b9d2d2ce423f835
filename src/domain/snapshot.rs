//! A contract and its credentials, as one transaction has read them.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::change::EntryKey;
use crate::contract::Contract;
use crate::credential::{Credential, CredentialId, CredentialKind, NumberCredential};
use crate::phone_number::PhoneNumber;

/// The contract, its credentials, and the session that asks.
///
/// A change that compares passwords takes two snapshots: one without a lock, to compare, and one
/// with the contract's row locked, to decide. The second shows changes that happened in between
/// (`C3`, `W6`).
#[derive(Debug)]
pub struct Snapshot {
    /// The contract with its numbers and its unit in force.
    pub contract: Contract,
    /// Its numbers with their credentials, in the order of the contract.
    pub credentials: Vec<NumberCredential>,
    /// The session, unless it has been deleted.
    pub session: Option<SnapshotSession>,
    /// The entries of the request that have been counted before (`C2`).
    pub counted: HashSet<EntryKey>,
    /// The database's time.
    pub now: Timestamp,
}

/// The session in a [`Snapshot`].
#[derive(Debug, Clone, Copy)]
pub struct SnapshotSession {
    /// The credential that it began with.
    pub credential: CredentialId,
    /// The version of the contract that its client has seen last (`W6`).
    pub seen_version: i64,
}

impl Snapshot {
    /// The session's login number with its credential, which wrong entries may have voided since
    /// (`C2`). `None` if that credential has been replaced.
    #[must_use]
    pub fn session_credential(&self) -> Option<(PhoneNumber, &Credential)> {
        let session = self.session?;
        self.credentials.iter().find_map(|row| {
            let credential = row.credential.as_ref()?;
            (credential.id == session.credential).then_some((row.number, credential))
        })
    }

    /// Whether an entry has been counted before.
    pub(crate) fn has_counted(&self, entry: Option<EntryKey>) -> bool {
        entry.is_some_and(|entry| self.counted.contains(&entry))
    }

    /// The credentials by their numbers: a contract may have a thousand (`U4`).
    #[must_use]
    pub fn credentials_by_number(&self) -> HashMap<PhoneNumber, &Credential> {
        let rows = self.credentials.iter();
        rows.filter_map(|row| Some((row.number, row.credential.as_ref()?))).collect()
    }

    /// The numbers among `numbers` whose credential logs in, each with its kind, in the order of
    /// the contract.
    pub(crate) fn live<'a>(
        &'a self,
        numbers: &'a HashSet<PhoneNumber>,
    ) -> impl Iterator<Item = (PhoneNumber, CredentialKind)> + 'a {
        let rows = self.credentials.iter().filter(|row| numbers.contains(&row.number));
        rows.filter_map(|row| {
            let credential = row.credential.as_ref()?;
            credential.password_hash.as_ref()?;
            Some((row.number, credential.kind))
        })
    }
}
