//! U4: contracts of up to a thousand numbers.

use domain::rules;
use karipass_lab::postgres::Database;
use reqwest::header::RETRY_AFTER;
use serde_json::json;
use tokio_postgres::Client;

use super::browser::{Browser, hidden, leads_to, title};
use crate::scene::{Scene, change_unit};
use crate::site::{Answer, NUMBER, Service, WRONG};
use crate::support;

/// A password of the largest length.
const MAX_LENGTH_PASSWORD: &str = "Abcd1234efgh";

#[tokio::test(flavor = "multi_thread")]
async fn u4_a_thousand_numbers_change_the_unit_and_after_a_slip_ask_for_it_alone() {
    let scene = many(1_000).await;
    let numbers = numbers(&scene.owner).await;
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(&numbers[0], MAX_LENGTH_PASSWORD).await;
    let page = browser.get("/unit/line").await;
    assert_eq!(fields(&page), numbers);
    assert!(page.body.contains("<progress ") && page.body.contains("画面を閉じないで"));
    assert_eq!(browser.get("/unit-progress").await.status, 204);
    // Two slips: both are required again, and nothing else is.
    let mut typed: Vec<(&str, &str)> =
        numbers.iter().map(|it| (it.as_str(), MAX_LENGTH_PASSWORD)).collect();
    (typed[3].1, typed[999].1) = (WRONG, WRONG);
    let refused = send(&mut browser, &page, &typed).await;
    assert_eq!((refused.status, title(&refused)), (422, "エラー：認証単位変更（回線単位）"));
    assert_eq!(fields(&refused), [numbers[3].clone(), numbers[999].clone()]);
    assert_eq!(refused.body.matches("確認済み</p>").count(), 998);
    assert!(refused.body.contains("入力し直す必要はありません。"));
    // Another slip, and a field left empty.
    let hashes = scene.service.hasher.operations();
    let again = [(numbers[3].as_str(), MAX_LENGTH_PASSWORD), (numbers[999].as_str(), WRONG)];
    let refused = send(&mut browser, &refused, &again).await;
    assert_eq!(fields(&refused), [numbers[999].clone()]);
    assert_eq!(scene.service.hasher.operations() - hashes, 2);
    let refused = send(&mut browser, &refused, &[("", ""); 0]).await;
    assert_eq!((refused.status, fields(&refused)), (422, vec![numbers[999].clone()]));
    assert_eq!(scene.count(&numbers[3]).await, (1, false));
    assert_eq!(scene.count(&numbers[999]).await, (2, false));
    let done = send(&mut browser, &refused, &[(numbers[999].as_str(), MAX_LENGTH_PASSWORD)]).await;
    assert_eq!(leads_to(&done), "/unit-changed");
    let outcome = browser.get("/unit-changed").await;
    assert_eq!(outcome.body.matches("<tr><th scope=\"row\"").count(), 1_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_an_empty_field_loses_no_right_password_in_a_small_form_either() {
    let scene = many(3).await;
    let numbers = numbers(&scene.owner).await;
    let [one, two, three] = [&*numbers[0], &*numbers[1], &*numbers[2]];
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(one, MAX_LENGTH_PASSWORD).await;
    let page = browser.get("/unit/line").await;
    let typed = [(one, MAX_LENGTH_PASSWORD), (two, WRONG), (three, "")];
    let refused = send(&mut browser, &page, &typed).await;
    assert_eq!((refused.status, fields(&refused)), (422, vec![two.to_owned(), three.to_owned()]));
    assert_eq!(scene.count(two).await, (1, false));
    let refused = send(&mut browser, &refused, &[(two, MAX_LENGTH_PASSWORD), (three, "")]).await;
    assert_eq!((refused.status, fields(&refused)), (422, vec![three.to_owned()]));
    // The proofs alone, and then the last password.
    let refused = send(&mut browser, &refused, &[("", ""); 0]).await;
    assert_eq!((refused.status, fields(&refused)), (422, vec![three.to_owned()]));
    let done = send(&mut browser, &refused, &[(three, MAX_LENGTH_PASSWORD)]).await;
    assert_eq!(leads_to(&done), "/unit-changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_a_proof_of_a_right_password_is_no_proof_elsewhere_or_of_another_password() {
    let scene = many(3).await;
    let numbers = numbers(&scene.owner).await;
    let [one, two, three] = [&numbers[0], &numbers[1], &numbers[2]];
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(one, MAX_LENGTH_PASSWORD).await;
    let page = browser.get("/unit/line").await;
    let typed = [
        (one.as_str(), MAX_LENGTH_PASSWORD),
        (two.as_str(), MAX_LENGTH_PASSWORD),
        (three.as_str(), WRONG),
    ];
    let refused = send(&mut browser, &page, &typed).await;
    assert_eq!(fields(&refused), [three.as_str()]);
    // Another session of the same login.
    let mut other = Browser::new(&scene.service.base);
    other.log_in(one, MAX_LENGTH_PASSWORD).await;
    let own = other.get("/unit/line").await;
    let proofs = [proof(&refused, one), proof(&refused, two)];
    let with_proofs = [("form_id", hidden(&own, "form_id")), ("version", hidden(&own, "version"))];
    let mut fields_sent: Vec<(String, String)> =
        with_proofs.map(|(name, value)| (name.to_owned(), value)).to_vec();
    for (number, proof) in [one, two].into_iter().zip(&proofs) {
        fields_sent.push((format!("proof-{number}"), proof.clone()));
    }
    fields_sent.push((format!("password-{three}"), MAX_LENGTH_PASSWORD.to_owned()));
    let sent: Vec<_> = fields_sent.iter().map(|(name, value)| (&**name, &**value)).collect();
    let answer = other.submit(&own, "/unit/line", &sent[1..]).await;
    let both = vec![one.clone(), two.clone()];
    assert_eq!((answer.status, fields(&answer)), (422, both), "three's was given here");
    // Another password of the number meanwhile, which does not change the contract's version.
    scene.give(two, "password", "another123").await;
    let answer = send(&mut browser, &refused, &[(three.as_str(), MAX_LENGTH_PASSWORD)]).await;
    assert_eq!((answer.status, fields(&answer)), (422, vec![two.clone()]));
    for number in &numbers {
        let counted = i32::from(number == three);
        assert_eq!(scene.count(number).await, (counted, false), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_too_many_slips_leave_the_form_with_its_right_passwords() {
    let scene = many(12).await;
    let numbers = numbers(&scene.owner).await;
    let service = Service::start(&scene.database, &[("KARIPASS_LOGIN_LIMIT", "90")]).await;
    let mut browser = Browser::new(&service.base);
    browser.log_in(&numbers[0], MAX_LENGTH_PASSWORD).await;
    let mut page = browser.get("/unit/line").await;
    for slips in [10, 8] {
        page = send(&mut browser, &page, &typed(&page, slips)).await;
        assert_eq!((page.status, fields(&page).len()), (422, slips));
    }
    let (counted, hashes) = (scene.everything().await, service.hasher.operations());
    let limited = send(&mut browser, &page, &typed(&page, 0)).await;
    assert_eq!((limited.status, title(&limited)), (429, "エラー：認証単位変更（回線単位）"));
    let wait = format!("<strong>{}秒</strong>", limited.headers[RETRY_AFTER].to_str().unwrap());
    for part in [&*wait, "受付を一時停止", "入力し直す必要はありません", "再読み込み", "ログイン中"]
    {
        assert!(limited.body.contains(part), "{part}: {limited:?}");
    }
    assert_eq!(fields(&limited), fields(&page));
    assert_eq!(limited.body.matches("確認済み</p>").count(), 4);
    assert!(!limited.body.contains("aria-invalid") && !limited.body.contains("<ul>\n</ul>"));
    assert_eq!(scene.everything().await, counted);
    assert_eq!(service.hasher.operations(), hashes, "nothing is verified");
    // Where there are points, that form makes the change.
    let mut elsewhere = Browser::new(&scene.service.base);
    elsewhere.cookies = browser.cookies.clone();
    let done = send(&mut elsewhere, &limited, &typed(&limited, 0)).await;
    assert_eq!(leads_to(&done), "/unit-changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_a_change_that_fails_leaves_the_form_with_its_right_passwords() {
    let scene = many(3).await;
    let mut browser = Browser::new(&scene.service.base);
    browser.log_in(&numbers(&scene.owner).await[0], MAX_LENGTH_PASSWORD).await;
    let page = browser.get("/unit/line").await;
    let page = send(&mut browser, &page, &typed(&page, 1)).await;
    // The change waits for the contract, until its time is up.
    scene.owner.batch_execute("BEGIN; SELECT FROM contract FOR UPDATE").await.unwrap();
    let failed = send(&mut browser, &page, &typed(&page, 0)).await;
    scene.owner.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!((failed.status, title(&failed)), (503, "エラー：認証単位変更（回線単位）"));
    assert!(failed.headers.contains_key(RETRY_AFTER), "{failed:?}");
    for part in ["ただいまご利用いただけません", "間違いには数えていません", "再読み込み"]
    {
        assert!(failed.body.contains(part), "{part}: {failed:?}");
    }
    assert_eq!(fields(&failed), fields(&page));
    assert_eq!(failed.body.matches("確認済み</p>").count(), 2);
    let done = send(&mut browser, &failed, &typed(&failed, 0)).await;
    assert_eq!(leads_to(&done), "/unit-changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_many_numbers_are_folded_and_their_form_is_compact() {
    for (count, is_many) in [(10, false), (11, true)] {
        let scene = many(count).await;
        let numbers = numbers(&scene.owner).await;
        let mut browser = Browser::new(&scene.service.base);
        browser.log_in(&numbers[0], MAX_LENGTH_PASSWORD).await;
        let page = browser.get("/unit/line").await;
        assert_eq!(page.body.contains("class=\"compact\""), is_many, "{count}");
        // What holds for every field is said once.
        let marks = page.body.matches("※必須").count();
        assert_eq!(marks, if is_many { 0 } else { numbers.len() });
        assert_eq!(page.body.contains("すべての入力欄が必須です。"), is_many);
        let typed: Vec<_> = numbers.iter().map(|it| (it.as_str(), MAX_LENGTH_PASSWORD)).collect();
        assert_eq!(leads_to(&send(&mut browser, &page, &typed).await), "/unit-changed");
        // The number that logs in is not folded away.
        let done = browser.get("/unit-changed").await;
        for page in [&page, &done] {
            assert!(is_open(page, "logins"), "{page:?}");
            assert_eq!(is_open(page, "gone"), !is_many, "{page:?}");
            for table in ["logins", "gone"] {
                let name = format!("<table id=\"{table}\" aria-labelledby=\"{table}-caption\">");
                assert!(page.body.contains(&name), "{page:?}");
            }
        }
        // What is folded away is said in words.
        let lost = format!("{count}件の電話番号のパスワードまたは仮パスワードが無効に");
        for (page, ending) in [(&page, "なります</span>"), (&done, "なりました</span>")] {
            assert_eq!(page.body.contains(&format!("{lost}{ending}")), is_many, "{page:?}");
        }
        let english = browser.get("/unit-changed?lang=en").await.body;
        let lost = format!("temporary passwords of {count} phone numbers are now invalid");
        assert_eq!(english.contains(&lost), is_many, "{english}");
        browser.get("/unit-changed?lang=ja").await;
        let login = "電話番号<strong class=\"number\">06-1234-5600</strong>と";
        assert!(done.body.contains(login), "{done:?}");
        browser.log_in(NUMBER, MAX_LENGTH_PASSWORD).await;
        let top = browser.get("/").await.body;
        assert_eq!(top.contains(&format!("<summary>{count}件の電話番号")), is_many);
        let actions = top.find("id=\"change-unit\"").unwrap();
        assert!(actions < top.find("id=\"numbers\"").unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_a_folded_table_says_how_many_need_a_temporary_password() {
    for (count, is_many) in [(10, false), (11, true)] {
        let scene = many(count).await;
        let sql = "DELETE FROM credential; UPDATE contract SET unit = 'admin_user'";
        scene.owner.batch_execute(sql).await.unwrap();
        scene.give(NUMBER, "password", MAX_LENGTH_PASSWORD).await;
        let mut browser = Browser::new(&scene.service.base);
        browser.log_in(NUMBER, MAX_LENGTH_PASSWORD).await;
        for (path, needed) in [
            ("/unit/number", format!("{count}件の電話番号は、仮パスワードの設定が必要です")),
            ("/unit/number?lang=en", format!("{count} phone numbers need a temporary password")),
        ] {
            let page = browser.get(path).await.body;
            assert_eq!(page.contains(&needed), is_many, "{page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_the_api_takes_the_passwords_of_a_thousand_numbers() {
    let scene = many(1_000).await;
    let numbers = numbers(&scene.owner).await;
    let base = &scene.service.base;
    let token = scene.client.log_in(base, &numbers[0], MAX_LENGTH_PASSWORD).await.token();
    let mut given: Vec<(&str, &str)> =
        numbers.iter().map(|number| (number.as_str(), MAX_LENGTH_PASSWORD)).collect();
    given[999].1 = WRONG;
    let refused = change_unit(&scene.client, base, &token, "line", &given).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "wrong_password"));
    assert_eq!(refused.json()["numbers"], json!([numbers[999]]));
    given[999].1 = MAX_LENGTH_PASSWORD;
    let changed = change_unit(&scene.client, base, &token, "line", &given).await;
    assert_eq!((changed.status, changed.json()["unit"].as_str()), (200, Some("line")));
    // The limit of the other requests is smaller.
    let long = "9".repeat(rules::MAX_BODY_BYTES);
    assert_eq!(scene.client.log_in(base, &numbers[0], &long).await.status, 413);
    let long = "9".repeat(rules::MAX_UNIT_CHANGE_BYTES);
    let token = scene.client.log_in(base, NUMBER, MAX_LENGTH_PASSWORD).await.token();
    let answer = change_unit(&scene.client, base, &token, "number", &[(NUMBER, &long)]).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "malformed"));
    assert!(answer.body.contains("131072"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_the_summary_of_many_errors_lists_ten_and_counts_the_others() {
    for (count, listed, others) in [(10, 10, None), (12, 10, Some("<li>ほか2件</li>"))] {
        let scene = many(count).await;
        let numbers = numbers(&scene.owner).await;
        let mut browser = Browser::new(&scene.service.base);
        browser.log_in(&numbers[0], MAX_LENGTH_PASSWORD).await;
        let page = browser.get("/unit/line").await;
        let typed: Vec<_> = numbers.iter().map(|it| (it.as_str(), WRONG)).collect();
        let refused = send(&mut browser, &page, &typed).await.body;
        assert_eq!(refused.matches("aria-invalid=\"true\"").count(), numbers.len());
        assert_eq!(refused.matches("<li><a href=\"#password-").count(), listed, "{refused}");
        match others {
            Some(others) => assert!(refused.contains(others), "{refused}"),
            None => assert!(!refused.contains("<li>ほか"), "{refused}"),
        }
    }
}

/// Whether a table of the outcome is shown without a click.
fn is_open(page: &Answer, table: &str) -> bool {
    let (before, _) = page.body.split_once(&format!("<table id=\"{table}\"")).expect(&page.body);
    let (_, details) = before.rsplit_once("<details class=\"outcome\"").unwrap();
    details.starts_with(" open>")
}

/// A contract of `count` additional numbers under `number`, each with the password
/// [`MAX_LENGTH_PASSWORD`].
async fn many(count: i32) -> Scene {
    let database: Database = support::database().await;
    let scene = Scene::in_database(database, "number").await;
    scene.give("0612345601", "password", MAX_LENGTH_PASSWORD).await;
    let fills = "
        UPDATE phone_number SET has_service = false;
        INSERT INTO phone_number (number, contract_number, has_service)
        SELECT '06' || (55550000 + n), '0612345600', true FROM generate_series(1, $1) AS n";
    let mut parts = fills.split(';');
    scene.owner.execute(parts.next().unwrap(), &[]).await.unwrap();
    scene.owner.execute(parts.next().unwrap(), &[&count]).await.unwrap();
    let copies = "
        INSERT INTO credential (login_number, kind, password_hash, set_at)
        SELECT number, 'password', password_hash, set_at FROM phone_number, credential
        WHERE has_service AND login_number = '0612345601'";
    scene.owner.execute(copies, &[]).await.unwrap();
    let leaves = "DELETE FROM credential WHERE login_number = '0612345601'";
    scene.owner.execute(leaves, &[]).await.unwrap();
    scene
}

async fn numbers(owner: &Client) -> Vec<String> {
    let sql = "SELECT number FROM phone_number WHERE has_service ORDER BY number";
    owner.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// The numbers whose passwords a form requires.
fn fields(page: &Answer) -> Vec<String> {
    let fields = page.body.split("<input id=\"password-").skip(1);
    fields.map(|field| field.split('"').next().unwrap().to_owned()).collect()
}

/// A password for each field of a page; the first ones are wrong.
fn typed(page: &Answer, slips: usize) -> Vec<(String, &'static str)> {
    let password = |place: usize| if place < slips { WRONG } else { MAX_LENGTH_PASSWORD };
    fields(page).into_iter().enumerate().map(|(place, number)| (number, password(place))).collect()
}

fn proof(page: &Answer, number: &str) -> String {
    hidden(page, &format!("proof-{number}"))
}

/// Fills in the form with these passwords, and sends it with its proofs for the others.
async fn send(browser: &mut Browser, page: &Answer, typed: &[(impl AsRef<str>, &str)]) -> Answer {
    let mut fields = vec![("version".to_owned(), hidden(page, "version"))];
    for part in page.body.split("name=\"proof-").skip(1) {
        let number = part.split('"').next().unwrap();
        fields.push((format!("proof-{number}"), proof(page, number)));
    }
    let field = |number: &str| format!("password-{number}");
    let typed = typed.iter().map(|(number, typed)| (field(number.as_ref()), (*typed).to_owned()));
    fields.extend(typed);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    browser.submit(page, "/unit/line", &fields).await
}
