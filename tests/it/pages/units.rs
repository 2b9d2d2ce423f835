//! `/unit` and `/unit/{unit}`: table U, U2, W6.

use tokio_postgres::Client;

use super::browser::{Browser, hidden, leads_to, title};
use crate::scene::{ONE, TWO};
use crate::site::{self, Answer, NUMBER, RIGHT, Service, WRONG};
use crate::support;

const OWN: &str = "変更なし（これまでと同じパスワード）";
const NO_LOGIN: &str = "ログインには使用しません";
const NOTHING: &str = "仮パスワードの設定が必要です";

#[tokio::test(flavor = "multi_thread")]
async fn u_each_change_requires_its_passwords_and_shows_the_new_logins() {
    let changers = |number: &str| format!("今回のログイン（{number}）と同じパスワード");
    let (one, two, contract) = ("06-1234-5601", "06-1234-5602", "06-1234-5600");
    let own = || OWN.to_owned();
    for (from, to, changer, others, after) in [
        ("number", "line", ONE, vec![TWO], vec![(contract, changers(one))]),
        (
            "line",
            "number",
            NUMBER,
            vec![],
            vec![(one, changers(contract)), (two, changers(contract))],
        ),
        (
            "number",
            "admin_user",
            ONE,
            vec![TWO],
            vec![(contract, changers(one)), (one, own()), (two, own())],
        ),
        (
            "line",
            "admin_user",
            NUMBER,
            vec![],
            vec![(contract, own()), (one, changers(contract)), (two, changers(contract))],
        ),
        ("admin_user", "line", NUMBER, vec![ONE, TWO], vec![(contract, own())]),
        ("admin_user", "number", NUMBER, vec![TWO], vec![(one, NOTHING.to_owned()), (two, own())]),
    ] {
        let with_password = [vec![changer], others].concat();
        let (service, owner) = service(from, &with_password).await;
        let mut browser = Browser::new(&service.base);
        browser.log_in(changer, RIGHT).await;
        let path = format!("/unit/{to}");
        assert!(
            browser.get("/unit").await.body.contains(&format!("href=\"{path}\"")),
            "{from} {to}"
        );
        let page = browser.get(&path).await;
        assert_eq!(asked(&page), with_password, "{from} {to}");
        let passwords: Vec<_> = with_password.iter().map(|number| (*number, RIGHT)).collect();
        let answer = send(&mut browser, &page, &path, &passwords).await;
        assert_eq!(leads_to(&answer), "/unit-changed", "{from} {to}");
        let done = browser.get("/unit-changed").await;
        assert_eq!((done.status, title(&done)), (200, "認証単位を変更しました"), "{from} {to}");
        // The table before the change is the same, and marks the passwords that go.
        assert_eq!(outcome(&page), outcome(&done), "{from} {to}");
        let logins: Vec<_> =
            outcome(&done).into_iter().filter(|(_, with, _)| with != NO_LOGIN).collect();
        assert_eq!(logins.len(), after.len(), "{from} {to}: {}", done.body);
        for ((number, with, lost), (expected, password)) in logins.iter().zip(&after) {
            assert_eq!((number.as_str(), with), (*expected, password), "{from} {to}");
            // A number that gets the initiator's password has no other one here.
            assert_eq!(*lost, None, "{from} {to} {number}");
        }
        let phone = done.body.contains("を押して");
        assert_eq!(phone, after.iter().any(|(_, with)| with == NOTHING), "{from} {to}");
        assert_eq!(unit(&owner).await, to);
        // Sent twice, and after a reload, only the outcome is still there.
        let again = send(&mut browser, &page, &path, &passwords).await;
        assert_eq!(leads_to(&again), "/unit-changed", "{from} {to}");
        let other = send(&mut browser, &page, &format!("/unit/{from}"), &passwords).await;
        assert_eq!(leads_to(&other), "/unit-changed?form", "{from} {to}");
        let late = browser.get("/unit-changed?form").await;
        let nothing = "今回送信された内容では、何も変更していません";
        assert!(late.body.contains(nothing) && !done.body.contains(nothing), "{late:?}");
        assert_eq!(outcome(&late), outcome(&done), "{from} {to}");
        assert!(late.body.contains("href=\"/unit-changed?form&#38;lang=en\""), "{late:?}");
        assert_eq!(browser.get("/unit-changed").await.body, done.body);
        assert_eq!(leads_to(&browser.get("/unit").await), "/unit-changed");
        assert_eq!(leads_to(&browser.get("/").await), "/unit-changed");
        for number in [NUMBER, ONE, TWO] {
            let logs_in = after
                .iter()
                .any(|(shown, with)| shown.replace('-', "") == number && with != NOTHING);
            let mut next = Browser::new(&service.base);
            let page = next.get("/login").await;
            let fields = [("number", number), ("password", RIGHT)];
            let answer = next.submit(&page, "/login", &fields).await;
            assert_eq!(answer.status, if logs_in { 303 } else { 422 }, "{from} {to} {number}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u_a_wrong_password_is_reported_beside_its_number_and_nothing_changes() {
    let (service, owner) = service("number", &[ONE, TWO]).await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(ONE, RIGHT).await;
    let mut page = browser.get("/unit/line").await;
    for (passwords, wrong) in [
        ([(ONE, RIGHT), (TWO, WRONG)], vec![TWO]),
        ([(ONE, WRONG), (TWO, RIGHT)], vec![ONE]),
        ([(ONE, WRONG), (TWO, WRONG)], vec![ONE, TWO]),
    ] {
        page = send(&mut browser, &page, "/unit/line", &passwords).await;
        assert_eq!((page.status, title(&page)), (422, "エラー：認証単位変更（回線単位）"));
        for number in [ONE, TWO] {
            let is_marked = page.body.contains(&format!("id=\"password-{number}-error\""));
            assert_eq!(is_marked, wrong.contains(&number), "{page:?}");
        }
        assert_eq!(page.body.matches("aria-invalid=\"true\"").count(), wrong.len());
        assert_eq!(unit(&owner).await, "number");
    }
    assert_eq!(site::count(&owner, ONE).await, (2, false));
    assert_eq!(site::count(&owner, TWO).await, (2, false));
    let done = send(&mut browser, &page, "/unit/line", &[(ONE, RIGHT), (TWO, RIGHT)]).await;
    assert_eq!(leads_to(&done), "/unit-changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn u_an_empty_password_is_asked_for_and_not_counted() {
    let (service, owner) = service("number", &[ONE, TWO]).await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(ONE, RIGHT).await;
    let page = browser.get("/unit/line").await;
    for (passwords, missing, counted) in [
        (vec![(ONE, ""), (TWO, "")], vec![ONE, TWO], [0, 0]),
        (vec![], vec![ONE, TWO], [0, 0]),
        (vec![(ONE, ""), (TWO, RIGHT)], vec![ONE], [0, 0]),
        // What was entered is compared and counted, once.
        (vec![(ONE, ""), (TWO, WRONG)], vec![ONE], [0, 1]),
        (vec![(ONE, ""), (TWO, WRONG)], vec![ONE], [0, 1]),
        (vec![(ONE, WRONG), (TWO, "")], vec![TWO], [1, 1]),
    ] {
        let answer = send(&mut browser, &page, "/unit/line", &passwords).await;
        assert_eq!(answer.status, 422);
        for number in [ONE, TWO] {
            let is_wrong = passwords.contains(&(number, WRONG));
            let is_marked = answer.body.contains(&format!("id=\"password-{number}-error\""));
            assert_eq!(is_marked, is_wrong || missing.contains(&number), "{answer:?}");
        }
        let asked = answer.body.matches("＊06-1234-560").count();
        let entered = answer.body.matches("のパスワードを入力してください。</p>").count();
        let wrong = passwords.iter().filter(|(_, typed)| *typed == WRONG).count();
        assert_eq!((asked, entered), (missing.len() + wrong, missing.len()), "{answer:?}");
        for (number, counted) in [ONE, TWO].into_iter().zip(counted) {
            assert_eq!(site::count(&owner, number).await, (counted, false), "{passwords:?}");
        }
    }
    assert_eq!(unit(&owner).await, "number");
}

#[tokio::test(flavor = "multi_thread")]
async fn u_one_wrong_password_too_many_of_ones_own_ends_the_session() {
    let (service, owner) = service("number", &[ONE, TWO]).await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(ONE, RIGHT).await;
    let page = browser.get("/unit/line").await;
    owner.execute("UPDATE credential SET failed_attempts = 9", &[]).await.unwrap();
    let other = send(&mut browser, &page, "/unit/line", &[(ONE, RIGHT), (TWO, WRONG)]).await;
    assert_eq!(other.status, 422, "another number's password is void, the session goes on");
    assert_eq!(site::count(&owner, TWO).await, (10, true));
    let page = browser.get("/unit/line").await;
    assert!(page.body.contains("id=\"blocked\""), "a void password cannot be given");
    owner.execute("DELETE FROM credential WHERE login_number = $1", &[&TWO]).await.unwrap();
    let page = browser.get("/unit/line").await;
    assert_eq!(asked(&page), [ONE]);
    let own = send(&mut browser, &page, "/unit/line", &[(ONE, WRONG)]).await;
    assert_eq!(leads_to(&own), "/session-over?void-number");
    assert_eq!(site::count(&owner, ONE).await, (10, true));
    assert!(browser.cookies.is_empty());
    assert_eq!(unit(&owner).await, "number");
}

#[tokio::test(flavor = "multi_thread")]
async fn u3_a_void_password_is_reported_instead_of_the_form_and_how_to_set_one() {
    let (service, owner) = service("number", &[ONE, TWO]).await;
    let sql = "UPDATE phone_number SET has_service = true WHERE number = $1";
    owner.execute(sql, &[&NUMBER]).await.unwrap();
    site::credential(&owner, NUMBER, "password").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(ONE, RIGHT).await;
    let form = browser.get("/unit/line").await;
    assert_eq!(asked(&form), [NUMBER, ONE, TWO]);
    // While the form is open, and before it is opened.
    let void = "UPDATE credential SET password_hash = NULL, voided_at = clock_timestamp(), failed_attempts = 10
                WHERE login_number <> $1";
    owner.execute(void, &[&ONE]).await.unwrap();
    let all = [NUMBER, ONE, TWO].map(|number| (number, RIGHT));
    let sent = send(&mut browser, &form, "/unit/line", &all).await;
    let opened = browser.get("/unit/line").await;
    for (page, status) in [(sent, 409), (opened, 200)] {
        assert_eq!((page.status, title(&page)), (status, "エラー：認証単位変更（回線単位）"));
        assert!(asked(&page).is_empty(), "{page:?}");
        let (_, blocked) = page.body.split_once("id=\"blocked\"").unwrap();
        for part in ["06-1234-5600", "06-1234-5602", "06-6480-6430", "電話番号単位", "仮パスワード"]
        {
            assert!(blocked.contains(part), "{part}: {blocked}");
        }
        assert!(!blocked.contains("06-1234-5601"), "{blocked}");
    }
    assert_eq!(unit(&owner).await, "number");
    assert_eq!(site::count(&owner, ONE).await, (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_a_form_from_before_someone_elses_change_does_nothing() {
    let (service, owner) = service("number", &[ONE]).await;
    site::credential(&owner, TWO, "temporary").await;
    let mut first = Browser::new(&service.base);
    first.log_in(ONE, RIGHT).await;
    let page = first.get("/unit/line").await;
    assert_eq!(asked(&page), [ONE]);
    // Meanwhile another person replaces a temporary password by a password.
    let mut second = Browser::new(&service.base);
    second.log_in(TWO, RIGHT).await;
    let change = second.get("/password").await;
    let fields = [("current", RIGHT), ("new", "abcd1234"), ("new_again", "abcd1234")];
    assert_eq!(leads_to(&second.submit(&change, "/password", &fields).await), "/?changed");
    for password in [RIGHT, WRONG] {
        let refused = send(&mut first, &page, "/unit/line", &[(ONE, password)]).await;
        assert_eq!(
            (refused.status, title(&refused)),
            (409, "エラー：ご契約の内容が変更されています")
        );
        assert!(refused.body.contains("何も変更していません"), "{refused:?}");
    }
    assert_eq!(site::count(&owner, ONE).await, (0, false), "nothing is counted");
    assert_eq!(unit(&owner).await, "number");
    let page = first.get("/unit/line").await;
    assert_eq!(asked(&page), [ONE, TWO]);
    // A unit change ends the other's session; its open form says so.
    let other = second.get("/unit/admin_user").await;
    let done = send(&mut first, &page, "/unit/line", &[(ONE, RIGHT), (TWO, "abcd1234")]).await;
    assert_eq!(leads_to(&done), "/unit-changed");
    let late =
        send(&mut second, &other, "/unit/admin_user", &[(ONE, RIGHT), (TWO, "abcd1234")]).await;
    assert_eq!(leads_to(&late), "/session-over?form-elsewhere");
    assert_eq!(unit(&owner).await, "line");
}

#[tokio::test(flavor = "multi_thread")]
async fn u_only_a_unit_that_is_not_in_force_has_a_form() {
    let (service, owner) = service("line", &[NUMBER]).await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    assert_eq!(leads_to(&browser.get("/unit/line").await), "/unit");
    for path in ["/unit/LINE", "/unit/nothing", "/unit/", "/unit/line/x", "/unit/%ff"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    let page = browser.get("/unit/number").await;
    let in_force = send(&mut browser, &page, "/unit/line", &[(NUMBER, RIGHT)]).await;
    assert_eq!(in_force.status, 409);
    let foreign = [(NUMBER, RIGHT), ("0799999999", RIGHT)];
    assert_eq!(send(&mut browser, &page, "/unit/number", &foreign).await.status, 409);
    let without_version = browser.submit(&page, "/unit/number", &[("password-0612345600", RIGHT)]);
    assert_eq!(without_version.await.status, 403);
    assert_eq!(unit(&owner).await, "line");
    assert_eq!(site::count(&owner, NUMBER).await, (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn u1_the_table_names_what_goes_before_the_change_and_after_it() {
    let (service, owner) = service("number", &[ONE]).await;
    site::credential(&owner, TWO, "temporary").await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(ONE, RIGHT).await;
    let page = browser.get("/unit/line").await;
    let by = "今回のログイン（06-1234-5601）と同じパスワード";
    let row = |number: &str, with: &str, lost| (number.to_owned(), with.to_owned(), lost);
    let expected = [
        row("06-1234-5600", by, None),
        row("06-1234-5601", NO_LOGIN, Some("password")),
        row("06-1234-5602", NO_LOGIN, Some("temporary")),
    ];
    assert_eq!(outcome(&page), expected);
    assert!(page.body.contains("になります</p>") && !page.body.contains("になりました</p>"));
    // It is there beside an error, too.
    let refused = send(&mut browser, &page, "/unit/line", &[(ONE, WRONG)]).await;
    assert_eq!(outcome(&refused), expected);
    send(&mut browser, &refused, "/unit/line", &[(ONE, RIGHT)]).await;
    let done = browser.get("/unit-changed").await;
    assert_eq!(outcome(&done), expected);
    assert!(!done.body.contains("になります</p>") && done.body.contains("になりました</p>"));
    // After the idle time the outcome is gone, and the logout remains.
    let old = "UPDATE ended_session SET created_at = created_at - interval '15 minutes'";
    owner.execute(old, &[]).await.unwrap();
    assert_eq!(leads_to(&browser.get("/unit-changed").await), "/logged-out");
    let mut stranger = Browser::new(&service.base);
    assert_eq!(leads_to(&stranger.get("/unit-changed").await), "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_the_unit_in_force_is_marked_among_the_three() {
    let (service, _) = service("line", &[NUMBER]).await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(NUMBER, RIGHT).await;
    let page = browser.get("/unit").await.body;
    let marked = "<li class=\"in-force\" aria-current=\"true\"><strong>回線単位</strong>";
    assert!(page.contains(marked), "{page}");
    for to in ["number", "admin_user"] {
        assert!(page.contains(&format!("href=\"/unit/{to}\"")), "{page}");
    }
    assert!(!page.contains("href=\"/unit/line\""), "{page}");
}

/// The table of logins, row by row: the number, its password, and the kind of the one that goes.
pub(super) fn outcome(page: &Answer) -> Vec<(String, String, Option<&'static str>)> {
    let rows = page.body.split("<tr><th scope=\"row\" class=\"number\">").skip(1);
    rows.map(|row| {
        let (number, rest) = row.split_once("</th><td>").unwrap();
        let (with, _) = rest.split_once("</td>").unwrap();
        let (with, lost) =
            with.split_once("<p").map_or((with, None), |(with, lost)| (with, Some(lost)));
        let kind = lost.map(|words| {
            if words.contains("の仮パスワードは無効") {
                "temporary"
            } else {
                assert!(words.contains("のパスワードは無効"), "{words}");
                "password"
            }
        });
        (number.to_owned(), with.to_owned(), kind)
    })
    .collect()
}

pub(super) async fn service(unit: &str, with_password: &[&str]) -> (Service, Client) {
    let database = support::database().await;
    let owner = database.owner().await.unwrap();
    site::contract(&owner, unit).await;
    for number in with_password {
        site::credential(&owner, number, "password").await;
    }
    (Service::start(&database, &[]).await, owner)
}

async fn unit(owner: &Client) -> String {
    owner.query_one("SELECT unit FROM contract", &[]).await.unwrap().get(0)
}

/// The numbers whose passwords a form requires.
pub(super) fn asked(page: &Answer) -> Vec<&str> {
    let fields = page.body.split("<input id=\"password-").skip(1);
    fields.map(|field| field.split('"').next().unwrap()).collect()
}

/// Fills in the form with these passwords.
pub(super) async fn send(
    browser: &mut Browser,
    page: &Answer,
    path: &str,
    passwords: &[(&str, &str)],
) -> Answer {
    let named: Vec<_> =
        passwords.iter().map(|(number, typed)| (format!("password-{number}"), *typed)).collect();
    let version = hidden(page, "version");
    let mut fields = vec![("version", version.as_str())];
    fields.extend(named.iter().map(|(name, typed)| (name.as_str(), *typed)));
    browser.submit(page, path, &fields).await
}
