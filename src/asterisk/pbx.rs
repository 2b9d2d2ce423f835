//! One Asterisk, and what it shares with the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::admission::{Admission, Cause, News};
use super::line::Line;
use super::media::{self, Media};
use super::rest::{Rest, RestError, SetUpError};
use super::status::Status;
use super::{Pace, config};
use crate::clock;
use crate::metrics::{CALLS_OVERLOADED, CALLS_REFUSED};

/// One Asterisk of those that the line is reached through.
#[derive(Debug)]
pub(crate) struct Pbx {
    pub(crate) rest: Rest,
    /// The application's name there.
    pub(crate) app: String,
    pub(crate) status: Arc<Status>,
    pub(crate) line: Arc<Line>,
    admission: Mutex<Admission>,
}

impl Pbx {
    /// # Errors
    /// [`SetUpError`] if the configured URL, user or password cannot be used.
    pub(crate) fn new(
        ari: &config::Ari,
        line: Arc<Line>,
        status: Status,
        pace: Pace,
    ) -> Result<Self, SetUpError> {
        let rest = Rest::new(ari, pace.request)?;
        let admission = Mutex::new(Admission::new(pace.calls_a_second));
        let pbx = Self { rest, app: ari.app.clone(), status: Arc::new(status), line, admission };
        pbx.measure(false);
        Ok(pbx)
    }

    /// Whether a new call is taken, which is then expected to ask for a hash.
    pub(crate) fn admits(&self) -> bool {
        let now = clock::now();
        let hashes = self.line.hash_wait(now);
        let mut admission = self.admission();
        let refused = admission.admit(hashes, now).err();
        if let Some(cause) = refused {
            metrics::counter!(CALLS_REFUSED, "cause" => cause.as_str()).increment(1);
        }
        self.tell(&mut admission, refused, hashes, now);
        refused.is_none()
    }

    /// Whose media a call has; Asterisk is asked only if any endpoint has networks.
    pub(crate) async fn media(&self, channel: &str) -> Result<Media, RestError> {
        let networks = &self.line.media_networks;
        if networks.is_empty() {
            return Ok(Media::Own);
        }
        let (endpoint, destination) = self.rest.media(channel).await?;
        let media = media::judge(networks, &endpoint, destination);
        if media == Media::Foreign {
            warn!(
                endpoint,
                ?destination,
                "hanging up a call whose media lie outside its trunk's networks"
            );
        }
        Ok(media)
    }

    /// Tells when the last call was refused a while ago, even if no other comes.
    pub(crate) fn look_at_admission(&self) {
        let now = clock::now();
        self.tell(&mut self.admission(), None, self.line.hash_wait(now), now);
    }

    /// Asterisk took so long for what a call has ordered.
    pub(crate) fn note_order(&self, took: Duration, now: Instant) {
        self.admission().note_order(took, now);
    }

    /// A call has ended that asked for no hash.
    pub(crate) fn give_back(&self) {
        self.admission().give_back();
    }

    fn tell(
        &self,
        admission: &mut Admission,
        refused: Option<Cause>,
        hashes: Duration,
        now: Instant,
    ) {
        let (orders_ms, hashes_ms) = (admission.orders(now).as_millis(), hashes.as_millis());
        let pbx = self.status.pbx();
        match admission.news(refused, now) {
            Some(News::Refuses(cause)) => {
                let cause = cause.as_str();
                warn!(pbx, cause, orders_ms, hashes_ms, "new calls are refused: an overload");
                self.measure(true);
            }
            Some(News::TakesAll) => {
                info!(pbx, orders_ms, hashes_ms, "new calls are taken again");
                self.measure(false);
            }
            None => {}
        }
    }

    fn measure(&self, refuses: bool) {
        let refuses = if refuses { 1.0 } else { 0.0 };
        metrics::gauge!(CALLS_OVERLOADED, "pbx" => self.status.pbx().to_owned()).set(refuses);
    }

    fn admission(&self) -> MutexGuard<'_, Admission> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
