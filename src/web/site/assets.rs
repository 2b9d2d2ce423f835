//! The style sheet and the icon, which browsers may cache: their paths contain their digests. And
//! an empty image whose response clears the browser's cache.

use std::sync::LazyLock;

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::web::AppState;

const STYLE: &str = include_str!("style.css");
const ICON: &str = include_str!("icon.svg");
const EMPTY_SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>"#;
const SVG: &str = "image/svg+xml; charset=utf-8";
/// One year.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Characters of the digest in the path, 6 bits each.
const DIGEST_CHARS: usize = 12;

pub(super) static STYLE_PATH: LazyLock<String> = LazyLock::new(|| path("style", STYLE, "css"));
pub(super) static ICON_PATH: LazyLock<String> = LazyLock::new(|| path("icon", ICON, "svg"));

/// The empty image of the pages that follow a session. Chromium keeps pages for its back button
/// even if they are `no-store`, and does not always notice that their cookie is gone. An image is
/// loaded when the session's last page is already among them, so that it is cleared too.
const CLEAR_CACHE_PATH: &str = "/assets/forget.svg";
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

pub(super) fn routes() -> Router<AppState> {
    let asset = |kind: &'static str, content: &'static str| {
        get(async move || {
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, IMMUTABLE)], content)
        })
    };
    Router::new()
        .route(&STYLE_PATH, asset("text/css; charset=utf-8", STYLE))
        .route(&ICON_PATH, asset(SVG, ICON))
        .route(CLEAR_CACHE_PATH, get(clear_cache))
}

async fn clear_cache() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, SVG), (CLEAR_SITE_DATA, "\"cache\"")], EMPTY_SVG)
}

fn path(name: &str, content: &str, extension: &str) -> String {
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
    let shown = digest.get(..DIGEST_CHARS).unwrap_or_default();
    format!("/assets/{name}-{shown}.{extension}")
}
