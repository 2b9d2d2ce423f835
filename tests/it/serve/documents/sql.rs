//! The `sql` blocks, in a cluster without the roles that they create.

use karipass_lab::child;
use karipass_lab::postgres::{Durability, Postgres};
use std::path::Path;

use super::{blocks, documents};
use crate::site::{self, KEYS};
use crate::support::KARIPASS;

#[tokio::test(flavor = "multi_thread")]
async fn every_sql_block_is_run_and_finds_what_it_is_for() {
    let documents = documents();
    let found: Vec<_> = documents.iter().flat_map(|document| blocks(document, "sql")).collect();
    let [create, grant, count] = found.as_slice() else {
        panic!("{} blocks; this test knows three", found.len())
    };
    let postgres = Postgres::temporary(Durability::Fast).await.unwrap();
    let superuser = postgres.superuser("postgres").await.unwrap();
    superuser.batch_execute("DROP ROLE karipass; DROP ROLE karipass_owner").await.unwrap();
    let database = postgres.database("karipass");
    // `CREATE DATABASE` stands alone.
    for statement in create.commands.join("\n").split_inclusive(";\n") {
        superuser.batch_execute(statement).await.unwrap();
    }
    let url: tokio_postgres::Config = database.owner_url.parse().unwrap();
    let password = String::from_utf8_lossy(url.get_password().unwrap());
    let with_password = format!("ALTER ROLE karipass_owner PASSWORD '{password}'");
    superuser.batch_execute(&with_password).await.unwrap();
    child::run("migrate", database.karipass(Path::new(KARIPASS)).arg("migrate")).unwrap();
    let owner = database.owner().await.unwrap();
    owner.batch_execute(&grant.commands.join("\n")).await.unwrap();
    let is_member = "SELECT pg_has_role('karipass', 'karipass_daemon', 'member')";
    assert!(owner.query_one(is_member, &[]).await.unwrap().get::<_, bool>(0));
    site::contract(&owner, "line").await;
    site::credential(&owner, site::NUMBER, "temporary").await;
    let used = KEYS.split(' ').next().unwrap();
    let count = count.commands.join("\n");
    assert!(count.contains("'k1'"), "{count}");
    for (key, hashes) in [(used, 1), ("k1", 0)] {
        let row = owner.query_one(&count.replace("'k1'", &format!("'{key}'")), &[]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), hashes, "hashes of {key}");
    }
}
