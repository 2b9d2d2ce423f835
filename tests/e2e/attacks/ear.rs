//! The ear of a telephone whose SIP an [`Agent`](super::agent::Agent) speaks.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use karipass_lab::subscriber::handset::{Handset, Received};
use karipass_lab::subscriber::hearing::{Heard, Hearing, Library};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::agent::sdp;

/// Only a fault takes as long.
const HEARING_TIMEOUT: Duration = Duration::from_mins(1);

/// Listens to one call.
pub struct Ear {
    handset: Handset,
    hearing: Arc<Mutex<Hearing>>,
    /// Times before which every packet has been heard.
    heard_until: UnboundedReceiver<Instant>,
}

impl Ear {
    pub fn new(address: Ipv4Addr) -> Result<Self> {
        let hearing = Arc::new(Mutex::new(Hearing::new(Library::guidance())));
        let (heard, heard_until) = unbounded_channel();
        let own = Arc::clone(&hearing);
        let handset = Handset::new(address, move |at, what| match what {
            Received::Audio { lost, payload } => {
                let mut hearing = own.lock().unwrap();
                hearing.miss(at, lost);
                hearing.hear(at, &payload);
            }
            Received::Nothing => {
                let _ = heard.send(at); // the test may have ended
            }
        })?;
        Ok(Self { handset, hearing, heard_until })
    }

    /// The offer that names it.
    pub fn offer(&self) -> String {
        sdp(self.handset.address)
    }

    /// After the hang-up: expects that the last thing heard was the whole of `apology`, and that
    /// `completed` was not heard.
    pub async fn expect_last(mut self, apology: &str) -> Result<()> {
        let over = Instant::now();
        let heard = async { while self.heard_until.recv().await.is_some_and(|at| at <= over) {} };
        timeout(HEARING_TIMEOUT, heard).await.context("nobody listens")?;
        let mut hearing = self.hearing.lock().unwrap();
        hearing.close();
        let names: Vec<String> = hearing.heard.iter().map(Heard::name).collect();
        let is_apology = |heard: &Heard| heard.whole && heard.is(apology);
        ensure!(hearing.heard.last().is_some_and(is_apology), "heard {names:?}, not {apology}");
        ensure!(!names.iter().any(|name| name == "completed"), "heard {names:?}");
        Ok(())
    }
}
