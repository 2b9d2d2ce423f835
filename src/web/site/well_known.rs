//! Paths that browsers, password managers and search engines request by themselves.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::{SignedDuration, Unit};

use super::error::PageError;
use super::error_kind::ErrorKind;
use crate::clock;
use crate::web::AppState;

const TEXT: &str = "text/plain; charset=utf-8";
/// The icon for home screens, which take no SVG. It has no accent colour.
const TOUCH_ICON: &[u8] = include_bytes!("touch-icon.png");
/// A week, since the path has no digest.
const TOUCH_ICON_CACHE: &str = "public, max-age=604800";

/// The entry page, the guide and the accessibility page may be indexed; the other pages say
/// `noindex`.
const ROBOTS: &str = "User-agent: *\nDisallow: /api/\n";

/// Leads to the icon.
pub(super) async fn favicon(State(state): State<AppState>) -> Redirect {
    Redirect::temporary(&state.frames().assets.icon.path)
}

pub(super) async fn touch_icon() -> Response {
    let headers = [(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, TOUCH_ICON_CACHE)];
    (headers, TOUCH_ICON).into_response()
}

pub(super) async fn robots() -> Response {
    ([(header::CONTENT_TYPE, TEXT)], ROBOTS).into_response()
}

/// How long a copy of `security.txt` may be believed; at most a year (RFC 9116 §2.5.5).
const SECURITY_LIFETIME: SignedDuration = SignedDuration::from_hours(180 * 24);

/// Where to report a vulnerability, if the operator says so (RFC 9116).
pub(super) async fn security(State(state): State<AppState>) -> Response {
    let Some(contact) = &state.frames().security_contact else {
        return PageError::from(ErrorKind::NotFound).into_response();
    };
    let expires = clock::wall_clock() + SECURITY_LIFETIME;
    let expires = expires.round(Unit::Second).unwrap_or(expires);
    let text = format!("Contact: {contact}\nExpires: {expires}\nPreferred-Languages: ja, en\n");
    ([(header::CONTENT_TYPE, TEXT)], text).into_response()
}

/// Where password managers lead to change a password (W3C, "A Well-Known URL for Changing
/// Passwords").
pub(super) async fn change_password() -> Redirect {
    Redirect::to("/password")
}
