//! A page on another site makes its visitor's browser ask the API (`fetch` with `no-cors`, forms):
//! refused before it costs anything.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HOST, ORIGIN};
use serde_json::json;
use url::form_urlencoded::Serializer;

use crate::pages::browser::{Browser, form_id, token};
use crate::scene::Scene;
use crate::site::{NUMBER, RIGHT, SiteClient, SiteDaemon, WRONG};

/// A browser's headers for a request that another site's page has made, or a page of a related
/// site.
const FOREIGN: [(&str, &str); 6] = [
    ("Sec-Fetch-Site", "cross-site"),
    ("Sec-Fetch-Site", "same-site"),
    ("Origin", "https://evil.example"),
    ("Origin", "https://127.0.0.1.evil.example"),
    ("Origin", "https://127.0.0.1"),
    ("Origin", "null"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_another_sites_page_is_refused_and_costs_nothing() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let token = scene.token(NUMBER, RIGHT).await;
    let before = scene.everything().await;
    let rows = scene.audit_rows().await;
    // One wrong login is the whole budget of this address for a minute.
    let daemon = SiteDaemon::start(&scene.database, &[("KARIPASS_LOGIN_LIMIT", "5")]);
    let client = SiteClient::new();
    let wrong = json!({ "number": NUMBER, "password": WRONG }).to_string();
    let post = |path: &str, kind: &str, body: &str| {
        let request = client.http().post(format!("{}{path}", daemon.base));
        request.header(CONTENT_TYPE, kind).body(body.to_owned()).bearer_auth(&token)
    };
    for (name, value) in FOREIGN {
        for (method, path) in [
            (Method::POST, "/api/v1/login"),
            (Method::POST, "/api/v1/password"),
            (Method::POST, "/api/v1/unit"),
            (Method::POST, "/api/v1/logout"),
            (Method::GET, "/api/v1/session"),
        ] {
            let request = client.http().request(method, format!("{}{path}", daemon.base));
            let request = request.bearer_auth(&token).header(name, value).body(wrong.clone());
            let answer = client.send(request.header(CONTENT_TYPE, "application/json")).await;
            let refusal = (answer.status, answer.code());
            assert_eq!(refusal, (403, "cross_site".to_owned()), "{name}: {value} at {path}");
        }
    }
    // Bodies that a form or a `no-cors` fetch can send, from a browser without these headers.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        for path in ["/api/v1/login", "/api/v1/password", "/api/v1/unit", "/api/v1/logout"] {
            let answer = client.send(post(path, kind, &wrong)).await;
            assert_eq!((answer.status, answer.code()), (400, "malformed".to_owned()), "{kind:?}");
        }
    }
    assert_eq!(scene.everything().await, before, "nothing is counted, no session ended");
    assert_eq!(scene.audit_rows().await, rows);
    let metric = async |reason: &str| {
        let name = format!("karipass_http_requests_refused_total{{reason=\"{reason}\"}} ");
        daemon.metric(&client, &name).await
    };
    assert!((metric("cross_site").await - 30.0).abs() < f64::EPSILON);
    assert!((metric("not_json").await - 16.0).abs() < f64::EPSILON);
    let line = r#""reason":"cross_site","address":"127.0.0.1""#;
    assert!(daemon.log().contains(line), "{}", daemon.log());
    // The budget is whole; a program without an `Origin` and our own pages may send requests.
    let right = json!({ "number": NUMBER, "password": RIGHT }).to_string();
    let own = post("/api/v1/login", "application/json; charset=utf-8", &right);
    let own = own.header("Sec-Fetch-Site", "same-origin").header(ORIGIN, &daemon.base);
    assert_eq!(client.send(own).await.status, 200);
    assert_eq!(client.session(&daemon.base, &token).await.status, 200);
    assert_eq!(client.log_out(&daemon.base, &token).await.status, 204);
    let description = client.http().get(format!("{}/api/v1/openapi.json", daemon.base));
    let description = description.header("Sec-Fetch-Site", "cross-site");
    assert_eq!(client.send(description).await.status, 200, "anybody may read what the API is");
}

/// A proxy writes the port into `Host`, and the browser leaves it out of `Origin`, or the reverse.
#[tokio::test(flavor = "multi_thread")]
async fn a_default_port_in_host_or_origin_alone_is_not_another_site() {
    let scene = Scene::new("line").await;
    scene.give(NUMBER, "password", RIGHT).await;
    let daemon = SiteDaemon::start(&scene.database, &[]);
    let client = SiteClient::new();
    let login = json!({ "number": NUMBER, "password": RIGHT }).to_string();
    for (host, origin, is_own) in [
        ("site.example:443", "https://site.example", true),
        ("site.example", "https://site.example:443", true),
        ("SITE.example", "https://site.example", true),
        ("site.example:443", "https://other.example", false),
        ("site.example:443", "https://site.example:8443", false),
        ("site.example:443", "http://site.example", false),
    ] {
        let request = client.http().post(format!("{}/api/v1/login", daemon.base));
        let request = request.header(CONTENT_TYPE, "application/json").body(login.clone());
        let answer = client.send(request.header(HOST, host).header(ORIGIN, origin)).await;
        assert_eq!(answer.status, if is_own { 200 } else { 403 }, "API: {host}, {origin}");
        let mut browser = Browser::new(&daemon.base);
        let page = browser.get("/login").await;
        let id = form_id(&page).unwrap();
        let form = Serializer::new(String::new())
            .extend_pairs([("form_token", token(&page)), ("form_id", id)])
            .extend_pairs([("number", NUMBER), ("password", RIGHT)])
            .finish();
        let request = browser.request(Method::POST, "/login").body(form);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = browser.send(request.header(HOST, host).header(ORIGIN, origin)).await;
        assert_eq!(answer.status, if is_own { 303 } else { 403 }, "page: {host}, {origin}");
    }
}
