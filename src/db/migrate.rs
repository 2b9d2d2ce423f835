//! Migrates the database to this program's version (`R`, `migrate`).
//!
//! The migrations of `sql/` are in the binary. One program at a time migrates a database, under an
//! advisory lock, and applies all that is missing in one transaction. A migration only adds, so
//! that daemons of the previous version still work.

use deadpool_postgres::{ClientWrapper, Object};
use refinery::{Migration, Runner};
use tokio_postgres::error::SqlState;

use super::error::{DbError, DbFailure};
use super::handle::Db;
use super::rows::single;
use super::transaction::Statement;

mod embedded {
    refinery::embed_migrations!("sql");
}

/// The key of the advisory lock: `karipass` in ASCII.
const LOCK: i64 = i64::from_be_bytes(*b"karipass");

/// The versions before and after a migration; the same if there was nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version found, 0 if the database was empty.
    pub from: i32,
    /// The version now.
    pub to: i32,
}

#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A later program has migrated it.
    #[error(
        "the database has version {database}, newer than this program's {program}: \
         use the newer program"
    )]
    Newer {
        /// The database's version.
        database: i32,
        /// The newest version that this program knows.
        program: i32,
    },
    /// The database cannot be reached.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A migration was refused; nothing of this run is committed.
    #[error("{message}")]
    Refused {
        /// The server's message.
        message: String,
        /// Whether the role lacks a privilege.
        is_forbidden: bool,
    },
}

impl MigrationError {
    /// Whether the role lacks a privilege.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        match self {
            Self::Newer { .. } => false,
            Self::Db(error) => error.is_forbidden(),
            Self::Refused { is_forbidden, .. } => *is_forbidden,
        }
    }
}

/// This program's migrations.
#[must_use]
pub fn migrations() -> Runner {
    embedded::migrations::runner()
}

/// The version of the schema that this program works with.
#[must_use]
pub fn program_version() -> i32 {
    newest(&migrations())
}

fn newest(migrations: &Runner) -> i32 {
    migrations.get_migrations().iter().map(Migration::version).max().unwrap_or(0)
}

/// Why this program does not work with a database of version `found`; `None` if it does.
#[must_use]
pub fn mismatch(found: i32) -> Option<String> {
    let needed = program_version();
    (found < needed).then(|| {
        format!(
            "the database has version {found}, this program needs {needed}: see karipass migrate"
        )
    })
}

impl Db {
    /// The version of the database's schema; 0 if it was never migrated.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached.
    pub async fn schema_version(&self) -> Result<i32, DbError> {
        let known = "SELECT to_regclass('refinery_schema_history') IS NOT NULL AS is_migrated";
        if !single::<bool>(&self.read_promptly(&Statement::new(known)).await?, "is_migrated")? {
            return Ok(0);
        }
        let newest = "SELECT coalesce(max(version), 0)::integer AS version
                      FROM refinery_schema_history";
        single(&self.read_promptly(&Statement::new(newest)).await?, "version")
    }

    /// Brings the database to this program's version, as its owner.
    ///
    /// # Errors
    /// [`MigrationError`]; the database is as it was then.
    pub async fn migrate(&self) -> Result<Migrated, MigrationError> {
        self.migrate_with(migrations()).await
    }

    /// The same with other migrations, such as a later program's.
    ///
    /// # Errors
    /// [`MigrationError`]; the database is as it was then.
    pub async fn migrate_with(&self, migrations: Runner) -> Result<Migrated, MigrationError> {
        let pooled = self.connection().await.map_err(not_committed)?;
        // Out of the pool: when it is dropped the connection closes, and the lock goes with it.
        let mut client: ClientWrapper = Object::take(pooled);
        client
            .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
            .await
            .map_err(|error| not_committed(error.into()))?;
        let (from, to) = (self.schema_version().await?, newest(&migrations));
        if from > to {
            return Err(MigrationError::Newer { database: from, program: to });
        }
        migrations
            .set_grouped(true)
            .run_async(&mut *client)
            .await
            .map_err(|error| refused(&error))?;
        Ok(Migrated { from, to })
    }
}

fn not_committed(failure: DbFailure) -> DbError {
    DbError::NotCommitted(failure)
}

/// The messages of refinery and the server, without the statement.
fn refused(error: &refinery::Error) -> MigrationError {
    let mut message = error.kind().to_string();
    let mut is_forbidden = false;
    if let refinery::error::Kind::Connection(doing, cause) = error.kind() {
        let said = cause.source().map_or_else(|| cause.to_string(), ToString::to_string);
        message = format!("{doing}: {said}");
        let refusal = cause.downcast_ref::<tokio_postgres::Error>();
        let code = refusal.and_then(tokio_postgres::Error::code);
        is_forbidden = code == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
    }
    MigrationError::Refused { message, is_forbidden }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RETENTION_DAYS;

    /// Cargo does not rebuild this file for a new one in `sql/`.
    #[test]
    fn every_file_of_sql_is_in_the_binary() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sql");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let files = files.filter(|file| file.extension().is_some_and(|end| end == "sql"));
        assert_eq!(migrations().get_migrations().len(), files.count());
    }

    #[test]
    fn d3_the_database_keeps_audit_rows_as_long_as_the_shortest_setting() {
        let kept = format!("interval '{} days'", RETENTION_DAYS.start());
        let has_kept =
            |migration: &Migration| migration.sql().is_some_and(|sql| sql.contains(&kept));
        assert!(migrations().get_migrations().iter().any(has_kept), "{kept}");
    }
}
