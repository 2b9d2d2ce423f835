//! A request's head: so many headers, so many bytes. What is far beyond is cut off where it is read, with a bare 431.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// The most headers of a request.
pub(super) const HEADERS: usize = 64;
/// The most bytes of a request's head.
pub(super) const BYTES: usize = 16 * 1024;

/// Answers a head beyond the limits with 431.
pub(super) async fn within_limits(request: Request, next: Next) -> Response {
    if request.headers().len() > HEADERS || bytes(&request) > BYTES {
        return Problem::head_too_large().into_response();
    }
    next.run(request).await
}

/// As it was sent, spaces that mean nothing apart (RFC 9112 §3, §5).
fn bytes(request: &Request) -> usize {
    let uri = request.uri();
    let scheme = uri.scheme_str().map_or(0, |scheme| scheme.len() + "://".len());
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let line = request.method().as_str().len() + scheme + authority + path + "  HTTP/1.1\r\n".len();
    let headers = request.headers().iter();
    let fields: usize =
        headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
    line + fields + "\r\n".len()
}
