//! The places of the line: how many calls there are at once, and how many of a caller's or a
//! trunk's.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tracing::warn;

use super::pbx::Pbx;
use crate::metrics::{CALLS, CALLS_REFUSED};
use domain::phone_number::PhoneNumber;

/// How many calls there may be at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// In all.
    pub max_calls: usize,
    /// From one number.
    pub max_per_caller: usize,
    /// From one trunk or telephone: one endpoint of Asterisk.
    pub max_per_trunk: usize,
}

/// Who has a share of the places.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Caller(PhoneNumber),
    Trunk(String),
}

impl Holder {
    /// Its name in metrics.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Caller(_) => "caller",
            Self::Trunk(_) => "trunk",
        }
    }
}

/// All places.
pub(crate) struct Places {
    capacity: Capacity,
    /// Calls under way.
    pub(crate) live: watch::Sender<usize>,
    shares: Mutex<HashMap<Holder, Share>>,
}

struct Share {
    calls: usize,
    /// The log has been told that it is used up.
    is_told: bool,
}

impl Places {
    pub(crate) fn new(capacity: Capacity) -> Self {
        Self { capacity, live: watch::Sender::new(0), shares: Mutex::default() }
    }

    /// Whether all are taken.
    pub(crate) fn are_taken(&self) -> bool {
        *self.live.borrow() >= self.capacity.max_calls
    }

    /// Takes one of a holder's places, if one is left.
    fn take(&self, holder: &Holder) -> bool {
        let most = match holder {
            Holder::Caller(_) => self.capacity.max_per_caller,
            Holder::Trunk(_) => self.capacity.max_per_trunk,
        };
        let mut shares = self.shares();
        let share = shares.entry(holder.clone()).or_insert(Share { calls: 0, is_told: false });
        if share.calls < most {
            share.calls += 1;
            return true;
        }
        if !std::mem::replace(&mut share.is_told, true) {
            warn!(
                ?holder,
                most, "new calls are refused: these have all the places that they may have"
            );
        }
        metrics::counter!(CALLS_REFUSED, "cause" => holder.as_str()).increment(1);
        false
    }

    fn leave(&self, holder: &Holder) {
        let mut shares = self.shares();
        if let Some(share) = shares.get_mut(holder) {
            share.calls -= 1;
            if share.calls == 0 {
                shares.remove(holder);
            }
        }
    }

    fn shares(&self) -> MutexGuard<'_, HashMap<Holder, Share>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

/// A call's place, until it is dropped.
pub(crate) struct Place {
    pbx: Arc<Pbx>,
    held: Vec<Holder>,
    /// The call was taken as one that asks for a hash, and has not.
    owes_hash: bool,
}

impl Place {
    /// For a call that is under way already, if there is room for one more.
    pub(crate) fn for_one_under_way(pbx: &Arc<Pbx>) -> Option<Self> {
        if !pbx.line.takes_calls() {
            return None;
        }
        pbx.line.places.live.send_modify(|live| *live += 1);
        metrics::gauge!(CALLS).increment(1.0);
        Some(Self { pbx: Arc::clone(pbx), held: Vec::new(), owes_hash: false })
    }

    /// For a new call from this trunk, if the line serves those that it has quickly enough.
    pub(crate) fn for_new_call(pbx: &Arc<Pbx>, trunk: Option<&str>) -> Option<Self> {
        let mut place = Self::for_one_under_way(pbx)?;
        let trunk = trunk.map(|trunk| Holder::Trunk(trunk.to_owned()));
        if trunk.is_some_and(|trunk| !place.takes_share_of(trunk)) || !pbx.admits() {
            return None;
        }
        place.owes_hash = true;
        Some(place)
    }

    /// Counts the call as this holder's too, unless the holder has all that it may have.
    pub(crate) fn takes_share_of(&mut self, holder: Holder) -> bool {
        let takes = self.pbx.line.places.take(&holder);
        if takes {
            self.held.push(holder);
        }
        takes
    }

    /// The call asks for its hash.
    pub(crate) fn note_hash(&mut self) {
        self.owes_hash = false;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let places = &self.pbx.line.places;
        for holder in &self.held {
            places.leave(holder);
        }
        if self.owes_hash {
            self.pbx.give_back();
        }
        places.live.send_modify(|live| *live -= 1);
        metrics::gauge!(CALLS).decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_has_as_many_places_as_its_share_and_others_have_theirs() {
        let places = Places::new(Capacity { max_calls: 9, max_per_caller: 2, max_per_trunk: 3 });
        let caller = Holder::Caller("0612345678".parse().unwrap());
        let other = Holder::Caller("0612345679".parse().unwrap());
        let trunk = Holder::Trunk("PJSIP/carrier".to_owned());
        for (holder, share) in [(&caller, 2), (&trunk, 3), (&other, 2)] {
            assert!((0..share).all(|_| places.take(holder)), "{holder:?}");
            assert!(!places.take(holder), "{holder:?}");
        }
        places.leave(&caller);
        assert!(places.take(&caller) && !places.take(&caller) && !places.take(&other));
        for (holder, share) in [(&caller, 2), (&trunk, 3), (&other, 2)] {
            (0..share).for_each(|_| places.leave(holder));
        }
        assert!(places.shares().is_empty());
    }
}
