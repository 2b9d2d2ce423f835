//! What is around a call in its tests: the contract, the store, and what becomes of playbacks.

use std::time::Duration;

use super::channel::Fate;
use crate::call::prompt::Prompt;
use crate::call::{LookUp, StoreReply};
use crate::contract::{Contract, ContractNumber};
use crate::number::Number;
use crate::unit::Unit;

/// The contract number, which has the service.
pub(super) const CONTRACT: &str = "0312301230";
/// An additional number with the service.
pub(super) const ADDITIONAL: &str = "0312301231";
/// An additional number without the service.
pub(super) const WITHOUT_SERVICE: &str = "0312301232";

/// What is around the call.
pub(super) struct World {
    pub(super) caller: Option<&'static str>,
    pub(super) unit: Option<Unit>,
    /// What the look-up finds, made from the contract.
    pub(super) finds: fn(Contract) -> LookUp,
    /// How long the look-up takes; for ever if `None`.
    pub(super) finds_in: Option<Duration>,
    pub(super) stores: StoreReply,
    /// How long storing takes; for ever if `None`.
    pub(super) stores_in: Option<Duration>,
    /// What becomes of a playback, given the number of guidances that started before it.
    pub(super) fate: fn(&[Prompt], usize) -> Fate,
}

impl Default for World {
    /// The contract number calls, no unit is in force, everything works at once.
    fn default() -> Self {
        Self {
            caller: Some(CONTRACT),
            unit: None,
            finds: |contract| LookUp::Found(Box::new(contract)),
            finds_in: Some(Duration::ZERO),
            stores: StoreReply::Stored,
            stores_in: Some(Duration::ZERO),
            fate: |_, _| Fate::Plays,
        }
    }
}

pub(super) fn number(text: &str) -> Number {
    text.parse().unwrap()
}

pub(super) fn contract(unit: Option<Unit>) -> Contract {
    let row = |text, service| ContractNumber { number: number(text), service };
    Contract {
        number: number(CONTRACT),
        numbers: vec![row(CONTRACT, true), row(ADDITIONAL, true), row(WITHOUT_SERVICE, false)],
        unit,
        suspended: false,
        version: 0,
    }
}
