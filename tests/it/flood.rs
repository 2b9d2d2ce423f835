//! More concurrent logins than the hash queue holds: from the first refusal on it is full, on a
//! machine of any speed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::site::{Answer, SiteClient, SiteDaemon, WRONG};
use crate::support::{wait_until, wait_until_within};

/// Twice what the queue holds, so that it fills however many are still on their way to it.
const AT_ONCE: usize = 2 * 1_024;
/// A number without a contract.
const UNKNOWN_NUMBER: &str = "0699999999";
/// By when the queue is full; earlier than the first login's own time-out.
const FILL_TIMEOUT: Duration = Duration::from_secs(170);
/// Before a refused login is sent again.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Sends this many logins to the daemons in turn, a few at a time. The database can look up as many
/// in time on any machine. Returns once each daemon has them all, hashed or in its queue.
pub async fn send_logins(
    daemons: &[&SiteDaemon],
    client: &SiteClient,
    (number, password): (&'static str, &'static str),
    count: u32,
) -> JoinSet<Answer> {
    const FEW: u32 = 40;
    let taken = async || {
        let mut taken = 0.0;
        for daemon in daemons {
            // A login that moves from the queue to its hash between the two reads is not counted,
            // and none twice.
            taken += daemon.metric(client, "karipass_password_hash_operations_total ").await;
            let waiting = "karipass_password_hash_queue_length{pool=\"logins\"} ";
            taken += daemon.metric(client, waiting).await;
        }
        taken
    };
    let before = taken().await;
    let mut logins = JoinSet::new();
    for (sent, daemon) in (1..=count).zip(daemons.iter().cycle()) {
        let (client, base) = (client.clone(), daemon.base.clone());
        logins.spawn(async move { client.log_in(&base, number, password).await });
        if sent.is_multiple_of(FEW) || sent == count {
            let wanted = before + f64::from(sent);
            wait_until("every login to have been taken", async || taken().await >= wanted).await;
        }
    }
    logins
}

/// Logins, each repeated as soon as it is answered.
pub struct QueueFlood {
    answers: Arc<Answers>,
    asking: JoinSet<()>,
}

#[derive(Default)]
struct Answers {
    verified: AtomicUsize,
    refused: AtomicUsize,
}

impl QueueFlood {
    /// Starts logins at the site at `base`; returns once the queue is full.
    pub async fn begin(base: &str) -> Self {
        let answers = Arc::new(Answers::default());
        let client = SiteClient::new();
        let mut asking = JoinSet::new();
        for _ in 0..AT_ONCE {
            asking.spawn(ask(client.clone(), base.to_owned(), Arc::clone(&answers)));
        }
        let flood = Self { answers, asking };
        wait_until_within(FILL_TIMEOUT, "the queue to be full", async || flood.refused() > 0).await;
        flood
    }

    /// The number of logins that were verified, and found wrong.
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

async fn ask(client: SiteClient, base: String, answers: Arc<Answers>) {
    let body = json!({ "number": UNKNOWN_NUMBER, "password": WRONG });
    loop {
        let request = client.http().post(format!("{base}/api/v1/login")).json(&body);
        let Ok(answer) = request.send().await else {
            // On a busy machine, requests that take too long are cut off.
            sleep(RETRY_INTERVAL).await;
            continue;
        };
        match answer.status().as_u16() {
            401 => drop(answers.verified.fetch_add(1, Ordering::Relaxed)),
            503 => {
                assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
                // On its way to the queue it may wait in vain for a connection to the database. It
                // is part of the flood only once it has reached the queue.
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
