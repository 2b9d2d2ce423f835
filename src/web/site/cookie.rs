//! The site's two cookies (RFC 6265): both `__Host-`, gone with the browser's session.

use axum::http::{HeaderMap, HeaderValue, header};

/// Holds a session's token.
pub(super) const SESSION: &str = "__Host-karipass";
/// Holds what a login form's token is made of, before there is a session.
pub(super) const BEFORE_LOGIN: &str = "__Host-karipass-login";

const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// The cookie of this name that the browser has sent.
pub(super) fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(sent, value)| (sent == name).then_some(value))
}

/// `Set-Cookie` that gives the browser this cookie.
pub(super) fn set(name: &str, value: &str) -> HeaderValue {
    sensitive(&format!("{name}={value}; {ATTRIBUTES}"))
}

/// `Set-Cookie` that takes this cookie from the browser.
pub(super) fn expire(name: &str) -> HeaderValue {
    sensitive(&format!("{name}=; {ATTRIBUTES}; Max-Age=0"))
}

/// Names and values here are all ASCII; nothing else would be a cookie.
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
    fn every_cookie_is_bound_to_the_host_and_ends_with_the_browser() {
        let kept = set(SESSION, "x");
        assert_eq!(kept, "__Host-karipass=x; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert!(kept.is_sensitive());
        assert!(expire(SESSION).to_str().unwrap().ends_with("SameSite=Lax; Max-Age=0"));
    }
}
