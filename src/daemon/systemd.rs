//! What the service manager is told (`sd_notify(3)`): ready, stopping, what is wanting, and that the daemon lives.
//!
//! A thread of its own speaks, so that a manager that does not listen delays nothing else. It says
//! that the daemon lives only if every pulse has beaten since it looked last: one thread that hangs, of
//! whatever runtime, starves the watchdog, and the manager starts the daemon anew.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use std::{io, thread};

use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use crate::clock;

/// Looks at the pulses in the time that the manager grants; it asks for two.
const CHECKS_PER_TIMEOUT: u32 = 4;
/// Beats between two looks, so that a busy machine is not taken for a dead one.
const BEATS_PER_CHECK: u32 = 4;
/// Between two beats that nobody looks at.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// The service manager, if there is one.
pub(super) struct Notifier {
    notifications: Option<Sender<Notification>>,
}

/// Something to be told.
pub(super) enum Notification {
    /// All listeners are bound and the line runs.
    Ready,
    /// A signal has come.
    Stopping,
    /// What keeps the daemon from serving, or that nothing does.
    Status(String),
}

impl Notifier {
    /// Speaks to whoever has started this process and wants to hear of it, of these pulses.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn start(pulses: Vec<Heartbeat>) -> io::Result<Self> {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(Self { notifications: None });
        }
        let (news, told) = channel();
        let mut gate = Watchdog::new(pulses);
        thread::Builder::new().name("manager".to_owned()).spawn(move || run(&told, &mut gate))?;
        Ok(Self { notifications: Some(news) })
    }

    /// Tells it.
    pub(super) fn notify(&self, news: Notification) {
        if let Some(manager) = &self.notifications {
            // The thread ends with the process.
            let _ = manager.send(news);
        }
    }

    /// Whether anybody listens.
    pub(super) fn is_enabled(&self) -> bool {
        self.notifications.is_some()
    }
}

fn run(told: &Receiver<Notification>, gate: &mut Watchdog) {
    let every = watchdog_enabled().map(|granted| granted / CHECKS_PER_TIMEOUT);
    let mut look = every.map(|every| clock::now() + every);
    loop {
        let news = match look {
            Some(look) => told.recv_timeout(look.saturating_duration_since(clock::now())),
            None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match news {
            Ok(Notification::Ready) => send(&[NotifyState::Ready]),
            Ok(Notification::Stopping) => {
                send(&[NotifyState::Stopping, NotifyState::Status("karipass is stopping")]);
            }
            Ok(Notification::Status(status)) => send(&[NotifyState::Status(&status)]),
            Err(RecvTimeoutError::Timeout) => {
                if gate.all_alive() {
                    send(&[NotifyState::Watchdog]);
                } else {
                    warn!("a thread hangs: the service manager is not told that the daemon lives");
                }
                look = every.map(|every| clock::now() + every);
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = notify(state) {
        warn!(%error, "the service manager could not be told");
    }
}

/// Opens while everyone lives.
struct Watchdog {
    pulses: Vec<Heartbeat>,
    seen: Vec<u64>,
}

impl Watchdog {
    fn new(pulses: Vec<Heartbeat>) -> Self {
        Self { seen: vec![0; pulses.len()], pulses }
    }

    /// Whether every pulse has beaten since the last look.
    fn all_alive(&mut self) -> bool {
        let now: Vec<u64> = self.pulses.iter().map(Heartbeat::count).collect();
        let alive = now.iter().zip(&self.seen).all(|(now, seen)| now != seen);
        self.seen = now;
        alive
    }
}

/// Beats while whoever runs [`beat`](Self::beat) runs anything.
#[derive(Debug, Clone, Default)]
pub(super) struct Heartbeat(watch::Sender<u64>);

impl Heartbeat {
    /// Beats, for ever.
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
        let _never_closed = beats.wait_for(|beats| *beats > 0).await;
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
    fn one_pulse_that_stops_shuts_the_gate_until_it_beats_again() {
        let (line, site) = (Heartbeat::default(), Heartbeat::default());
        let mut gate = Watchdog::new(vec![line.clone(), site.clone()]);
        assert!(!gate.all_alive(), "nothing has begun");
        for beating in [[true, true], [true, false], [false, true], [false, false], [true, true]] {
            for (pulse, beats) in [&line, &site].into_iter().zip(beating) {
                if beats {
                    pulse.beat();
                }
            }
            assert_eq!(gate.all_alive(), beating == [true, true], "{beating:?}");
        }
    }

    /// As when a call's task never comes to its next `await`.
    #[test]
    fn a_runtime_whose_thread_hangs_shuts_the_gate() {
        const EVERY: Duration = Duration::from_millis(1);
        let pulse = Heartbeat::default();
        let mut gate = Watchdog::new(vec![pulse.clone()]);
        let (hanging, hangs) = channel();
        let (release, released) = channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            runtime.unwrap().block_on(async {
                tokio::spawn(pulse.clone().run_every(EVERY));
                pulse.wait_for_first().await;
                hanging.send(()).unwrap();
                let _only_then = released.recv();
                sleep(10 * EVERY).await;
            });
        });
        hangs.recv().unwrap();
        assert!(gate.all_alive());
        thread::sleep(50 * EVERY);
        assert!(!gate.all_alive());
        drop(release);
        while !gate.all_alive() {
            thread::yield_now();
        }
        thread.join().unwrap();
    }
}
