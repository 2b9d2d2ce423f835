//! The calls under way, for operators to look at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use domain::dialog::StepName;
use domain::phone_number::PhoneNumber;

/// A call under way.
#[derive(Debug, Clone)]
pub struct LiveCall {
    /// Asterisk's id of its channel.
    pub channel: String,
    /// The Asterisk that it comes through.
    pub pbx: String,
    /// When it came in.
    pub since: Timestamp,
    /// The caller's number, if it is trusted and not withheld.
    pub caller: Option<PhoneNumber>,
    /// The step of the dialog that it has reached.
    pub step: StepName,
    /// The wrong entries of this step.
    pub wrong_entries: u8,
}

/// The calls under way, in the order in which they came in. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct LiveCalls(Arc<Mutex<ById>>);

#[derive(Debug, Default)]
struct ById {
    /// The number of the last change.
    version: u64,
    /// Each by the number of the change that added it.
    calls: BTreeMap<u64, LiveCall>,
}

/// One of them, until it is dropped.
pub(super) struct LiveEntry {
    calls: LiveCalls,
    id: u64,
}

impl LiveCalls {
    /// The calls now.
    #[must_use]
    pub fn snapshot(&self) -> Vec<LiveCall> {
        self.lock().calls.values().cloned().collect()
    }

    /// A number that rises whenever they change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// Whether there are none now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().calls.is_empty()
    }

    pub(super) fn insert(&self, call: LiveCall) -> LiveEntry {
        let mut shared = self.change();
        let id = shared.version;
        shared.calls.insert(id, call);
        LiveEntry { calls: self.clone(), id }
    }

    fn change(&self) -> MutexGuard<'_, ById> {
        let mut shared = self.lock();
        shared.version += 1;
        shared
    }

    fn lock(&self) -> MutexGuard<'_, ById> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveEntry {
    pub(super) fn update(&self, step: StepName, wrong_entries: u8) {
        if let Some(call) = self.calls.change().calls.get_mut(&self.id) {
            (call.step, call.wrong_entries) = (step, wrong_entries);
        }
    }
}

impl Drop for LiveEntry {
    fn drop(&mut self) {
        self.calls.change().calls.remove(&self.id);
    }
}
