//! From the first signal to the end: what ends at once, what continues, and for how long.

use std::net::TcpStream;
use std::time::Duration;

use karipass::clock;
use reqwest::header::CONNECTION;

use super::{TRUSTED, Whole};
use crate::flood::send_logins;
use crate::site::{NUMBER, RIGHT, WRONG};
use crate::support::{WAIT_TIMEOUT, wait_until, wait_until_locked_out, within};

const NO_NOTICE: (&str, &str) = ("KARIPASS_SHUTDOWN_DRAIN_S", "0");

#[tokio::test(flavor = "multi_thread")]
async fn r_on_shutdown_the_site_ends_after_the_notice_and_the_operators_last() {
    const NOTICE: Duration = Duration::from_secs(1);
    let mut whole = Whole::ready(&[("KARIPASS_SHUTDOWN_DRAIN_S", "1")]).await;
    whole.fake.call("order.1", &TRUSTED);
    whole.fake.wait_for_playback("order.1", "menu").await;
    let stopped = clock::now();
    whole.terminate();
    wait_until("the site's end", async || !listens(&whole.daemon.base)).await;
    assert!(stopped.elapsed() >= NOTICE, "it ended after {:?}", stopped.elapsed());
    // The call continues, and operators see why the process does.
    assert_eq!(whole.readyz().await.0, 503);
    let calls = whole.daemon.metric(&whole.client, "karipass_calls ").await;
    assert!((calls - 1.0).abs() < f64::EPSILON, "{calls} calls");
    whole.fake.hang_up("order.1");
    whole.wait_until_ended().await;
    assert!(!listens(&whole.daemon.operators));
}

/// A drain that does not end within the test.
#[tokio::test(flavor = "multi_thread")]
async fn r_on_shutdown_readyz_fails_first_and_the_site_continues() {
    let mut whole = Whole::ready(&[("KARIPASS_SHUTDOWN_DRAIN_S", "600")]).await;
    let token = whole.client.log_in(&whole.daemon.base, NUMBER, RIGHT).await.token();
    let kept = whole.client.session(&whole.daemon.base, &token).await;
    assert_eq!(kept.headers.get(CONNECTION), None);

    whole.terminate();
    wait_until("readyz to fall", async || whole.readyz().await.0 == 503).await;
    assert!(whole.readyz().await.1.starts_with("karipass is stopping\n"));
    // Over the connection that is still open, and over new ones.
    for _ in 0..3 {
        let answer = whole.client.log_in(&whole.daemon.base, NUMBER, RIGHT).await;
        assert_eq!((answer.status, &answer.headers[CONNECTION].to_str().unwrap()), (200, &"close"));
    }
    whole.terminate();
    whole.wait_until_ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_on_shutdown_a_call_under_way_is_heard_out() {
    let mut whole = Whole::ready(&[NO_NOTICE]).await;
    whole.fake.call_up_to_confirmation("heard.1", NUMBER).await;
    whole.terminate();
    wait_until("the site's end", async || !listens(&whole.daemon.base)).await;
    assert!(!whole.is_set().await);
    whole.fake.press("heard.1", "12345678");
    whole.fake.wait_for_playback("heard.1", "completed").await;
    assert!(whole.is_set().await);
    assert_eq!(whole.daemon.child().exit_status().unwrap(), None, "before the caller has heard it");
    wait_until("the call's end", async || {
        whole.fake.finish("heard.1", "done");
        whole.fake.is_gone("heard.1")
    })
    .await;
    whole.wait_until_ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_on_shutdown_calls_end_when_their_time_is_over() {
    let given = [NO_NOTICE, ("KARIPASS_SHUTDOWN_CALL_GRACE_S", "1.5")];
    let mut whole = Whole::ready(&given).await;
    whole.fake.call("late.1", &TRUSTED);
    whole.fake.wait_for_playback("late.1", "menu").await;
    let stopped = clock::now();
    whole.terminate();
    whole.wait_until_ended().await;
    assert!(stopped.elapsed() >= Duration::from_millis(1500), "{:?}", stopped.elapsed());
    assert!(whole.fake.is_gone("late.1"), "a call is left without anyone to serve it");
}

#[tokio::test(flavor = "multi_thread")]
async fn r_on_shutdown_a_second_signal_ends_all_at_once() {
    let mut whole = Whole::ready(&[]).await;
    whole.fake.call("cut.1", &TRUSTED);
    whole.fake.wait_for_playback("cut.1", "menu").await;
    whole.terminate();
    wait_until("readyz to fall", async || whole.readyz().await.0 == 503).await;
    // Far sooner than `shutdown.call_grace_s`.
    whole.terminate();
    whole.wait_until_ended().await;
    assert!(!whole.fake.is_gone("cut.1"), "the dialplan serves the caller");
}

/// More than can be hashed in the remaining time.
#[tokio::test(flavor = "multi_thread")]
async fn r_on_shutdown_every_login_that_was_taken_is_answered() {
    const LOGINS: u32 = 800;
    let _alone = crate::support::EXCLUSIVE.lock().await;
    let mut whole = Whole::ready(&[NO_NOTICE]).await;
    let nobody = ("0699999999", WRONG);
    let logins = send_logins(&[&whole.daemon], &whole.client, nobody, LOGINS).await;
    whole.terminate();
    let (mut refused, mut busy) = (0, 0);
    for answer in within(WAIT_TIMEOUT, logins.join_all()).await {
        match answer.status {
            401 => refused += 1,
            503 => {
                assert_eq!(answer.code(), "busy");
                busy += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(refused + busy, LOGINS);
    whole.wait_until_ended().await;
}

/// The verdict is delayed until the site stops accepting requests.
#[tokio::test(flavor = "multi_thread")]
async fn r_on_shutdown_a_login_whose_verdict_is_late_is_answered() {
    let mut whole = Whole::ready(&[NO_NOTICE]).await;
    whole.owner.batch_execute("BEGIN; SELECT FROM credential FOR UPDATE").await.unwrap();
    let (client, base) = (whole.client.clone(), whole.daemon.base.clone());
    let login = tokio::spawn(async move { client.log_in(&base, NUMBER, RIGHT).await.status });
    wait_until_locked_out(&whole.database, 1).await;
    whole.terminate();
    wait_until("the site's end", async || !listens(&whole.daemon.base)).await;
    whole.owner.batch_execute("COMMIT").await.unwrap();
    assert_eq!(login.await.unwrap(), 200);
    whole.wait_until_ended().await;
}

/// Idle connections, and a database that answers nothing.
#[tokio::test(flavor = "multi_thread")]
async fn r_on_shutdown_nobody_idle_and_no_lost_database_delays_the_end() {
    let mut whole = Whole::ready(&[NO_NOTICE]).await;
    let kept: Vec<TcpStream> = [&whole.daemon.base, &whole.daemon.operators]
        .map(|url| TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap())
        .into();
    let used = whole.client.get(&format!("{}/login", whole.daemon.base)).await;
    assert_eq!(used.status, 200);
    whole.owner.batch_execute("BEGIN; LOCK TABLE session, credential").await.unwrap();
    whole.terminate();
    whole.wait_until_ended().await;
    drop(kept);
}

fn listens(url: &str) -> bool {
    TcpStream::connect(url.strip_prefix("http://").unwrap()).is_ok()
}
