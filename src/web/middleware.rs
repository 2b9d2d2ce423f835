//! The layers around every route: a span for each request, limits of the head, response headers,
//! and problem documents for panics and for what no route answers.

use std::any::Any;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use metrics::{counter, histogram};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::Instrument;

use super::problem::Problem;
use crate::clock;
use crate::metrics::{HTTP_REQUEST_DURATION, HTTP_REQUESTS};

/// Makes browsers use TLS alone for two years (RFC 6797).
#[derive(Debug, Clone, Copy)]
pub(super) enum Hsts {
    /// To this host.
    Host,
    /// And to every name below it.
    Subdomains,
}

impl Hsts {
    fn as_str(self) -> &'static str {
        match self {
            Self::Host => "max-age=63072000",
            Self::Subdomains => "max-age=63072000; includeSubDomains",
        }
    }
}

/// Puts the layers around `routes`.
pub(super) fn apply<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    hsts: Option<Hsts>,
) -> Router<S> {
    let routes = routes
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(middleware::from_fn(limit_head))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(if_absent(header::CACHE_CONTROL, "no-store"))
        .layer(overriding(header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    let routes = match hsts {
        Some(hsts) => routes.layer(overriding(header::STRICT_TRANSPORT_SECURITY, hsts.as_str())),
        None => routes,
    };
    routes.layer(middleware::from_fn(observe))
}

fn overriding(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

/// The style sheet alone may be kept.
fn if_absent(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request's handler panicked");
    Problem::internal().into_response()
}

/// The span and the figures of one request; the path is the route's, never the client's words.
async fn observe(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let route = route.unwrap_or("none").to_owned();
    let span = tracing::info_span!("request", method = %request.method(), route);
    let began = clock::now();
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let took = began.elapsed();
    let duration_ms = took.as_secs_f64() * 1000.0;
    tracing::debug!(parent: &span, status, duration_ms, "answered");
    counter!(HTTP_REQUESTS, "route" => route.clone(), "status" => status.to_string()).increment(1);
    histogram!(HTTP_REQUEST_DURATION, "route" => route).record(took);
    response
}

/// The most headers of a request.
pub(super) const MAX_HEADERS: usize = 64;
/// The most bytes of a request's head.
pub(super) const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Answers a head beyond the limits with 431.
pub(super) async fn limit_head(request: Request, next: Next) -> Response {
    if request.headers().len() > MAX_HEADERS || head_bytes(&request) > MAX_HEAD_BYTES {
        return Problem::head_too_large().into_response();
    }
    next.run(request).await
}

/// The head's length as it was sent, without optional spaces (RFC 9112 §3, §5).
fn head_bytes(request: &Request) -> usize {
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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn browsers_are_told_to_use_tls_for_two_years_and_for_names_below_if_configured() {
        for (hsts, expected) in [
            (None, None),
            (Some(Hsts::Host), Some("max-age=63072000")),
            (Some(Hsts::Subdomains), Some("max-age=63072000; includeSubDomains")),
        ] {
            let response = apply(Router::new(), hsts).oneshot(Request::new(Body::empty())).await;
            let response = response.unwrap();
            let told = response.headers().get(header::STRICT_TRANSPORT_SECURITY);
            assert_eq!(told.map(|value| value.to_str().unwrap()), expected);
        }
    }
}
