//! A private PostgreSQL cluster: its own folder, a Unix socket only, ended by its own id.
//!
//! It never touches the system's cluster. Databases are cheap copies of a template that the built
//! `karipass migrate` has made, one for each test; `make run` keeps a single database over restarts.
//! A standby is a cluster too.

mod database;
mod host;
mod server;
mod standby;
mod tls;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::folder;
pub use database::Database;
use server::Server;
pub use standby::Replication;

/// The database that tests' databases are copies of.
const TEMPLATE: &str = "karipass_template";
/// The role that the daemon's login is a member of; made by the migration.
const DAEMON_GROUP: &str = "karipass_daemon";
/// The socket's file in its folder, and how long its whole path may be (`sun_path`).
const SOCKET: &str = ".s.PGSQL.5432";
const SOCKET_PATH_BYTES: usize = 107;

/// What a crash of the machine may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was committed.
    Durable,
    /// Everything; fast, for tests.
    Fast,
}

/// How the server is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Connections are ended, everything is written (`SIGINT`).
    Fast,
    /// At once, with recovery at the next start (`SIGQUIT`).
    Immediate,
    /// All its processes are killed (`SIGKILL`), with recovery at the next start.
    Kill,
}

/// The passwords of the cluster's roles.
#[derive(Clone, Serialize, Deserialize)]
struct Passwords {
    postgres: String,
    karipass_owner: String,
    karipass: String,
}

impl Passwords {
    fn draw() -> Self {
        use crate::secret;
        Self { postgres: secret(), karipass_owner: secret(), karipass: secret() }
    }

    /// Those of an earlier run, or new ones, kept beside the data.
    fn kept_in(file: &Path) -> Result<Self> {
        if file.exists() {
            return Ok(serde_json::from_str(&fs::read_to_string(file)?)?);
        }
        let passwords = Self::draw();
        server::write_private(file, &serde_json::to_string(&passwords)?)?;
        Ok(passwords)
    }
}

/// A running cluster; ended when dropped.
pub struct Postgres {
    server: Server,
    passwords: Passwords,
    databases: AtomicUsize,
    /// Removed after the server has ended: fields drop in order.
    folders: Vec<TempDir>,
}

impl Postgres {
    /// A fresh cluster in a temporary folder, which goes with it.
    pub async fn temporary(durability: Durability) -> Result<Self> {
        let folder = folder::temporary("karipass-pg-")?;
        let path = folder.path().to_owned();
        let mut postgres = Self::persistent(&path, durability).await?;
        postgres.folders.push(folder);
        Ok(postgres)
    }

    /// The cluster in `folder`, made there if it is the first time; its data stays.
    pub async fn persistent(folder: &Path, durability: Durability) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        let passwords = Passwords::kept_in(&folder.join("passwords.json"))?;
        let socket = socket_folder()?;
        let server = Server::new(&folder, socket.path(), durability)?;
        server.initialise(&passwords.postgres)?;
        server.start()?;
        let postgres =
            Self { server, passwords, databases: AtomicUsize::new(0), folders: vec![socket] };
        postgres.make_roles().await?;
        Ok(postgres)
    }

    /// Ends the server; its data stays.
    pub fn stop(&self, shutdown: Shutdown) -> Result<()> {
        self.server.stop(shutdown)
    }

    /// Starts the server again.
    pub fn start(&self) -> Result<()> {
        self.server.start()
    }

    /// Whether the server has ended by itself.
    pub fn ended(&self) -> Result<bool> {
        self.server.ended()
    }

    /// The folder of the socket.
    pub fn socket_folder(&self) -> &Path {
        self.server.socket_folder()
    }

    /// The server's log.
    pub fn log(&self) -> PathBuf {
        self.server.log()
    }

    /// A connection with every right.
    pub async fn superuser(&self, database: &str) -> Result<Client> {
        connect(&self.url("postgres", &self.passwords.postgres, database)).await
    }

    /// The database `name`, made if need be and brought to the version of the binary `karipass`.
    pub async fn migrated(&self, name: &str, karipass: &Path) -> Result<Database> {
        let superuser = self.superuser("postgres").await?;
        let known = superuser.query("SELECT FROM pg_database WHERE datname = $1", &[&name]).await?;
        if known.is_empty() {
            self.create(&superuser, name, "template0").await?;
        }
        let database = self.database(name);
        database.migrate(karipass)?;
        superuser.batch_execute(&format!("GRANT {DAEMON_GROUP} TO karipass")).await?;
        Ok(database)
    }

    /// Makes the template that [`Postgres::fresh`] copies.
    pub async fn make_template(&self, karipass: &Path) -> Result<()> {
        self.migrated(TEMPLATE, karipass).await.map(drop)
    }

    /// A migrated database of its own, copied from the template.
    pub async fn fresh(&self) -> Result<Database> {
        self.numbered(TEMPLATE).await
    }

    /// A database of its own without anything in it.
    pub async fn empty(&self) -> Result<Database> {
        self.numbered("template0").await
    }

    async fn numbered(&self, template: &str) -> Result<Database> {
        let name = format!("karipass_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let superuser = self.superuser("postgres").await?;
        self.create(&superuser, &name, template).await?;
        Ok(self.database(&name))
    }

    async fn create(&self, superuser: &Client, name: &str, template: &str) -> Result<()> {
        let create = format!("CREATE DATABASE {name} OWNER karipass_owner TEMPLATE {template}");
        superuser.batch_execute(&create).await.with_context(|| format!("creating {name}"))
    }

    /// A database that is there, such as one that a standby has copied.
    pub fn database(&self, name: &str) -> Database {
        Database {
            name: name.to_owned(),
            owner_url: self.url("karipass_owner", &self.passwords.karipass_owner, name),
            daemon_url: self.url("karipass", &self.passwords.karipass, name),
        }
    }

    fn url(&self, role: &str, password: &str, database: &str) -> String {
        let host = self.socket_folder().display();
        format!("host={host} user={role} password={password} dbname={database}")
    }

    /// The owner, who may create the daemon's group, and the daemon's login.
    async fn make_roles(&self) -> Result<()> {
        let superuser = self.superuser("postgres").await?;
        let roles = [
            ("karipass_owner", &self.passwords.karipass_owner, "CREATEROLE"),
            ("karipass", &self.passwords.karipass, ""),
        ];
        for (role, password, rights) in roles {
            if superuser
                .query("SELECT FROM pg_roles WHERE rolname = $1", &[&role])
                .await?
                .is_empty()
            {
                let create = format!("CREATE ROLE {role} LOGIN PASSWORD '{password}' {rights}");
                superuser.batch_execute(&create).await?;
            }
        }
        Ok(())
    }
}

/// Connects, and drives the connection until the client is dropped.
async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A folder whose path leaves room for the socket's name, wherever temporary files are.
fn socket_folder() -> Result<TempDir> {
    let socket = folder::temporary("karipass-")?;
    let fits = socket.path().join(SOCKET).as_os_str().len() <= SOCKET_PATH_BYTES;
    if fits { Ok(socket) } else { Ok(folder::temporary_in(Path::new("/tmp"), "karipass-")?) }
}
