//! The minute's clean-up.

use std::sync::Arc;

use libtest_mimic::Trial;
use tokio_postgres::Client;

use super::scene::Scene;
use crate::world::{World, trial};

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    vec![
        trial(world, "w5_the_clean_up_removes_more_than_a_portion_and_only_what_is_over", portions),
        trial(world, "w5_the_clean_up_leaves_what_someone_else_is_at_for_the_next_time", held),
    ]
}

const ROWS: i64 = 30_000;

/// Contracts of one number each beside that of the scene, each with a temporary password and a session;
/// attempts and audit rows. All of it is as old as it may be.
async fn fill(owner: &Client) {
    for sql in [
        "INSERT INTO contract (number, unit)
         SELECT '03' || lpad(n::text, 8, '0'), 'line' FROM generate_series(1, $1::bigint) AS n",
        "INSERT INTO contract_number SELECT number, number, true FROM contract
         WHERE number LIKE '03%' AND $1::bigint > 0",
        "INSERT INTO credential (login, kind, phc, set_at)
         SELECT number, 'temporary', 'a hash', now() - interval '23 hours' FROM contract
         WHERE number LIKE '03%' AND $1::bigint > 0",
        "INSERT INTO session (token_digest, credential, contract, created_at, last_seen_at)
         SELECT sha256(login::bytea), id, login, now() - interval '11 hours', now() FROM credential
         WHERE login LIKE '03%' AND $1::bigint > 0",
        "INSERT INTO attempt (id, outcome)
         SELECT sha256(n::text::bytea), 'done' FROM generate_series(1, $1::bigint) AS n",
        "INSERT INTO audit (source, event, outcome, login, contract)
         SELECT 'site', 'login', 'done', number, number FROM contract
         WHERE number LIKE '03%' AND $1::bigint > 0",
    ] {
        owner.execute(sql, &[&ROWS]).await.unwrap();
    }
    owner.batch_execute("ANALYZE").await.unwrap();
}

async fn portions(world: Arc<World>) {
    let scene = Scene::new(&world).await;
    fill(&scene.owner).await;
    let age = "UPDATE session SET created_at = created_at - interval '1 hour' WHERE contract <= '0300012000';
               UPDATE attempt SET at = at - interval '10 minutes'
               WHERE id IN (SELECT id FROM attempt LIMIT 12000);
               UPDATE credential SET set_at = set_at - interval '1 hour' WHERE login <= '0300012000'";
    scene.owner.batch_execute(age).await.unwrap();
    let left = async || {
        let counts =
            "SELECT concat_ws(' ', (SELECT count(*) FROM session), (SELECT count(*) FROM attempt),
                             (SELECT count(*) FROM credential WHERE voided_at IS NULL),
                             (SELECT count(*) FROM audit WHERE event = 'voided'))";
        scene.column(counts).await.remove(0)
    };
    scene.store.sweep().await.unwrap();
    assert_eq!(left().await, "18000 18000 18000 12000");
    scene.store.sweep().await.unwrap();
    assert_eq!(left().await, "18000 18000 18000 12000");
}

async fn held(world: Arc<World>) {
    let scene = Scene::new(&world).await;
    fill(&scene.owner).await;
    let age = "DELETE FROM session WHERE contract > '0300000010';
               UPDATE session SET created_at = created_at - interval '1 hour'";
    scene.owner.batch_execute(age).await.unwrap();
    let hold = "BEGIN; SELECT FROM session WHERE contract = '0300000001' FOR UPDATE";
    scene.owner.batch_execute(hold).await.unwrap();
    scene.store.sweep().await.unwrap();
    scene.owner.batch_execute("COMMIT").await.unwrap();
    let sessions = "SELECT contract FROM session";
    assert_eq!(scene.column(sessions).await, ["0300000001"]);
    scene.store.sweep().await.unwrap();
    assert!(scene.column(sessions).await.is_empty());
}
