//! systemd notifications (`sd_notify(3)`): READY, STOPPING, STATUS and WATCHDOG.
//!
//! A dedicated thread sends them, so that a blocked socket delays nothing else. It pings the
//! watchdog only if every [`Heartbeat`] has beaten since the last check. So one stuck thread, of
//! any runtime, makes systemd restart the daemon.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use std::{io, thread};

use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use crate::clock;

/// Heartbeats are checked this often within `WatchdogSec`. systemd recommends two.
const CHECKS_PER_TIMEOUT: u32 = 4;
/// Beats between two checks, so that a busy machine does not count as a stuck one.
const BEATS_PER_CHECK: u32 = 4;
/// The time between two beats without a watchdog.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// Sends notifications if a service manager wants them.
pub(super) struct Notifier {
    notifications: Option<Sender<Notification>>,
}

/// A message to the service manager.
pub(super) enum Notification {
    /// All listeners are bound, and the telephone line runs.
    Ready,
    /// A shutdown has begun.
    Stopping,
    /// What prevents readiness, or `ready`.
    Status(String),
}

impl Notifier {
    /// Starts the thread if `NOTIFY_SOCKET` is set. The watchdog checks these heartbeats.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub(super) fn start(heartbeats: Vec<Heartbeat>) -> io::Result<Self> {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(Self { notifications: None });
        }
        let (notifications, inbox) = channel();
        let mut watchdog = Watchdog::new(heartbeats);
        thread::Builder::new()
            .name("systemd".to_owned())
            .spawn(move || run(&inbox, &mut watchdog))?;
        Ok(Self { notifications: Some(notifications) })
    }

    pub(super) fn notify(&self, notification: Notification) {
        if let Some(sender) = &self.notifications {
            let _ = sender.send(notification);
        }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.notifications.is_some()
    }
}

fn run(inbox: &Receiver<Notification>, watchdog: &mut Watchdog) {
    let every = watchdog_enabled().map(|granted| granted / CHECKS_PER_TIMEOUT);
    let mut next_check = every.map(|every| clock::now() + every);
    loop {
        let notification = match next_check {
            Some(at) => inbox.recv_timeout(at.saturating_duration_since(clock::now())),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match notification {
            Ok(Notification::Ready) => send(&[NotifyState::Ready]),
            Ok(Notification::Stopping) => {
                send(&[NotifyState::Stopping, NotifyState::Status("karipass is stopping")]);
            }
            Ok(Notification::Status(status)) => send(&[NotifyState::Status(&status)]),
            Err(RecvTimeoutError::Timeout) => {
                if watchdog.check_heartbeats() {
                    send(&[NotifyState::Watchdog]);
                } else {
                    warn!("a thread is stuck; skipping the watchdog ping");
                }
                next_check = every.map(|every| clock::now() + every);
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = notify(state) {
        warn!(%error, "could not notify the service manager");
    }
}

/// Knows whether every heartbeat continues.
struct Watchdog {
    heartbeats: Vec<Heartbeat>,
    seen: Vec<u64>,
}

impl Watchdog {
    fn new(heartbeats: Vec<Heartbeat>) -> Self {
        Self { seen: vec![0; heartbeats.len()], heartbeats }
    }

    /// Checks whether every heartbeat has beaten since the last call.
    fn check_heartbeats(&mut self) -> bool {
        let now: Vec<u64> = self.heartbeats.iter().map(Heartbeat::count).collect();
        let alive = now.iter().zip(&self.seen).all(|(now, seen)| now != seen);
        self.seen = now;
        alive
    }
}

/// Counts beats as long as the runtime of [`run`](Self::run) makes progress.
#[derive(Debug, Clone, Default)]
pub(super) struct Heartbeat(watch::Sender<u64>);

impl Heartbeat {
    /// Beats and never returns.
    pub(super) async fn run(self) -> Infallible {
        self.run_every(
            watchdog_enabled()
                .map_or(IDLE_INTERVAL, |granted| granted / (CHECKS_PER_TIMEOUT * BEATS_PER_CHECK)),
        )
        .await
    }

    async fn run_every(self, every: Duration) -> Infallible {
        loop {
            self.beat();
            sleep(every).await;
        }
    }

    /// Waits for the first beat.
    pub(super) async fn wait_for_first(&self) {
        let mut beats = self.0.subscribe();
        let _ = beats.wait_for(|beats| *beats > 0).await; // `self` keeps the channel open.
    }

    fn beat(&self) {
        self.0.send_modify(|beats| *beats = beats.wrapping_add(1));
    }

    fn count(&self) -> u64 {
        *self.0.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_waits_for_a_heartbeat_that_has_stopped() {
        let (line, site) = (Heartbeat::default(), Heartbeat::default());
        let mut watchdog = Watchdog::new(vec![line.clone(), site.clone()]);
        assert!(!watchdog.check_heartbeats(), "no beat yet");
        for beating in [[true, true], [true, false], [false, true], [false, false], [true, true]] {
            for (heartbeat, beats) in [&line, &site].into_iter().zip(beating) {
                if beats {
                    heartbeat.beat();
                }
            }
            assert_eq!(watchdog.check_heartbeats(), beating == [true, true], "{beating:?}");
        }
    }

    /// Such as when a call's task never reaches its next `await`.
    #[test]
    fn the_watchdog_notices_a_runtime_whose_thread_is_stuck() {
        const EVERY: Duration = Duration::from_millis(1);
        let heartbeat = Heartbeat::default();
        let mut watchdog = Watchdog::new(vec![heartbeat.clone()]);
        let (hanging, hangs) = channel();
        let (release, released) = channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            runtime.unwrap().block_on(async {
                tokio::spawn(heartbeat.clone().run_every(EVERY));
                heartbeat.wait_for_first().await;
                hanging.send(()).unwrap();
                let _ = released.recv(); // blocks until then
                sleep(10 * EVERY).await;
            });
        });
        hangs.recv().unwrap();
        assert!(watchdog.check_heartbeats());
        thread::sleep(50 * EVERY);
        assert!(!watchdog.check_heartbeats());
        drop(release);
        while !watchdog.check_heartbeats() {
            thread::yield_now();
        }
        thread.join().unwrap();
    }
}
