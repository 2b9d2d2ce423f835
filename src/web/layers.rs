//! What surrounds every route: one span a request, panics caught, headers, and problem documents for
//! what no route answers.

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

use super::head;
use super::problem::Problem;
use crate::clock;

/// Half a year, as is usual.
const HSTS: &str = "max-age=15768000";

/// Puts the layers around `routes`; `tls` tells browsers to come back over TLS only.
pub(super) fn around<S: Clone + Send + Sync + 'static>(routes: Router<S>, tls: bool) -> Router<S> {
    let routes = routes
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(middleware::from_fn(head::within_limits))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(unless_told(header::CACHE_CONTROL, "no-store"))
        .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    let routes =
        if tls { routes.layer(always(header::STRICT_TRANSPORT_SECURITY, HSTS)) } else { routes };
    routes.layer(middleware::from_fn(observe))
}

fn always(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

/// The style sheet alone may be kept.
fn unless_told(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
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
    counter!("karipass_requests_total", "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    histogram!("karipass_request_seconds", "route" => route).record(took);
    response
}
