//! PostgreSQL over TLS (`R`): the effect of each `sslmode`, at a server that requires TLS over TCP.

use domain::policy::temporary_password::SetOutcome;
use std::path::Path;

use domain::auth_unit::AuthUnit;
use karipass_lab::certificate::certify_in;
use karipass_lab::postgres::{Durability, Postgres};

use super::scene::{CONTRACT, DatabaseScene, temporary};
use crate::support::{KARIPASS, db_at, karipass};
use crate::temporary_password::SetTemporary as _;

#[tokio::test(flavor = "multi_thread")]
async fn r_postgresql_is_spoken_to_over_tls_as_sslmode_says() {
    let postgres = Postgres::temporary(Durability::Fast).await.unwrap();
    let database = postgres.migrated("karipass", Path::new(KARIPASS)).await.unwrap();
    let (ours, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certify_in(ours.path(), &["db.example"]).unwrap();
    certify_in(others.path(), &["db.example"]).unwrap();
    let address = postgres.demand_tls(ours.path()).unwrap();
    DatabaseScene::in_database(database.clone()).await;
    let known = format!("sslrootcert={}", ours.path().join("ca.pem").display());
    let unknown = format!("sslrootcert={}", others.path().join("ca.pem").display());
    for (name, words) in [
        ("db.example", "sslmode=prefer".to_owned()),
        ("other.example", "sslmode=require".to_owned()),
        ("other.example", format!("sslmode=require {known}")),
        ("other.example", format!("sslmode=verify-ca {known}")),
        ("db.example", format!("sslmode=verify-full {known}")),
        ("db.example", format!("sslmode=verify-full channel_binding=require {known}")),
    ] {
        let database = database.over_tcp(address, name, &words);
        let new = temporary(CONTRACT, AuthUnit::Line, CONTRACT);
        let set = db_at(&database.daemon_url).set_temporary(&new).await;
        assert_eq!(set.unwrap(), SetOutcome::Stored, "{name} {words}");
        // The owner's commands too.
        let ran = karipass(&database, &["contracts", "show", CONTRACT]);
        assert_eq!(ran.status, 0, "{name} {words}: {}", ran.err);
    }
    for (name, words, said) in [
        ("db.example", "sslmode=disable".to_owned(), "no encryption"),
        ("db.example", "sslmode=verify-full".to_owned(), "UnknownIssuer"),
        ("db.example", format!("sslmode=require {unknown}"), "UnknownIssuer"),
        ("db.example", format!("sslmode=verify-ca {unknown}"), "UnknownIssuer"),
        ("db.example", format!("sslmode=verify-full {unknown}"), "UnknownIssuer"),
        ("other.example", format!("sslmode=verify-full {known}"), "not valid for name"),
    ] {
        let database = database.over_tcp(address, name, &words);
        let error = db_at(&database.daemon_url).ping().await.unwrap_err().to_string();
        assert!(error.contains(said), "{name} {words}: {error}");
        let ran = karipass(&database, &["contracts", "show", CONTRACT]);
        assert!(ran.status == 1 && ran.err.contains(said), "{name} {words}: {}", ran.err);
    }
}
