//! Tasks of a connection beside reading events, one after the other.

use std::collections::HashSet;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::sleep;
use tracing::{info, warn};

use super::handle::AsteriskHandle;
use super::health::{Changed, Link};
use super::rest::{ErrorChain, RestError};
use super::sounds;
use super::timeouts::Timeouts;
use crate::config;

/// Polls between two checks of the sounds.
const SOUND_CHECK_INTERVAL: u32 = 12;
/// The modules without which no call comes in.
const SIP_MODULES: [&str; 2] = ["res_pjsip.so", "chan_pjsip.so"];

/// A task under way.
pub(super) type Task<'a> = Pin<Box<dyn Future<Output = TaskResult> + Send + 'a>>;

/// What a [`Task`] has found.
pub(super) enum TaskResult {
    /// The events are subscribed to, and the application's channels are listed.
    Synced(Result<ChannelSnapshot, RestError>),
    /// These channels are still there, and their first events would have come by now.
    Confirmed(Vec<String>),
    /// Asterisk and the sounds have been polled, this many times.
    Polled(u32),
    /// The application is no longer registered, so this connection gets no calls.
    AppUnknown,
}

/// The application's channels, as Asterisk listed them after a connection.
pub(super) struct ChannelSnapshot {
    pub(super) present: Vec<String>,
    /// Those that were known before the connection and are gone.
    pub(super) gone: Vec<String>,
}

pub(super) struct Maintenance {
    /// The folder of the sounds, if the daemon can read it.
    sounds_dir: Option<PathBuf>,
    asterisk: Arc<AsteriskHandle>,
    timeouts: Timeouts,
}

impl Maintenance {
    pub(super) fn new(
        ari: &config::AriSettings,
        asterisk: Arc<AsteriskHandle>,
        timeouts: Timeouts,
    ) -> Self {
        Self { sounds_dir: ari.sounds_dir.clone(), asterisk, timeouts }
    }

    /// Subscribes to events and lists the application's channels.
    pub(super) fn sync_channels(&self, known: Vec<String>) -> Task<'_> {
        Box::pin(async move { TaskResult::Synced(self.snapshot(known).await) })
    }

    async fn snapshot(&self, mut known: Vec<String>) -> Result<ChannelSnapshot, RestError> {
        self.asterisk.rest.filter_events(&self.asterisk.app).await?;
        let present = self.list_channels().await?;
        let listed: HashSet<&String> = present.iter().collect();
        known.retain(|channel| !listed.contains(channel));
        Ok(ChannelSnapshot { present, gone: known })
    }

    async fn list_channels(&self) -> Result<Vec<String>, RestError> {
        Ok(self.asterisk.rest.channels_in(&self.asterisk.app).await?.unwrap_or_default())
    }

    /// Waits, because both a call's first event and its last one may come later than the list that
    /// names its channel.
    pub(super) fn confirm_unserved(&self, mut channels: Vec<String>) -> Task<'_> {
        Box::pin(async move {
            if !channels.is_empty() {
                sleep(self.timeouts.event_lag).await;
                match self.list_channels().await {
                    Ok(present) => {
                        let present: HashSet<String> = present.into_iter().collect();
                        channels.retain(|channel| present.contains(channel));
                    }
                    Err(error) => {
                        warn!(error = %ErrorChain(&error), "could not list the channels again");
                    }
                }
            }
            TaskResult::Confirmed(channels)
        })
    }

    /// Polls Asterisk and the sounds. The requests also keep an HTTP connection open for the next
    /// call.
    pub(super) fn poll(&self, polls: u32) -> Task<'_> {
        Box::pin(async move {
            if polls.is_multiple_of(SOUND_CHECK_INTERVAL) {
                self.check_sounds().await;
            }
            self.check_sip().await;
            sleep(self.timeouts.poll_interval).await;
            self.ping().await;
            self.asterisk.check_load();
            match self.asterisk.rest.channels_in(&self.asterisk.app).await {
                Ok(None) => TaskResult::AppUnknown,
                Ok(Some(_)) | Err(_) => TaskResult::Polled(polls.wrapping_add(1)),
            }
        })
    }

    async fn ping(&self) {
        let answer = self.asterisk.rest.ping().await;
        let link = if answer.is_ok() { Link::Up } else { Link::Silent };
        if self.asterisk.health.set_link(link) == Changed::Yes {
            match answer {
                Ok(()) => info!("Asterisk answers again"),
                Err(error) => warn!(error = %ErrorChain(&error), "Asterisk does not answer"),
            }
        }
    }

    async fn check_sounds(&self) {
        match sounds::missing(&self.asterisk.rest, self.sounds_dir.as_deref()).await {
            Ok(missing) => {
                let sounds = missing.join(" ");
                let changed = self.asterisk.health.set_missing_sounds(missing);
                if changed == Changed::Yes && !sounds.is_empty() {
                    warn!(sounds, "sounds are missing");
                }
            }
            Err(error) => warn!(error = %ErrorChain(&error), "could not check the sounds"),
        }
    }

    async fn check_sip(&self) {
        let mut stopped = Vec::new();
        for module in SIP_MODULES {
            match self.asterisk.rest.is_running(module).await {
                Ok(true) => {}
                Ok(false) => stopped.push(module),
                Err(error) => {
                    return warn!(error = %ErrorChain(&error), "could not check SIP's modules");
                }
            }
        }
        let modules = stopped.join(" ");
        let changed = self.asterisk.health.set_stopped_modules(stopped);
        if changed == Changed::Yes && !modules.is_empty() {
            warn!(modules, "SIP is not loaded");
        }
    }

    /// Waits until no program has the application, instead of fighting over it.
    pub(super) async fn wait_for_release(&self) {
        while !matches!(self.asterisk.rest.channels_in(&self.asterisk.app).await, Ok(None)) {
            sleep(self.timeouts.max_backoff).await;
        }
    }
}
