//! A database with a few contracts, and ways to read it.

use domain::auth_unit::AuthUnit;
use domain::password::PhcString;
use domain::phone_number::PhoneNumber;
use domain::policy::temporary_password::SetOutcome;
use karipass::db::{Db, IdempotencyKey};
use karipass_lab::postgres::Database;
use karipass_lab::proxy::PostgresProxy;
use tokio_postgres::Client;

use crate::support::{self, daemon_db, db_at};
use crate::temporary_password::{SetTemporary as _, SetTemporaryPassword};

/// The contract number of the first contract; it has no service itself.
pub const CONTRACT: &str = "0612345600";
/// Its additional numbers with service.
pub const FIRST: &str = "0612345601";
pub const SECOND: &str = "0612345602";
/// Its additional number without.
pub const PLAIN: &str = "0612345603";
/// The second contract, a single number.
pub const OTHER: &str = "0712345600";

/// Any hash; the database does not parse it.
pub const PHC: &str = "$argon2id$v=19$m=19456,t=2,p=1,keyid=bGFi$c2FsdA$aGFzaA";

/// The contracts above, as a file has them.
pub const FILE: &str = "contract_number,number,service
0612345600,0612345600,no
0612345600,0612345601,yes
0612345600,0612345602,yes
0612345600,0612345603,no
0712345600,0712345600,yes
";

/// The database, the daemon's view of it, and the owner's.
pub struct DatabaseScene {
    pub database: Database,
    pub db: Db,
    pub owner: Client,
}

impl DatabaseScene {
    pub async fn new() -> Self {
        Self::in_database(support::database().await).await
    }

    /// With a second database handle, which connects through the proxy.
    pub async fn troubled() -> (Self, PostgresProxy, Db) {
        let scene = Self::new().await;
        let proxy = PostgresProxy::before(support::cluster().socket_folder()).unwrap();
        let db = db_at(&scene.database.at(proxy.socket_folder()).daemon_url);
        (scene, proxy, db)
    }

    pub async fn in_database(database: Database) -> Self {
        let owner = database.owner().await.unwrap();
        for row in FILE.lines().skip(1) {
            let fields: Vec<&str> = row.split(',').collect();
            let (contract, number, service) = (fields[0], fields[1], fields[2] == "yes");
            let insert = "INSERT INTO contract (number) VALUES ($1) ON CONFLICT DO NOTHING";
            owner.execute(insert, &[&contract]).await.unwrap();
            let insert = "INSERT INTO phone_number (contract_number, number, has_service) VALUES ($1, $2, $3)";
            owner.execute(insert, &[&contract, &number, &service]).await.unwrap();
        }
        let db = daemon_db(&database);
        Self { database, db, owner }
    }

    /// Sets a temporary password as the phone line does.
    pub async fn set(&self, caller: &str, unit: AuthUnit, login_number: &str) -> SetOutcome {
        self.db.set_temporary(&temporary(caller, unit, login_number)).await.unwrap()
    }

    /// Gives a login's credential a session.
    pub async fn open_session(&self, login_number: &str) {
        let opened = self
            .owner
            .execute(
                "INSERT INTO session
                     (token_digest, credential_id, contract_number, created_at, last_seen_at)
                 SELECT sha256(random()::text::bytea), id, contract_number, now(), now()
                 FROM credential JOIN phone_number ON number = login_number
                 WHERE login_number = $1",
                &[&login_number],
            )
            .await
            .unwrap();
        assert_eq!(opened, 1, "{login_number} has no credential");
    }

    /// Everything that is stored, except the audit.
    pub async fn everything(&self) -> String {
        let mut everything = self.column("SELECT contract::text FROM contract ORDER BY 1").await;
        for rest in [
            "SELECT phone_number::text FROM phone_number ORDER BY 1",
            "SELECT credential::text FROM credential ORDER BY 1",
            "SELECT session::text FROM session ORDER BY 1",
        ] {
            everything.extend(self.column(rest).await);
        }
        everything.join("\n")
    }

    /// The logins whose credential is not void, in order.
    pub async fn logins(&self) -> Vec<String> {
        self.column("SELECT login_number FROM credential WHERE voided_at IS NULL ORDER BY 1").await
    }

    /// The logins that have sessions, one entry a session.
    pub async fn sessions(&self) -> Vec<String> {
        self.column(
            "SELECT login_number FROM session JOIN credential ON id = credential_id ORDER BY 1",
        )
        .await
    }

    /// The audit, a line a row: event, outcome, login, unit, caller.
    pub async fn audit(&self) -> Vec<String> {
        self.column(
            "SELECT concat_ws(' ', source, event, outcome, login_number, unit, caller_number)
             FROM audit_log ORDER BY id",
        )
        .await
    }

    /// The texts of a single column.
    pub async fn column(&self, sql: &str) -> Vec<String> {
        let rows = self.owner.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Waits until `sql` counts something.
    pub async fn wait_until(&self, sql: &str) {
        support::wait_until(sql, async || {
            self.owner.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) > 0
        })
        .await;
    }

    /// Waits until the daemon has no connection to this database.
    pub async fn wait_until_daemon_gone(&self) {
        self.wait_until(
            "SELECT count(*) FROM (SELECT) AS one WHERE NOT EXISTS (
                SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND usename = 'karipass')",
        )
        .await;
    }
}

/// A new idempotency key.
pub fn new_key() -> IdempotencyKey {
    IdempotencyKey::draw(&mut rand::rng())
}

pub fn number(text: &str) -> PhoneNumber {
    text.parse().unwrap()
}

/// A request of `caller` with a new key; the contract is that of the login number.
pub fn temporary(caller: &str, unit: AuthUnit, login_number: &str) -> SetTemporaryPassword {
    let contract = if login_number.starts_with("06") { CONTRACT } else { OTHER };
    SetTemporaryPassword {
        key: new_key(),
        caller: number(caller),
        contract_number: number(contract),
        unit,
        login_number: number(login_number),
        phc: PhcString::from(PHC.to_owned()),
    }
}
