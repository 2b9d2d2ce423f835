//! The database's work for a call, a login, a session and the clean-up, with ten million numbers
//! and with ten thousand.
//!
//! Each contract has one number with a password. There are as many audit rows as numbers, and a
//! tenth as many sessions. Both databases are in PostgreSQL's memory from the start, as the indexes
//! and most rows of a server of that size are. They take turns, so that other load on the machine
//! affects both alike. That no statement reads a whole table is a test
//! (`no_statement_of_the_daemon_reads_a_table_of_many_rows_whole`).

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use domain::phone_number::PhoneNumber;
use domain::rules;
use domain::session::TokenDigest;
use karipass::config::{DatabaseSettings, Secret};
use karipass::db::login::LoginAudit;
use karipass::db::session::SessionLookup;
use karipass::db::{BATCH_ROWS, Db, IdempotencyKey};
use karipass_lab::postgres::{Durability, Postgres};
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use tokio_postgres::Client;

use crate::figure::{Figure, quantile};

const FEW: u32 = 10_000;
const MANY: u32 = 10_000_000;
/// Numbers for each session.
const PER_SESSION: u32 = 10;
/// Enough for all of both databases but the audit.
const MEMORY: &str = "shared_buffers=6GB";
/// Repetitions of each work; the first ones prepare their statements and fill caches.
const REPETITIONS: usize = 2_000;
const CLEAN_UPS: usize = 100;
const WARM_UP: usize = 500;
/// Audit rows that are too old.
const OLD_ROWS: u32 = 20_000;
/// Reads everything but the audit into PostgreSQL's memory.
const PREWARM: &str = "
    CREATE EXTENSION pg_prewarm;
    SELECT pg_prewarm(oid) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')
      AND relname NOT LIKE 'audit%'";
/// The most that the median may grow.
const MAX_RATIO: f64 = 1.2;

/// Medians with many numbers beside those with few.
pub fn measure() -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let postgres = Postgres::temporary(Durability::Fast).await?;
        postgres.restart_with(&[MEMORY])?;
        let few = Scaled::new(&postgres, "few", FEW).await?;
        let many = Scaled::new(&postgres, "many", MANY).await?;
        for name in ["few", "many"] {
            postgres.superuser(name).await?.batch_execute(PREWARM).await?;
        }
        let both = [&few, &many];
        let mut call_look_up = [Vec::new(), Vec::new()];
        let mut login = call_look_up.clone();
        let mut session = call_look_up.clone();
        for _ in 0..WARM_UP + REPETITIONS {
            for (index, side) in both.into_iter().enumerate() {
                call_look_up[index].push(side.look_up_call().await?);
                login[index].push(side.log_in().await?);
                session[index].push(side.look_up_session().await?);
            }
        }
        let mut clean_up = [Vec::new(), Vec::new()];
        for _ in 0..CLEAN_UPS {
            for (index, side) in both.into_iter().enumerate() {
                clean_up[index].push(side.clean_up().await?);
            }
        }
        let mut pruned = [Vec::new(), Vec::new()];
        for (index, side) in both.into_iter().enumerate() {
            pruned[index].push(side.prune().await?);
        }
        let bytes = many.size(&postgres.superuser("many").await?).await?;
        Ok(vec![
            compare("call look-up", call_look_up, WARM_UP),
            compare("login's statements", login, WARM_UP),
            compare("session look-up", session, WARM_UP),
            compare("clean-up", clean_up, 0),
            compare("audit pruned, a batch", pruned, 0),
            Figure::new("database, for each number", bytes, "B"),
        ])
    })
}

/// The medians, without the first repetitions.
fn compare(name: &'static str, [few, many]: [Vec<f64>; 2], warm_up: usize) -> Figure {
    let [few, many] = [few, many].map(|times| quantile(&mut times[warm_up..].to_vec(), 0.5));
    Figure::new(name, many, "ms").with_baseline(few).ratio_at_most(MAX_RATIO)
}

/// A database with this many numbers.
struct Scaled {
    db: Db,
    numbers: u32,
}

impl Scaled {
    async fn new(postgres: &Postgres, name: &str, numbers: u32) -> Result<Self> {
        let began = Instant::now();
        let database = postgres.migrated(name, Path::new(env!("CARGO_BIN_EXE_karipass"))).await?;
        fill(&postgres.superuser(name).await?, numbers).await?;
        eprintln!("{numbers} numbers were made in {:.0} s", began.elapsed().as_secs_f64());
        let url = Secret::from(database.daemon_url);
        let settings = DatabaseSettings { url, owner_url: None, max_connections: 2 };
        Ok(Self { db: Db::for_daemon(&settings)?, numbers })
    }

    /// A number of a contract.
    fn number(&self) -> Result<PhoneNumber> {
        let number = rand::rng().random_range(1..=self.numbers);
        Ok(format!("03{number:08}").parse()?)
    }

    /// Bytes of the database for each number.
    async fn size(&self, superuser: &Client) -> Result<f64> {
        let size = "SELECT pg_database_size(current_database())::float8";
        let bytes: f64 = superuser.query_one(size, &[]).await?.get(0);
        Ok(bytes / f64::from(self.numbers))
    }

    async fn look_up_call(&self) -> Result<f64> {
        let number = self.number()?;
        let began = Instant::now();
        self.db.contract_of(number).await?.context("a number without a contract")?;
        Ok(milliseconds(began))
    }

    /// Everything but the hash.
    async fn log_in(&self) -> Result<f64> {
        let login_number = self.number()?;
        let began = Instant::now();
        let candidate = self.db.login_candidate(login_number).await?.context("no contract")?;
        let credential = candidate.credential.context("no credential")?;
        let contract = self.db.contract_of(login_number).await?.context("no contract")?;
        let (key, address) =
            (IdempotencyKey::draw(&mut rand::rng()), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let audit =
            LoginAudit { key, login_number, contract_number: Some(contract.number), address };
        let session = TokenDigest(rand::random());
        self.db.accept_login(&audit, &credential, None, session, contract.version, None).await?;
        Ok(milliseconds(began))
    }

    async fn look_up_session(&self) -> Result<f64> {
        let session = rand::rng().random_range(1..=self.numbers / PER_SESSION);
        let digest = TokenDigest(Sha256::digest(session.to_string()).into());
        let began = Instant::now();
        let found = self.db.session(digest, rules::SESSION_IDLE_TIMEOUT).await?;
        let took = milliseconds(began);
        let SessionLookup::Live(_) = found else { anyhow::bail!("no live session: {found:?}") };
        Ok(took)
    }

    /// With nothing to remove: the audit too.
    async fn clean_up(&self) -> Result<f64> {
        let began = Instant::now();
        self.db.sweep().await?;
        self.db.prune_audit(rules::AUDIT_RETENTION * 2).await?;
        Ok(milliseconds(began))
    }

    /// A batch of the audit rows that are too old.
    async fn prune(&self) -> Result<f64> {
        let began = Instant::now();
        self.db.prune_audit(rules::AUDIT_RETENTION).await?;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let batches = f64::from(OLD_ROWS) / BATCH_ROWS as f64;
        Ok(milliseconds(began) / batches)
    }
}

fn milliseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// Makes the rows. With a write-ahead log and foreign keys that would take twice as long.
async fn fill(superuser: &Client, numbers: u32) -> Result<()> {
    let (sessions, old) = (numbers / PER_SESSION, rules::AUDIT_RETENTION.as_secs());
    superuser
        .batch_execute(&format!(
            "SET session_replication_role = replica;
             SET synchronous_commit = off;
             INSERT INTO contract (number, unit)
             SELECT '03' || lpad(n::text, 8, '0'), 'line' FROM generate_series(1, {numbers}) AS n;
             INSERT INTO phone_number SELECT number, number, true FROM contract;
             INSERT INTO credential (login_number, kind, password_hash, set_at)
             SELECT number, 'password', repeat('a hash of 128 characters        ', 4), now()
             FROM contract;
             INSERT INTO session
                 (token_digest, credential_id, contract_number, created_at, last_seen_at)
             SELECT sha256(n::text::bytea), n, '03' || lpad(n::text, 8, '0'), now(), now()
             FROM generate_series(1, {sessions}) AS n;
             INSERT INTO audit_log
                 (occurred_at, source, event, outcome, login_number, contract_number)
             SELECT now() - make_interval(secs => n::float8 / {numbers} * {old}), 'site', 'login',
                    'done', number, number
             FROM generate_series(1, {numbers}) AS n,
                  LATERAL (SELECT '03' || lpad(n::text, 8, '0')) AS login (number);
             INSERT INTO audit_log (occurred_at, source, event, outcome)
             SELECT now() - make_interval(secs => {old} + n), 'site', 'login', 'wrong'
             FROM generate_series(1, {OLD_ROWS}) AS n;
             SET session_replication_role = origin"
        ))
        .await?;
    Ok(superuser.batch_execute("VACUUM ANALYZE").await?)
}
