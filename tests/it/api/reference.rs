//! The page of `/api/v1/docs`.

use crate::site::{Service, SiteClient};
use crate::support;

#[tokio::test(flavor = "multi_thread")]
async fn api_the_reference_shows_every_operation_and_problem_and_needs_no_script() {
    let service = Service::start(&support::database().await, &[]).await;
    let client = SiteClient::new();
    let get = async |path: &str| client.get(&format!("{}{path}", service.base)).await;
    let page = get("/api/v1/docs").await;
    assert_eq!(page.status, 200);
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(page.headers["content-language"], "en");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!page.body.contains("<script") && !page.body.contains("style="), "{}", page.body);
    let document = get("/api/v1/openapi.json").await.json();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let codes = schemas["Code"]["enum"].as_array().unwrap().iter();
    let paths = document["paths"].as_object().unwrap().values();
    let ids = paths.flat_map(|methods| methods.as_object().unwrap().values());
    let ids = ids.map(|operation| format!("id=\"{}\"", operation["operationId"].as_str().unwrap()));
    let codes = codes.map(|code| format!("<code>{}</code>", code.as_str().unwrap()));
    let names = schemas.keys().map(|name| format!("id=\"schema-{name}\""));
    for part in ids.chain(codes).chain(names) {
        assert!(page.body.contains(&part), "{part}: {}", page.body);
    }
    for link in page.body.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        match link.strip_prefix('#') {
            Some(anchor) => assert!(page.body.contains(&format!("id=\"{anchor}\"")), "{link}"),
            None => assert_eq!(get(link).await.status, 200, "{link}"),
        }
    }
}
