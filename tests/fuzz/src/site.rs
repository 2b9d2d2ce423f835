//! Requests to the site, all its layers and handlers, before a database that is out of reach.
//!
//! A line `METHOD TARGET`, lines of headers, an empty line, the body. A session needs a database,
//! so the code behind one is tested by [`crate::body`] and by the tests with a database.

use std::sync::OnceLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use karipass::clock;
use karipass::db::Db;
use karipass::hashing::{Cost, Dummy, Hasher};
use karipass::settings;
use karipass::web::{AppState, RequestTimeouts};
use tower::ServiceExt as _;

/// No answer is longer.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Sends one request; the site does not break, and reveals nothing of the database except that it
/// is unreachable.
pub fn run(bytes: &[u8]) {
    let Some(request) = request(bytes) else { return };
    let answer = crate::wait_for(async {
        let response = site().clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        let status = response.status();
        let headers = format!("{:?}", response.headers());
        (status, headers, to_bytes(response.into_body(), MAX_ANSWER_BYTES).await.unwrap())
    });
    let (status, headers, body) = answer;
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{headers}");
    assert!(headers.contains("nosniff"), "{headers}");
    let text = String::from_utf8_lossy(&body);
    assert!(!text.contains("<script>alert"), "what was typed is escaped: {text}");
}

fn request(bytes: &[u8]) -> Option<Request> {
    let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap_or(bytes.len());
    let (head, body) = (&bytes[..end], bytes.get(end + 2..).unwrap_or_default());
    let mut lines = str::from_utf8(head).ok()?.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder()
        .method(method.parse::<Method>().ok()?)
        .uri(target.parse::<Uri>().ok()?)
        .extension(ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 40_000))));
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        request =
            request.header(name.parse::<HeaderName>().ok()?, value.parse::<HeaderValue>().ok()?);
    }
    request.body(Body::from(body.to_vec())).ok()
}

fn site() -> &'static Router {
    static SITE: OnceLock<Router> = OnceLock::new();
    SITE.get_or_init(|| {
        let variables = [
            ("KARIPASS_ARI_USER", "unused"),
            ("KARIPASS_ARI_PASSWORD", "unused"),
            ("KARIPASS_DATABASE_URL", "host=/nonexistent user=nobody dbname=none"),
            ("KARIPASS_HASHING_KEYS", crate::config::KEYS),
            ("KARIPASS_LOGIN_LIMIT", "off"),
            ("KARIPASS_SITE_TRUSTED_PROXIES", "127.0.0.0/8"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = settings::load(None, variables).unwrap();
        // With a single attempt: the daemon's handle would retry for seconds.
        let db = Db::for_operator(&config.database.url).unwrap();
        let dummy = Dummy::draw(&mut rand::rng());
        let hasher = Hasher::start(config.hashing.keys.clone(), Cost::LIVE, &dummy).unwrap();
        AppState::new(&config, db, hasher, RequestTimeouts::default(), clock::now).router(true)
    })
}
