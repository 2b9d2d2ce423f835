//! Bad requests, too many requests, an unreachable database, and the API's own description.

use std::collections::BTreeSet;

use domain::rules;
use karipass_lab::postgres::ShutdownMode;
use reqwest::Method;
use reqwest::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::scene::Scene;
use crate::site::{self, Answer, NUMBER, RIGHT, Service, SiteClient, WRONG};
use crate::support::{self, WAIT_TIMEOUT};

/// The statuses that every operation describes.
const EVERYWHERE: [&str; 4] = ["404", "405", "431", "500"];
/// Those of a change that compares passwords.
const PASSWORD_STATUSES: [&str; 9] =
    ["200", "400", "401", "403", "409", "413", "422", "429", "503"];

#[tokio::test(flavor = "multi_thread")]
async fn api_a_malformed_request_is_reported_and_not_quoted() {
    let Scene { owner, service, .. } = Scene::new("line").await;
    site::credential(&owner, NUMBER, "temporary").await;
    let json = Some("application/json");
    let good = json!({ "number": NUMBER, "password": WRONG }).to_string();
    for (kind, body) in [
        (None, good.as_str()),
        (Some("text/plain"), &good),
        (Some("application/x-www-form-urlencoded"), "number=0612345600&password=48151623"),
        (json, ""),
        (json, "48151623"),
        (json, "{"),
        (json, "[]"),
        (json, r#"["0612345600","48151623"]"#),
        (json, r#" [ "0612345600", "48151623" ]"#),
        (json, "null"),
        (json, r#"{"number":"0612345600"}"#),
        (json, r#"{"password":"48151623"}"#),
        (json, r#"{"number":"0612345600","password":48151623}"#),
        (json, r#"{"number":612345600,"password":"48151623"}"#),
        (json, r#"{"number":"0612345600","password":null}"#),
        (json, r#"{"number":"0612345600","password":["48151623"]}"#),
        (json, r#"{"number":"0612345600","number":"0612345600","password":"48151623"}"#),
        (json, r#"{"number":"0612345600","password":"48151623"} 48151623"#),
    ] {
        let answer = post(&service, kind, body.into()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "malformed"), "{body}");
        assert!(!answer.body.contains("48151623"), "quoted: {answer:?}");
    }
    let invalid_utf8 = [good.as_bytes(), &[0xff]].concat();
    assert_eq!(post(&service, json, invalid_utf8).await.code(), "malformed");
    let padded =
        |bytes: usize| [" ".repeat(bytes - good.len()), good.clone()].concat().into_bytes();
    let too_large = post(&service, json, padded(16 * 1024 + 1)).await;
    assert_eq!((too_large.status, too_large.code().as_str()), (413, "malformed"));
    assert_eq!(post(&service, json, vec![b'x'; 8 << 20]).await.status, 413);
    // A client that asks first gets this instead of `100 Continue`.
    let asks = "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Expect: 100-continue\r\nContent-Length: 30000000\r\n\r\n";
    let mut asked =
        TcpStream::connect(service.base.strip_prefix("http://").unwrap()).await.unwrap();
    asked.write_all(asks.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    asked.read_exact(&mut head).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&head), "HTTP/1.1 413");
    assert_eq!(site::count(&owner, NUMBER).await, (0, false), "nothing of that is a wrong entry");
    let just_fits =
        post(&service, Some("Application/JSON; charset=utf-8"), padded(16 * 1024)).await;
    assert_eq!(just_fits.code(), "invalid_credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn api_an_unknown_route_gets_a_problem_document_too() {
    let service = Service::start(&support::database().await, &[]).await;
    let client = SiteClient::new();
    for (method, path, status, code) in [
        (Method::GET, "/api/v1/nothing", 404, "not_found"),
        (Method::POST, "/api/v1/login/", 404, "not_found"),
        (Method::GET, "/api/v1/login", 405, "method_not_allowed"),
        (Method::DELETE, "/api/v1/session", 405, "method_not_allowed"),
        (Method::GET, "/api/v1/logout", 405, "method_not_allowed"),
    ] {
        let request = client.http().request(method, format!("{}{path}", service.base));
        let answer = client.send(request).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
        assert_eq!(answer.headers[CACHE_CONTROL], "no-store", "{path}");
        assert_eq!(answer.headers.contains_key(ALLOW), status == 405, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn api_without_the_database_nothing_is_counted_and_503_says_when_to_retry() {
    let (postgres, database) = support::stoppable_cluster().await;
    let owner = site::contracted_in(&database, "temporary").await;
    let service = Service::start(&database, &[]).await;
    let client = SiteClient::new();
    let token = client.log_in(&service.base, NUMBER, RIGHT).await.token();
    drop(owner);
    postgres.stop(ShutdownMode::Immediate).unwrap();
    for answer in [
        client.log_in(&service.base, NUMBER, WRONG).await,
        client.log_in(&service.base, NUMBER, RIGHT).await,
        client.session(&service.base, &token).await,
        client.log_out(&service.base, &token).await,
    ] {
        assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
        assert!(answer.headers.contains_key(RETRY_AFTER));
    }
    postgres.start().unwrap();
    let owner = database.owner().await.unwrap();
    assert_eq!(site::count(&owner, NUMBER).await, (0, false));
    assert_eq!(client.log_in(&service.base, NUMBER, RIGHT).await.status, 200);
    assert_eq!(client.log_out(&service.base, &token).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn api_the_description_is_openapi_3_1_with_every_answer() {
    let service = Service::start(&support::database().await, &[]).await;
    let client = SiteClient::new();
    let request = client.http().get(format!("{}/api/v1/openapi.json", service.base));
    let answer = client.send(request).await;
    assert_eq!(answer.status, 200);
    let description = answer.json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1."), "{description}");
    let paths = &description["paths"];
    let mut operations = 0;
    for (path, method, statuses) in [
        ("/api/v1/login", "post", &["200", "400", "401", "403", "413", "429", "503"][..]),
        ("/api/v1/session", "get", &["200", "401", "403", "503"]),
        ("/api/v1/password", "post", &PASSWORD_STATUSES),
        ("/api/v1/unit", "get", &["200", "401", "403", "503"]),
        ("/api/v1/unit", "post", &PASSWORD_STATUSES),
        ("/api/v1/logout", "post", &["204", "400", "401", "403", "503"]),
        ("/api/v1/openapi.json", "get", &["200"]),
    ] {
        operations += 1;
        let responses = paths[path][method]["responses"].as_object().unwrap();
        let described: BTreeSet<&str> = responses.keys().map(String::as_str).collect();
        let statuses: BTreeSet<&str> = statuses.iter().copied().chain(EVERYWHERE).collect();
        assert_eq!(described, statuses, "{method} {path}");
        for (status, response) in responses {
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
            }
        }
    }
    // A last wrong entry does more than count.
    for path in ["/api/v1/password", "/api/v1/unit"] {
        let wrong = paths[path]["post"]["responses"]["422"]["description"].as_str().unwrap();
        assert!(wrong.contains("the last one in a row voids"), "{path}: {wrong}");
        assert!(wrong.contains("ends the session"), "{path}: {wrong}");
    }
    let described = paths.as_object().unwrap().values();
    assert_eq!(described.map(|path| path.as_object().unwrap().len()).sum::<usize>(), operations);
    let passwords = &description["components"]["schemas"]["NewUnit"]["properties"]["passwords"];
    assert_eq!(passwords["propertyNames"]["pattern"], "^0[0-9]{9,10}$", "{passwords}");
    assert_eq!(passwords["additionalProperties"]["format"], "password", "{passwords}");
    let password = &description["components"]["schemas"]["AllowedPassword"];
    let lengths = [&password["minLength"], &password["maxLength"]].map(Value::as_u64);
    let (shortest, longest) = rules::PASSWORD_LENGTH.into_inner();
    assert_eq!(lengths, [shortest, longest].map(|length| Some(length as u64)));
    let codes = description["components"]["schemas"]["Code"]["enum"].as_array().unwrap();
    for code in [
        "invalid_credentials",
        "not_allowed",
        "changed_elsewhere",
        "password_rejected",
        "wrong_password",
    ] {
        assert!(codes.contains(&Value::from(code)), "{code}: {codes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_not_spoken_and_its_connections_are_closed() {
    let service = Service::start(&support::database().await, &[]).await;
    let address = service.base.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    // RFC 9113 §3.4: the preface, and an empty SETTINGS frame.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    connection.write_all(preface).await.unwrap();
    let mut answer = Vec::new();
    let closed = connection.read_to_end(&mut answer);
    let _ = tokio::time::timeout(WAIT_TIMEOUT, closed).await.expect("it is held");
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "), "{answer:?}");
}

async fn post(service: &Service, kind: Option<&str>, body: Vec<u8>) -> Answer {
    let client = SiteClient::new();
    let request = client.http().post(format!("{}/api/v1/login", service.base)).body(body);
    let request = match kind {
        Some(kind) => request.header(CONTENT_TYPE, kind),
        None => request,
    };
    client.send(request).await
}
