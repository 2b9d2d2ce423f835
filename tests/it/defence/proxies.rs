//! Which header determines the client's address, as seen by the limit and the audit.

use serde_json::json;
use tokio_postgres::Client;

use crate::site::{self, Answer, NUMBER, RIGHT, Service, SiteClient, WRONG};

#[tokio::test(flavor = "multi_thread")]
async fn r_the_address_behind_a_proxy_is_limited_and_audited() {
    let (database, owner) = site::contracted("password").await;
    let variables = [
        ("KARIPASS_SITE_TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8"),
        ("KARIPASS_LOGIN_LIMIT", "5"),
    ];
    let service = Service::start(&database, &variables).await;
    // Whatever the client itself has written before, one address is limited.
    assert_eq!(log_in(&service, WRONG, &["198.51.100.9, 192.0.2.1, 10.0.0.2"]).await.status, 401);
    for forwarded in [&["203.0.113.5", "192.0.2.1"][..], &["unknown, 192.0.2.1"], &["192.0.2.1"]] {
        assert_eq!(log_in(&service, RIGHT, forwarded).await.status, 429, "{forwarded:?}");
    }
    assert_eq!(log_in(&service, WRONG, &["192.0.2.1, 2001:db8::1"]).await.status, 401);
    assert_eq!(log_in(&service, RIGHT, &["2001:db8::2"]).await.status, 429, "one /64");
    assert_eq!(log_in(&service, RIGHT, &["unknown"]).await.status, 200);
    let expected = ["192.0.2.1", "2001:db8::1", "127.0.0.1"];
    assert_eq!(addresses(&owner).await, expected);
    assert_eq!(site::count(&owner, NUMBER).await, (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn r_nobody_else_can_take_another_address() {
    let (database, owner) = site::contracted("password").await;
    let variables = [("KARIPASS_SITE_TRUSTED_PROXIES", "127.0.0.2"), ("KARIPASS_LOGIN_LIMIT", "1")];
    let service = Service::start(&database, &variables).await;
    let client = SiteClient::new();
    let body = json!({ "number": NUMBER, "password": RIGHT });
    for (number, status) in [(1, 200), (2, 429), (3, 429)] {
        let mut request = client.http().post(format!("{}/api/v1/login", service.base)).json(&body);
        for header in ["X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP"] {
            request = request.header(header, format!("192.0.2.{number}"));
        }
        request = request.header("Forwarded", format!("for=192.0.2.{number}"));
        assert_eq!(client.send(request).await.status, status);
    }
    assert_eq!(addresses(&owner).await, ["127.0.0.1"]);
}

async fn log_in(service: &Service, password: &str, forwarded: &[&str]) -> Answer {
    let client = SiteClient::new();
    let body = json!({ "number": NUMBER, "password": password });
    let request = client.http().post(format!("{}/api/v1/login", service.base)).json(&body);
    let request =
        forwarded.iter().fold(request, |request, line| request.header("X-Forwarded-For", *line));
    client.send(request).await
}

async fn addresses(owner: &Client) -> Vec<String> {
    let sql = "SELECT host(address) FROM audit_log ORDER BY id";
    owner.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}
