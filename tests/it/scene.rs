//! A contract, a site, and its client: the start of most tests of the rules.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use domain::common_passwords::CommonPasswords;
use domain::password::{NewPassword, PhcString, SubmittedPassword};
use domain::policy::temporary_password::SetOutcome;
use karipass::auth::AuthService;
use karipass::db::IdempotencyKey;
use karipass::hashing::{Dummy, Hasher, Keys, Salt};
use karipass_lab::postgres::Database;
use karipass_lab::proxy::PostgresProxy;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
use tokio_postgres::Client;

use crate::site::{self, Answer, CHEAP, KEYS, RIGHT, Service, SiteClient};
use crate::support::{self, daemon_db};
use crate::temporary_password::{SetTemporary as _, SetTemporaryPassword};

pub use crate::site::NUMBER;
/// Additional numbers of [`site::contract`], with service.
pub const ONE: &str = "0612345601";
pub const TWO: &str = "0612345602";
/// An additional number without.
pub const PLAIN: &str = "0612345603";

pub struct Scene {
    pub database: Database,
    pub owner: Client,
    pub service: Service,
    pub client: SiteClient,
}

impl Scene {
    /// With [`site::contract`] under `unit`.
    pub async fn new(unit: &str) -> Self {
        Self::in_database(support::database().await, unit).await
    }

    pub async fn in_database(database: Database, unit: &str) -> Self {
        Self::start(database, unit, &[]).await
    }

    /// The same with these variables of the site.
    pub async fn with_variables(unit: &str, variables: &[(&str, &str)]) -> Self {
        Self::start(support::database().await, unit, variables).await
    }

    /// With a site that reaches its database through the proxy.
    pub async fn troubled(unit: &str) -> (Self, PostgresProxy) {
        let database = support::database().await;
        let proxy = PostgresProxy::before(support::cluster().socket_folder()).unwrap();
        let url = database.at(proxy.socket_folder()).daemon_url;
        let scene = Self::start(database, unit, &[("KARIPASS_DATABASE_URL", &url)]).await;
        (scene, proxy)
    }

    async fn start(database: Database, unit: &str, variables: &[(&str, &str)]) -> Self {
        let owner = database.owner().await.unwrap();
        site::contract(&owner, unit).await;
        let service = Service::start(&database, variables).await;
        Self { database, owner, service, client: SiteClient::new() }
    }

    /// Gives `login_number` a credential of `kind` with this secret, replacing any other.
    pub async fn give(&self, login_number: &str, kind: &str, password: &str) {
        site::credential(&self.owner, login_number, kind).await;
        let sql = "UPDATE credential SET password_hash = $2 WHERE login_number = $1";
        self.owner.execute(sql, &[&login_number, &hashed(password).await.expose()]).await.unwrap();
    }

    /// Sets [`RIGHT`] as the temporary password of `login_number`, which calls by itself.
    pub async fn set_by_phone(&self, login_number: &str, unit: &str) {
        let login_number = login_number.parse().unwrap();
        let set = SetTemporaryPassword {
            key: IdempotencyKey::draw(&mut rand::rng()),
            caller: login_number,
            contract_number: NUMBER.parse().unwrap(),
            unit: unit.parse().unwrap(),
            login_number,
            phc: site::hashed().await.clone(),
        };
        let stored = daemon_db(&self.database).set_temporary(&set).await.unwrap();
        assert_eq!(stored, SetOutcome::Stored);
    }

    /// The services of a site, without its routes.
    pub fn auth(&self) -> AuthService {
        let idle_timeout = domain::rules::SESSION_IDLE_TIMEOUT;
        AuthService::new(daemon_db(&self.database), self.service.hasher.clone(), idle_timeout)
    }

    pub async fn log_in(&self, number: &str, password: &str) -> Answer {
        self.client.log_in(&self.service.base, number, password).await
    }

    /// The token of a new session.
    pub async fn token(&self, number: &str, password: &str) -> String {
        self.log_in(number, password).await.token()
    }

    pub async fn session(&self, token: &str) -> Answer {
        self.client.session(&self.service.base, token).await
    }

    pub async fn change(&self, token: &str, current: &str, new: &str) -> Answer {
        change(&self.client, &self.service.base, token, [current, new, new]).await
    }

    /// `GET /api/v1/unit`
    pub async fn unit_choices(&self, token: &str) -> Answer {
        let request = self.client.http().get(format!("{}/api/v1/unit", self.service.base));
        self.client.send(request.bearer_auth(token)).await
    }

    pub async fn unit(&self, token: &str, unit: &str, passwords: &[(&str, &str)]) -> Answer {
        change_unit(&self.client, &self.service.base, token, unit, passwords).await
    }

    /// The failures counted for `login_number`, and whether it is void.
    pub async fn count(&self, login_number: &str) -> (i32, bool) {
        site::count(&self.owner, login_number).await
    }

    /// Whether `login_number` has no credential.
    pub async fn has_no_credential(&self, login_number: &str) -> bool {
        let sql = "SELECT FROM credential WHERE login_number = $1";
        self.owner.query(sql, &[&login_number]).await.unwrap().is_empty()
    }

    /// The audit's rows, oldest first: event, outcome, login.
    pub async fn audit_rows(&self) -> Vec<String> {
        let sql = "SELECT concat_ws(' ', event, outcome, login_number) FROM audit_log ORDER BY id";
        self.owner.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Clears the audit.
    pub async fn forget(&self) {
        self.owner.batch_execute("TRUNCATE audit_log").await.unwrap();
    }

    pub async fn sessions(&self) -> i64 {
        self.owner.query_one("SELECT count(*) FROM session", &[]).await.unwrap().get(0)
    }

    /// All contracts, credentials and sessions.
    pub async fn everything(&self) -> Vec<String> {
        let sql = "SELECT row_to_json(c)::text FROM contract AS c
                   UNION ALL (SELECT row_to_json(c)::text FROM credential AS c ORDER BY id)
                   UNION ALL (SELECT token_digest::text || credential_id FROM session ORDER BY 1)";
        self.owner.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }
}

/// `POST /api/v1/password` with the current password, the new one, and its confirmation.
pub async fn change(client: &SiteClient, base: &str, token: &str, typed: [&str; 3]) -> Answer {
    let [current, new, again] = typed;
    let body = json!({ "current": current, "new": new, "new_again": again });
    let request = client.http().post(format!("{base}/api/v1/password"));
    client.send(request.bearer_auth(token).json(&body)).await
}

/// `POST /api/v1/unit`
pub async fn change_unit(
    client: &SiteClient,
    base: &str,
    token: &str,
    unit: &str,
    passwords: &[(&str, &str)],
) -> Answer {
    let passwords: Map<String, Value> =
        passwords.iter().map(|(number, typed)| ((*number).to_owned(), json!(typed))).collect();
    let body = json!({ "unit": unit, "passwords": passwords });
    let request = client.http().post(format!("{base}/api/v1/unit"));
    client.send(request.bearer_auth(token).json(&body)).await
}

/// A refusal's status and code.
pub fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

/// A hash of this password, made once.
async fn hashed(password: &str) -> PhcString {
    static HASHED: Mutex<Option<HashMap<String, PhcString>>> = Mutex::const_new(None);
    if password == RIGHT {
        return site::hashed().await.clone();
    }
    let mut known = HASHED.lock().await;
    let known = known.get_or_insert_default();
    if let Some(known) = known.get(password) {
        return known.clone();
    }
    let typed = |text: &str| SubmittedPassword::from(text.to_owned());
    let new = NewPassword::check(
        &typed(""),
        &typed(password),
        &typed(password),
        &CommonPasswords::default(),
    )
    .unwrap();
    let keys = Keys::parse(KEYS).unwrap();
    let hasher = Hasher::start(keys, CHEAP, &Dummy::draw(&mut rand::rng())).unwrap();
    let phc = hasher
        .hash_for_change(new, Salt::draw(&mut rand::rng()), Ipv4Addr::LOCALHOST.into())
        .await
        .unwrap();
    known.insert(password.to_owned(), phc.clone());
    phc
}
