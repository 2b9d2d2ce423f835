//! The state of a call that its threads report: prompts and signals.

use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::handset::Received;
use super::hearing::{Hearing, Library};
use super::sipp::{CallSignal, Ending};

pub(super) struct CallProgress {
    pub(super) hearing: Hearing,
    /// Every packet that came before this time has been heard.
    heard_until: Option<Instant>,
    pub(super) answered: Option<(SocketAddr, Instant)>,
    pub(super) informed: usize,
    pub(super) ending: Option<(Ending, Instant)>,
}

impl CallProgress {
    pub(super) fn on_signal(&mut self, at: Instant, news: CallSignal) {
        match news {
            CallSignal::Answered(peer) => self.answered = Some((peer, at)),
            CallSignal::Informed => self.informed += 1,
            CallSignal::Over(ending) => self.ending = Some((ending, at)),
        }
    }

    pub(super) fn on_received(&mut self, at: Instant, what: &Received) {
        match what {
            Received::Audio { lost, payload } => {
                self.hearing.miss(at, *lost);
                self.hearing.hear(at, payload);
            }
            Received::Nothing => self.heard_until = Some(at),
        }
        if self.is_over() {
            self.hearing.close();
        }
    }

    /// Whether the call has ended, and all that came before has been heard.
    pub(super) fn is_over(&self) -> bool {
        self.ending.zip(self.heard_until).is_some_and(|((_, ended), until)| ended < until)
    }
}

pub(super) struct CallState {
    state: Mutex<CallProgress>,
    pub(super) changed: Condvar,
}

impl CallState {
    pub(super) fn new() -> Self {
        let hearing = Hearing::new(Library::guidance());
        let state =
            CallProgress { hearing, heard_until: None, answered: None, informed: 0, ending: None };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, CallProgress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `look` on the state, at each change, until it returns something.
    pub(super) fn wait<T>(
        &self,
        within: Duration,
        mut look: impl FnMut(&CallProgress) -> Option<T>,
    ) -> Option<T> {
        let mut found = None;
        drop(self.changed.wait_timeout_while(self.lock(), within, |state| {
            found = look(state);
            found.is_none()
        }));
        found
    }
}
