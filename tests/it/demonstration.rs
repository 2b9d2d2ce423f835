//! `/phone` exists in a demonstration alone, where another process answers it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use reqwest::Method;
use tempfile::TempDir;
use tokio::net::UnixListener;

use crate::site::{Answer, Service, SiteClient};
use crate::support;

/// Everything that a telephone in the browser could ask for.
const PATHS: [&str; 5] = ["/phone", "/phone/", "/phone/line", "/phone/ws", "/ws"];

/// The other process: answers every request with its method and path, and keeps its headers.
struct OtherProcess {
    folder: TempDir,
    headers: Arc<Mutex<HeaderMap>>,
}

impl OtherProcess {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let headers: Arc<Mutex<HeaderMap>> = Arc::default();
        let socket = UnixListener::bind(folder.path().join("socket")).unwrap();
        let kept = Arc::clone(&headers);
        let answer = async move |request: Request| {
            *kept.lock().unwrap() = request.headers().clone();
            format!("{} {}", request.method(), request.uri())
        };
        let serving = axum::serve(socket, Router::new().fallback(answer));
        tokio::spawn(async { serving.await.unwrap() });
        Self { folder, headers }
    }

    async fn site(&self) -> Service {
        site(&[("KARIPASS_DEMONSTRATION_PHONE_SOCKET", &self.socket())]).await
    }

    fn socket(&self) -> String {
        self.folder.path().join("socket").to_str().unwrap().to_owned()
    }
}

async fn site(variables: &[(&str, &str)]) -> Service {
    Service::start(&support::database().await, variables).await
}

/// Sends a request with these headers.
async fn ask(service: &Service, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let client = SiteClient::new();
    let request = client.http().request(method, format!("{}{path}", service.base));
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    client.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_telephone_outside_a_demonstration() {
    let service = site(&[]).await;
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "sip"),
    ];
    for path in PATHS {
        for headers in [&[][..], &upgrade] {
            for method in [Method::GET, Method::POST] {
                let answer = ask(&service, method, path, headers).await;
                assert_eq!(answer.status, 404, "{path}: {answer:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_process_of_a_demonstration_gets_no_session() {
    let other = OtherProcess::start();
    let service = other.site().await;
    let secrets =
        [("Cookie", "__Host-session=x"), ("Authorization", "Bearer x"), ("Accept", "a/b")];
    for (method, path) in [(Method::GET, "/phone"), (Method::POST, "/phone/line/7?a=b")] {
        let answer = ask(&service, method.clone(), path, &secrets).await;
        assert_eq!((answer.status, answer.body), (200, format!("{method} {path}")));
        let policy = &answer.headers[header::CONTENT_SECURITY_POLICY.as_str()];
        assert!(policy.to_str().unwrap().starts_with("default-src 'none'"), "{policy:?}");
        assert!(answer.headers["permissions-policy"].to_str().unwrap().contains("microphone=()"));
        let headers = other.headers.lock().unwrap().clone();
        assert_eq!(headers[header::ACCEPT], "a/b");
        assert!(!headers.contains_key(header::COOKIE), "{headers:?}");
        assert!(!headers.contains_key(header::AUTHORIZATION), "{headers:?}");
    }
    assert_eq!(ask(&service, Method::GET, "/ws", &[]).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_makes_a_call_from_the_demonstration() {
    let other = OtherProcess::start();
    let service = other.site().await;
    let foreign = [("Origin", "https://evil.example")];
    let answer = ask(&service, Method::POST, "/phone/line/7", &foreign).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(other.headers.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demonstration_without_its_other_process_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let variable = ("KARIPASS_DEMONSTRATION_PHONE_SOCKET", socket.to_str().unwrap());
    let service = site(&[variable]).await;
    assert_eq!(ask(&service, Method::GET, "/phone", &[]).await.status, 503);
}
