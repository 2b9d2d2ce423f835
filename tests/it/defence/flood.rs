//! More logins than can be verified (`docs/security.md`, "At the login"). Unbounded threads would
//! collapse: no login verified, gigabytes of memory, and minutes of work for clients that have
//! left. `make bench` measures how quickly the site answers meanwhile.

use crate::flood::QueueFlood;
use crate::site::{self, NUMBER, RIGHT, SiteClient, SiteDaemon};
use crate::support::{EXCLUSIVE, wait_until};

/// Logins that are verified while the queue is full.
const VERIFIED: usize = 20;
/// Additional memory during the flood: a connection and a request each for a thousand that wait. A
/// hash's memory for each of them would be 19 GiB.
const MEMORY_KIB: u32 = 256 * 1024;
/// Of a thousand that wait when all clients leave, the most that may still be verified.
const LEFT_OVER: f64 = 500.0;

#[tokio::test(flavor = "multi_thread")]
async fn r_more_logins_than_can_be_verified_harm_nothing_else() {
    let _alone = EXCLUSIVE.lock().await;
    let (database, _) = site::contracted("password").await;
    let daemon = SiteDaemon::start(&database, &[]);
    let client = SiteClient::new();
    assert_eq!(client.log_in(&daemon.base, NUMBER, RIGHT).await.status, 200);
    let memory = daemon.memory_kib();

    let flood = QueueFlood::begin(&daemon.base).await;
    let enough = flood.verified() + VERIFIED;
    wait_until("logins to be verified", async || {
        let health = client.get(&format!("{}/livez", daemon.operators)).await;
        assert_eq!(health.status, 200);
        flood.verified() >= enough
    })
    .await;
    flood.wait_for_refusal().await;
    let description = format!("{}/api/v1/openapi.json", daemon.base);
    assert_eq!(client.get(&description).await.status, 200, "what needs no hash is answered");
    let taken = daemon.memory_kib().saturating_sub(memory);
    assert!(taken < MEMORY_KIB, "{taken} KiB");

    let hashes = async || daemon.metric(&client, "karipass_password_hash_operations_total ").await;
    let before = hashes().await;
    flood.end().await;
    assert_eq!(client.log_in(&daemon.base, NUMBER, RIGHT).await.status, 200);
    let left_over = hashes().await - before;
    assert!(left_over < LEFT_OVER, "{left_over} were verified for nobody");
}
