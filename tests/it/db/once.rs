//! The answer to a commit is lost and the work is retried: it happens once, and is answered
//! correctly.

use domain::policy::temporary_password::SetOutcome;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use domain::audit::{AuditEntry, AuditEvent, AuditScope, AuditSource};
use domain::auth_unit::AuthUnit;
use domain::dialog::Refusal;
use domain::password::PhcString;
use karipass_lab::postgres::ShutdownMode;
use karipass_lab::proxy::{COMMIT, Fault, Point};

use super::scene::{CONTRACT, DatabaseScene, FIRST, OTHER, new_key, number, temporary};
use crate::support::{self, WAIT_TIMEOUT, daemon_db, wait_until, wait_until_locked_out};
use crate::temporary_password::{SetTemporary as _, SetTemporaryPassword};

/// Repetitions of each fault.
const TIMES: usize = 100;
/// Every second commit is cut: the first attempt, its retry, or the read of its outcome.
const SOME: Point = Point::Commit(2);

#[tokio::test(flavor = "multi_thread")]
async fn p9_cut_before_its_commit_a_password_is_stored_once() {
    set_under(Fault::CutBefore(SOME)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_cut_after_its_commit_a_password_is_stored_once() {
    set_under(Fault::CutAfter(SOME)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_cut_at_the_answer_to_its_commit_a_password_is_stored_once() {
    set_under(Fault::CutAnswer(SOME)).await;
}

/// The server refuses the attempt's row, and then each statement that was sent with it, with
/// another error.
#[tokio::test(flavor = "multi_thread")]
async fn p9_an_earlier_commit_is_found_whichever_answer_is_read_first() {
    let scene = DatabaseScene::new().await;
    let db = daemon_db(&scene.database);
    let new = line();
    for _ in 0..20 * TIMES {
        assert_eq!(db.set_temporary(&new).await.unwrap(), SetOutcome::Stored);
    }
    assert_eq!(scene.audit().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_commit_still_under_way_is_waited_for_and_not_done_twice() {
    let (scene, proxy, db) = DatabaseScene::troubled().await;
    assert_eq!(db.set_temporary(&line()).await.unwrap(), SetOutcome::Stored);
    for set in 1..=10 {
        // The commit's statements wait for this one; the client is cut off meanwhile.
        let lock = "BEGIN; SELECT FROM phone_number FOR UPDATE";
        scene.owner.batch_execute(lock).await.unwrap();
        let before = proxy.occurrences();
        proxy.inject(Fault::CutAfter(COMMIT));
        let calling = db.clone();
        let call = tokio::spawn(async move { calling.set_temporary(&line()).await });
        wait_until("the commit", async || proxy.occurrences() > before).await;
        proxy.inject(Fault::None);
        // The first attempt and its retry.
        wait_until_locked_out(&scene.database, 2).await;
        scene.owner.batch_execute("COMMIT").await.unwrap();
        assert_eq!(call.await.unwrap().unwrap(), SetOutcome::Stored);
        assert_eq!(scene.audit().await.len(), set + 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p15_a_contract_that_changed_is_refused_once_whatever_is_cut() {
    let (scene, proxy, db) = DatabaseScene::troubled().await;
    for fault in [Fault::CutBefore(SOME), Fault::CutAfter(SOME), Fault::CutAnswer(SOME)] {
        scene.owner.batch_execute("TRUNCATE audit_log").await.unwrap();
        proxy.inject(fault);
        for refusals in 1..=20 {
            let new = temporary(OTHER, AuthUnit::Line, CONTRACT);
            assert_eq!(db.set_temporary(&new).await.unwrap(), SetOutcome::Refused);
            assert_eq!(scene.audit().await.len(), refusals);
        }
    }
    assert!(scene.logins().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn d3_a_refused_call_leaves_one_row_whatever_is_cut() {
    let (scene, proxy, db) = DatabaseScene::troubled().await;
    let source = AuditSource::Phone(Some(number(OTHER)));
    let scope = AuditScope { source, contract_number: None, unit: None };
    let entry = AuditEntry { event: AuditEvent::Call(Refusal::WrongEntries), login_number: None };
    for fault in [Fault::CutBefore(SOME), Fault::CutAfter(SOME), Fault::CutAnswer(SOME)] {
        scene.owner.batch_execute("TRUNCATE audit_log").await.unwrap();
        proxy.inject(fault);
        for rows in 1..=20 {
            db.record(new_key(), &scope, entry).await.unwrap();
            assert_eq!(scene.audit().await.len(), rows);
        }
    }
}

/// However long the server takes to return.
#[tokio::test(flavor = "multi_thread")]
async fn p15_a_server_restarted_in_the_middle_is_not_noticed() {
    let (postgres, database) = support::stoppable_cluster().await;
    let scene = DatabaseScene::in_database(database.clone()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let stored = Arc::new(AtomicI64::new(0));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let db = scene.db.clone().with_limit(WAIT_TIMEOUT);
            let (stop, stored) = (Arc::clone(&stop), Arc::clone(&stored));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let new = temporary(CONTRACT, AuthUnit::Line, CONTRACT);
                    assert_eq!(db.set_temporary(&new).await.unwrap(), SetOutcome::Stored);
                    stored.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for shutdown in [ShutdownMode::Fast, ShutdownMode::Immediate, ShutdownMode::Kill] {
        let before = stored.load(Ordering::Relaxed);
        wait_until("the callers to be at it", async || {
            stored.load(Ordering::Relaxed) > before + 20
        })
        .await;
        postgres.stop(shutdown).unwrap();
        postgres.start().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    let stored = stored.load(Ordering::Relaxed);
    let after = database.owner().await.unwrap();
    let sql = "SELECT count(*) FROM audit_log WHERE event = 'temporary_set' AND outcome = 'done'";
    assert_eq!(after.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), stored);
    let version = "SELECT version FROM contract WHERE number = $1";
    assert_eq!(after.query_one(version, &[&CONTRACT]).await.unwrap().get::<_, i64>(0), stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_an_idempotency_key_is_forgotten_after_a_while() {
    let scene = DatabaseScene::new().await;
    scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await;
    scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await;
    let old = "UPDATE idempotency_key SET created_at = created_at - interval '1 hour'
               WHERE ctid = '(0,1)'";
    assert_eq!(scene.owner.execute(old, &[]).await.unwrap(), 1);
    scene.db.sweep().await.unwrap();
    assert_eq!(scene.column("SELECT outcome FROM idempotency_key").await, ["done"]);
}

async fn set_under(fault: Fault) {
    let (scene, proxy, db) = DatabaseScene::troubled().await;
    proxy.inject(fault);
    let mut sets = 0;
    while proxy.occurrences() < TIMES {
        sets += 1;
        let mut new = temporary(CONTRACT, AuthUnit::Number, [FIRST, "0612345602"][sets % 2]);
        new.phc = PhcString::from(format!("the {sets}th"));
        assert_eq!(db.set_temporary(&new).await.unwrap(), SetOutcome::Stored, "{sets}");
        let stored = "SELECT password_hash FROM credential ORDER BY id DESC LIMIT 1";
        assert_eq!(scene.column(stored).await, [format!("the {sets}th")]);
        // The first one sets the unit too.
        assert_eq!(scene.audit().await.len(), sets + 1);
    }
    let version = "SELECT version::text FROM contract WHERE unit IS NOT NULL";
    assert_eq!(scene.column(version).await, [sets.to_string()]);
    assert_eq!(scene.logins().await.len(), 2);
}

fn line() -> SetTemporaryPassword {
    temporary(CONTRACT, AuthUnit::Line, CONTRACT)
}
