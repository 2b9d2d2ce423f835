//! The API and the pages share one count for a number however it is spelt, and one limit for an
//! address.

use crate::pages::browser::{Browser, hidden, leads_to};
use crate::scene::Scene;
use crate::site::{self, Answer, NUMBER, RIGHT, SiteClient, WRONG};

/// Valid by `C5`.
const NEW: &str = "abcd1234";

#[tokio::test(flavor = "multi_thread")]
async fn w3_every_spelling_in_api_and_pages_is_one_login_with_one_count() {
    let Scene { owner, service, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "password").await;
    let (client, mut browser) = (SiteClient::new(), Browser::new(&service.base));
    let mut page = browser.get("/login").await;
    let spellings = [
        NUMBER,
        "06-1234-5600",
        "０６１２３４５６００",
        "\u{202d}+81\u{a0}(6) 1234/5600\u{202c}",
        "０６ー１２３４ー５６００",
    ];
    for (spelling, counted) in spellings.iter().zip([2, 4, 6, 8, 10]) {
        let fields = [("number", *spelling), ("password", WRONG)];
        // Each refusal shows another form, which is another attempt.
        page = browser.submit(&page, "/login", &fields).await;
        assert_eq!(page.status, 422, "{spelling}");
        assert_eq!(client.log_in(&service.base, spelling, WRONG).await.status, 401, "{spelling}");
        assert_eq!(site::count(&owner, NUMBER).await, (counted, counted == 10), "{spelling}");
    }
    for spelling in spellings {
        let fields = [("number", spelling), ("password", RIGHT)];
        assert_eq!(browser.submit(&page, "/login", &fields).await.status, 422, "{spelling}");
        assert_eq!(client.log_in(&service.base, spelling, RIGHT).await.status, 401, "{spelling}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_one_limit_by_address_stands_before_every_password_in_api_and_pages() {
    let Scene { owner, service, .. } =
        Scene::with_variables("line", &[("KARIPASS_LOGIN_LIMIT", "10")]).await;
    site::credential(&owner, NUMBER, "password").await;
    let mut stranger = Browser::new(&service.base);
    let mut browser = Browser::new(&service.base);
    let login = stranger.get("/login").await;
    assert_eq!(leads_to(&browser.log_in(NUMBER, RIGHT).await), "/");
    let (password, unit) = (browser.get("/password").await, browser.get("/unit/number").await);
    let version = hidden(&unit, "version");

    // An address that has spent its budget for a minute.
    let spent = [127, 0, 0, 9];
    let client = SiteClient::from(spent);
    assert_eq!(client.log_in(&service.base, "0699999999", WRONG).await.status, 401);
    for browser in [&mut stranger, &mut browser] {
        browser.move_to(spent);
    }
    let change = [("current", WRONG), ("new", NEW), ("new_again", NEW)];
    let number_field = format!("password-{NUMBER}");
    let unit_change = [("version", version.as_str()), (&number_field, WRONG)];
    let hashes = service.hasher.operations();
    let fields = [("number", NUMBER), ("password", RIGHT)];
    let answers: [(&str, Answer); 4] = [
        ("password", browser.submit(&password, "/password", &change).await),
        ("unit", browser.submit(&unit, "/unit/number", &unit_change).await),
        ("login", stranger.submit(&login, "/login", &fields).await),
        ("API", client.log_in(&service.base, NUMBER, RIGHT).await),
    ];
    for (entry_point, answer) in answers {
        assert_eq!(answer.status, 429, "{entry_point}");
        assert!(answer.headers.contains_key("retry-after"), "{entry_point}");
    }
    assert_eq!(service.hasher.operations(), hashes, "nothing is verified");
    assert_eq!(site::count(&owner, NUMBER).await, (0, false), "nothing is counted");
    let elsewhere = SiteClient::from([127, 0, 0, 8]);
    assert_eq!(elsewhere.log_in(&service.base, NUMBER, RIGHT).await.status, 200);
}
