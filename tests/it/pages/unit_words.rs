//! What the pages of a unit change say beside their tables: table U, W12.

use super::browser::{Browser, SESSION, leads_to, title};
use super::units::{asked, outcome, send, service};
use crate::scene::{ONE, TWO};
use crate::site::{self, NUMBER, RIGHT, WRONG};

const GOES: [&str; 2] = [
    "ご契約電話番号のこれまでのパスワードと、ほかの電話番号のパスワードは無効になります",
    "The password that the contract number has now becomes invalid",
];
const OTHERS_GO: [&str; 2] = [
    "パスワードでログインします。ほかの電話番号のパスワードは無効になります",
    "The passwords of the other phone numbers become invalid",
];

#[tokio::test(flavor = "multi_thread")]
async fn u_the_words_say_that_the_contract_numbers_password_goes_only_if_it_does() {
    for (changer, has_contract_password, goes) in
        [(ONE, true, true), (NUMBER, true, false), (ONE, false, false)]
    {
        let with_password = if has_contract_password { vec![NUMBER, ONE] } else { vec![ONE] };
        let (service, owner) = service("number", &with_password).await;
        let sql = "UPDATE phone_number SET has_service = $2 WHERE number = $1";
        owner.execute(sql, &[&NUMBER, &has_contract_password]).await.unwrap();
        let mut browser = Browser::new(&service.base);
        browser.log_in(changer, RIGHT).await;
        for (place, path) in ["/unit/line", "/unit/line?lang=en"].iter().enumerate() {
            let page = browser.get(path).await;
            let expected = if goes { GOES[place] } else { OTHERS_GO[place] };
            assert!(page.body.contains(expected), "{changer}: {page:?}");
            assert_eq!(page.body.contains(GOES[place]), goes, "{changer}: {page:?}");
        }
        let page = browser.get("/unit/line?lang=ja").await;
        let (_, _, lost) = outcome(&page).remove(0);
        assert_eq!(lost.is_some(), goes, "{changer}: the table says the same");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u_the_words_say_that_the_contract_number_gets_this_logins_password_only_if_it_does() {
    for has_contract_password in [true, false] {
        let with_password = if has_contract_password { vec![NUMBER, ONE] } else { vec![ONE] };
        let (service, _) = service("number", &with_password).await;
        let mut browser = Browser::new(&service.base);
        browser.log_in(ONE, RIGHT).await;
        for (path, words) in [
            ("/unit/admin_user", "ご契約電話番号にパスワードがない場合は"),
            ("/unit/admin_user?lang=en", "If the contract number has none"),
        ] {
            let page = browser.get(path).await;
            assert_eq!(page.body.contains(words), !has_contract_password, "{page:?}");
        }
        let (_, with, _) = outcome(&browser.get("/unit/admin_user?lang=ja").await).remove(0);
        assert_eq!(with.starts_with("変更なし"), has_contract_password, "the table says the same");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u_a_form_for_ones_own_password_alone_speaks_of_one() {
    let (service, _) = service("line", &[NUMBER]).await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let form = browser.get("/unit/number").await;
    assert_eq!(asked(&form), [NUMBER]);
    let refused = send(&mut browser, &form, "/unit/number", &[(NUMBER, WRONG)]).await;
    let again = "今回ログインしたときのパスワードを、もう一度入力してください。";
    assert!(refused.status == 422 && refused.body.contains(again), "{refused:?}");
    for page in [form, refused] {
        for part in ["今回ログインしたときのパスワードを、半角で", "パスワードをお忘れの場合は"]
        {
            assert!(page.body.contains(part), "{part}: {page:?}");
        }
        for part in [
            "それぞれの電話番号のパスワードを",
            "分からない電話番号",
            "すべての電話番号のパスワード",
        ] {
            assert!(!page.body.contains(part), "{part}: {page:?}");
        }
    }
}

/// One right password, one that is wrong for the last time, and one that is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn u3_a_form_that_voids_another_numbers_password_says_that_and_has_no_dead_links() {
    let (service, owner) = service("number", &[NUMBER, ONE, TWO]).await;
    let sql = "UPDATE phone_number SET has_service = true WHERE number = $1";
    owner.execute(sql, &[&NUMBER]).await.unwrap();
    let mut browser = Browser::new(&service.base);
    browser.log_in(ONE, RIGHT).await;
    let form = browser.get("/unit/line").await;
    assert_eq!(asked(&form), [NUMBER, ONE, TWO]);
    let sql = "UPDATE credential SET failed_attempts = 9 WHERE login_number = $1";
    owner.execute(sql, &[&TWO]).await.unwrap();
    let typed = [(ONE, RIGHT), (TWO, WRONG), (NUMBER, WRONG)];
    let mut audited = 0;
    // Sent again, it gets the same answer (C2).
    for is_again in [false, true] {
        let page = send(&mut browser, &form, "/unit/line", &typed).await;
        assert_eq!((page.status, title(&page)), (422, "エラー：認証単位変更（回線単位）"));
        assert_eq!(site::count(&owner, TWO).await, (10, true));
        assert_eq!(site::count(&owner, NUMBER).await, (1, false));
        let (_, blocked) = page.body.split_once("id=\"blocked\"").unwrap();
        let just_void =
            "<span class=\"number\">06-1234-5602</span>（今回の間違いで、無効になりました）";
        assert!(blocked.contains(just_void) && asked(&page).is_empty(), "{page:?}");
        assert!(blocked.contains("今回送信された内容では、何も変更していません"), "{page:?}");
        for dead in ["id=\"error-summary\"", "href=\"#password-", "もう一度入力してください"]
        {
            assert!(!page.body.contains(dead), "{dead}: {page:?}");
        }
        let entries = site::audit(&owner).await.len();
        assert!(!is_again || entries == audited, "{:?}", site::audit(&owner).await);
        audited = entries;
    }
    // Opened later, it is not news, and nothing was sent.
    let later = browser.get("/unit/line?lang=en").await;
    assert!(later.body.contains("id=\"blocked\""), "{later:?}");
    for part in ["just become invalid", "nothing", "Nothing"] {
        assert!(!later.body.contains(part), "{part}: {later:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u_who_has_no_password_after_the_change_is_not_told_to_log_in_with_one() {
    let (service, owner) = service("admin_user", &[NUMBER]).await;
    let sql = "UPDATE phone_number SET has_service = false WHERE number = $1";
    owner.execute(sql, &[&TWO]).await.unwrap();
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let form = browser.get("/unit/number").await;
    send(&mut browser, &form, "/unit/number", &[(NUMBER, RIGHT)]).await;
    for (path, needed, with_password) in [
        (
            "/unit-changed",
            "ログインする前に、仮パスワードの設定が必要です",
            "パスワードでログインし",
        ),
        ("/unit-changed?lang=en", "Before you can log in, a temporary", "and the password under"),
    ] {
        let page = browser.get(path).await;
        assert!(page.body.contains(needed), "{page:?}");
        assert!(!page.body.contains(with_password), "{page:?}");
        assert!(page.body.contains("<strong>2</strong>"), "{page:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u_the_first_page_leads_to_the_outcome_while_it_is_kept() {
    let (service, owner) = service("line", &[NUMBER]).await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let form = browser.get("/unit/number").await;
    let mut tab = browser.clone();
    assert_eq!(tab.get("/unit/admin_user").await.status, 200);
    send(&mut browser, &form, "/unit/number", &[(NUMBER, RIGHT)]).await;
    let done = browser.get("/unit-changed").await;
    // The address of the site, the way back, and another tab, whose script leads to the first page.
    assert_eq!(tab.get("/session").await.status, 410);
    for browser in [&mut browser, &mut tab] {
        for path in ["/", "/unit-changed", "/unit/number", "/password", "/?changed", "/"] {
            let answer = browser.get(path).await;
            match path {
                "/unit-changed" => assert_eq!(answer.body, done.body),
                _ => assert_eq!(leads_to(&answer), "/unit-changed", "{path}"),
            }
            assert!(browser.cookies.contains_key(SESSION), "{path}");
        }
    }
    let old = "UPDATE ended_session SET created_at = created_at - interval '15 minutes'";
    owner.execute(old, &[]).await.unwrap();
    // Later it is a logout like any other. Nobody else has ended this session.
    let late = send(&mut browser, &form, "/unit/number", &[(NUMBER, RIGHT)]).await;
    assert_eq!(leads_to(&late), "/session-over?form-logged-out");
    assert_eq!(leads_to(&browser.get("/unit-changed").await), "/logged-out");
    assert_eq!(title(&browser.get("/").await), "トップページ");
    // A login ends it, too.
    tab.log_in(ONE, RIGHT).await;
    assert_eq!(title(&tab.get("/").await), "設定サイトトップ");
}

#[tokio::test(flavor = "multi_thread")]
async fn w12_the_page_of_the_outcome_names_the_one_key() {
    let (service, owner) = service("line", &[NUMBER]).await;
    site::credential(&owner, ONE, "password").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let form = browser.get("/unit/number").await;
    send(&mut browser, &form, "/unit/number", &[(NUMBER, RIGHT)]).await;
    let page = browser.get("/unit-changed").await.body;
    let (_, footer) = page.split_once("<footer").unwrap();
    assert!(footer.contains("「2」（電話番号単位）を押します"), "{footer}");
    assert!(footer.contains("認証単位が変更され") && !footer.contains("「1」"), "{footer}");
}
