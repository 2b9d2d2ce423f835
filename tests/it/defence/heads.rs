//! The largest head of a request.

use std::fmt::Write as _;

use super::wire::{ask, plain};
use crate::site::Service;
use crate::support;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_at_most_64_headers_and_a_head_of_16_kib() {
    let service = Service::start(&support::database().await, &[]).await;
    let address = service.base.strip_prefix("http://").unwrap();
    let status = |request: &[u8]| ask(&mut plain(address), request).0;
    for (path, headers, each, expected) in [
        ("x", 63, 1, 404),
        ("x", 64, 1, 431),
        ("x", 1, 15 * 1024, 404),
        ("x", 1, 17 * 1024, 431),
        ("x", 60, 300, 431),
        (&"x".repeat(15 * 1024), 0, 0, 404),
        (&"x".repeat(17 * 1024), 0, 0, 431),
    ] {
        let request = request(path, headers, each);
        assert_eq!(
            status(&request),
            expected,
            "{headers} headers of {each}, path of {}",
            path.len()
        );
    }
    for (path, headers, each) in [("api/v1/x", 64, 1), ("api/v1/x", 1, 17 * 1024)] {
        let (_, body) = ask(&mut plain(address), &request(path, headers, each));
        assert!(body.contains("\"head_too_large\""), "{headers} headers of {each}: {body}");
    }
    let (_, page) = ask(&mut plain(address), &request("login", 64, 1));
    assert!(page.contains("<html"), "{page}");
    // Far beyond the limit, the answer is only a status.
    let answer = ask(&mut plain(address), &request("api/v1/x", 200, 1));
    assert_eq!(answer, (431, String::new()));
    // An endless head is cut off; the bytes behind it may cut off the answer too.
    let endless = request("x", 1, 64 << 20);
    let mut stream = plain(address);
    assert!(std::io::Write::write_all(&mut stream, &endless).is_err(), "64 MiB of head are taken");
}

/// A request with a path and other headers besides `Host`.
fn request(path: &str, headers: usize, each: usize) -> Vec<u8> {
    let mut text = format!("GET /{path} HTTP/1.1\r\nHost: localhost\r\n");
    for header in 0..headers {
        write!(text, "X-{header}: {}\r\n", "x".repeat(each)).unwrap();
    }
    (text + "\r\n").into_bytes()
}
