//! The state of a call that its threads report: prompts and signals.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::hearing::{Hearing, Library};
use super::sipp::{CallSignal, Ending};

/// How long after the call's end its last packets may still be in the threads.
pub(super) const STRAGGLERS: Duration = Duration::from_millis(500);

pub(super) struct CallProgress {
    pub(super) hearing: Hearing,
    pub(super) answered: Option<(u16, Instant)>,
    pub(super) informed: usize,
    pub(super) ending: Option<(Ending, Instant)>,
}

impl CallProgress {
    pub(super) fn on_signal(&mut self, at: Instant, news: CallSignal) {
        match news {
            CallSignal::Answered(port) => self.answered = Some((port, at)),
            CallSignal::Informed => self.informed += 1,
            CallSignal::Over(ending) => self.ending = Some((ending, at)),
        }
    }

    pub(super) fn is_over_for(&self, long: Duration) -> bool {
        self.ending.is_some_and(|(_, at)| at.elapsed() >= long)
    }
}

pub(super) struct CallState {
    state: Mutex<CallProgress>,
    pub(super) changed: Condvar,
}

impl CallState {
    pub(super) fn new() -> Self {
        let hearing = Hearing::new(Library::guidance());
        let state = CallProgress { hearing, answered: None, informed: 0, ending: None };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, CallProgress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `look` on the state, at each change and at intervals, until it returns something.
    pub(super) fn wait<T>(
        &self,
        within: Duration,
        mut look: impl FnMut(&CallProgress) -> Option<T>,
    ) -> Option<T> {
        const NOW_AND_THEN: Duration = Duration::from_millis(50);
        let until = Instant::now() + within;
        let mut state = self.lock();
        loop {
            if state.is_over_for(STRAGGLERS) {
                state.hearing.close();
            }
            if let Some(found) = look(&state) {
                return Some(found);
            }
            if Instant::now() >= until {
                return None;
            }
            let woken = self.changed.wait_timeout(state, NOW_AND_THEN);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
