//! An error is a page that says what to do; under `/api` it is a problem document.

use karipass_lab::postgres::ShutdownMode;
use karipass_lab::proxy::{COMMIT, Fault, Point, PostgresProxy};
use reqwest::Method;
use reqwest::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER};

use super::browser::{Browser, leads_to, title, token, with_host};
use crate::scene::{ONE, Scene};
use crate::site::{self, Answer, NUMBER, RIGHT, Service, WRONG};
use crate::support;

#[tokio::test(flavor = "multi_thread")]
async fn w4_an_unknown_path_gets_a_page_that_leads_on() {
    let service = Service::start(&support::database().await, &[]).await;
    let mut browser = Browser::new(&service.base);
    for path in ["/nothing", "/login/", "/assets/style.css", "/index.html", "/icon.png"] {
        let page = browser.get(path).await;
        assert_eq!(
            (page.status, title(&page)),
            (404, "エラー：お探しのページが見つかりません"),
            "{path}"
        );
        assert!(page.body.contains("href=\"/\""), "{page:?}");
    }
    for (method, path) in [
        (Method::GET, "/logout"),
        (Method::POST, "/"),
        (Method::PUT, "/login"),
        (Method::POST, "/logged-out"),
    ] {
        let page = browser.ask(method, path).await;
        assert_eq!((page.status, title(&page)), (405, "エラー：この操作はできません"), "{path}");
        assert!(page.headers.contains_key(ALLOW), "{page:?}");
    }
    assert_eq!(browser.get("/api/v1/nothing").await.code(), "not_found");
    assert_eq!(browser.get("/api/v1/login").await.code(), "method_not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_too_large_a_form_gets_a_page_that_says_so() {
    let Scene { owner, service, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "temporary").await;
    let mut browser = Browser::new(&service.base);
    let page = browser.get("/login").await;
    let long = "9".repeat(17_000);
    let answer = browser.submit(&page, "/login", &[("number", NUMBER), ("password", &long)]).await;
    assert_eq!(answer.status, 413);
    assert_eq!(title(&answer), "エラー：送信された内容を確認できませんでした");
    let fits = "9".repeat(15_000);
    let answer = browser.submit(&page, "/login", &[("number", NUMBER), ("password", &fits)]).await;
    assert_eq!(answer.status, 422);
    assert_eq!(site::count(&owner, NUMBER).await, (1, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_after_too_many_attempts_the_page_says_how_long_to_wait() {
    let Scene { owner, service, .. } =
        Scene::with_variables("line", &[("KARIPASS_LOGIN_LIMIT", "10")]).await;
    site::credential(&owner, NUMBER, "password").await;
    let mut browser = Browser::new(&service.base);
    let page = browser.get("/login").await;
    let fields = [("number", NUMBER), ("password", WRONG)];
    assert_eq!(browser.submit(&page, "/login", &fields).await.status, 422);
    let fields = [("number", NUMBER), ("password", RIGHT)];
    let answer = browser.submit(&page, "/login", &fields).await;
    assert_eq!((answer.status, title(&answer)), (429, "エラー：しばらくお待ちください"));
    // A wrong one costs 5 points of 10 a minute, and the next attempt may cost them all.
    assert_eq!(answer.headers[RETRY_AFTER], "30");
    assert!(answer.body.contains("<strong>30秒</strong>"), "{answer:?}");
    assert_eq!(site::count(&owner, NUMBER).await, (1, false));
    assert_eq!(browser.get("/login").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_without_the_database_a_page_says_when_to_try_again() {
    let (postgres, database) = support::stoppable_cluster().await;
    let owner = site::contracted_in(&database, "temporary").await;
    let service = Service::start(&database, &[]).await;
    let mut browser = Browser::new(&service.base);
    let page = browser.get("/login").await;
    drop(owner);
    postgres.stop(ShutdownMode::Immediate).unwrap();
    let fields = [("number", NUMBER), ("password", WRONG)];
    let answer = browser.submit(&page, "/login", &fields).await;
    assert_eq!((answer.status, title(&answer)), (503, "エラー：ただいまご利用いただけません"));
    let wait = answer.headers[RETRY_AFTER].to_str().unwrap();
    assert!(answer.body.contains(&format!("<strong>{wait}秒</strong>")), "{answer:?}");
    postgres.start().unwrap();
    let owner = database.owner().await.unwrap();
    assert_eq!(site::count(&owner, NUMBER).await, (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_a_page_says_that_a_wrong_password_was_not_counted_only_where_that_is_known() {
    let (scene, proxy) = Scene::troubled("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    let uncounted = "パスワードの間違いには数えていません";
    let typed = [("number", NUMBER), ("password", WRONG)];
    // The answer to the commit is lost, and then nothing arrives at all.
    for (fault, is_known) in [(Fault::StallAfter(COMMIT), false), (Fault::Stall, true)] {
        let form = browser.get("/login").await;
        let answer = during(&proxy, fault, browser.submit(&form, "/login", &typed)).await;
        assert_eq!(answer.status, 503, "{fault:?}");
        assert_eq!(answer.body.contains(uncounted), is_known, "{fault:?}: {answer:?}");
        assert_eq!(scene.count(NUMBER).await, (1, false), "{fault:?}");
    }
    // A logout has no password.
    browser.log_in(NUMBER, RIGHT).await;
    let top = browser.get("/").await;
    let answer = during(&proxy, Fault::Stall, browser.submit(&top, "/logout", &[])).await;
    assert_eq!(answer.status, 503);
    assert!(!answer.body.contains(uncounted), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_without_the_database_a_unit_form_can_be_sent_again_by_a_reload() {
    let (scene, proxy) = Scene::troubled("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(NUMBER, RIGHT).await;
    for (path, may_reload) in [("/unit/number", true), ("/password", false)] {
        let form = browser.get(path).await;
        let answer = during(&proxy, Fault::Stall, browser.submit(&form, path, &[])).await;
        assert_eq!((answer.status, title(&answer)), (503, "エラー：ただいまご利用いただけません"));
        let says_so = answer.body.contains("この画面を再読み込みすることもできます");
        assert_eq!(says_so, may_reload, "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w12_after_a_password_change_of_unknown_outcome_the_one_key_is_named() {
    let (scene, proxy) = Scene::troubled("number").await;
    scene.give(ONE, "password", RIGHT).await;
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(ONE, RIGHT).await;
    let form = browser.get("/password").await;
    let fields = [("current", RIGHT), ("new", "abcd1234"), ("new_again", "abcd1234")];
    let cut = Fault::CutAfter(Point::Word("COMMIT"));
    let answer = during(&proxy, cut, browser.submit(&form, "/password", &fields)).await;
    assert_eq!(title(&answer), "エラー：変更されたかどうか、ご確認ください");
    let (_, footer) = answer.body.split_once("<footer").unwrap();
    assert!(footer.contains("「2」（電話番号単位）を押します"), "{footer}");
    assert!(footer.contains("認証単位が変更され") && !footer.contains("「1」"), "{footer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_only_the_style_sheet_is_cached_under_its_own_path() {
    let service = Service::start(&support::database().await, &[]).await;
    let mut browser = Browser::new(&service.base);
    let page = browser.get("/login").await.body;
    for (before, kind) in [
        ("<link rel=\"stylesheet\" href=\"", "text/css; charset=utf-8"),
        ("<link rel=\"icon\" href=\"", "image/svg+xml; charset=utf-8"),
    ] {
        let path = page.split_once(before).unwrap().1.split('"').next().unwrap();
        let asset = browser.get(path).await;
        assert_eq!((asset.status, asset.headers[CONTENT_TYPE].to_str().unwrap()), (200, kind));
        assert_eq!(asset.headers[CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert!(!asset.body.contains("url(") && !asset.body.contains("@import"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_no_redirect_leads_where_a_request_says() {
    let Scene { owner, service, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "password").await;
    let mut browser = Browser::new(&service.base);
    let evil = "https://evil.example/";
    let query = format!("?next={evil}&return_to=//evil.example&url={evil}");
    let request = with_host(browser.request(Method::GET, &format!("/unit{query}")), "evil.example")
        .header("X-Forwarded-Host", "evil.example")
        .header("Referer", evil);
    assert_eq!(leads_to(&browser.send(request).await), "/login");
    for path in
        ["//evil.example", "/\\evil.example", "//evil.example/login", "/https://evil.example"]
    {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.headers.contains_key(LOCATION), "{path}");
    }
    let page = browser.get(&format!("/login{query}")).await;
    assert!(!page.body.contains("evil"), "{page:?}");
    let fields = [("number", NUMBER), ("password", RIGHT), ("next", evil), ("return_to", evil)];
    let answer = browser.submit_token(&token(&page), &format!("/login{query}"), &fields).await;
    assert_eq!(leads_to(&answer), "/");
}

/// The answer to a form that is sent while the database has this fault.
async fn during(proxy: &PostgresProxy, fault: Fault, sent: impl Future<Output = Answer>) -> Answer {
    proxy.inject(fault);
    let answer = sent.await;
    proxy.inject(Fault::None);
    answer
}
