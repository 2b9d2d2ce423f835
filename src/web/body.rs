//! Reads a request's body, of a limited size and within a time-out; for the API, a JSON object.
//! No response quotes the body.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRef, FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use zeroize::Zeroizing;

use super::problem::Problem;
use super::request_timeouts::RequestTimeouts;
use domain::rules;

/// How much of too large a body is read and discarded. A client that is cut off while it sends may
/// never read the response.
const MAX_DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// A JSON object of a limited size; any other body is `malformed`.
pub struct JsonBody<T, const MAX_BYTES: usize = { rules::MAX_BODY_BYTES }>(pub T);

/// The same, as large as a unit change may be (`U4`).
pub type LargeJsonBody<T> = JsonBody<T, { rules::MAX_UNIT_CHANGE_BYTES }>;

impl<S, T, const MAX_BYTES: usize> FromRequest<S> for JsonBody<T, MAX_BYTES>
where
    S: Sync,
    RequestTimeouts: FromRef<S>,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !has_content_type(request.headers(), "application/json") {
            return Err(Problem::not_json());
        }
        let (parts, body) = request.into_parts();
        let timeout = RequestTimeouts::from_ref(state).body;
        let bytes = read_limited(&parts.headers, body, MAX_BYTES, timeout).await?;
        // serde would also read a derived struct from an array.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::malformed("本文はJSONのオブジェクトでなければなりません。"));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| malformed(&error))
    }
}

/// Whether the body is declared as `kind`, with any parameters.
pub(super) fn has_content_type(headers: &HeaderMap, kind: &str) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = declared.and_then(|declared| declared.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case(kind))
}

/// Reads the whole body, which is wiped on drop. A client that sends `Expect` learns at once that
/// its body is too large (RFC 9110 §10.1.1).
///
/// # Errors
/// `malformed` if the body is too large, cut off or slow.
pub async fn read_limited(
    headers: &HeaderMap,
    body: Body,
    max_bytes: usize,
    timeout: Duration,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let is_too_large = body.size_hint().lower() > max_bytes as u64;
    if is_too_large && headers.contains_key(header::EXPECT) {
        return Err(Problem::too_large(max_bytes));
    }
    let Ok(read) = tokio::time::timeout(timeout, collect(body, max_bytes)).await else {
        return Err(Problem::malformed("本文が時間内に届きませんでした。"));
    };
    read
}

async fn collect(body: Body, max_bytes: usize) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(max_bytes));
    let mut length = 0;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::malformed("本文が途中で切れています。"))?;
        length += chunk.len();
        if length <= max_bytes {
            bytes.extend_from_slice(&chunk);
        } else if length > MAX_DISCARDED_BYTES {
            break;
        }
    }
    if length > max_bytes { Err(Problem::too_large(max_bytes)) } else { Ok(bytes) }
}

/// The place of the error. The message of `serde_json` would quote the value.
fn malformed(error: &serde_json::Error) -> Problem {
    let what = match error.classify() {
        Category::Data => "項目が足りないか、値の型が違います",
        Category::Syntax | Category::Eof | Category::Io => "JSONではありません",
    };
    Problem::malformed(format!("{what}（{}行{}文字目）。", error.line(), error.column()))
}
