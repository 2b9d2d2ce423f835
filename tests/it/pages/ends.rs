//! Sessions that end, and pages that fail during one (W4 to W6, W12).

use karipass::db::UpdateOutcome;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, LOCATION};

use super::browser::{Browser, SESSION, leads_to, title, token};
use super::service;
use crate::scene::Scene;
use crate::site::{self, Answer, NUMBER, RIGHT, WRONG};
use crate::support::operator_db;

const FIELDS: [(&str, &str); 3] =
    [("current", RIGHT), ("new", "abcd1234"), ("new_again", "abcd1234")];
/// Each unit, a number that logs in under it, and the one key to press.
const KEYS: [(&str, &str, &str); 3] = [
    ("line", NUMBER, "「<strong>1</strong>」（回線単位）を押して"),
    ("number", "0612345601", "「<strong>2</strong>」（電話番号単位）を押して"),
    ("admin_user", NUMBER, "「<strong>3</strong>」（管理者/ユーザ単位）を押して"),
];

#[tokio::test(flavor = "multi_thread")]
async fn c1_a_temporary_password_that_expires_in_a_session_is_named_as_its_end() {
    let (service, owner) = service("temporary").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let form = browser.get("/password").await;
    assert!(form.body.contains("この仮パスワードは"), "{form:?}");
    // The help desk may have issued it.
    assert!(!form.body.contains("電話で設定した"), "{form:?}");
    site::age(&owner, NUMBER, "24 hours").await;
    let cookies = browser.cookies.clone();
    for path in ["/", "/password", "/unit"] {
        browser.cookies.clone_from(&cookies);
        assert_eq!(leads_to(&browser.get(path).await), "/session-over?temporary-line", "{path}");
        assert!(browser.cookies.is_empty(), "{path}");
    }
    browser.cookies.clone_from(&cookies);
    let sent = browser.submit(&form, "/password", &FIELDS).await;
    let page = browser.get(leads_to(&sent)).await;
    assert_eq!(title(&page), "エラー：仮パスワードの有効期限が切れました");
    for part in ["24時間が経過したため", "tel:0664806430", "認証単位が変更され"] {
        assert!(page.body.contains(part), "{part}: {page:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_an_expired_temporary_password_is_named_even_if_its_session_was_idle_or_too_old() {
    for (column, age) in [("last_seen_at", "15 minutes"), ("created_at", "12 hours")] {
        let (service, owner) = service("temporary").await;
        let mut browser = Browser::new(&service.base);
        browser.log_in(NUMBER, RIGHT).await;
        let form = browser.get("/password").await;
        let sql = format!("UPDATE session SET {column} = {column} - interval '{age}'");
        owner.batch_execute(&sql).await.unwrap();
        site::age(&owner, NUMBER, "24 hours").await;
        let mut other = browser.clone();
        let end = "/session-over?temporary-line";
        assert_eq!(leads_to(&browser.get("/").await), end, "{column}");
        assert_eq!(leads_to(&other.submit(&form, "/password", &FIELDS).await), end, "{column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w12_the_end_of_a_temporary_password_names_the_one_key() {
    for (unit, login_number, key) in KEYS {
        let Scene { owner, service, .. } = Scene::new(unit).await;
        site::credential(&owner, login_number, "temporary").await;
        let mut browser = Browser::new(&service.base);
        browser.log_in(login_number, RIGHT).await;
        site::age(&owner, login_number, "24 hours").await;
        let end = leads_to(&browser.get("/password").await).to_owned();
        let page = browser.get(&end).await;
        assert_eq!(title(&page), "エラー：仮パスワードの有効期限が切れました");
        assert!(page.body.contains(key), "{unit}: {page:?}");
        assert_eq!(page.body.matches("<strong>").count(), 1, "{unit}: {page:?}");
        let (_, footer) = page.body.split_once("<footer").unwrap();
        let keys = ["「1」", "「2」", "「3」"].iter().filter(|key| footer.contains(**key));
        assert_eq!(keys.count(), 1, "{unit}: {footer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_a_session_that_ended_elsewhere_says_so_for_a_page_as_for_a_form() {
    let Scene { database, service, owner, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "password").await;
    let mut second = Browser::new(&service.base);
    second.log_in(NUMBER, RIGHT).await;
    let form = second.get("/password").await;
    let mut third = second.clone();
    // The help desk has neither changed a password nor logged out.
    let ended = operator_db(&database).end_sessions(NUMBER.parse().unwrap(), "nobody").await;
    assert_eq!(ended.unwrap(), UpdateOutcome::Done);
    let opened = second.get("/password").await;
    assert!(second.cookies.is_empty());
    let sent = third.submit(&form, "/password", &FIELDS).await;
    assert!(third.cookies.contains_key(SESSION), "it may be a newer one by now");
    for (answer, is_form) in [(opened, false), (sent, true)] {
        let page = second.get(leads_to(&answer)).await;
        assert_eq!(title(&page), "エラー：ログインの状態が終了しています");
        assert!(page.body.contains("電話会社での手続きなどにより"), "{page:?}");
        assert!(!page.body.contains("画面でのログアウト"), "that end is known: {page:?}");
        // The former password may be void.
        for part in ["その仮パスワードでログイン", "変更後にログインする電話番号", "/login#lost"]
        {
            assert!(page.body.contains(part), "{part}: {page:?}");
        }
        assert_eq!(page.body.contains("今回送信された内容では、何も変更していません"), is_form);
        assert_eq!(page.body.contains("同じ内容を繰り返し送信した場合"), is_form);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_the_pages_after_a_session_are_not_shown_to_someone_who_is_logged_in() {
    let (service, _) = service("password").await;
    let mut browser = Browser::new(&service.base);
    let ends = [
        ("/logged-out", "/"),
        ("/timed-out", "/"),
        ("/session-over", "/"),
        ("/session-over?elsewhere", "/"),
        ("/session-over?void-line&lang=ja", "/"),
        ("/session-over?password-changed", "/?changed"),
    ];
    for (path, _) in ends {
        assert_eq!(browser.get(path).await.status, 200, "{path}");
    }
    browser.log_in(NUMBER, RIGHT).await;
    for (path, top) in ends {
        assert_eq!(leads_to(&browser.get(path).await), top, "{path}");
    }
    assert_eq!(title(&browser.get("/").await), "設定サイトトップ");
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_every_error_page_of_a_session_shows_the_login_and_the_way_on() {
    let Scene { owner, service, .. } =
        Scene::with_variables("admin_user", &[("KARIPASS_LOGIN_LIMIT", "10")]).await;
    let user = "0612345601";
    site::credential(&owner, user, "password").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(user, RIGHT).await;
    let top = browser.get("/").await;
    let long = "9".repeat(17_000);
    let csrf = token(&top);
    let answers: Vec<(u16, Answer)> = vec![
        (404, browser.get("/nothing").await),
        (405, browser.ask(Method::PUT, "/login").await),
        (403, browser.get("/unit").await),
        (403, browser.submit_token("x", "/logout", &FIELDS).await),
        (413, browser.submit_token(&csrf, "/logout", &[("new", &long)]).await),
        // The login has spent a point of ten, and a password change reserves ten.
        (429, browser.submit(&top, "/password", &FIELDS).await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{answer:?}");
        for part in ["ログイン中", "06-1234-5601", "id=\"log-out\"", ">設定サイトトップへ</a>"]
        {
            assert!(answer.body.contains(part), "{part}: {answer:?}");
        }
        let leads_back = answer.body.contains(">パスワード変更へ戻る</a>");
        assert_eq!(leads_back, status == 429, "{answer:?}");
    }
    let mut stranger = Browser::new(&service.base);
    let lost = stranger.get("/nothing").await;
    assert!(
        !lost.body.contains("ログイン中") && lost.body.contains(">トップページへ</a>"),
        "{lost:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn w12_where_the_unit_is_known_the_one_key_is_named() {
    for (unit, login_number, key) in KEYS {
        let Scene { owner, service, .. } = Scene::new(unit).await;
        site::credential(&owner, login_number, "temporary").await;
        let mut browser = Browser::new(&service.base);
        browser.log_in(login_number, RIGHT).await;
        let form = browser.get("/password").await;
        owner.execute("UPDATE credential SET failed_attempts = 2", &[]).await.unwrap();
        let wrong = [("current", WRONG), ("new", "abcd1234"), ("new_again", "abcd1234")];
        let void = browser.submit(&form, "/password", &wrong).await;
        let void = browser.get(leads_to(&void)).await;
        assert_eq!(title(&void), "エラー：パスワードが無効になりました");
        assert!(void.body.contains(">もう一度ログインする</a>"), "{void:?}");
        assert!(!void.body.contains("ログイン中"), "the session is over: {void:?}");
        for page in [form, void] {
            assert!(page.body.contains(key), "{unit}: {page:?}");
            assert!(page.body.contains("認証単位が変更され"), "{unit}: {page:?}");
        }
        let page = browser.get("/login").await;
        for part in [
            "回線単位：「1」",
            "電話番号単位：「2」",
            "管理者/ユーザ単位：「3」",
            "認証単位が変更され",
        ] {
            assert!(page.body.contains(part), "{part}: {page:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_w12_an_open_session_says_that_strangers_have_voided_its_password() {
    for (unit, login_number, key) in KEYS {
        let Scene { owner, service, .. } = Scene::new(unit).await;
        for (kind, interval, path) in [
            ("password", "50 days", "/"),
            ("password", "50 days", "/password"),
            ("password", "60 days", "/password"),
            ("temporary", "1 hour", "/password"),
        ] {
            site::credential(&owner, login_number, kind).await;
            site::age(&owner, login_number, interval).await;
            let mut browser = Browser::new(&service.base);
            browser.log_in(login_number, RIGHT).await;
            let before = browser.get(path).await;
            assert!(!before.body.contains("id=\"void\""), "{unit} {kind}: {before:?}");
            let all_but_one = "UPDATE credential SET failed_attempts = CASE kind
                               WHEN 'temporary' THEN 2 ELSE 9 END WHERE login_number = $1";
            owner.execute(all_but_one, &[&login_number]).await.unwrap();
            let mut stranger = Browser::new(&service.base);
            let form = stranger.get("/login").await;
            let wrong = [("number", login_number), ("password", WRONG)];
            assert_eq!(stranger.submit(&form, "/login", &wrong).await.status, 422);
            assert!(site::count(&owner, login_number).await.1, "{unit} {kind}");

            let page = browser.get(path).await;
            assert_eq!(page.status, 200, "{unit} {kind}");
            let (_, void) = page.body.split_once("id=\"void\"").expect("no notice");
            for part in ["パスワードが無効になりました", "06-6480-6430", key, "認証単位が変更され"]
            {
                assert!(void.contains(part), "{unit} {kind} {part}: {void}");
            }
            let main = page.body.split_once("<main").unwrap().1.split_once("</main>").unwrap().0;
            for part in [
                "まで有効",
                "有効期限まで",
                "id=\"password-end\"",
                "id=\"password-ends-soon\"",
                "id=\"forced\"",
                "お心当たりがない場合",
            ] {
                assert!(!main.contains(part), "{unit} {kind} {part}: {main}");
            }
            if path == "/password" {
                assert_eq!(title(&page), "エラー：パスワード変更", "{unit} {kind}");
                assert!(!main.contains("<form") && !main.contains("id=\"about\""), "{main}");
                let is_forced = (kind, interval) != ("password", "50 days");
                assert_eq!(main.contains("href=\"/\""), !is_forced, "{unit} {kind}: {main}");
                // The same, sent empty from before: no error leads to a field that is gone.
                let empty = browser.submit(&before, path, &[]).await;
                assert!(empty.status == 422 && empty.body.contains("id=\"void\""), "{empty:?}");
                assert!(!empty.body.contains("id=\"error-summary\""), "{empty:?}");
            }
            let english = browser.get(&format!("{path}?lang=en")).await;
            assert!(english.body.contains("in a row on another page"), "{english:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_usual_files_for_browsers_and_robots_exist() {
    let (service, _) = service("password").await;
    let mut browser = Browser::new(&service.base);
    let icon = browser.get("/favicon.ico").await;
    assert_eq!(icon.status, 307);
    let icon = browser.get(icon.headers[LOCATION].to_str().unwrap()).await;
    assert_eq!(icon.headers[CONTENT_TYPE], "image/svg+xml; charset=utf-8");
    let touch_icon = browser.get("/apple-touch-icon.png").await;
    assert_eq!(touch_icon.headers[CONTENT_TYPE], "image/png");
    let robots = browser.get("/robots.txt").await;
    assert_eq!(robots.headers[CONTENT_TYPE], "text/plain; charset=utf-8");
    assert!(robots.body.starts_with("User-agent: *\n"), "{robots:?}");
    assert_eq!(leads_to(&browser.get("/.well-known/change-password").await), "/password");
    for (path, is_found) in [
        ("/", true),
        ("/guide", true),
        ("/accessibility", true),
        ("/login", false),
        ("/timed-out", false),
        ("/session-over", false),
        ("/nothing", false),
    ] {
        let page = browser.get(path).await.body;
        assert_eq!(
            !page.contains("<meta name=\"robots\" content=\"noindex\">"),
            is_found,
            "{path}"
        );
        assert_eq!(page.contains("<meta name=\"description\""), is_found, "{path}");
    }
}
