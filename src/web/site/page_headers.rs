//! What surrounds the whole listener: security headers, problem documents told as pages to whoever
//! does not ask the API, and a word of what was refused.

use axum::Router;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;

use super::error;
use crate::web::AppState;
use crate::web::client_ip::ClientIp;
use crate::web::refusal_log::RefusalReason;

/// Nothing but our own style sheet and icon is loaded, nothing runs, nobody frames the site.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not no-referrer: then browsers would send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Puts the dress around every route, and around what no route answers.
pub(in crate::web) fn security_headers(
    routes: Router<AppState>,
    state: &AppState,
) -> Router<AppState> {
    routes.layer(middleware::from_fn_with_state(state.clone(), dress))
}

async fn dress(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let for_programs = request.uri().path().starts_with("/api/");
    let (mut parts, body) = request.into_parts();
    let client = ClientIp::from_request_parts(&mut parts, &state).await;
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let refused = response.extensions_mut().remove::<RefusalReason>();
    if let (Some(reason), Ok(ClientIp(address))) = (refused, client) {
        state.refusals().record(reason, address);
    }
    if !for_programs && let Some(page) = error::render_error_page(&mut response, &state) {
        response = page;
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
