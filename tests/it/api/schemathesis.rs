//! Schemathesis against the real daemon: every answer to a request by the description is one that
//! the description allows.

use std::process::Command;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use karipass_lab::repository;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio_postgres::Client;

use crate::site::{self, NUMBER, RIGHT, SiteClient, SiteDaemon};
use crate::support;

/// The program that `make` installs.
const SCHEMATHESIS: &str = "target/schemathesis/bin/schemathesis";
/// The numbers that have a password besides the administrator.
const USERS: [&str; 2] = ["0612345601", "0612345602"];
/// Fewer requests do not exercise the description.
const REQUESTS: u64 = 2000;
/// The least number of each act.
const OFTEN: usize = 3;
/// Requests with one session, so that not all are made with a user's.
const USES: usize = 10;
/// Generated requests for each operation, beside those from the description's limits.
const EXAMPLES: &str = "450";

#[tokio::test(flavor = "multi_thread")]
async fn api_thousands_of_generated_requests_get_answers_that_the_description_allows() {
    let database = support::database().await;
    let owner = database.owner().await.unwrap();
    site::contract(&owner, "admin_user").await;
    let daemon = SiteDaemon::start(&database, &[]);
    let sessions = Sessions { base: daemon.base.clone(), owner, begun: 0, uses: 0, token: None };
    let keeper = keep(sessions).await;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let mut schemathesis = Command::new(repository().join(SCHEMATHESIS));
    schemathesis
        .current_dir(repository())
        .env("KARIPASS_SESSIONS", keeper)
        .env("KARIPASS_RIGHT", RIGHT)
        .env("KARIPASS_NUMBERS", [[NUMBER].as_slice(), &USERS].concat().join(","))
        .args(["--config-file", "tests/it/api/schemathesis.toml", "run"])
        .args(["--no-color", "--checks", "all", "--report", "json"])
        .args(["--max-examples", EXAMPLES, "--request-timeout", "240", "--report-json-path"])
        .arg(&report)
        .arg(format!("{}/api/v1/openapi.json", daemon.base));
    let ran = tokio::task::spawn_blocking(move || schemathesis.output()).await.unwrap();
    let ran = ran.expect("Schemathesis, which `make test` puts there");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let (operations, cases) = (&report["operations"], &report["test_cases"]);
    assert_eq!(operations["tested"], operations["total"], "{report:#}");
    assert_eq!(cases["with_failures"], 0, "{report:#}");
    // Each is a request, or several.
    let requests = cases["generated"].as_u64().unwrap();
    assert!(requests > REQUESTS, "only {requests} requests: {report:#}");
    // The right passwords among them have been accepted.
    let done = site::audit(&database.owner().await.unwrap()).await;
    for event in ["login", "password_changed", "unit_changed", "logout"] {
        let times =
            done.iter().filter(|(what, outcome)| what == event && outcome == "done").count();
        assert!(times >= OFTEN, "{event} {times} times: {report:#}");
    }
    let log = daemon.log();
    assert!(!log.contains("panicked"), "{log}");
}

/// The session of the requests: a new one after its end, or after some use.
struct Sessions {
    base: String,
    owner: Client,
    begun: usize,
    uses: usize,
    token: Option<String>,
}

impl Sessions {
    /// A valid token.
    async fn good(&mut self) -> String {
        let client = SiteClient::new();
        self.uses += 1;
        if let Some(token) = &self.token
            && self.uses < USES
            && client.session(&self.base, token).await.status != 401
        {
            return token.clone();
        }
        // In turn: the administrator twice, a user, one who must change a temporary password.
        let (login_number, kind) = [
            (NUMBER, "password"),
            (NUMBER, "password"),
            (USERS[0], "password"),
            (NUMBER, "temporary"),
        ][self.begun % 4];
        (self.begun, self.uses) = (self.begun + 1, 0);
        let unit = "UPDATE contract SET unit = 'admin_user'";
        self.owner.execute(unit, &[]).await.unwrap();
        for number in [NUMBER].into_iter().chain(USERS) {
            site::credential(&self.owner, number, "password").await;
        }
        site::credential(&self.owner, login_number, kind).await;
        let token = client.log_in(&self.base, login_number, RIGHT).await.token();
        self.token.insert(token).clone()
    }
}

/// Serves the token of a live session; returns the address.
async fn keep(sessions: Sessions) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router =
        Router::new().route("/", get(give_token)).with_state(Arc::new(Mutex::new(sessions)));
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}/")
}

async fn give_token(State(sessions): State<Arc<Mutex<Sessions>>>) -> String {
    sessions.lock().await.good().await
}
