//! Subscribers with passwords and sessions, written to the database: their logins would need a hash
//! each.

use std::fs;

use anyhow::{Context as _, Result};
use domain::password::TemporaryPassword;
use jiff::Timestamp;
use karipass::auth::{Audience, Seals, SessionToken};
use karipass::hashing::{Cost, Dummy, Hasher, Keys, Salt};
use tokio::runtime::{Builder, Runtime};

use crate::system::{BenchSystem, PASSWORD};

/// The subscribers of a system.
pub struct Accounts<'a> {
    system: &'a BenchSystem,
    keys: Keys,
    runtime: Runtime,
}

impl<'a> Accounts<'a> {
    /// Gives each contract the line unit and [`PASSWORD`].
    pub fn create(system: &'a BenchSystem) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let keys = Keys::parse(&fs::read_to_string(system.daemon.setup.keys())?)?;
        let mut rng = rand::rng();
        let hasher = Hasher::start(keys.clone(), Cost::LIVE, &Dummy::draw(&mut rng))?;
        let password = TemporaryPassword::try_from(PASSWORD.as_bytes())?;
        runtime.block_on(async {
            let hash = hasher.hash_for_call(password, Salt::draw(&mut rng)).await?;
            let owner = system.database.owner().await?;
            owner.batch_execute("UPDATE contract SET unit = 'line'").await?;
            let insert = "INSERT INTO credential (login_number, kind, password_hash, set_at)
                          SELECT number, 'password', $1, now() FROM contract";
            owner.execute(insert, &[&hash.expose()]).await?;
            // As PostgreSQL does by itself after a minute.
            owner.batch_execute("ANALYZE").await?;
            anyhow::Ok(())
        })?;
        Ok(Self { system, keys, runtime })
    }

    /// Begins a session of this login number; returns its token as that client sends it.
    pub fn begin_session(&self, number: &str, audience: Audience) -> Result<String> {
        let token = SessionToken::draw(&mut rand::rng());
        let digest = token.digest(audience).0.to_vec();
        let inserted = self.runtime.block_on(async {
            let owner = self.system.database.owner().await?;
            let insert = "
                INSERT INTO session
                    (token_digest, credential_id, contract_number, created_at, last_seen_at)
                SELECT $1, id, login_number, now(), now() FROM credential WHERE login_number = $2";
            anyhow::Ok(owner.execute(insert, &[&digest, &number]).await?)
        })?;
        (inserted == 1).then_some(()).context("a session of a number without a password")?;
        Ok(Seals::new(&self.keys).seal(&token, audience, Timestamp::now()))
    }
}
