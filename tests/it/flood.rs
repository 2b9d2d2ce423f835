//! More concurrent logins than the hash queue holds: it is full from the first refusal on, on a
//! machine of any speed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::site::{Caller, WRONG};
use crate::support::{wait_until, wait_until_within};

/// Some more than the queue and the workers hold.
const AT_ONCE: usize = 1_100;
/// A number that nobody has.
const NOBODYS: &str = "0699999999";
/// When the queue is full at the latest; earlier than the first login's own time-out.
const FILL_TIMEOUT: Duration = Duration::from_secs(170);
/// Before somebody who was refused asks again.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Logins, each repeated as soon as it is answered.
pub struct Flood {
    answers: Arc<Answers>,
    asking: JoinSet<()>,
}

#[derive(Default)]
struct Answers {
    verified: AtomicUsize,
    refused: AtomicUsize,
}

impl Flood {
    /// At the site at `base`; the queue is full.
    pub async fn begin(base: &str) -> Self {
        let answers = Arc::new(Answers::default());
        let caller = Caller::new();
        let mut asking = JoinSet::new();
        for _ in 0..AT_ONCE {
            asking.spawn(ask(caller.clone(), base.to_owned(), Arc::clone(&answers)));
        }
        let flood = Self { answers, asking };
        wait_until_within(FILL_TIMEOUT, "the queue to be full", async || flood.refused() > 0).await;
        flood
    }

    /// How many have been verified, and found wrong.
    pub fn verified(&self) -> usize {
        self.answers.verified.load(Ordering::Relaxed)
    }

    /// Waits for one more refusal.
    pub async fn wait_for_refusal(&self) {
        let before = self.refused();
        wait_until("a login to be refused", async || self.refused() > before).await;
    }

    fn refused(&self) -> usize {
        self.answers.refused.load(Ordering::Relaxed)
    }

    /// Drops the logins that still wait.
    pub async fn end(mut self) {
        self.asking.shutdown().await;
    }
}

async fn ask(caller: Caller, base: String, answers: Arc<Answers>) {
    let body = json!({ "number": NOBODYS, "password": WRONG });
    loop {
        let request = caller.client().post(format!("{base}/api/v1/login")).json(&body);
        let Ok(answer) = request.send().await else {
            // Whose request a busy machine keeps back for long is cut off.
            sleep(RETRY_INTERVAL).await;
            continue;
        };
        match answer.status().as_u16() {
            401 => drop(answers.verified.fetch_add(1, Ordering::Relaxed)),
            503 => {
                assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
                // On its way to the queue it may wait in vain for a connection to the database: it
                // is no part of the flood until it has come there.
                let body = answer.text().await.unwrap_or_default();
                if body.contains("\"busy\"") {
                    answers.refused.fetch_add(1, Ordering::Relaxed);
                }
                sleep(RETRY_INTERVAL).await;
            }
            408 => sleep(RETRY_INTERVAL).await,
            other => panic!("{other}"),
        }
    }
}
