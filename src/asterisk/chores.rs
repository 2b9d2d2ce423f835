//! What is to be done on a connection besides reading it, one chore after the other.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::sleep;
use tracing::{info, warn};

use super::pbx::Pbx;
use super::rest::RestError;
use super::{Chain, Pace, sounds};
use crate::config;

/// Rounds between two looks at the sounds.
const ROUNDS: u32 = 12;
/// The modules without which no call comes in.
const SIP: [&str; 2] = ["res_pjsip.so", "chan_pjsip.so"];

/// A chore under way.
pub(crate) type Doing<'a> = Pin<Box<dyn Future<Output = Chore> + Send + 'a>>;

/// A chore that is done.
pub(crate) enum Chore {
    /// Asterisk has been told which events are wanted, and has told which channels the application has.
    Settled(Result<Roll, RestError>),
    /// By now, the first news of these channels, which are still there, would have come.
    Waited(Vec<String>),
    /// Asterisk and the sounds have been looked at, this many times.
    Watched(u32),
    /// Asterisk knows nothing of the application any more: no call will come on this connection.
    Forgotten,
}

/// The channels in the application.
pub(crate) struct Roll {
    pub(crate) present: Vec<String>,
    /// Those that were known before the connection and are there no more.
    pub(crate) gone: Vec<String>,
}

/// Does the chores.
pub(crate) struct Chores {
    sounds: Option<PathBuf>,
    pbx: Arc<Pbx>,
    pace: Pace,
}

impl Chores {
    pub(crate) fn new(ari: &config::Ari, pbx: Arc<Pbx>, pace: Pace) -> Self {
        Self { sounds: ari.sounds_dir.clone(), pbx, pace }
    }

    /// Asks for the wanted events, and for the channels in the application.
    pub(crate) fn settle(&self, known: Vec<String>) -> Doing<'_> {
        Box::pin(async move { Chore::Settled(self.roll(known).await) })
    }

    async fn roll(&self, mut known: Vec<String>) -> Result<Roll, RestError> {
        self.pbx.rest.filter_events(&self.pbx.app).await?;
        let present = self.channels().await?;
        known.retain(|channel| !present.contains(channel));
        Ok(Roll { present, gone: known })
    }

    async fn channels(&self) -> Result<Vec<String>, RestError> {
        Ok(self.pbx.rest.channels_in(&self.pbx.app).await?.unwrap_or_default())
    }

    /// Waits, since a call's first event may come later than the answer that names its channel, and its
    /// last one too.
    pub(crate) fn wait_for_news_of(&self, mut strangers: Vec<String>) -> Doing<'_> {
        Box::pin(async move {
            if !strangers.is_empty() {
                sleep(self.pace.news).await;
                match self.channels().await {
                    Ok(present) => strangers.retain(|channel| present.contains(channel)),
                    Err(error) => warn!(error = %Chain(&error), "the channels were not told again"),
                }
            }
            Chore::Waited(strangers)
        })
    }

    /// Looks at Asterisk, which keeps a connection ready for the next call too, and at the sounds.
    pub(crate) fn watch(&self, times: u32) -> Doing<'_> {
        Box::pin(async move {
            if times.is_multiple_of(ROUNDS) {
                self.look_at_sounds().await;
            }
            self.look_at_sip().await;
            sleep(self.pace.watch).await;
            self.probe().await;
            self.pbx.look_at_admission();
            match self.pbx.rest.channels_in(&self.pbx.app).await {
                Ok(None) => Chore::Forgotten,
                Ok(Some(_)) | Err(_) => Chore::Watched(times.wrapping_add(1)),
            }
        })
    }

    async fn probe(&self) {
        let answer = self.pbx.rest.probe().await;
        if self.pbx.status.probed(answer.is_ok()) {
            match answer {
                Ok(()) => info!("Asterisk answers again"),
                Err(error) => warn!(error = %Chain(&error), "Asterisk does not answer"),
            }
        }
    }

    async fn look_at_sounds(&self) {
        match sounds::missing(&self.pbx.rest, self.sounds.as_deref()).await {
            Ok(missing) => {
                let sounds = missing.join(" ");
                if self.pbx.status.missing(missing) && !sounds.is_empty() {
                    warn!(sounds, "sounds are missing");
                }
            }
            Err(error) => warn!(error = %Chain(&error), "the sounds could not be looked at"),
        }
    }

    async fn look_at_sip(&self) {
        let mut stopped = Vec::new();
        for module in SIP {
            match self.pbx.rest.is_running(module).await {
                Ok(true) => {}
                Ok(false) => stopped.push(module),
                Err(error) => {
                    return warn!(error = %Chain(&error), "SIP's modules could not be looked at");
                }
            }
        }
        let modules = stopped.join(" ");
        if self.pbx.status.set_stopped_modules(stopped) && !modules.is_empty() {
            warn!(modules, "SIP is not loaded");
        }
    }

    /// Waits until nobody holds the application, rather than fight over it.
    pub(crate) async fn until_released(&self) {
        while !matches!(self.pbx.rest.channels_in(&self.pbx.app).await, Ok(None)) {
            sleep(self.pace.back_off_most).await;
        }
    }
}
