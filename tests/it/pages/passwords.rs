//! `/password`: C5, C6, and the top page's notice about the password's end.

use super::browser::{Browser, SESSION, leads_to, title};
use super::service;
use crate::site::{self, Answer, NUMBER, RIGHT, Service, SiteClient, WRONG};

const NEW: &str = "abcd1234";

#[tokio::test(flavor = "multi_thread")]
async fn c6_a_temporary_password_is_changed_before_anything_else() {
    let (service, owner) = service("temporary").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    assert_eq!(leads_to(&browser.get("/").await), "/password");
    let page = browser.get("/password").await.body;
    assert!(page.contains("仮パスワードでログインしています"), "{page}");
    assert_eq!(page.matches("autocomplete=\"new-password\"").count(), 2);
    assert_eq!(page.matches("autocomplete=\"current-password\"").count(), 1);
    assert!(
        page.contains(&format!("autocomplete=\"username\" value=\"{NUMBER}\" hidden")),
        "{page}"
    );
    for part in
        ["minlength=\"8\" maxlength=\"12\"", "passwordrules=\"minlength: 8; maxlength: 12; "]
    {
        assert_eq!(page.matches(part).count(), 2, "{part}: {page}");
    }
    let mut old = browser.clone();
    assert_eq!(leads_to(&change(&mut browser, RIGHT, NEW, NEW).await), "/?changed");
    assert_ne!(browser.cookies[SESSION], old.cookies[SESSION], "a new session");
    let over = old.get("/").await;
    assert_eq!(leads_to(&over), "/session-over?password-changed", "it is over");
    let notice = "パスワードを変更しました。";
    assert!(browser.get("/?changed").await.body.contains(notice));
    assert!(!browser.get("/").await.body.contains(notice));
    site::age(&owner, NUMBER, "1 minute").await;
    assert!(!browser.get("/?changed").await.body.contains(notice), "it is shown once");
    let mut again = Browser::new(&service.base);
    again.log_in(NUMBER, NEW).await;
    assert_eq!(title(&again.get("/").await), "設定サイトトップ");
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_every_reason_is_reported_at_once_beside_its_field() {
    let (service, owner) = service("password").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let (short, long) = ("8桁以上で", "12桁以内で");
    let (kinds, digits) = ("半角英数字だけを", "数字のみの設定はできません。英字も");
    let (twice, same) =
        ("確認用のパスワードが一致しません", "現在のパスワードと同一のものは設定できません。別の");
    for (new, again, reasons) in [
        ("abcdefgh1234x", "abcdefgh1234x", vec![long]),
        ("abc123", "abc123", vec![short]),
        ("abcd 1234", "abcd 1234", vec![kinds]),
        ("ａｂｃｄ１２３４", "ａｂｃｄ１２３４", vec![kinds]),
        ("12345678", "12345678", vec![digits]),
        ("abcd1234", "abcd1235", vec![twice]),
        (RIGHT, RIGHT, vec![digits, same]),
        ("1234-", "12", vec![short, kinds, twice]),
        ("1234567890123", "x", vec![long, digits, twice]),
    ] {
        let answer = change(&mut browser, RIGHT, new, again).await;
        assert_eq!((answer.status, title(&answer)), (422, "エラー：パスワード変更"), "{new:?}");
        for reason in [short, long, kinds, digits, twice, same] {
            // Once in the summary, once beside the field.
            let times = answer.body.matches(&format!("\">{reason}")).count()
                + answer.body.matches(&format!("<p>＊{reason}")).count()
                + answer.body.matches(&format!("\">新しいパスワードは、{reason}")).count()
                + answer.body.matches(&format!("<p>＊新しいパスワードは、{reason}")).count()
                + answer.body.matches(&format!("\">新しいパスワードには、{reason}")).count()
                + answer.body.matches(&format!("<p>＊新しいパスワードには、{reason}")).count();
            let expected = if reasons.contains(&reason) { 2 } else { 0 };
            assert_eq!(times, expected, "{new:?} {again:?}: {reason}: {}", answer.body);
        }
        let beside_again = reasons.contains(&twice);
        assert_eq!(answer.body.contains("id=\"new_again-error\""), beside_again, "{new:?}");
        let invalid = answer.body.matches("aria-invalid=\"true\"").count();
        let beside_new = reasons.iter().any(|reason| *reason != twice);
        assert_eq!(invalid, usize::from(beside_new) + usize::from(beside_again), "{new:?}");
        assert!(!answer.body.contains("id=\"current-error\""));
    }
    assert_eq!(site::count(&owner, NUMBER).await, (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_a_common_password_is_reported_beside_its_field() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("common");
    std::fs::write(&list, NEW).unwrap();
    let (database, _owner) = site::contracted("password").await;
    let variables = [("KARIPASS_SITE_COMMON_PASSWORDS_FILE", list.to_str().unwrap())];
    let service = Service::start(&database, &variables).await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    // Without the current password too, which is asked for at the same time.
    for current in [RIGHT, ""] {
        let answer = change(&mut browser, current, NEW, NEW).await;
        assert_eq!((answer.status, title(&answer)), (422, "エラー：パスワード変更"));
        assert!(answer.body.contains("<p>＊多くの人が使っているパスワード"), "{}", answer.body);
        assert!(answer.body.contains("id=\"new-error\""), "{}", answer.body);
    }
    assert_eq!(leads_to(&change(&mut browser, RIGHT, "efgh5678", "efgh5678").await), "/?changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_an_empty_new_password_is_only_asked_for() {
    let (service, owner) = service("password").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let (new, again) =
        ("新しいパスワードを入力してください。", "確認のため、新しいパスワードをもう一度");
    for (typed, typed_again, expected) in
        [("", "", vec![new, again]), (NEW, "", vec![again]), ("", NEW, vec![new, "確認用の"])]
    {
        let answer = change(&mut browser, RIGHT, typed, typed_again).await;
        assert_eq!(answer.body.matches("<p>＊").count(), expected.len(), "{answer:?}");
        for words in expected {
            assert!(answer.body.contains(&format!("<p>＊{words}")), "{words}: {answer:?}");
        }
    }
    assert_eq!(site::count(&owner, NUMBER).await, (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_a_wrong_current_password_counts_and_the_last_one_voids_it() {
    for (kind, limit) in [("temporary", 3), ("password", 10)] {
        let (service, owner) = service(kind).await;
        let mut browser = Browser::new(&service.base);
        browser.log_in(NUMBER, RIGHT).await;
        for counted in 1..limit {
            let answer = change(&mut browser, WRONG, NEW, NEW).await;
            assert_eq!((answer.status, title(&answer)), (422, "エラー：パスワード変更"));
            let notice = "＊現在のパスワードが正しくありません。";
            assert!(answer.body.contains(notice), "{answer:?}");
            assert!(answer.body.contains(&format!("{limit}回連続で")), "{answer:?}");
            let left = format!("（あと{}回）", limit - counted);
            assert!(answer.body.contains(&left), "{left}: {answer:?}");
            assert_eq!(site::count(&owner, NUMBER).await, (counted, false));
        }
        let answer = change(&mut browser, WRONG, NEW, NEW).await;
        assert_eq!(leads_to(&answer), "/session-over?void-line");
        assert_eq!(site::count(&owner, NUMBER).await, (limit, true));
        assert!(browser.cookies.is_empty());
        let page = browser.get(leads_to(&answer)).await;
        assert_eq!(title(&page), "エラー：パスワードが無効になりました");
        assert!(page.body.contains("06-6480-6430"), "what to do: {page:?}");
        assert_eq!(leads_to(&browser.get("/unit").await), "/login");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_a_password_that_strangers_voided_is_reported_and_the_session_continues() {
    for (kind, limit) in [("temporary", 3), ("password", 10)] {
        let (service, owner) = service(kind).await;
        let mut browser = Browser::new(&service.base);
        browser.log_in(NUMBER, RIGHT).await;
        let page = browser.get("/password").await;
        for _ in 0..limit {
            SiteClient::new().log_in(&service.base, NUMBER, WRONG).await;
        }
        let fields = [("current", RIGHT), ("new", NEW), ("new_again", NEW)];
        let answer = browser.submit(&page, "/password", &fields).await;
        assert_eq!((answer.status, title(&answer)), (409, "エラー：パスワードが無効になりました"));
        assert!(answer.body.contains("06-6480-6430"), "what to do: {answer:?}");
        assert!(answer.body.contains("ログインは続いています"), "{answer:?}");
        assert_eq!(browser.get("/password").await.status, 200);
        assert_eq!(site::count(&owner, NUMBER).await, (limit, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_an_empty_current_password_is_asked_for_and_not_counted() {
    let (service, owner) = service("temporary").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    for (new, again, mistakes) in [(NEW, NEW, 1), ("", "", 3), ("12345678", "x", 3)] {
        let answer = change(&mut browser, "", new, again).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains("＊現在のパスワードを入力してください。"), "{answer:?}");
        assert_eq!(answer.body.matches("<p>＊").count(), mistakes, "{answer:?}");
    }
    assert_eq!(site::count(&owner, NUMBER).await, (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_from_day_46_the_top_page_warns_of_the_passwords_end() {
    let (service, owner) = service("password").await;
    site::age(&owner, NUMBER, "45 days 23 hours 59 minutes").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let warned = "パスワードの有効期限が近づいています";
    assert!(!browser.get("/").await.body.contains(warned));
    site::age(&owner, NUMBER, "1 minute").await;
    let top = browser.get("/").await.body;
    assert!(top.contains(warned), "{top}");
    let sql = "SELECT to_char(set_at + interval '60 days' + interval '9 hours', \
               'FMYYYY\"年\"FMMM\"月\"FMDD\"日\"') FROM credential";
    // The database's own calculation in UTC, shifted to Japan's time.
    owner.batch_execute("SET TIME ZONE 'UTC'").await.unwrap();
    let day: String = owner.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(top.matches(&day).count(), 2, "{day} in the warning and the table: {top}");
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_a_change_elsewhere_ends_the_session_of_an_open_form() {
    let (service, owner) = service("password").await;
    let mut first = Browser::new(&service.base);
    let mut second = Browser::new(&service.base);
    first.log_in(NUMBER, RIGHT).await;
    second.log_in(NUMBER, RIGHT).await;
    let page = second.get("/password").await;
    assert_eq!(leads_to(&change(&mut first, RIGHT, NEW, NEW).await), "/?changed");
    let fields = [("current", RIGHT), ("new", "efgh5678"), ("new_again", "efgh5678")];
    let over = second.submit(&page, "/password", &fields).await;
    assert_eq!(leads_to(&over), "/session-over?form-password-changed");
    let over = second.get(leads_to(&over)).await;
    assert_eq!(title(&over), "パスワードが変更されました");
    for part in ["今回送信された内容では、何も変更していません", "パスワードの変更により"]
    {
        assert!(over.body.contains(part), "{part}: {over:?}");
    }
    for part in ["電話会社での手続き", "ログアウトなどにより", "繰り返し送信"]
    {
        assert!(!over.body.contains(part), "another end's words, {part}: {over:?}");
    }
    assert_eq!(site::count(&owner, NUMBER).await, (0, false));
    assert_eq!(first.get("/").await.status, 200, "the first one's work stands");
    // Another window of the same browser: its form is stale, and says so.
    let stale = first.submit(&page, "/password", &fields).await;
    assert_eq!((stale.status, title(&stale)), (403, "エラー：この画面は有効ではなくなりました"));
}

async fn change(browser: &mut Browser, current: &str, new: &str, again: &str) -> Answer {
    let page = browser.get("/password").await;
    assert_eq!((page.status, title(&page)), (200, "パスワード変更"));
    let fields = [("current", current), ("new", new), ("new_again", again)];
    browser.submit(&page, "/password", &fields).await
}
