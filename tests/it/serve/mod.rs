//! `karipass serve` as a process: how it stops, its messages to a service manager, and the effects
//! of a flood.

mod calls;
mod documents;
mod fail2ban;
mod lines;
mod operating;
mod overload;
mod readiness;
mod reload;
mod stopping;
mod systemd;
mod traces;

use std::time::Duration;

use domain::dialog::prompt::SOUNDS;
use karipass::clock;
use karipass_fake_asterisk::FakeAsterisk;
use karipass_lab::postgres::Database;
use tokio_postgres::Client;

use crate::site::{self, NUMBER, SiteClient, SiteDaemon};
use crate::support::{self, WAIT_TIMEOUT, wait_until};

/// The dialplan's verdict on a call from [`NUMBER`].
const TRUSTED: [&str; 2] = ["trusted", NUMBER];

/// A daemon between a fake Asterisk and a database with one contract.
struct Whole {
    fake: FakeAsterisk,
    database: Database,
    owner: Client,
    daemon: SiteDaemon,
    client: SiteClient,
}

impl Whole {
    /// A daemon that is ready, with these variables.
    async fn ready(variables: &[(&str, &str)]) -> Self {
        Self::on(support::database().await, variables).await
    }

    /// The same on this database.
    async fn on(database: Database, variables: &[(&str, &str)]) -> Self {
        let fake = FakeAsterisk::start().await.unwrap();
        fake.set_sounds(SOUNDS);
        let owner = site::contracted_in(&database, "temporary").await;
        let mut variables = variables.to_vec();
        variables.push(("KARIPASS_ARI_URL", fake.url()));
        let daemon = SiteDaemon::start(&database, &variables);
        let whole = Self { fake, database, owner, daemon, client: SiteClient::new() };
        wait_until("readiness", async || whole.readyz().await.0 == 200).await;
        whole
    }

    /// The answer of `/readyz`.
    async fn readyz(&self) -> (u16, String) {
        let answer = self.client.get(&format!("{}/readyz", self.daemon.operators)).await;
        (answer.status, answer.body)
    }

    fn hang_up(&mut self) {
        self.daemon.child().signal(rustix::process::Signal::HUP).unwrap();
    }

    fn terminate(&mut self) {
        self.daemon.child().signal(rustix::process::Signal::TERM).unwrap();
    }

    /// Waits until the daemon has ended successfully.
    async fn wait_until_ended(&mut self) {
        let began = clock::now();
        let status = loop {
            if let Some(status) = self.daemon.child().exit_status().unwrap() {
                break status;
            }
            assert!(began.elapsed() < WAIT_TIMEOUT, "the daemon goes on:\n{}", self.daemon.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert!(status.success(), "{status}:\n{}", self.daemon.log());
    }

    /// Whether the phone has set a new password.
    async fn is_set(&self) -> bool {
        let sql = "SELECT count(*) FROM audit_log WHERE event = 'temporary_set'";
        self.owner.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) > 0
    }
}
