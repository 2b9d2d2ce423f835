//! How many calls there may be at once: in all, from one caller, from one trunk, and from one trunk
//! without a number.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::metrics::CALLS_REFUSED;
use tokio::sync::watch;
use tracing::warn;

use domain::phone_number::PhoneNumber;

/// How many calls there may be at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// In all.
    pub max_calls: usize,
    /// From one number.
    pub max_per_caller: usize,
    /// From one trunk or telephone, that is from one endpoint of Asterisk.
    pub max_per_trunk: usize,
    /// From one of them by callers without a number that is trusted.
    pub max_without_number: usize,
}

/// Who has a share of the calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    Caller(PhoneNumber),
    Trunk(String),
    /// The callers without a number of one trunk.
    WithoutNumber(String),
}

impl Holder {
    /// Its name in metrics.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Caller(_) => "caller",
            Self::Trunk(_) => "trunk",
            Self::WithoutNumber(_) => "without_number",
        }
    }
}

/// Counts the active calls against their limits.
pub(super) struct CallCapacity {
    limits: CallLimits,
    pub(super) active_calls: watch::Sender<usize>,
    shares: Mutex<HashMap<Holder, Share>>,
}

struct Share {
    calls: usize,
    /// The log says already that it is used up.
    is_logged: bool,
}

impl CallCapacity {
    pub(super) fn new(limits: CallLimits) -> Self {
        Self { limits, active_calls: watch::Sender::new(0), shares: Mutex::default() }
    }

    pub(super) fn is_full(&self) -> bool {
        *self.active_calls.borrow() >= self.limits.max_calls
    }

    /// Counts one more call of a holder; `false` if its share is used up.
    pub(super) fn try_acquire(&self, holder: &Holder) -> bool {
        let max = match holder {
            Holder::Caller(_) => self.limits.max_per_caller,
            Holder::Trunk(_) => self.limits.max_per_trunk,
            Holder::WithoutNumber(_) => self.limits.max_without_number,
        };
        let mut shares = self.shares();
        let share = shares.entry(holder.clone()).or_insert(Share { calls: 0, is_logged: false });
        if share.calls < max {
            share.calls += 1;
            return true;
        }
        if !std::mem::replace(&mut share.is_logged, true) {
            warn!(?holder, max, "the call limit of a caller or trunk is reached; refusing more");
        }
        metrics::counter!(CALLS_REFUSED, "cause" => holder.as_str()).increment(1);
        false
    }

    pub(super) fn release(&self, holder: &Holder) {
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

impl fmt::Debug for CallCapacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallCapacity").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_has_as_many_calls_as_its_share_and_others_have_theirs() {
        let limits =
            CallLimits { max_calls: 9, max_per_caller: 2, max_per_trunk: 3, max_without_number: 1 };
        let capacity = CallCapacity::new(limits);
        let caller = Holder::Caller("0612345678".parse().unwrap());
        let other = Holder::Caller("0612345679".parse().unwrap());
        let trunk = Holder::Trunk("PJSIP/carrier".to_owned());
        let without_number = Holder::WithoutNumber("PJSIP/carrier".to_owned());
        let holders = [(&caller, 2), (&trunk, 3), (&other, 2), (&without_number, 1)];
        for (holder, share) in holders {
            assert!((0..share).all(|_| capacity.try_acquire(holder)), "{holder:?}");
            assert!(!capacity.try_acquire(holder), "{holder:?}");
        }
        capacity.release(&caller);
        assert!(capacity.try_acquire(&caller) && !capacity.try_acquire(&caller));
        assert!(!capacity.try_acquire(&other));
        for (holder, share) in holders {
            (0..share).for_each(|_| capacity.release(holder));
        }
        assert!(capacity.shares().is_empty());
    }
}
