//! Rejects requests that another site's page made (RFC 6265 §8.2), by the browser's headers.
//!
//! Browsers send `Sec-Fetch-Site`. For older ones, `Origin` is compared with `Host`. Programs send
//! neither header. Pages check the form's CSRF token as well.

use axum::body::HttpBody as _;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::{Host, Url};

use super::body::has_content_type;
use super::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Rejects requests to the API that another site made, or whose body is not JSON, before anything
/// is looked up or counted.
pub(super) async fn reject_cross_origin_or_not_json(request: Request, next: Next) -> Response {
    if !is_same_origin(request.headers()) {
        return Problem::cross_site().into_response();
    }
    let is_json = has_content_type(request.headers(), "application/json");
    let is_declared = request.headers().contains_key(header::CONTENT_TYPE);
    let has_body = is_declared || !request.body().is_end_stream();
    if *request.method() == Method::POST && has_body && !is_json {
        return Problem::not_json().into_response();
    }
    next.run(request).await
}

/// Whether no header says that another site made the request.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let fetched = text(SEC_FETCH_SITE).is_none_or(|site| site == "same-origin" || site == "none");
    let host = text(header::HOST).unwrap_or_default();
    fetched && text(header::ORIGIN).is_none_or(|origin| is_host_of(origin, host))
}

/// Whether `host`, a `Host` header, names the host and port of `origin`. A proxy may have added the
/// default port.
fn is_host_of(origin: &str, host: &str) -> bool {
    let Some((scheme, of_origin)) = origin.split_once("://") else { return false };
    let endpoint = |authority| endpoint(scheme, authority);
    endpoint(of_origin).is_some_and(|named| endpoint(host).is_some_and(|host| host == named))
}

/// The host and port of an authority without user information.
fn endpoint(scheme: &str, authority: &str) -> Option<(Host, u16)> {
    if authority.contains(['/', '\\', '?', '#', '@']) {
        return None;
    }
    let url = Url::parse(&format!("{scheme}://{authority}")).ok()?;
    let url = Some(url).filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some((url.host()?.to_owned(), url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_own(headers: &[(&'static str, &str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        is_same_origin(&headers.collect())
    }

    #[test]
    fn only_our_own_origin_may_post() {
        let host = ("host", "site.example:8443");
        for origin in ["https://site.example:8443", "http://site.example:8443"] {
            assert!(is_own(&[host, ("origin", origin)]), "{origin}");
            assert!(is_own(&[host, ("origin", origin), ("sec-fetch-site", "same-origin")]));
        }
        assert!(is_own(&[("host", "site.example"), ("origin", "https://site.example")]));
        assert!(is_own(&[host]));
        for origin in [
            "null",
            "",
            "https://site.example",
            "https://site.example:8444",
            "https://evil.example:8443",
            "https://site.example:8443.evil.example",
            "https://site.example:8443/",
            "https://user@site.example:8443",
            "https://site.example:8443@evil.example",
            "file://site.example:8443",
        ] {
            assert!(!is_own(&[host, ("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site", "", "SAME-ORIGIN"] {
            assert!(!is_own(&[host, ("sec-fetch-site", site)]), "{site}");
            assert!(!is_own(&[
                host,
                ("origin", "https://site.example:8443"),
                ("sec-fetch-site", site)
            ]));
        }
    }

    #[test]
    fn a_schemes_usual_port_may_be_written_or_not_and_hosts_in_any_case() {
        for (host, origin, expected) in [
            ("site.example:443", "https://site.example", true),
            ("site.example", "https://site.example:443", true),
            ("site.example:80", "http://site.example", true),
            ("SITE.Example", "https://site.example", true),
            ("Site.Example:443", "https://SITE.example", true),
            ("[2001:DB8::1]:443", "https://[2001:db8::1]", true),
            ("[2001:db8:0::1]", "https://[2001:db8::1]", true),
            ("192.0.2.1:443", "https://192.0.2.1", true),
            ("xn--eckwd4c7c.example:443", "https://xn--eckwd4c7c.example", true),
            ("site.example:80", "https://site.example", false),
            ("site.example:443", "http://site.example", false),
            ("site.example:8443", "https://site.example", false),
            ("site.example:443", "https://site.example:8443", false),
            ("site.example:443", "https://evil.example", false),
            ("evil.example:443@site.example", "https://site.example", false),
            ("site.example/evil", "https://site.example", false),
            ("", "https://site.example", false),
            ("site.example:", "https://site.example:8443", false),
        ] {
            let headers = [("host", host), ("origin", origin)];
            assert_eq!(is_own(&headers), expected, "{host} of {origin}");
        }
    }
}
