//! The layers around every route: a span for each request, a limit of its head, and response
//! headers. They also answer panics, and requests that no route matches.

use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use futures_util::FutureExt as _;
use metrics::{counter, histogram};
use tracing::Instrument;
use tracing::field::Empty;

use super::client_ip::ClientIp;
use super::problem::Problem;
use super::refusal_log::RefusalReason;
use super::site::{choose_language, render_error_page};
use super::state::AppState;
use crate::clock;
use crate::metrics::{HTTP_REQUEST_DURATION, HTTP_REQUESTS};

/// Makes browsers use only TLS for two years (RFC 6797).
#[derive(Debug, Clone, Copy)]
pub(super) enum Hsts {
    Host,
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

/// Renders a problem for the clients of this path.
pub(super) type RenderProblem = Arc<dyn Fn(&Uri, Problem) -> Response + Send + Sync>;

/// Puts the layers of both listeners around `routes`, as one: for each layer, a router clones all
/// that is inside it at every request.
pub(super) fn apply<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    hsts: Option<Hsts>,
    render: RenderProblem,
) -> Router<S> {
    let (not_found, not_allowed) = (Arc::clone(&render), Arc::clone(&render));
    routes
        .fallback(move |uri: Uri| ready(not_found(&uri, Problem::not_found())))
        .method_not_allowed_fallback(move |uri: Uri| {
            ready(not_allowed(&uri, Problem::method_not_allowed()))
        })
        .layer((
            middleware::from_fn(observe),
            middleware::map_response_with_state(hsts, with_headers),
            middleware::from_fn_with_state(render, guard),
        ))
}

/// Puts the layers of the subscribers' listener around `routes`.
pub(super) fn apply_for_subscribers(
    routes: Router<AppState>,
    state: &AppState,
) -> Router<AppState> {
    routes.layer((
        middleware::from_fn_with_state(state.clone(), record_refusal),
        middleware::map_response(with_security_headers),
        middleware::from_fn(choose_language),
        middleware::from_fn_with_state(state.clone(), render_error_page),
    ))
}

async fn with_headers(State(hsts): State<Option<Hsts>>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    // Only the assets may be cached; they have their own header.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(hsts) = hsts {
        let value = HeaderValue::from_static(hsts.as_str());
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}

/// Allows our own style sheet, script, images and forms; forbids inline scripts, frames and
/// everything else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
                                       connect-src 'self'; img-src 'self'; \
                                       form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Under no-referrer, browsers would send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

async fn with_security_headers(mut response: Response) -> Response {
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Counts and logs a response that carries a [`RefusalReason`].
async fn record_refusal(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let client = ClientIp::from_request_parts(&mut parts, &state).await;
    let response = next.run(Request::from_parts(parts, body)).await;
    let reason = response.extensions().get::<RefusalReason>();
    if let (Some(reason), Ok(ClientIp(address))) = (reason, client) {
        state.refusals().record(*reason, address);
    }
    response
}

/// The span and the metrics of a request. They name the route, never the path that was sent.
async fn observe(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let route = route.unwrap_or("none").to_owned();
    let span = tracing::info_span!("request", method = %request.method(), route, status = Empty);
    let started = clock::now();
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let duration = clock::now().saturating_duration_since(started);
    let duration_ms = duration.as_secs_f64() * 1000.0;
    tracing::debug!(parent: &span, status, duration_ms, "answered");
    span.record("status", i64::from(status));
    counter!(HTTP_REQUESTS, "route" => route.clone(), "status" => status.to_string()).increment(1);
    histogram!(HTTP_REQUEST_DURATION, "route" => route).record(duration);
    response
}

pub(super) const MAX_HEADERS: usize = 64;
pub(super) const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Answers too large a head with 431, and a panic of the handler with 500.
async fn guard(State(render): State<RenderProblem>, request: Request, next: Next) -> Response {
    if request.headers().len() > MAX_HEADERS || head_bytes(&request) > MAX_HEAD_BYTES {
        return render(request.uri(), Problem::head_too_large());
    }
    let uri = request.uri().clone();
    AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a request's handler panicked");
        render(&uri, Problem::internal())
    })
}

/// The length of the head as it was sent, without optional spaces (RFC 9112 §3, §5).
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
    use axum::http::StatusCode;
    use axum::response::IntoResponse as _;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    fn render() -> RenderProblem {
        Arc::new(|_, problem| problem.into_response())
    }

    #[tokio::test]
    async fn browsers_use_tls_for_two_years_and_for_subdomains_if_configured() {
        for (hsts, expected) in [
            (None, None),
            (Some(Hsts::Host), Some("max-age=63072000")),
            (Some(Hsts::Subdomains), Some("max-age=63072000; includeSubDomains")),
        ] {
            let routes = apply(Router::new(), hsts, render());
            let response = routes.oneshot(Request::new(Body::empty())).await.unwrap();
            let header = response.headers().get(header::STRICT_TRANSPORT_SECURITY);
            assert_eq!(header.map(|value| value.to_str().unwrap()), expected);
        }
    }

    #[tokio::test]
    async fn a_panic_of_a_handler_is_answered_with_500() {
        async fn handler() {
            panic!("a fault")
        }
        let routes = Router::new().route("/", get(handler));
        let response = apply(routes, None, render()).oneshot(Request::new(Body::empty()));
        let response = response.await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }
}
