//! The first installation, a backup and a restore, with PostgreSQL as in Debian's package.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use karipass_lab::postgres::{Database, Durability, Postgres};
use karipass_lab::repository;
use rustix::process::geteuid;
use tempfile::TempDir;

use super::{Block, blocks, documents};
use crate::site::{self, KEYS, NUMBER, RIGHT, SiteClient, SiteDaemon};
use crate::support::{KARIPASS, run};

/// The administrator's files, with the program in their path.
struct Administrator {
    folder: TempDir,
}

/// A new machine's PostgreSQL, without a role or database of karipass.
struct Server {
    postgres: Postgres,
    address: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_installation_and_a_restore_elsewhere_work_with_debians_postgresql() {
    // Only root becomes the user `postgres`.
    if !geteuid().is_root() {
        return;
    }
    let document = documents().into_iter().find(|(name, _)| name == "docs/installing.md").unwrap();
    let blocks = blocks(&document, "sh");
    let found: Vec<&Block> = blocks.iter().filter(|block| block.is_administration()).collect();
    let [create, load, back_up, restore] = found.as_slice() else {
        panic!("{} blocks; this test knows four", found.len())
    };
    let administrator = Administrator::new();
    let [old, new] = [Server::new().await, Server::new().await];
    administrator.run(create, &old);
    // The owner has no way in over the socket: root is another system user.
    let by_peer = format!(
        "host={} dbname=karipass user=karipass_owner",
        old.postgres.socket_folder().display()
    );
    let nobody = Database { name: String::new(), owner_url: by_peer.clone(), daemon_url: by_peer };
    assert!(nobody.owner().await.is_err());
    administrator.run(load, &old);
    let database = administrator.database(&old);
    let owner = database.owner().await.unwrap();
    owner.execute("UPDATE contract SET unit = 'line'", &[]).await.unwrap();
    site::credential(&owner, NUMBER, "password").await;
    drop(owner);
    administrator.run(back_up, &old);
    // `/etc/karipass` is back, on another machine.
    let etc = administrator.etc().join("owner.url");
    let owner_url = fs::read_to_string(&etc).unwrap();
    fs::write(&etc, owner_url.replace(&old.address, &new.address)).unwrap();
    drop(old);
    administrator.run(restore, &new);
    let daemon = SiteDaemon::start(&administrator.database(&new), &[]);
    let answer = SiteClient::new().log_in(&daemon.base, NUMBER, RIGHT).await;
    assert_eq!(answer.status, 200, "{}\n{}", answer.body, daemon.log());
}

impl Administrator {
    fn new() -> Self {
        let administrator = Self { folder: tempfile::tempdir().unwrap() };
        // PostgreSQL's user finds the programs too.
        fs::set_permissions(administrator.folder.path(), fs::Permissions::from_mode(0o755))
            .unwrap();
        let etc = administrator.etc();
        fs::create_dir_all(&etc).unwrap();
        fs::write(etc.join("hash.keys"), KEYS).unwrap();
        let operator =
            "[database]\nurl_file = \"owner.url\"\n[hashing]\nkeys_file = \"hash.keys\"\n";
        fs::write(etc.join("operator.toml"), operator).unwrap();
        let guide = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
        let contracts = guide.split("```csv\n").nth(1).unwrap().split("```").next().unwrap();
        fs::write(etc.join("contracts.csv"), contracts).unwrap();
        symlink(KARIPASS, administrator.folder.path().join("karipass")).unwrap();
        administrator
    }

    fn etc(&self) -> PathBuf {
        self.folder.path().join("etc/karipass")
    }

    /// Runs a block against this server.
    fn run(&self, block: &Block, server: &Server) {
        let (_, commands) = block.to_run();
        let lines: Vec<&str> = commands.iter().map(|command| command.as_str()).collect();
        let folder = self.folder.path().display();
        let lines = lines.join("\n");
        let lines = lines.replace("/etc/karipass", &format!("{folder}/etc/karipass"));
        let lines = lines.replace("host=127.0.0.1", &format!("host={}", server.address));
        let mut shell = Command::new("/bin/sh");
        shell.args(["-euc", &lines]).current_dir(self.etc()).env_clear();
        shell.env("PATH", format!("{folder}:/usr/sbin:/usr/bin:/sbin:/bin"));
        shell.env("PGHOST", server.postgres.socket_folder());
        let ran = run(&mut shell);
        assert_eq!(ran.status, 0, "{}: {ran:?}", block.place);
        assert!(!ran.err.contains("FATAL"), "{}: {ran:?}", block.place);
    }

    /// The database of the owner's connection string, and the daemon's access with a password: only
    /// the daemon's system user needs none.
    fn database(&self, server: &Server) -> Database {
        let owner_url = fs::read_to_string(self.etc().join("owner.url")).unwrap();
        let set = "ALTER ROLE karipass PASSWORD 'of a test'";
        let mut psql = Command::new("runuser");
        psql.args(["-u", "postgres", "--", "psql", "--command", set]).current_dir("/");
        let ran = run(psql.env("PGHOST", server.postgres.socket_folder()));
        assert_eq!(ran.status, 0, "{ran:?}");
        let daemon_url =
            format!("host={} dbname=karipass user=karipass password='of a test'", server.address);
        Database { name: "karipass".to_owned(), owner_url, daemon_url }
    }
}

impl Server {
    async fn new() -> Self {
        let postgres = Postgres::temporary(Durability::Fast).await.unwrap();
        let superuser = postgres.superuser("postgres").await.unwrap();
        superuser.batch_execute("DROP ROLE karipass; DROP ROLE karipass_owner").await.unwrap();
        drop(superuser);
        let address = postgres.authenticate_as_debian().unwrap().to_string();
        Self { postgres, address }
    }
}
