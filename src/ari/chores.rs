//! What is to be done on a connection besides reading it, one chore after the other.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::sleep;
use tracing::{info, warn};

use super::line::Line;
use super::rest::RestError;
use super::status::Status;
use super::{Chain, Pace, sounds};
use crate::config;

/// Rounds between two looks at the sounds.
const ROUNDS: u32 = 12;

/// A chore under way.
pub(crate) type Doing<'a> = Pin<Box<dyn Future<Output = Chore> + Send + 'a>>;

/// A chore that is done.
pub(crate) enum Chore {
    /// Asterisk has been told which events are wanted, and has told which channels it has.
    Settled(Result<Roll, RestError>),
    /// By now, news of these channels would have come if they were calls of ours.
    Waited(Vec<String>),
    /// Asterisk and the sounds have been looked at, this many times.
    Watched(u32),
    /// Asterisk knows nothing of the application any more: no call will come on this connection.
    Forgotten,
}

/// How the channels in the application differ from the calls that were known before the connection.
pub(crate) struct Roll {
    /// Calls whose channels have gone.
    pub(crate) gone: Vec<String>,
    /// Channels of which nothing was known.
    pub(crate) strangers: Vec<String>,
}

/// Does the chores.
pub(crate) struct Chores {
    app: String,
    sounds: Option<PathBuf>,
    line: Arc<Line>,
    status: Arc<Status>,
    pace: Pace,
}

impl Chores {
    pub(crate) fn new(ari: &config::Ari, line: Arc<Line>, status: Arc<Status>, pace: Pace) -> Self {
        Self { app: ari.app.clone(), sounds: ari.sounds.clone(), line, status, pace }
    }

    /// Asks for the wanted events, and calls the roll of the channels in the application.
    pub(crate) fn settle(&self, known: Vec<String>) -> Doing<'_> {
        Box::pin(async move { Chore::Settled(self.roll(known).await) })
    }

    async fn roll(&self, known: Vec<String>) -> Result<Roll, RestError> {
        self.line.rest.filter_events(&self.app).await?;
        let present = self.line.rest.channels_in(&self.app).await?.unwrap_or_default();
        Ok(Roll {
            gone: known.iter().filter(|channel| !present.contains(channel)).cloned().collect(),
            strangers: present.into_iter().filter(|channel| !known.contains(channel)).collect(),
        })
    }

    /// Waits, since a call's first event may come later than the answer that names its channel.
    pub(crate) fn wait_for_news_of(&self, strangers: Vec<String>) -> Doing<'_> {
        Box::pin(async move {
            if !strangers.is_empty() {
                sleep(self.pace.news).await;
            }
            Chore::Waited(strangers)
        })
    }

    /// Hangs up what an earlier daemon, or a gap, has left without anyone to serve it.
    pub(crate) fn hang_up(&self, orphans: Vec<String>) {
        if orphans.is_empty() {
            return;
        }
        warn!(channels = orphans.len(), "calls that nobody serves are hung up");
        metrics::counter!("karipass_calls_orphaned_total").increment(orphans.len() as u64);
        let line = Arc::clone(&self.line);
        tokio::spawn(async move {
            for channel in orphans {
                if let Err(error) = line.rest.hang_up(&channel).await {
                    warn!(channel, error = %Chain(&error), "a call could not be hung up");
                }
            }
        });
    }

    /// Looks at Asterisk, which keeps a connection ready for the next call too, and at the sounds.
    pub(crate) fn watch(&self, times: u32) -> Doing<'_> {
        Box::pin(async move {
            if times.is_multiple_of(ROUNDS) {
                self.look_at_sounds().await;
            }
            sleep(self.pace.watch).await;
            self.probe().await;
            match self.line.rest.channels_in(&self.app).await {
                Ok(None) => Chore::Forgotten,
                Ok(Some(_)) | Err(_) => Chore::Watched(times.wrapping_add(1)),
            }
        })
    }

    async fn probe(&self) {
        let answer = self.line.rest.probe().await;
        if self.status.probed(answer.is_ok()) {
            match answer {
                Ok(()) => info!("Asterisk answers again"),
                Err(error) => warn!(error = %Chain(&error), "Asterisk does not answer"),
            }
        }
    }

    async fn look_at_sounds(&self) {
        match sounds::missing(&self.line.rest, self.sounds.as_deref()).await {
            Ok(missing) => {
                let sounds = missing.join(" ");
                if self.status.missing(missing) && !sounds.is_empty() {
                    warn!(sounds, "sounds are missing");
                }
            }
            Err(error) => warn!(error = %Chain(&error), "the sounds could not be looked at"),
        }
    }

    /// Waits until nobody holds the application, rather than fight over it.
    pub(crate) async fn until_released(&self) {
        while !matches!(self.line.rest.channels_in(&self.app).await, Ok(None)) {
            sleep(self.pace.back_off_most).await;
        }
    }
}
