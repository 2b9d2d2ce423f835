//! Chooses the language of a page, once for each request; says which it is, and remembers the one
//! that an address has chosen.

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::cookie;
use super::language::{Language, VARY};

/// Adds the [`Language`] to the request, `Content-Language` and `Vary` to a page, and the cookie of
/// a chosen language.
pub(in crate::web) async fn choose_language(mut request: Request, next: Next) -> Response {
    // The API's answers have their own language.
    if request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    let chosen = Language::from_query(request.uri());
    let language = chosen.unwrap_or_else(|| Language::from_headers(request.headers()));
    request.extensions_mut().insert(language);
    let mut response = next.run(request).await;
    let is_page = is_html(&response);
    if !(is_page || response.status().is_redirection()) {
        return response;
    }
    let headers = response.headers_mut();
    if is_page {
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        for name in VARY {
            headers.append(header::VARY, name.into());
        }
    }
    if let Some(chosen) = chosen {
        headers.append(header::SET_COOKIE, cookie::keep(cookie::LANGUAGE, chosen.tag()));
    }
    response
}

fn is_html(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}
