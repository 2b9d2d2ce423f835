//! `/login` and `/`: W1–W4.

use reqwest::header::DATE;

use super::browser::{BEFORE_LOGIN, Browser, SESSION, form_id, leads_to, title};
use crate::login::equality::{WAYS, commits};
use crate::scene::Scene;
use crate::site::{self, Answer, NUMBER, RIGHT, Service, WRONG};
use crate::support;

#[tokio::test(flavor = "multi_thread")]
async fn w4_a_login_sets_the_sessions_cookie_and_logging_out_removes_it() {
    let Scene { owner, service, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "password").await;
    let mut browser = Browser::new(&service.base);
    assert_eq!(title(&browser.get("/").await), "トップページ");
    browser.log_in("０６-１２３４-５６００", RIGHT).await;
    assert!(browser.cookies.contains_key(SESSION) && !browser.cookies.contains_key(BEFORE_LOGIN));
    let top = browser.get("/").await;
    assert_eq!((top.status, title(&top)), (200, "設定サイトトップ"));
    assert_eq!(leads_to(&browser.get("/login").await), "/");
    assert_eq!(leads_to(&browser.submit(&top, "/logout", &[]).await), "/logged-out");
    assert!(browser.cookies.is_empty());
    assert_eq!(title(&browser.get("/logged-out").await), "ログアウトしました");
    assert_eq!(title(&browser.get("/").await), "トップページ");
    let audit = site::audit(&owner).await;
    assert_eq!(audit.last().unwrap(), &("logout".to_owned(), "done".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_the_login_page_says_what_the_manual_says() {
    let number = [("KARIPASS_SITE_SET_UP_NUMBER", "0753211234")];
    let service = Service::start(&support::database().await, &number).await;
    let page = Browser::new(&service.base).get("/login").await;
    assert_eq!((page.status, title(&page)), (200, "ログイン"));
    for words in [
        "for=\"number\">電話番号",
        "for=\"password\">パスワード",
        "autocomplete=\"username\"",
        "autocomplete=\"current-password\"",
        "※必須",
        "半角で、前後に空白を入れずに",
        "回線単位",
        "電話番号単位",
        "管理者/ユーザ単位",
        "075-321-1234",
        "24時間",
        "3回",
        "10回",
        "8桁",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w1_the_top_page_shows_what_each_login_configures() {
    let (one, two) = ("0612345601", "0612345602");
    for (unit, name, logins) in [
        ("line", "回線単位", vec![(NUMBER, "", 2, true)]),
        ("number", "電話番号単位", vec![(one, "", 1, true), (two, "", 1, true)]),
        (
            "admin_user",
            "管理者/ユーザ単位",
            vec![(NUMBER, "（管理者）", 2, true), (one, "（ユーザ）", 1, false)],
        ),
    ] {
        let Scene { owner, service, .. } = Scene::new(unit).await;
        for (login_number, role, configures, may_change_unit) in logins {
            site::credential(&owner, login_number, "password").await;
            let mut browser = Browser::new(&service.base);
            browser.log_in(login_number, RIGHT).await;
            let top = browser.get("/").await.body;
            assert!(top.contains(name) && top.contains(role), "{unit} {login_number}: {top}");
            assert_eq!(
                top.matches("<li class=\"number\">").count(),
                configures,
                "{unit} {login_number}"
            );
            assert_eq!(top.contains("認証単位変更"), may_change_unit, "{unit} {login_number}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w2_every_refusal_is_the_same_page_after_one_hash_and_one_commit() {
    // A separate cluster: the writing transactions of the whole cluster are counted.
    let (cluster, _) = support::stoppable_cluster().await;
    let mut first: Option<Answer> = None;
    // One browser, so that the form's token is the same; one cookie serves every site here.
    let mut cookies = None;
    for (outcome, number, password, sql) in WAYS {
        let database = cluster.fresh().await.unwrap();
        let owner = site::contracted_in(&database, "temporary").await;
        owner.batch_execute(sql).await.unwrap();
        let service = Service::start(&database, &[]).await;
        let mut browser = Browser::new(&service.base);
        browser.cookies = cookies.unwrap_or_default();
        let page = browser.get("/login").await;
        let (hashes, before) = (service.hasher.operations(), commits(&owner).await);
        let fields = [("number", number), ("password", password)];
        let mut answer = browser.submit(&page, "/login", &fields).await;
        assert_eq!(service.hasher.operations() - hashes, 1, "hashes for {outcome}");
        assert_eq!(commits(&owner).await - before, 1, "commits for {outcome}");
        assert_eq!((answer.status, title(&answer)), (422, "エラー：ログイン"), "{outcome}");
        for words in ["24時間", "3回", "10回", "06-6480-6430", "電話をかけて"] {
            assert!(answer.body.contains(words), "{words}: {answer:?}");
        }
        // The typed number is shown again, in a new form; nothing else may differ.
        answer.body = answer.body.replace(&form_id(&answer).unwrap(), "ID");
        answer.headers.remove(DATE);
        answer.headers.remove("content-length");
        answer.body = answer.body.replace(&format!("value=\"{number}\""), "value=\"NUMBER\"");
        let first = first.get_or_insert_with(|| answer.clone());
        assert_eq!(&answer, first, "{outcome}");
        cookies = Some(browser.cookies);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w3_the_number_is_kept_as_typed_and_never_taken_as_html() {
    let database = support::database().await;
    let service = Service::start(&database, &[]).await;
    let mut browser = Browser::new(&service.base);
    let page = browser.get("/login").await;
    for (number, shown) in [
        ("06-1234-5699", "06-1234-5699"),
        (
            "\"><script>alert('&')</script>",
            "&#34;&#62;&#60;script&#62;alert(&#39;&#38;&#39;)&#60;/script&#62;",
        ),
    ] {
        let fields = [("number", number), ("password", WRONG)];
        for fields in [&fields[..], &fields[..1]] {
            let answer = browser.submit(&page, "/login", fields).await;
            assert_eq!(answer.status, 422);
            assert!(answer.body.contains(&format!("value=\"{shown}\"")), "{answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w13_a_text_that_is_no_number_is_reported_beside_its_field_and_not_counted() {
    let Scene { owner, service, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "temporary").await;
    let mut browser = Browser::new(&service.base);
    let page = browser.get("/login").await;
    for (number, shown) in
        [("06-1234-560", true), ("06-1234-560O", true), ("+81(6)1234.5600", false)]
    {
        let fields = [("number", number), ("password", WRONG)];
        let answer = browser.submit(&page, "/login", &fields).await;
        assert_eq!((answer.status, title(&answer)), (422, "エラー：ログイン"));
        let beside = "<p>＊電話番号は、市外局番から10桁または11桁で入力してください。</p>";
        assert_eq!(answer.body.contains(beside), shown, "{answer:?}");
        assert_eq!(answer.body.contains("ログインできませんでした"), !shown, "{answer:?}");
        assert!(answer.body.contains(&format!("value=\"{number}\"")), "{answer:?}");
    }
    assert_eq!(site::count(&owner, NUMBER).await, (1, false));
    assert_eq!(site::audit(&owner).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_an_empty_field_is_asked_for_and_not_counted() {
    let Scene { owner, service, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "temporary").await;
    let mut browser = Browser::new(&service.base);
    let page = browser.get("/login").await;
    let hashes = service.hasher.operations();
    let (number, password) = ("電話番号を入力してください。", "パスワードを入力してください。");
    // The form does not keep a password.
    let again = "パスワードを入力し直してください。";
    for (fields, errors) in [
        (vec![("number", ""), ("password", "")], vec![number, password]),
        (vec![("number", ""), ("password", WRONG)], vec![number, again]),
        (vec![("number", NUMBER), ("password", "")], vec![password]),
        (vec![], vec![number, password]),
    ] {
        let answer = browser.submit(&page, "/login", &fields).await;
        assert_eq!((answer.status, title(&answer)), (422, "エラー：ログイン"));
        for text in [number, password, again] {
            let (beside, in_summary) = (format!("<p>＊{text}</p>"), format!("\">{text}</a>"));
            let is_shown = errors.contains(&text);
            assert_eq!(answer.body.contains(&beside), is_shown, "{fields:?}: {answer:?}");
            assert_eq!(answer.body.contains(&in_summary), is_shown, "{fields:?}: {answer:?}");
        }
        assert_eq!(answer.body.matches("aria-invalid=\"true\"").count(), errors.len());
        assert!(
            answer.body.contains("id=\"error-summary\" role=\"alert\" tabindex=\"-1\" autofocus")
        );
    }
    assert_eq!(site::count(&owner, NUMBER).await, (0, false));
    assert_eq!(service.hasher.operations(), hashes);
}
