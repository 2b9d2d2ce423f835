//! The minute's clean-up beside millions of rows: without expired rows, and a batch of expired
//! rows.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use domain::rules;
use karipass::config::{DatabaseSettings, Secret};
use karipass::db::{BATCH_ROWS, Db};
use karipass_lab::postgres::{Durability, Postgres};
use tokio::runtime::Runtime;
use tokio_postgres::Client;

use crate::figure::{Figure, quantile};

/// Live sessions.
const ROWS: i64 = 10_000_000;
/// Expired sessions, idempotency keys and temporary passwords, in that order; this many of each.
const OVER: i64 = 20_000;
/// Runs of the clean-up without expired rows.
const LOOKS: usize = 20;
/// The longest time of such a run, and of a batch, in milliseconds.
const NOTHING_MS: f64 = 100.0;
const BATCH_MS: f64 = 1000.0;

/// Runs without and with expired rows.
pub fn measure() -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let postgres = runtime.block_on(Postgres::temporary(Durability::Fast))?;
    let karipass = Path::new(env!("CARGO_BIN_EXE_karipass"));
    let database = runtime.block_on(postgres.migrated("karipass", karipass))?;
    let began = Instant::now();
    let superuser = runtime.block_on(postgres.superuser(&database.name))?;
    runtime.block_on(fill(&superuser))?;
    eprintln!("{ROWS} sessions were made in {:.0} s", began.elapsed().as_secs_f64());
    let url = Secret::from(database.daemon_url);
    let db = Db::for_daemon(&DatabaseSettings { url, owner_url: None, max_connections: 2 })?;
    // The first one connects.
    sweep(&runtime, &db)?;
    let mut looks = (0..LOOKS).map(|_| sweep(&runtime, &db)).collect::<Result<Vec<_>>>()?;
    let nothing = quantile(&mut looks, 0.99);
    runtime.block_on(end_some(&superuser))?;
    let much = sweep(&runtime, &db)?;
    runtime.block_on(expect_swept(&superuser))?;
    #[expect(clippy::cast_precision_loss, reason = "a dozen")]
    let batches = (3 * OVER / BATCH_ROWS) as f64;
    Ok(vec![
        Figure::new("clean-up, nothing is over", nothing, "ms").at_most(NOTHING_MS),
        Figure::new("clean-up, a batch", much / batches, "ms").at_most(BATCH_MS),
    ])
}

/// The duration of a clean-up, in milliseconds.
fn sweep(runtime: &Runtime, db: &Db) -> Result<f64> {
    let began = Instant::now();
    runtime.block_on(db.sweep())?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

/// Inserts contracts of one number each with a temporary password, and sessions for the first of
/// them. With random keys, a write-ahead log and foreign keys, millions of rows would take minutes.
async fn fill(superuser: &Client) -> Result<()> {
    superuser
        .batch_execute(&format!(
            "SET session_replication_role = replica;
             INSERT INTO contract (number, unit)
             SELECT '03' || lpad(n::text, 8, '0'), 'line' FROM generate_series(1, {OVER}) AS n;
             INSERT INTO phone_number SELECT number, number, true FROM contract;
             INSERT INTO credential (login_number, kind, password_hash, set_at)
             SELECT number, 'temporary', 'a hash', now() FROM contract;
             INSERT INTO idempotency_key (key, outcome)
             SELECT decode(md5(n::text), 'hex'), 'done' FROM generate_series(1, {OVER}) AS n;
             ALTER TABLE session SET UNLOGGED;
             INSERT INTO session (token_digest, credential_id, contract_number, created_at, last_seen_at)
             SELECT int8send(n), 1, '0300000001', now() - n * interval '1 ms', now()
             FROM generate_series(1, {ROWS}) AS n;
             SET session_replication_role = origin;"
        ))
        .await?;
    superuser.batch_execute("ANALYZE").await?;
    Ok(())
}

/// Makes some rows of each kind expire.
async fn end_some(superuser: &Client) -> Result<()> {
    let [session, temporary] =
        [rules::SESSION_RETENTION, rules::TEMPORARY_PASSWORD_LIFETIME].map(past);
    superuser
        .batch_execute(&format!(
            "UPDATE session SET created_at = created_at - interval '{session} s'
             WHERE token_digest = ANY(ARRAY(SELECT token_digest FROM session LIMIT {OVER}));
             UPDATE idempotency_key SET created_at = created_at - interval '1 day';
             UPDATE credential SET set_at = set_at - interval '{temporary} s';"
        ))
        .await?;
    Ok(())
}

/// Expects that every row that was over is gone, or void.
async fn expect_swept(superuser: &Client) -> Result<()> {
    let left = superuser
        .query_one(
            "SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM idempotency_key),
                    (SELECT count(*) FROM credential WHERE voided_at IS NULL)",
            &[],
        )
        .await?;
    let left: [i64; 3] = [left.get(0), left.get(1), left.get(2)];
    ensure!(left == [ROWS - OVER, 0, 0], "sessions, keys and credentials left: {left:?}");
    Ok(())
}

fn past(life: Duration) -> u64 {
    life.as_secs()
}
