//! A call's permit to be served.

use std::sync::Arc;

use super::capacity::Holder;
use super::handle::AsteriskHandle;
use crate::metrics::CALLS;

/// Counts as one active call until it is dropped.
pub(super) struct CallPermit {
    asterisk: Arc<AsteriskHandle>,
    shares: Vec<Holder>,
    /// The call was admitted as one that asks for a hash, and it has not asked yet.
    owes_hash: bool,
}

impl CallPermit {
    /// For a call that is already under way, if there is room.
    pub(super) fn for_adopted_call(asterisk: &Arc<AsteriskHandle>) -> Option<Self> {
        let services = &asterisk.services;
        if !services.has_room() {
            return None;
        }
        services.capacity.active_calls.send_modify(|calls| *calls += 1);
        metrics::gauge!(CALLS).increment(1.0);
        Some(Self { asterisk: Arc::clone(asterisk), shares: Vec::new(), owes_hash: false })
    }

    /// For a new call from this endpoint, if there is room, the endpoint has not used up its share,
    /// and the load allows it.
    pub(super) fn for_new_call(
        asterisk: &Arc<AsteriskHandle>,
        endpoint: Option<&str>,
    ) -> Option<Self> {
        let mut permit = Self::for_adopted_call(asterisk)?;
        let trunk = endpoint.map(|endpoint| Holder::Trunk(endpoint.to_owned()));
        if trunk.is_some_and(|trunk| !permit.try_share(trunk)) || !asterisk.try_admit() {
            return None;
        }
        permit.owes_hash = true;
        Some(permit)
    }

    /// Counts the call as this holder's too; `false` if the holder's share is used up.
    pub(super) fn try_share(&mut self, holder: Holder) -> bool {
        let acquired = self.asterisk.services.capacity.try_acquire(&holder);
        if acquired {
            self.shares.push(holder);
        }
        acquired
    }

    /// Notes that the call asks for its hash.
    pub(super) fn mark_hash_requested(&mut self) {
        self.owes_hash = false;
    }

    /// Notes that the call will not ask for a hash if it has not yet.
    pub(super) fn return_admission(&mut self) {
        if std::mem::take(&mut self.owes_hash) {
            self.asterisk.return_admission();
        }
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        self.return_admission();
        let capacity = &self.asterisk.services.capacity;
        for holder in &self.shares {
            capacity.release(holder);
        }
        capacity.active_calls.send_modify(|calls| *calls -= 1);
        metrics::gauge!(CALLS).decrement(1.0);
    }
}
