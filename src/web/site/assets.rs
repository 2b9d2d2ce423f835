//! The files that browsers may cache: style sheet, script, icon and logo, whose paths contain their
//! digests. Also an empty image whose response clears the browser's cache.

use std::fmt;
use std::future::ready;

use axum::body::Bytes;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::theme;
use crate::config::{Color, Logo, LogoFormat, SiteIdentity};
use crate::web::route::Route;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const ICON: &str = include_str!("icon.svg");
/// The placeholder for the accent colour in the icon's file.
const ICON_COLOR: &str = "currentColor";
const EMPTY_SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>"#;
const SVG: &str = "image/svg+xml; charset=utf-8";
/// One year.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Characters of the digest in the path, 6 bits each.
const DIGEST_CHARS: usize = 12;

/// The empty image of the pages after a session. Chromium keeps pages for its back button even if
/// they are `no-store`, and does not always notice that their cookie is gone. The image is loaded
/// when the session's last page is already cached, so that this page is cleared too. Until then
/// the cookie of [`end_kept_pages`](super::cookie::end_kept_pages) prevents it.
const CLEAR_CACHE_PATH: &str = "/assets/forget.svg";
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// The files of one configuration.
#[derive(Debug)]
pub(super) struct Assets {
    pub(super) style: Asset,
    pub(super) script: Asset,
    pub(super) icon: Asset,
    pub(super) logo: Option<Asset>,
}

/// A file with a digest in its path.
pub(super) struct Asset {
    pub(super) path: String,
    content_type: &'static str,
    content: Bytes,
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl Assets {
    pub(super) fn new(identity: &SiteIdentity) -> Self {
        let accent = identity.accent_color;
        Self {
            style: Asset::new("style", "css", "text/css; charset=utf-8", style(accent)),
            script: Asset::new("script", "js", "text/javascript; charset=utf-8", SCRIPT),
            icon: Asset::new("icon", "svg", SVG, ICON.replace(ICON_COLOR, &accent.to_string())),
            logo: identity.logo.as_ref().map(logo),
        }
    }
}

impl Asset {
    fn new(
        name: &str,
        extension: &str,
        content_type: &'static str,
        content: impl Into<Bytes>,
    ) -> Self {
        let content = content.into();
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&content));
        let shown = digest.get(..DIGEST_CHARS).unwrap_or_default();
        Self { path: format!("/assets/{name}-{shown}.{extension}"), content_type, content }
    }
}

fn style(accent: Color) -> String {
    format!("{}{STYLE}", theme::custom_properties(accent))
}

fn logo(logo: &Logo) -> Asset {
    let (extension, content_type) = match logo.format {
        LogoFormat::Svg => ("svg", SVG),
        LogoFormat::Png => ("png", "image/png"),
    };
    Asset::new("logo", extension, content_type, logo.content.clone())
}

pub(super) fn routes<State: Clone + Send + Sync + 'static>(
    assets: &Assets,
) -> impl Iterator<Item = Route<'_, State>> {
    let files = [Some(&assets.style), Some(&assets.script), Some(&assets.icon)];
    let files = files.into_iter().chain([assets.logo.as_ref()]).flatten();
    let files = files.map(|file| (file.path.as_str(), asset(file)));
    files.chain([(CLEAR_CACHE_PATH, get(clear_cache))])
}

fn asset<State: Clone + Send + Sync + 'static>(asset: &Asset) -> MethodRouter<State> {
    let (content_type, content) = (asset.content_type, asset.content.clone());
    get(move || {
        let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, IMMUTABLE)];
        ready((headers, content))
    })
}

async fn clear_cache() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, SVG), (CLEAR_SITE_DATA, "\"cache\"")], EMPTY_SVG)
}
