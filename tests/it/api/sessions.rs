//! W5 and C6: when a session ends, and what it permits.

use serde_json::Value;

use crate::scene::Scene;
use crate::site::{self, NUMBER, RIGHT, Service, SiteClient};
use crate::support::wait_until_locked_out;

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_session_says_what_its_login_said_and_logging_out_ends_it() {
    let Scene { owner, service, client, .. } = Scene::new("admin_user").await;
    site::credential(&owner, NUMBER, "password").await;
    let login = client.log_in(&service.base, NUMBER, RIGHT).await;
    let token = login.token();
    // 256 random bits, the time, and a seal of 128 bits.
    assert_eq!(token.len(), 43 + 1 + 10 + 1 + 22);
    let session = client.session(&service.base, &token).await;
    assert_eq!(session.status, 200, "{session:?}");
    let (mut login, session) = (login.json(), session.json());
    assert!(login.as_object_mut().unwrap().remove("token").is_some());
    assert_eq!(login["password_change"], Value::Null);
    for ends in [&login, &session] {
        let at = |name: &str| -> jiff::Timestamp { ends[name].as_str().unwrap().parse().unwrap() };
        let (session_ends, password_ends) = (at("expires_at"), at("password_expires_at"));
        let from_now = |until: jiff::Timestamp| until.duration_since(jiff::Timestamp::now());
        assert!((840..=900).contains(&from_now(session_ends).as_secs()), "{session_ends}");
        assert_eq!(from_now(password_ends).as_secs() / 3600, 60 * 24 - 1, "{password_ends}");
    }
    // Use that is not recorded, so soon after the last, postpones no end either.
    assert_eq!(login, session);
    // The table holds a digest, never the token.
    let rows =
        owner.query("SELECT encode(token_digest, 'base64') FROM session", &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].get::<_, String>(0).contains(&token[..20]));
    assert_eq!(client.log_out(&service.base, &token).await.status, 204);
    for answer in [
        client.session(&service.base, &token).await,
        client.log_out(&service.base, &token).await,
        client.session(&service.base, &"A".repeat(token.len())).await,
        client.session(&service.base, "x").await,
        client.send(client.http().get(format!("{}/api/v1/session", service.base))).await,
        client
            .send(
                client
                    .http()
                    .get(format!("{}/api/v1/session", service.base))
                    .basic_auth(NUMBER, Some(RIGHT)),
            )
            .await,
    ] {
        assert_eq!((answer.status, answer.code().as_str()), (401, "no_session"));
    }
    let audit = site::audit(&owner).await;
    assert_eq!(audit.last().unwrap(), &("logout".to_owned(), "done".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_session_ends_idle_for_15_minutes_or_after_12_hours() {
    let Scene { database, owner, service, client } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "password").await;
    for (sql, status) in [
        ("last_seen_at = last_seen_at - interval '14 minutes 30 seconds'", 200),
        ("last_seen_at = last_seen_at - interval '15 minutes'", 401),
        ("created_at = created_at - interval '11 hours 59 minutes'", 200),
        ("created_at = created_at - interval '12 hours'", 401),
    ] {
        let token = client.log_in(&service.base, NUMBER, RIGHT).await.token();
        owner.batch_execute(&format!("UPDATE session SET {sql}")).await.unwrap();
        assert_eq!(client.session(&service.base, &token).await.status, status, "{sql}");
        owner.batch_execute("DELETE FROM session").await.unwrap();
    }
    // Configurable.
    let short = Service::start(&database, &[("KARIPASS_SESSION_IDLE_TIMEOUT_S", "30")]).await;
    let token = client.log_in(&short.base, NUMBER, RIGHT).await.token();
    let sql = "UPDATE session SET last_seen_at = last_seen_at - interval '30 seconds'";
    owner.batch_execute(sql).await.unwrap();
    assert_eq!(client.session(&short.base, &token).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_use_is_noted_at_most_once_a_minute() {
    let Scene { owner, service, client, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "password").await;
    let token = client.log_in(&service.base, NUMBER, RIGHT).await.token();
    let seen = async || -> String {
        let sql = "SELECT last_seen_at::text FROM session";
        owner.query_one(sql, &[]).await.unwrap().get(0)
    };
    let first = seen().await;
    assert_eq!(client.session(&service.base, &token).await.status, 200);
    assert_eq!(seen().await, first);
    let sql = "UPDATE session SET last_seen_at = last_seen_at - interval '61 seconds'";
    owner.batch_execute(sql).await.unwrap();
    assert_eq!(client.session(&service.base, &token).await.status, 200);
    assert!(seen().await > first);
}

#[tokio::test(flavor = "multi_thread")]
async fn c6_a_session_that_must_change_its_password_can_otherwise_only_log_out() {
    let Scene { owner, service, client, .. } = Scene::new("line").await;
    for (kind, older, change) in [
        ("temporary", "0 seconds", Some("temporary")),
        ("password", "60 days", Some("expired")),
        ("password", "59 days 23 hours", None),
    ] {
        site::credential(&owner, NUMBER, kind).await;
        site::age(&owner, NUMBER, older).await;
        let login = client.log_in(&service.base, NUMBER, RIGHT).await;
        assert_eq!(login.json()["password_change"], Value::from(change), "{kind} {older}");
        let token = login.token();
        let session = client.session(&service.base, &token).await;
        if change.is_some() {
            assert_eq!(
                (session.status, session.code().as_str()),
                (403, "password_change_required")
            );
        } else {
            assert_eq!(session.status, 200);
        }
        assert_eq!(client.log_out(&service.base, &token).await.status, 204, "{kind} {older}");
        assert_eq!(client.session(&service.base, &token).await.status, 401, "{kind} {older}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c4_the_end_of_a_credential_ends_its_sessions() {
    let Scene { owner, service, client, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "password").await;
    let token = client.log_in(&service.base, NUMBER, RIGHT).await.token();
    site::credential(&owner, NUMBER, "password").await;
    assert_eq!(client.session(&service.base, &token).await.status, 401, "replaced");
    let token = client.log_in(&service.base, NUMBER, RIGHT).await.token();
    owner.batch_execute("DELETE FROM credential").await.unwrap();
    assert_eq!(client.session(&service.base, &token).await.status, 401, "gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_a_suspended_contract_has_no_sessions() {
    let Scene { owner, service, client, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "password").await;
    let token = client.log_in(&service.base, NUMBER, RIGHT).await.token();
    owner.batch_execute("UPDATE contract SET suspended = true").await.unwrap();
    assert_eq!(client.session(&service.base, &token).await.code(), "no_session");
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_ended_sessions_are_swept_away() {
    let Scene { database, owner, service, client } = Scene::new("number").await;
    for login_number in ["0612345601", "0612345602"] {
        site::credential(&owner, login_number, "temporary").await;
        client.log_in(&service.base, login_number, RIGHT).await.token();
        client.log_in(&service.base, login_number, RIGHT).await.token();
    }
    site::age(&owner, "0612345601", "24 hours").await;
    for aged in [
        "last_seen_at = last_seen_at - interval '15 minutes'",
        "created_at = created_at - interval '24 hours'",
    ] {
        let sql = format!("UPDATE session SET {aged} WHERE ctid = (SELECT min(ctid) FROM session)");
        owner.batch_execute(&sql).await.unwrap();
    }
    // As long as a token may be asked about.
    let ends = "INSERT INTO ended_session (token_digest, created_at, contract_number, unit, reason)
        SELECT digest::bytea, now() - age::interval, number, 'number', 'logged_out'
        FROM contract, (VALUES ('kept', '23 hours'), ('gone', '24 hours')) AS ended (digest, age)";
    assert_eq!(owner.execute(ends, &[]).await.unwrap(), 2);
    let config = site::configured(&database, &[]);
    let db = karipass::db::Db::for_daemon(&config.database).unwrap();
    db.sweep().await.unwrap();
    let left: i64 = owner.query_one("SELECT count(*) FROM session", &[]).await.unwrap().get(0);
    assert_eq!(left, 3);
    let ends = "SELECT convert_from(token_digest, 'UTF8') FROM ended_session";
    let ends: Vec<String> =
        owner.query(ends, &[]).await.unwrap().iter().map(|it| it.get(0)).collect();
    assert_eq!(ends, ["kept"]);
    assert_eq!(site::count(&owner, "0612345601").await, (0, true));
    assert_eq!(site::count(&owner, "0612345602").await, (0, false));
    let audit = site::audit(&owner).await;
    assert_eq!(audit.last().unwrap(), &("voided".to_owned(), "expired".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_a_login_that_a_suspension_overtakes_is_refused() {
    let Scene { database, owner, service, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "temporary").await;
    let suspending = "BEGIN; UPDATE contract SET suspended = true; DELETE FROM session";
    owner.batch_execute(suspending).await.unwrap();
    let base = service.base.clone();
    let login = tokio::spawn(async move { SiteClient::new().log_in(&base, NUMBER, RIGHT).await });
    wait_until_locked_out(&database, 1).await;
    owner.batch_execute("COMMIT").await.unwrap();
    let answer = login.await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_credentials"));
    assert!(owner.query("SELECT FROM session", &[]).await.unwrap().is_empty());
    let audit = site::audit(&owner).await;
    assert_eq!(audit.last().unwrap(), &("login".to_owned(), "suspended".to_owned()));
}
