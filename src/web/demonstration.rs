//! `/phone` in a demonstration: another process of this machine answers it (ADR 18).
//!
//! Without `demonstration.phone_socket` there is no such route. The other process gets each request
//! as it came, without the browser's session. Its response gets the headers of every page.

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::origin::is_same_origin;
use super::problem::Problem;
use super::route::router;
use super::site::render_problem;

/// The routes of the process at `socket`; none without one.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(socket: Option<&Path>) -> Router<S> {
    let Some(socket) = socket else { return Router::new() };
    let socket: Arc<Path> = socket.into();
    let handler = any(move |request| forward(Arc::clone(&socket), request));
    router([("/phone", handler.clone()), ("/phone/{*path}", handler)])
}

async fn forward(socket: Arc<Path>, request: Request) -> Response {
    if *request.method() != Method::GET && !is_same_origin(request.headers()) {
        return Problem::cross_site().into_response();
    }
    exchange(&socket, request).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the demonstration's telephone does not answer");
        render_problem(&Problem::unavailable())
    })
}

async fn exchange(socket: &Path, mut request: Request) -> io::Result<Response> {
    for secret in [header::COOKIE, header::AUTHORIZATION] {
        request.headers_mut().remove(secret);
    }
    let stream = TokioIo::new(UnixStream::connect(socket).await?);
    let (mut sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
    // Ends with the response's body.
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    Ok(response.map(Body::new))
}
