//! The audit (`D3`).

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use domain::audit::{AuditEntry, AuditEvent, AuditScope, AuditSource};
use domain::auth_unit::AuthUnit;
use domain::dialog::Refusal;
use serde_json::Value;
use tokio_postgres::error::SqlState;

use super::scene::{CONTRACT, DatabaseScene, FIRST, OTHER, PHC, SECOND, new_key, number};
use crate::support::{self, KARIPASS, WAIT_TIMEOUT, karipass};

#[tokio::test(flavor = "multi_thread")]
async fn d3_the_audit_is_read_by_number_and_time_the_newest_last() {
    let scene = DatabaseScene::new().await;
    scene.set(CONTRACT, AuthUnit::Number, FIRST).await;
    scene.set(OTHER, AuthUnit::Line, OTHER).await;
    let age = "UPDATE audit_log SET occurred_at = '2026-04-01T00:30:00Z' WHERE id = 1";
    scene.owner.batch_execute(age).await.unwrap();
    let read = |arguments: &[&str]| {
        let mut all = vec!["audit", "--json"];
        all.extend(arguments);
        let ran = karipass(&scene.database, &all);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""));
        assert!(!ran.out.contains(PHC));
        let rows = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.map(|row| format!("{} {}", row["event"].as_str().unwrap(), row["login"])).collect()
    };
    let set = |login_number| format!("temporary_set \"{login_number}\"");
    let unit = |login_number| format!("unit_changed \"{login_number}\"");
    let all: Vec<String> = read(&[]);
    assert_eq!(all, [set(FIRST), unit(FIRST), set(OTHER), unit(OTHER)]);
    for (option, expected) in [
        (["--number", OTHER], vec![set(OTHER), unit(OTHER)]),
        (["--number", "06-1234-5601"], vec![set(FIRST), unit(FIRST)]),
        (["--number", CONTRACT], vec![set(FIRST), unit(FIRST)]),
        (["--since", "2026-04-01T00:30:00Z"], all.clone()),
        (["--since", "2026-04-01T09:30:01+09:00"], vec![unit(FIRST), set(OTHER), unit(OTHER)]),
        (["--since", "2026-04-03"], vec![unit(FIRST), set(OTHER), unit(OTHER)]),
        (["--until", "2026-04-03"], vec![set(FIRST)]),
        (["--until", "2026-04-01T00:30:00Z"], vec![]),
        (["--event", "unit_changed,login"], vec![unit(FIRST), unit(OTHER)]),
        (["--outcome", "done"], all.clone()),
        (["--outcome", "wrong"], vec![]),
        (["--source", "phone"], all.clone()),
        (["--source", "site,operator"], vec![]),
    ] {
        assert_eq!(read(&option), expected, "{option:?}");
    }
    let both = ["--number", OTHER, "--event", "unit_changed", "--source", "phone"];
    assert_eq!(read(&both), [unit(OTHER)]);
    let text = karipass(&scene.database, &["audit", "--number", FIRST]).out;
    let first = text.lines().next().unwrap();
    let expected = "phone     temporary_set       done              login 0612345601  contract \
                    0612345600  unit number  caller 0612345600";
    assert!(first.starts_with("2026-04-01 ") && first.ends_with(expected), "{first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn d3_a_refused_call_leaves_a_row_with_or_without_its_number() {
    let scene = DatabaseScene::new().await;
    for (caller, refusal) in
        [(None, Refusal::NotAvailable), (Some(number(FIRST)), Refusal::WrongEntries)]
    {
        let scope =
            AuditScope { source: AuditSource::Phone(caller), contract_number: None, unit: None };
        let entry = AuditEntry { event: AuditEvent::Call(refusal), login_number: None };
        scene.db.record(new_key(), &scope, entry).await.unwrap();
    }
    let expected = ["phone call not_available".into(), format!("phone call wrong_entries {FIRST}")];
    assert_eq!(scene.audit().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn d3_the_audit_is_read_page_by_page() {
    let scene = DatabaseScene::new().await;
    rows(&scene, 2_500, "1 hour", FIRST).await;
    rows(&scene, 1_000, "2 hours", OTHER).await;
    rows(&scene, 1, "0 hours", OTHER).await;
    for (arguments, count) in [
        (&["audit", "--json"][..], 3_501),
        (&["audit", "--json", "--number", FIRST], 2_500),
        (&["audit", "--json", "--number", OTHER], 1_001),
        (&["audit", "--json", "--number", CONTRACT], 0),
    ] {
        let ran = karipass(&scene.database, arguments);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""));
        let times: Vec<String> = ran
            .out
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["at"].to_string())
            .collect();
        assert_eq!(times.len(), count, "{arguments:?}");
        let times: Vec<jiff::Timestamp> =
            times.iter().map(|at| at.trim_matches('"').parse().unwrap()).collect();
        assert!(times.is_sorted(), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d3_the_audit_is_read_by_address() {
    let scene = DatabaseScene::new().await;
    for address in ["192.0.2.1", "192.0.2.200", "198.51.100.1", "2001:db8::1"] {
        let insert = "INSERT INTO audit_log (source, event, outcome, address)
                      VALUES ('site', 'login', 'wrong', $1::text::inet)";
        scene.owner.execute(insert, &[&address]).await.unwrap();
    }
    for (network, expected) in [
        ("192.0.2.1", &["192.0.2.1"][..]),
        ("192.0.2.0/24", &["192.0.2.1", "192.0.2.200"]),
        ("2001:db8::/32", &["2001:db8::1"]),
        ("203.0.113.0/24", &[]),
    ] {
        let ran = karipass(&scene.database, &["audit", "--json", "--address", network]);
        let rows = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let addresses: Vec<_> = rows.map(|row| row["address"].clone()).collect();
        assert_eq!(addresses, expected, "{network}: {}", ran.err);
    }
    for error in [["--address", "192.0.2.1/24"], ["--event", "logon"], ["--outcome", "bad"]] {
        let ran = karipass(&scene.database, &["audit", error[0], error[1]]);
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d3_following_shows_each_new_row_once_even_if_it_is_committed_late() {
    let mut scene = DatabaseScene::new().await;
    rows(&scene, 1, "1 hour", FIRST).await;
    let mut command = scene.database.karipass(Path::new(KARIPASS));
    command.args(["audit", "--follow", "--json", "--event", "login"]).stdout(Stdio::piped());
    let mut following = command.spawn().unwrap();
    let (sender, shown) = mpsc::channel();
    let lines = BufReader::new(following.stdout.take().unwrap()).lines();
    thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let next = || {
        let line = shown.recv_timeout(WAIT_TIMEOUT).expect("a row");
        serde_json::from_str::<Value>(&line).unwrap()
    };
    // It reads the time first, and shows later rows.
    scene
        .wait_until(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND query LIKE '%FROM audit_log%'
               AND pid <> pg_backend_pid()",
        )
        .await;
    let insert = "INSERT INTO audit_log (source, event, outcome, login_number)
                  VALUES ('site', $1, 'done', $2)";
    let second = scene.database.owner().await.unwrap();
    let late = scene.owner.transaction().await.unwrap();
    late.execute(insert, &[&"login", &FIRST]).await.unwrap();
    second.execute(insert, &[&"logout", &SECOND]).await.unwrap();
    second.execute(insert, &[&"login", &SECOND]).await.unwrap();
    assert_eq!(next()["login"], SECOND);
    late.commit().await.unwrap();
    assert_eq!(next()["login"], FIRST);
    second.execute(insert, &[&"login", &OTHER]).await.unwrap();
    assert_eq!(next()["login"], OTHER);
    following.kill().unwrap();
    following.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn d3_an_operator_removes_old_rows_and_is_named() {
    let scene = DatabaseScene::new().await;
    rows(&scene, 12_000, "100 days 1 hour", FIRST).await;
    rows(&scene, 1, "99 days", OTHER).await;
    let prune = |arguments: &[&str]| {
        karipass(&scene.database, &[&["audit", "prune", "--by", "night shift"], arguments].concat())
    };
    assert_eq!(prune(&["--older-than", "89"]).status, 2, "the last 90 days stay");
    let ran = prune(&["--older-than", "100"]);
    assert_eq!((ran.status, ran.out.as_str()), (0, "12000 rows removed\n"), "{}", ran.err);
    let left = "SELECT concat_ws(' ', event, login_number, operator) FROM audit_log ORDER BY id";
    let expected = [format!("login {OTHER}"), "audit_pruned night shift".to_owned()];
    assert_eq!(scene.column(left).await, expected);
    assert_eq!(prune(&["--older-than", "100", "--json"]).out, "{\"removed\":0}\n");
    assert_eq!(scene.column(left).await, expected, "nothing is noted if nothing is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn d3_old_rows_are_removed_in_batches_and_the_last_90_days_never() {
    let scene = DatabaseScene::new().await;
    rows(&scene, 12_000, "400 days 1 hour", FIRST).await;
    for age in ["399 days", "91 days", "89 days", "0 days"] {
        rows(&scene, 1, age, OTHER).await;
    }
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let ages = async || {
        let sql = "SELECT extract(day FROM now() - occurred_at)::text FROM audit_log ORDER BY occurred_at";
        scene.column(sql).await
    };
    scene.db.prune_audit(days(400)).await.unwrap();
    assert_eq!(ages().await, ["399", "91", "89", "0"]);
    // As an attacker who has taken over the daemon would ask.
    scene.db.prune_audit(days(0)).await.unwrap();
    assert_eq!(ages().await, ["89", "0"]);
    // A table of the daemon's own with the same name changes only itself.
    let daemon = scene.database.daemon().await.unwrap();
    let own = "CREATE TEMPORARY TABLE audit_log (occurred_at timestamptz, id int);
               INSERT INTO pg_temp.audit_log VALUES ('2000-01-01', 1)";
    daemon.batch_execute(own).await.unwrap();
    let pruned = daemon.query_one("SELECT public.prune_audit('400 days', 10)", &[]).await.unwrap();
    assert_eq!(pruned.get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn d3_an_operators_act_names_the_operator() {
    let scene = DatabaseScene::new().await;
    scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await;
    let act = |arguments: &[&str]| {
        let ran = karipass(&scene.database, arguments);
        assert_eq!(ran.status, 0, "{}", ran.err);
    };
    act(&["contracts", "suspend", CONTRACT, "--by", "山田 太郎"]);
    act(&["contracts", "--by", "night shift", "resume", CONTRACT]);
    act(&["contracts", "remove", CONTRACT]);
    let user = std::process::Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap();
    let sql = "SELECT concat_ws(' ', event, outcome, operator) FROM audit_log ORDER BY id";
    assert_eq!(
        scene.column(sql).await,
        [
            "temporary_set done".to_owned(),
            "unit_changed done".to_owned(),
            "contract_suspended done 山田 太郎".to_owned(),
            "contract_resumed done night shift".to_owned(),
            format!("voided number_removed {}", user.trim()),
            format!("contract_removed done {}", user.trim()),
        ]
    );
    let shown = karipass(&scene.database, &["audit"]).out;
    assert!(shown.contains("  by night shift"), "{shown}");
    let ran = karipass(&scene.database, &["contracts", "resume", OTHER, "--by", " "]);
    assert_eq!(ran.status, 2, "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn d3_a_separate_role_reads_the_audit_and_nothing_else() {
    let scene = DatabaseScene::new().await;
    scene.set(CONTRACT, AuthUnit::Line, CONTRACT).await;
    let superuser = support::cluster().superuser(&scene.database.name).await.unwrap();
    superuser.batch_execute("SET ROLE karipass_auditor").await.unwrap();
    let all = "SELECT id, occurred_at, source, event, outcome, login_number, contract_number, unit,
                      caller_number, address, operator FROM audit_log";
    assert_eq!(superuser.query(all, &[]).await.unwrap().len(), 2);
    for forbidden in [
        "DELETE FROM audit_log",
        "INSERT INTO audit_log (source, event, outcome) VALUES ('site', 'login', 'done')",
        "SELECT prune_audit('400 days', 1)",
        "SELECT FROM credential",
        "SELECT FROM contract",
    ] {
        let error = superuser.batch_execute(forbidden).await.expect_err(forbidden);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forbidden}");
    }
}

/// Rows of one age, all at the same moment.
async fn rows(scene: &DatabaseScene, count: i32, age: &str, login_number: &str) {
    let sql = "INSERT INTO audit_log
                   (occurred_at, source, event, outcome, login_number, contract_number, caller_number)
               SELECT now() - $2::text::interval, 'site', 'login', 'done', $3, $3, $3
               FROM generate_series(1, $1::int)";
    scene.owner.execute(sql, &[&count, &age, &login_number]).await.unwrap();
}
