//! R: the owner's commands, run with the daemon's role, name the missing privilege.

use std::path::Path;

use karipass_lab::postgres::Database;

use super::scene::{CONTRACT, DatabaseScene, FILE};
use crate::support::{KARIPASS, Ran, run};

#[tokio::test(flavor = "multi_thread")]
async fn r_without_owner_url_the_owners_commands_say_that_it_is_missing() {
    let scene = DatabaseScene::new().await;
    let database = &scene.database;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("contracts.csv");
    std::fs::write(&file, format!("{FILE}0812345600,0812345600,yes\n")).unwrap();
    let file = file.to_str().unwrap();
    let before = (scene.everything().await, scene.audit().await);
    for arguments in [
        &["contracts", "import", file][..],
        &["contracts", "import", file, "--replace"],
        &["contracts", "suspend", CONTRACT],
        &["contracts", "remove", CONTRACT],
        &["audit"],
        &["audit", "prune", "--older-than", "90"],
        &["migrate"],
    ] {
        let ran = karipass(database, None, arguments);
        assert_eq!((ran.status, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert!(ran.err.starts_with("database.owner_url is missing"), "{arguments:?}: {}", ran.err);
        assert!(!ran.err.contains("SQLSTATE"), "{}", ran.err);
        // A configured role without the privilege is another error.
        let ran = karipass(database, Some(&database.daemon_url), arguments);
        assert_eq!(ran.status, 1);
        assert!(!ran.err.contains("owner_url"), "{arguments:?}: {}", ran.err);
    }
    assert_eq!((scene.everything().await, scene.audit().await), before);
    // The daemon's role may read.
    for arguments in [&["contracts", "list"][..], &["contracts", "show", CONTRACT]] {
        let ran = karipass(database, None, arguments);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{arguments:?}");
    }
    let ran = karipass(database, Some(&database.owner_url), &["contracts", "suspend", CONTRACT]);
    assert_eq!(ran.status, 0, "{}", ran.err);
}

/// Runs the binary with these connection strings.
fn karipass(database: &Database, owner_url: Option<&str>, arguments: &[&str]) -> Ran {
    let mut command = database.karipass(Path::new(KARIPASS));
    command.env("KARIPASS_DATABASE_URL", &database.daemon_url);
    match owner_url {
        Some(url) => command.env("KARIPASS_DATABASE_OWNER_URL", url),
        None => command.env_remove("KARIPASS_DATABASE_OWNER_URL"),
    };
    run(command.args(arguments))
}
