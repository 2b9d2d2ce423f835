//! The surroundings of a call in its tests: the contract, the database, and the fate of playbacks.

use std::time::{Duration, Instant};

use super::channel::Fate;
use crate::auth_unit::AuthUnit;
use crate::contract::{Contract, ContractLine};
use crate::dialog::prompt::Prompt;
use crate::dialog::{LookupResult, StoreResult};
use crate::phone_number::PhoneNumber;

/// The contract number, which has the service.
pub(super) const CONTRACT: &str = "0312301230";
/// An additional number with the service.
pub(super) const ADDITIONAL: &str = "0312301231";
/// An additional number without the service.
pub(super) const WITHOUT_SERVICE: &str = "0312301232";

/// A moment for a call to begin; the tests move time by hand from here.
#[expect(clippy::disallowed_methods, reason = "an `Instant` comes from nowhere else")]
pub(super) fn now() -> Instant {
    Instant::now()
}

pub(super) struct World {
    pub(super) caller: Option<&'static str>,
    pub(super) unit: Option<AuthUnit>,
    /// The result of the look-up, made from the contract.
    pub(super) finds: fn(Contract) -> LookupResult,
    /// How long the look-up takes; for ever if `None`.
    pub(super) finds_in: Option<Duration>,
    pub(super) stores: StoreResult,
    /// How long storing takes; for ever if `None`.
    pub(super) stores_in: Option<Duration>,
    /// The fate of a playback, given the number of guidances that started before it.
    pub(super) fate: fn(&[Prompt], usize) -> Fate,
}

impl Default for World {
    /// The contract number calls, no unit is in force, everything works at once.
    fn default() -> Self {
        Self {
            caller: Some(CONTRACT),
            unit: None,
            finds: |contract| LookupResult::Found(Box::new(contract)),
            finds_in: Some(Duration::ZERO),
            stores: StoreResult::Stored,
            stores_in: Some(Duration::ZERO),
            fate: |_, _| Fate::Plays,
        }
    }
}

pub(super) fn number(text: &str) -> PhoneNumber {
    text.parse().unwrap()
}

pub(super) fn contract(unit: Option<AuthUnit>) -> Contract {
    let row = |text, service| ContractLine { number: number(text), has_service: service };
    Contract {
        number: number(CONTRACT),
        lines: vec![row(CONTRACT, true), row(ADDITIONAL, true), row(WITHOUT_SERVICE, false)],
        unit,
        suspended: false,
        version: 0,
    }
}
