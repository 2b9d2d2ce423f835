//! C3 through a session: concurrent changes at two daemons on one database are answered as if one
//! by one.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::scene::{NUMBER, ONE, Scene, TWO, change, change_unit};
use crate::site::{Answer, RIGHT, SiteClient, SiteDaemon, WRONG};

const NEW: &str = "abcd1234";
/// Posts released together in a round.
const POSTS: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn c3_wrong_passwords_at_the_change_at_once_are_counted_to_the_limit() {
    let (scene, daemons) = scene("line").await;
    for (kind, limit) in [("temporary", 3), ("password", 10), ("temporary", 3), ("password", 10)] {
        scene.give(NUMBER, kind, RIGHT).await;
        let token = scene.token(NUMBER, RIGHT).await;
        scene.forget().await;
        let all = together(&daemons, |_, client, base| {
            let token = token.clone();
            async move { change(&client, &base, &token, [WRONG, NEW, NEW]).await }
        });
        let all = all.await;
        assert_eq!(answers(&all, 422, "wrong_password"), limit, "{kind}");
        assert_eq!(answers(&all, 401, "no_session"), POSTS - limit, "{kind}");
        assert_eq!(scene.count(NUMBER).await, (i32::try_from(limit).unwrap(), true));
        let rows = scene.audit_rows().await;
        let counted = rows.iter().filter(|row| row.starts_with("password_changed wrong")).count();
        assert_eq!(counted, limit);
        assert_eq!(scene.log_in(NUMBER, RIGHT).await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c3_right_and_wrong_ones_at_the_change_at_once_change_it_once_at_most() {
    let (scene, daemons) = scene("line").await;
    for round in 0..8 {
        let (kind, limit) = if round % 2 == 0 { ("temporary", 3) } else { ("password", 10) };
        let right = [POSTS, 2, POSTS / 2, POSTS - 5][round / 2];
        scene.give(NUMBER, kind, RIGHT).await;
        let token = scene.token(NUMBER, RIGHT).await;
        let all = together(&daemons, |index, client, base| {
            let typed = if index * 37 % POSTS < right { RIGHT } else { WRONG };
            let token = token.clone();
            async move { change(&client, &base, &token, [typed, NEW, NEW]).await }
        });
        let all = all.await;
        let (changed, wrong) = (answers(&all, 200, ""), answers(&all, 422, "wrong_password"));
        let over = answers(&all, 401, "no_session");
        assert_eq!(changed + wrong + over, POSTS, "round {round}: {all:?}");
        // Until the first right one, or until the limit; then the session is over.
        if changed == 0 {
            assert_eq!(wrong, limit, "round {round}");
        } else {
            assert_eq!(changed, 1, "round {round}");
            assert!(wrong < limit, "round {round}: {wrong}");
        }
        let void = changed == 0;
        let failures = if void { limit } else { 0 };
        assert_eq!(scene.count(NUMBER).await, (i32::try_from(failures).unwrap(), void));
        let status = if void { 401 } else { 200 };
        assert_eq!(scene.log_in(NUMBER, NEW).await.status, status, "round {round}");
        if right == POSTS {
            assert_eq!(changed, 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c3_wrong_passwords_in_changes_of_the_unit_at_once_are_counted() {
    let (scene, daemons) = scene("number").await;
    for wrong_one in [ONE, TWO] {
        for login_number in [ONE, TWO] {
            scene.give(login_number, "password", RIGHT).await;
        }
        let token = scene.token(ONE, RIGHT).await;
        let all = together(&daemons, |_, client, base| {
            let typed = |login_number| {
                (login_number, if login_number == wrong_one { WRONG } else { RIGHT })
            };
            let (token, given) = (token.clone(), [typed(ONE), typed(TWO)]);
            async move { change_unit(&client, &base, &token, "line", &given).await }
        });
        let all = all.await;
        assert_eq!(answers(&all, 422, "wrong_password"), 10);
        // A void credential is the session's own and ends it, or another's and blocks the change
        // (`U3`).
        let (status, code) =
            if wrong_one == ONE { (401, "no_session") } else { (409, "credential_void") };
        assert_eq!(answers(&all, status, code), POSTS - 10, "{wrong_one}");
        assert_eq!(scene.count(wrong_one).await, (10, true));
        let other = if wrong_one == ONE { TWO } else { ONE };
        assert_eq!(scene.count(other).await, (0, false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c3_two_changes_of_the_unit_at_once_are_one_after_the_other() {
    let (scene, daemons) = scene("number").await;
    for _ in 0..5 {
        for login_number in [ONE, TWO] {
            scene.give(login_number, "password", RIGHT).await;
        }
        let sql = "UPDATE contract SET unit = 'number';
                   DELETE FROM credential WHERE login_number = '0612345600'";
        scene.owner.batch_execute(sql).await.unwrap();
        let tokens = [scene.token(ONE, RIGHT).await, scene.token(TWO, RIGHT).await];
        scene.forget().await;
        let all = together(&daemons, |index, client, base| {
            let token = tokens[index / 2 % 2].clone();
            let unit = ["line", "admin_user"][index / 2 % 2];
            let given = [(ONE, RIGHT), (TWO, RIGHT)];
            async move { change_unit(&client, &base, &token, unit, &given).await }
        });
        let all = all.await;
        assert_eq!((answers(&all, 200, ""), answers(&all, 401, "no_session")), (1, POSTS - 1));
        let rows = scene.audit_rows().await;
        let done = rows.iter().filter(|row| row.starts_with("unit_changed done")).count();
        assert_eq!((done, scene.sessions().await), (1, 0));
        let changed = all.iter().find(|answer| answer.status == 200).unwrap().json();
        let login = scene.log_in(NUMBER, RIGHT).await.json();
        assert_eq!(login["unit"], changed["unit"]);
        assert_eq!(scene.log_in(ONE, RIGHT).await.status == 401, changed["unit"] == "line");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c3_wrong_ones_at_every_entry_point_at_once_are_counted_together() {
    let (scene, daemons) = scene("line").await;
    for _ in 0..3 {
        scene.give(NUMBER, "password", RIGHT).await;
        let token = scene.token(NUMBER, RIGHT).await;
        scene.forget().await;
        let all = together(&daemons, |index, client, base| {
            let token = token.clone();
            async move {
                match index / 2 % 3 {
                    0 => client.log_in(&base, NUMBER, WRONG).await,
                    1 => change(&client, &base, &token, [WRONG, NEW, NEW]).await,
                    _ => change_unit(&client, &base, &token, "number", &[(NUMBER, WRONG)]).await,
                }
            }
        });
        let all = all.await;
        let rows = scene.audit_rows().await;
        let counted = rows.iter().filter(|row| row.contains(" wrong 06")).count();
        assert_eq!((counted, scene.count(NUMBER).await), (10, (10, true)));
        assert!(answers(&all, 422, "wrong_password") <= 10);
        assert_eq!(scene.log_in(NUMBER, RIGHT).await.status, 401);
    }
}

/// Two daemons, and a scene to read their results.
async fn scene(unit: &str) -> (Scene, [SiteDaemon; 2]) {
    let scene = Scene::new(unit).await;
    let daemons =
        [SiteDaemon::start(&scene.database, &[]), SiteDaemon::start(&scene.database, &[])];
    (scene, daemons)
}

/// Sends [`POSTS`] posts together; each gets its index and its daemon.
async fn together<F>(
    daemons: &[SiteDaemon; 2],
    post: impl Fn(usize, SiteClient, String) -> F,
) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(POSTS));
    let client = SiteClient::new();
    let mut posts = JoinSet::new();
    for index in 0..POSTS {
        let post = post(index, client.clone(), daemons[index % 2].base.clone());
        let barrier = Arc::clone(&barrier);
        posts.spawn(async move {
            barrier.wait().await;
            post.await
        });
    }
    posts.join_all().await
}

/// The number of answers with this status and code; a good answer has no code.
fn answers(all: &[Answer], status: u16, code: &str) -> usize {
    let is_it =
        |answer: &&Answer| answer.status == status && (status == 200 || answer.code() == code);
    all.iter().filter(is_it).count()
}
