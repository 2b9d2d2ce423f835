//! Tokens: each is valid for one audience, and none after its session's end.

use domain::rules;
use karipass::auth::{Audience, SessionState, SessionToken};
use karipass::clock;
use karipass_lab::postgres::ShutdownMode;

use crate::pages::browser::{Browser, SESSION, leads_to};
use crate::scene::{NUMBER, Scene, refusal};
use crate::site::{self, KEYS, RIGHT, Service, SiteClient};
use crate::support::{self, daemon_db};

const NEW: &str = "abcd1234";

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_token_of_one_audience_is_refused_by_the_other() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let auth = scene.auth();
    let token = site::unsealed(&scene.token(NUMBER, RIGHT).await);
    let state = async |audience| auth.session(&token, audience).await.unwrap();
    assert!(matches!(state(Audience::Api).await, SessionState::Live(..)));
    let other = scene.auth().session(&token, Audience::Pages).await.unwrap();
    assert_eq!(other, SessionState::None);
    // The other way round: the pages' token is not a bearer token.
    let sql = "UPDATE session SET token_digest = $1";
    scene.owner.execute(sql, &[&token.digest(Audience::Pages).0.as_slice()]).await.unwrap();
    assert!(matches!(state(Audience::Pages).await, SessionState::Live(..)));
    let bearer = site::seals(KEYS).seal(&token, Audience::Pages, clock::wall_clock());
    for answer in [
        scene.session(&bearer).await,
        scene.change(&bearer, RIGHT, NEW).await,
        scene.unit(&bearer, "number", &[(NUMBER, RIGHT)]).await,
        scene.client.log_out(&scene.service.base, &bearer).await,
    ] {
        assert_eq!(refusal(&answer), (401, "no_session".to_owned()));
    }
    assert!(matches!(state(Audience::Pages).await, SessionState::Live(..)));
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_forged_token_is_refused_without_the_database() {
    let (postgres, database) = support::stoppable_cluster().await;
    let scene = Scene::in_database(database, "line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let base = &scene.service.base;
    let token = scene.token(NUMBER, RIGHT).await;
    let mut browser = Browser::new(base);
    browser.log_in(NUMBER, RIGHT).await;
    let cookie = browser.cookies[SESSION].clone();
    let form = browser.get("/password").await;
    // Without a query, a missing database goes unnoticed.
    postgres.stop(ShutdownMode::Immediate).unwrap();
    assert_eq!(scene.session(&token).await.status, 503, "the database is not there");
    assert_eq!(browser.get("/").await.status, 503);
    let drawn = SessionToken::draw(&mut rand::rng());
    let (secret, seal) = token.split_once('.').unwrap();
    let time = seal.split_once('.').unwrap().0;
    for forged in [
        drawn.expose(),
        secret.to_owned(),
        format!("{}.{seal}", drawn.expose()),
        format!("{secret}.{time}.{}", "A".repeat(22)),
        site::seals("k1 AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").seal(
            &drawn,
            Audience::Api,
            clock::wall_clock(),
        ),
        cookie,
        "x".repeat(4000),
    ] {
        for answer in [
            scene.session(&forged).await,
            scene.change(&forged, RIGHT, NEW).await,
            scene.unit(&forged, "number", &[(NUMBER, RIGHT)]).await,
            scene.client.log_out(base, &forged).await,
        ] {
            assert_eq!(refusal(&answer), (401, "no_session".to_owned()), "{forged}");
        }
    }
    for forged in [&token, &drawn.expose(), &format!("{}.{seal}", drawn.expose())] {
        browser.cookies.insert(SESSION.to_owned(), forged.clone());
        assert_eq!(leads_to(&browser.get("/unit").await), "/login", "{forged}");
        browser.cookies.insert(SESSION.to_owned(), forged.clone());
        assert_eq!(leads_to(&browser.submit(&form, "/logout", &[]).await), "/logged-out");
    }
    postgres.start().unwrap();
    assert_eq!(scene.session(&token).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_token_whose_session_is_over_asks_the_database_once() {
    let (postgres, database) = support::stoppable_cluster().await;
    let scene = Scene::in_database(database, "line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let base = &scene.service.base;
    let (live, over) = (scene.token(NUMBER, RIGHT).await, scene.token(NUMBER, RIGHT).await);
    let now = clock::wall_clock();
    let secret = site::unsealed(&live);
    let old = now - rules::SESSION_RETENTION;
    let old = site::seals(KEYS).seal(&secret, Audience::Api, old);
    assert_eq!(scene.client.log_out(base, &over).await.status, 204);
    assert_eq!(scene.session(&over).await.code(), "no_session");
    // A database that is not asked cannot be missed.
    postgres.stop(ShutdownMode::Immediate).unwrap();
    assert_eq!(scene.session(&live).await.status, 503);
    for _ in 0..3 {
        assert_eq!(refusal(&scene.session(&over).await), (401, "no_session".to_owned()));
        assert_eq!(refusal(&scene.session(&old).await), (401, "no_session".to_owned()));
    }
    postgres.start().unwrap();
    assert_eq!(scene.session(&live).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_session_outlives_a_rotation_of_the_keys_while_its_own_is_there() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let token = scene.token(NUMBER, RIGHT).await;
    let two = "k2 AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let client = SiteClient::new();
    for (keys, status) in
        [(format!("{KEYS}\n{two}"), 200), (format!("{two}\n{KEYS}"), 200), (two.to_owned(), 401)]
    {
        let service = Service::start(&scene.database, &[("KARIPASS_HASHING_KEYS", &keys)]).await;
        assert_eq!(client.session(&service.base, &token).await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_token_is_renewed_at_every_change_of_access() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "temporary", RIGHT).await;
    let mut tokens = vec![scene.token(NUMBER, RIGHT).await, scene.token(NUMBER, RIGHT).await];
    tokens.push(scene.change(&tokens[1], RIGHT, NEW).await.token());
    tokens.push(scene.change(&tokens[2], NEW, "efgh5678").await.token());
    for old in &tokens[..3] {
        assert_eq!(scene.session(old).await.code(), "no_session");
    }
    assert_eq!(scene.session(&tokens[3]).await.status, 200);
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 4);
    // No client chooses a session's token: one that is sent along is ignored.
    let chosen = SessionToken::draw(&mut rand::rng());
    let chosen = site::seals(KEYS).seal(&chosen, Audience::Api, clock::wall_clock());
    let url = format!("{}/api/v1/login", scene.service.base);
    let body = serde_json::json!({ "number": NUMBER, "password": "efgh5678", "token": chosen });
    let login = scene.client.http().post(url).bearer_auth(&chosen).json(&body);
    assert_ne!(scene.client.send(login).await.token(), chosen);
    assert_eq!(scene.session(&chosen).await.code(), "no_session");
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_a_logged_out_or_replaced_token_opens_nothing_again() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let (kept, left) = (scene.token(NUMBER, RIGHT).await, scene.token(NUMBER, RIGHT).await);
    assert_eq!(scene.client.log_out(&scene.service.base, &left).await.status, 204);
    let fresh = scene.change(&kept, RIGHT, NEW).await.token();
    let before = scene.everything().await;
    // The last character is one of 16 only, and may be an A already.
    let turned = format!("{}{}", if fresh.starts_with('A') { 'B' } else { 'A' }, &fresh[1..]);
    for over in [&left, &kept, &turned] {
        for answer in [
            scene.session(over).await,
            scene.change(over, NEW, "efgh5678").await,
            scene.unit(over, "number", &[(NUMBER, NEW)]).await,
            scene.client.log_out(&scene.service.base, over).await,
        ] {
            assert_eq!(refusal(&answer), (401, "no_session".to_owned()));
        }
    }
    assert_eq!(scene.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn w5_an_idle_session_is_distinguished_from_none_and_never_revived() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let (auth, db) = (scene.auth(), daemon_db(&scene.database));
    let bearer = scene.token(NUMBER, RIGHT).await;
    let token = site::unsealed(&bearer);
    let state = async || auth.session(&token, Audience::Api).await.unwrap();
    let aged = "UPDATE session SET last_seen_at = last_seen_at - interval '15 minutes'";
    scene.owner.batch_execute(aged).await.unwrap();
    for _ in 0..2 {
        assert_eq!(state().await, SessionState::Idle);
        assert_eq!(scene.change(&bearer, RIGHT, NEW).await.code(), "no_session");
        db.sweep().await.unwrap();
    }
    let aged = "UPDATE session SET created_at = created_at - interval '12 hours'";
    scene.owner.batch_execute(aged).await.unwrap();
    let used = "UPDATE session SET last_seen_at = clock_timestamp()";
    scene.owner.batch_execute(used).await.unwrap();
    assert_eq!(state().await, SessionState::PastLifetime);
    assert_eq!(scene.change(&bearer, RIGHT, NEW).await.code(), "no_session");
    db.sweep().await.unwrap();
    assert_eq!(scene.sessions().await, 1, "the pages can still say why it ended");
    scene.owner.batch_execute(aged).await.unwrap();
    db.sweep().await.unwrap();
    assert_eq!(state().await, SessionState::None);
    assert_eq!(scene.sessions().await, 0);
}
