//! One Asterisk: its REST interface, its health, and whether it may send new calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::admission::{Admission, LoadChange, RefusalCause};
use super::health::LineHealth;
use super::media::{self, Media};
use super::rest::{BuildError, Rest, RestError};
use super::services::CallServices;
use super::timeouts::Timeouts;
use crate::metrics::{CALLS_OVERLOADED, CALLS_REFUSED};
use crate::{clock, config};

/// One of the Asterisks through which calls come.
#[derive(Debug)]
pub(super) struct AsteriskHandle {
    pub(super) rest: Rest,
    /// The Stasis application's name.
    pub(super) app: String,
    pub(super) health: Arc<LineHealth>,
    pub(super) services: Arc<CallServices>,
    admission: Mutex<Admission>,
}

impl AsteriskHandle {
    /// # Errors
    /// If the configured URL, user or password cannot be used.
    pub(super) fn new(
        ari: &config::AriSettings,
        services: Arc<CallServices>,
        health: LineHealth,
        timeouts: Timeouts,
    ) -> Result<Self, BuildError> {
        let rest = Rest::new(ari, timeouts.request)?;
        let admission = Mutex::new(Admission::new(timeouts.initial_calls_per_second));
        let (app, health) = (ari.app.clone(), Arc::new(health));
        let handle = Self { rest, app, health, services, admission };
        handle.set_overload_gauge(false);
        Ok(handle)
    }

    /// Admits a new call, which is expected to ask for a hash; `false` if the load is too high.
    pub(super) fn try_admit(&self) -> bool {
        let now = clock::now();
        let hash_wait = self.services.hash_wait(now);
        let mut admission = self.admission();
        let refused = admission.admit(hash_wait, now).err();
        if let Some(cause) = refused {
            metrics::counter!(CALLS_REFUSED, "cause" => cause.as_str()).increment(1);
        }
        self.report_load(&mut admission, refused, hash_wait, now);
        refused.is_none()
    }

    /// A call has ended, or was refused, without asking for a hash.
    pub(super) fn return_admission(&self) {
        self.admission().give_back();
    }

    /// Records how long Asterisk took for a command.
    pub(super) fn record_command(&self, took: Duration, now: Instant) {
        self.admission().record_command(took, now);
    }

    /// Reports the end of an overload even if no new call comes.
    pub(super) fn check_load(&self) {
        let now = clock::now();
        self.report_load(&mut self.admission(), None, self.services.hash_wait(now), now);
    }

    /// Judges a call's media. Queries Asterisk only if an endpoint has networks.
    pub(super) async fn media(&self, channel: &str) -> Result<Media, RestError> {
        let networks = &self.services.media_networks;
        if networks.is_empty() {
            return Ok(Media::Own);
        }
        // On the heap, since most lines check no media.
        let (endpoint, destination) = Box::pin(self.rest.media(channel)).await?;
        let media = media::judge(networks, &endpoint, destination);
        if media == Media::Foreign {
            warn!(endpoint, ?destination, "the media lie outside the trunk's networks; hanging up");
        }
        Ok(media)
    }

    fn report_load(
        &self,
        admission: &mut Admission,
        refused: Option<RefusalCause>,
        hash_wait: Duration,
        now: Instant,
    ) {
        let command_ms = admission.command_latency(now).as_millis();
        let hash_ms = hash_wait.as_millis();
        let pbx = self.health.pbx();
        match admission.take_load_change(refused, now) {
            Some(LoadChange::Overloaded(cause)) => {
                let cause = cause.as_str();
                warn!(pbx, cause, command_ms, hash_ms, "overloaded; refusing new calls");
                self.set_overload_gauge(true);
            }
            Some(LoadChange::Recovered) => {
                info!(pbx, command_ms, hash_ms, "the overload is over; taking all calls");
                self.set_overload_gauge(false);
            }
            None => {}
        }
    }

    fn set_overload_gauge(&self, overloaded: bool) {
        let value = if overloaded { 1.0 } else { 0.0 };
        metrics::gauge!(CALLS_OVERLOADED, "pbx" => self.health.pbx().to_owned()).set(value);
    }

    fn admission(&self) -> MutexGuard<'_, Admission> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
