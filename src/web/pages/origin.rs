//! No other site's posts (RFC 6265 §8.2): what the browser tells of a request's origin.
//!
//! `Sec-Fetch-Site` is the browser's own word; where an older browser sends none, `Origin` is compared
//! with `Host`. Neither stands in for the form's token, which [`super::form`] asks for besides.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

use super::error::What;
use super::refused::Refused;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets a request through that changes nothing, or that one of our own pages made.
pub(super) async fn own_only(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if safe || is_own(request.headers()) {
        next.run(request).await
    } else {
        Refused::Told(What::StaleForm).into_response()
    }
}

fn is_own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let fetched = text(SEC_FETCH_SITE).is_none_or(|site| site == "same-origin" || site == "none");
    let host = text(header::HOST).unwrap_or_default();
    fetched && text(header::ORIGIN).is_none_or(|origin| authority(origin).as_deref() == Some(host))
}

/// Host and port of an origin, as `Host` names them: a scheme's usual port is left out.
fn authority(origin: &str) -> Option<String> {
    let url = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(said: &[(&'static str, &str)]) -> bool {
        let headers = said
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        is_own(&headers.collect())
    }

    #[test]
    fn only_our_own_origin_may_post() {
        let host = ("host", "site.example:8443");
        for origin in ["https://site.example:8443", "http://site.example:8443"] {
            assert!(own(&[host, ("origin", origin)]), "{origin}");
            assert!(own(&[host, ("origin", origin), ("sec-fetch-site", "same-origin")]));
        }
        assert!(own(&[("host", "site.example"), ("origin", "https://site.example")]));
        assert!(own(&[host]));
        for origin in [
            "null",
            "",
            "https://site.example",
            "https://site.example:8444",
            "https://evil.example:8443",
            "https://site.example:8443.evil.example",
            "file://site.example:8443",
        ] {
            assert!(!own(&[host, ("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site", "", "SAME-ORIGIN"] {
            assert!(!own(&[host, ("sec-fetch-site", site)]), "{site}");
            assert!(!own(&[
                host,
                ("origin", "https://site.example:8443"),
                ("sec-fetch-site", site)
            ]));
        }
    }
}
