//! The site's three cookies (RFC 6265), and one that no browser keeps. All are `__Host-` cookies.
//! Those of a session and of a login end with the browser's session.
//!
//! The cookie jar of `axum-extra` would parse every cookie, and set names and attributes at run
//! time. These are fixed, and no value needs encoding.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::AppendHeaders;

/// The cookie of a session's token.
pub(super) const SESSION: &str = "__Host-karipass";
/// The cookie before the login, from which the login form's CSRF token is derived.
pub(super) const BEFORE_LOGIN: &str = "__Host-karipass-login";
/// The cookie of the language that the visitor has chosen.
pub(super) const LANGUAGE: &str = "__Host-karipass-lang";
/// A cookie that comes and goes within one response.
const PASSING: &str = "__Host-karipass-ended";

const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";
/// One year: subscribers come once or twice a year.
const KEPT: &str = "Max-Age=31536000";

/// The value of the cookie of this name.
pub(super) fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(sent, value)| (sent == name).then_some(value))
}

/// The `Set-Cookie` value that sets a cookie.
pub(super) fn set(name: &str, value: &str) -> HeaderValue {
    sensitive(&format!("{name}={value}; {ATTRIBUTES}"))
}

/// The `Set-Cookie` value that sets a cookie for longer than the browser's session.
pub(super) fn keep(name: &str, value: &str) -> HeaderValue {
    sensitive(&format!("{name}={value}; {ATTRIBUTES}; {KEPT}"))
}

/// The `Set-Cookie` value that removes a cookie.
pub(super) fn expire(name: &str) -> HeaderValue {
    sensitive(&format!("{name}=; {ATTRIBUTES}; Max-Age=0"))
}

/// The headers of a page after a session's end. Chromium keeps `no-store` pages for its back
/// button until it notices that an `HttpOnly` cookie has changed. Its count of the changes leaves
/// out those of a page's own responses, which may be one too many, so the cookie comes twice.
pub(super) fn end_kept_pages() -> AppendHeaders<[(HeaderName, HeaderValue); 4]> {
    let (come, gone) = (set(PASSING, "1"), expire(PASSING));
    AppendHeaders(
        [come.clone(), gone.clone(), come, gone].map(|cookie| (header::SET_COOKIE, cookie)),
    )
}

/// The text as a header that no log shows; names and values here are always ASCII.
fn sensitive(cookie: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(cookie).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1;  __Host-karipass-login=x"));
        assert_eq!(get(&headers, SESSION), None);
        headers.append(header::COOKIE, HeaderValue::from_static("__Host-karipass=y=z; b"));
        assert_eq!(get(&headers, SESSION), Some("y=z"));
        assert_eq!(get(&headers, BEFORE_LOGIN), Some("x"));
    }

    #[test]
    fn every_cookie_is_bound_to_the_host_and_only_the_language_outlives_the_browser() {
        let kept = set(SESSION, "x");
        assert_eq!(kept, "__Host-karipass=x; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert!(kept.is_sensitive());
        // All but the language, which names nobody.
        let language = keep(LANGUAGE, "en");
        let attributes = "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000";
        assert_eq!(language, format!("__Host-karipass-lang=en; {attributes}"));
        assert!(expire(SESSION).to_str().unwrap().ends_with("SameSite=Lax; Max-Age=0"));
    }
}
