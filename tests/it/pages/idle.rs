//! W9, U4: the idle end is announced, and the script's requests extend the session.

use reqwest::header::SET_COOKIE;

use super::browser::{Browser, SESSION, leads_to};
use crate::scene::{NUMBER, Scene};
use crate::site::RIGHT;

const IDLE: [(&str, &str); 1] = [("KARIPASS_SESSION_IDLE_TIMEOUT_S", "600")];

#[tokio::test(flavor = "multi_thread")]
async fn w9_the_idle_end_is_announced_and_warned_of_with_the_configured_limit() {
    let scene = Scene::with_variables("line", &IDLE).await;
    scene.give(NUMBER, "temporary", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    let before = browser.get("/login").await.body;
    assert!(!before.contains("<dialog") && !before.contains("操作がない"), "{before}");
    browser.log_in(NUMBER, RIGHT).await;
    for path in ["/password", "/guide", "/nothing"] {
        let page = browser.get(path).await.body;
        for part in [
            "10分間操作がない場合は、自動的にログアウトします。",
            "<dialog id=\"idle-dialog\" role=\"alertdialog\" aria-labelledby=\"idle-heading\"",
            " data-lead-s=\"120\">",
            "2分以内に自動的にログアウトします。",
            ">ログインを続ける</button>",
            // Nothing extends the 12 hours.
            "<dialog id=\"lifetime-dialog\" role=\"alertdialog\"",
            "ログインしてから12時間が経過するため、2分以内に自動的にログアウトします。",
            ">閉じる</button>",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let (_, left) = page.split_once("data-left-s=\"").unwrap();
        let left: u64 = left.split('"').next().unwrap().parse().unwrap();
        assert!((550..=600).contains(&left), "{left}");
        let (_, left) = page.split_once("data-lifetime-left-s=\"").unwrap();
        let left: u64 = left.split('"').next().unwrap().parse().unwrap();
        assert!((43_000..=43_200).contains(&left), "{left}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w9_one_request_extends_the_session_and_an_ended_one_stays_ended() {
    let scene = Scene::with_variables("line", &IDLE).await;
    scene.give(NUMBER, "password", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    assert_eq!(browser.get("/session").await.status, 410);
    browser.log_in(NUMBER, RIGHT).await;
    let left_idle = async |by: &str| {
        let sql = "UPDATE session SET last_seen_at = last_seen_at - $1::text::interval";
        scene.owner.execute(sql, &[&by]).await.unwrap();
    };
    for _ in 0..3 {
        left_idle("9 minutes").await;
        let answer = browser.get("/session").await;
        let left: u64 = answer.body.parse().unwrap();
        assert!(answer.status == 200 && (590..=600).contains(&left), "{answer:?}");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    left_idle("11 minutes").await;
    for _ in 0..2 {
        let answer = browser.get("/session").await;
        assert_eq!((answer.status, answer.body.as_str()), (410, ""));
        assert!(!answer.headers.contains_key(SET_COOKIE), "{answer:?}");
    }
    assert!(browser.cookies.contains_key(SESSION));
    assert_eq!(leads_to(&browser.get("/").await), "/timed-out");
}
