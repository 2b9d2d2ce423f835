//! A private PostgreSQL cluster in its own folder, with a Unix socket only.
//!
//! It never touches the system's cluster. Databases are cheap copies of a template that the built
//! `karipass migrate` has made, one for each test; `make run` keeps a single database over
//! restarts. A standby is a cluster too.

mod database;
mod server;
mod standby;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::child::{self, Child};
use crate::daemon::write_secret;
use crate::{folder, secret};
pub use database::Database;
pub use standby::Replication;

/// The template of the tests' databases.
const TEMPLATE: &str = "karipass_template";
/// How the folders of temporary clusters are called.
const PREFIX: &str = "karipass-pg-";
/// The group role of the daemon's login, created by the migration.
const DAEMON_GROUP: &str = "karipass_daemon";

/// What a crash of the machine may lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was committed.
    Durable,
    /// Everything; fast, for tests.
    Fast,
}

/// Ways to stop the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShutdownMode {
    /// Ends connections and writes everything (`SIGINT`).
    Fast,
    /// Stops at once, with recovery at the next start (`SIGQUIT`).
    Immediate,
    /// Kills all its processes (`SIGKILL`), with recovery at the next start.
    Kill,
}

/// The roles: the superuser, the owner, who may create the daemon's group, and the daemon's login.
const ROLES: [&str; 3] = ["postgres", "karipass_owner", "karipass"];

/// A password for each of [`ROLES`].
type Passwords = [String; ROLES.len()];

/// The passwords of an earlier run, or new ones, kept beside the data.
fn passwords_in(file: &Path) -> Result<Passwords> {
    if file.exists() {
        return Ok(serde_json::from_str(&fs::read_to_string(file)?)?);
    }
    let passwords = ROLES.map(|_| secret());
    write_secret(file, &serde_json::to_string(&passwords)?)?;
    Ok(passwords)
}

/// A cluster: its folder and, while it runs, its postmaster; ended when dropped.
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    socket: TempDir,
    /// Options of `setpriv`.
    privileges: Vec<&'static str>,
    durability: Durability,
    postmaster: Mutex<Option<Child>>,
    passwords: Passwords,
    temporary: Option<TempDir>,
}

impl Postgres {
    /// A fresh cluster in a temporary folder, which is removed with it.
    pub async fn temporary(durability: Durability) -> Result<Self> {
        let folder = match durability {
            // In memory: every commit is awaited, but a slow disk, or other work on it, could make
            // a commit take seconds.
            Durability::Durable => folder::temporary_in(Path::new("/dev/shm"), PREFIX)?,
            Durability::Fast => folder::temporary(PREFIX)?,
        };
        let mut postgres = Self::open(folder.path(), durability).await?;
        postgres.temporary = Some(folder);
        Ok(postgres)
    }

    /// A fresh and fast cluster with the template that [`Postgres::fresh`] copies.
    pub async fn with_template(karipass: &Path) -> Result<Self> {
        let postgres = Self::temporary(Durability::Fast).await?;
        postgres.migrated(TEMPLATE, karipass).await?;
        Ok(postgres)
    }

    /// The cluster in `folder`, created if it does not exist; its data stays.
    pub async fn persistent(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        Self::open(&folder.canonicalize()?, Durability::Durable).await
    }

    async fn open(folder: &Path, durability: Durability) -> Result<Self> {
        let passwords = passwords_in(&folder.join("passwords.json"))?;
        let postgres = Self::new(folder, passwords, durability)?;
        // A cluster that an interrupted start left is made again.
        let finished = folder.join("initialised");
        let is_new = !finished.exists();
        if is_new {
            postgres.initialise()?;
        }
        postgres.start()?;
        if is_new {
            postgres.make_roles().await?;
            fs::write(finished, "")?;
        }
        Ok(postgres)
    }

    /// A connection as superuser.
    pub async fn superuser(&self, database: &str) -> Result<Client> {
        connect(&self.urls(database)[0]).await
    }

    /// The database `name`, created if needed and migrated to the version of the binary `karipass`.
    pub async fn migrated(&self, name: &str, karipass: &Path) -> Result<Database> {
        let superuser = self.superuser("postgres").await?;
        let known = superuser.query("SELECT FROM pg_database WHERE datname = $1", &[&name]).await?;
        if known.is_empty() {
            self.copy(name, "template0").await?;
        }
        let database = self.database(name);
        child::run("karipass migrate", database.karipass(karipass).arg("migrate"))?;
        superuser.batch_execute(&format!("GRANT {DAEMON_GROUP} TO karipass")).await?;
        Ok(database)
    }

    /// A separate migrated database, copied from the template.
    pub async fn fresh(&self) -> Result<Database> {
        self.copy(&new_name(), TEMPLATE).await
    }

    /// A separate empty database.
    pub async fn empty(&self) -> Result<Database> {
        self.copy(&new_name(), "template0").await
    }

    async fn copy(&self, name: &str, template: &str) -> Result<Database> {
        let copy = format!("CREATE DATABASE {name} OWNER karipass_owner TEMPLATE {template}");
        let superuser = self.superuser("postgres").await?;
        superuser.batch_execute(&copy).await.with_context(|| format!("creating {name}"))?;
        Ok(self.database(name))
    }

    /// An existing database, such as one that a standby has copied.
    pub fn database(&self, name: &str) -> Database {
        let [_, owner_url, daemon_url] = self.urls(name);
        Database { name: name.to_owned(), owner_url, daemon_url }
    }

    /// The connection string of each of [`ROLES`].
    fn urls(&self, database: &str) -> [String; ROLES.len()] {
        let host = self.socket_folder().display();
        std::array::from_fn(|index| {
            let (role, password) = (ROLES[index], &self.passwords[index]);
            format!("host={host} user={role} password={password} dbname={database}")
        })
    }

    async fn make_roles(&self) -> Result<()> {
        let [_, owner, daemon] = &self.passwords;
        let create = format!(
            "CREATE ROLE karipass_owner LOGIN CREATEROLE PASSWORD '{owner}';
             CREATE ROLE karipass LOGIN PASSWORD '{daemon}'"
        );
        Ok(self.superuser("postgres").await?.batch_execute(&create).await?)
    }
}

/// Connects, and runs the connection until the client is dropped.
async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn new_name() -> String {
    format!("karipass_{}", secret())
}
