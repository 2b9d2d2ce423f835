//! The HTTP server: a connection limit, TLS or loopback (`W7`), time-outs and small heads.
//!
//! - The handshake, each head and idle time have time-outs here, and bodies where they are read.
//! - The kernel ends a connection whose client reads nothing.
//! - HTTP/1.1 only: no time-out ends an idle HTTP/2 connection, which would keep its permit.

use std::future::{Ready, ready};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response_with_state;
use axum::response::Response;
use axum_server::Server;
use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tower::Service;

use super::connection_limit::{ConnectionLimiter, ConnectionPermit};
use super::evictable_stream::EvictableStream;
use super::tls::CertificateReloader;
use crate::config::Tls;

/// By when a request's head must have come; an idle connection is closed by it too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may leave unread what was sent to it, in milliseconds.
const UNREAD_TIMEOUT_MS: u32 = 20_000;
/// The most headers that are read at all; fewer, but still too many, get a problem document.
const MAX_HEADERS_READ: usize = 2 * super::middleware::MAX_HEADERS;
/// The same for a head's bytes; it is the most that is read ahead, too.
const MAX_HEAD_BYTES_READ: usize = 2 * super::middleware::MAX_HEAD_BYTES;

/// Ends a listener, gently or at once, and knows its address; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Handle {
    server: axum_server::Handle<SocketAddr>,
    draining: Arc<AtomicBool>,
    reload: Arc<Notify>,
}

impl Handle {
    /// For a listener that is not served yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where it listens, as soon as it does; none if it cannot.
    pub async fn listening(&self) -> Option<SocketAddr> {
        self.server.listening().await
    }

    /// Closes each connection after its next response (`Connection: close`), so that clients
    /// reconnect where they choose. New connections are still accepted.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Takes no more connections and no more requests; answers under way have this long.
    pub fn graceful_shutdown(&self, within: Duration) {
        self.start_draining();
        self.server.graceful_shutdown(Some(within));
    }

    /// Reads the certificate's files now.
    pub fn reload_certificate(&self) {
        self.reload.notify_one();
    }

    /// Ends every connection as it is.
    pub fn shutdown(&self) {
        self.server.shutdown();
    }
}

/// A listener did not start, or broke.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not this machine's.
    #[error("cannot bind to {0}")]
    Bind(SocketAddr, #[source] io::Error),
    /// The certificate or its key cannot be used.
    #[error("{}", .0.join("; "))]
    Certificate(Vec<String>),
    /// The listener broke.
    #[error("the listener broke")]
    Broken(#[source] io::Error),
}

/// Binds a listener, so that a taken address is an error before anything starts.
///
/// # Errors
/// [`ServeError::Bind`]
pub fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|error| ServeError::Bind(address, error))
}

/// Serves `router` within the limit of `room` until `handle` ends it: over TLS with a
/// certificate, in the clear without one.
///
/// # Errors
/// [`ServeError`]
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<&Tls>,
    limiter: ConnectionLimiter,
    handle: Handle,
) -> Result<(), ServeError> {
    let Handle { server: handle, draining: parting, reload } = handle;
    let server = axum_server::from_tcp(listener).map_err(ServeError::Broken)?.handle(handle);
    let router = router.layer(map_response_with_state(parting, close_if_draining));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let plain = LimitedAcceptor { room: limiter, tls: tls.is_some() };
    let Some(tls) = tls else {
        return with_timeouts(server.acceptor(plain))
            .serve(service)
            .await
            .map_err(ServeError::Broken);
    };
    let offered = CertificateReloader::load(tls)?;
    let acceptor =
        RustlsAcceptor::new(offered.config()).handshake_timeout(HEAD_TIMEOUT).acceptor(plain);
    tokio::select! {
        ended = with_timeouts(server.acceptor(acceptor)).serve(service) => ended.map_err(ServeError::Broken),
        never = offered.watch(reload) => match never {},
    }
}

async fn close_if_draining(
    State(parting): State<Arc<AtomicBool>>,
    mut response: Response,
) -> Response {
    if parting.load(Ordering::Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn with_timeouts<A>(server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    let mut server = server.http1_only();
    server
        .http_builder()
        .http1()
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS_READ)
        .max_buf_size(MAX_HEAD_BYTES_READ);
    server.first_request_timeout(HEAD_TIMEOUT)
}

/// Accepts connections within the limit.
#[derive(Clone)]
struct LimitedAcceptor {
    room: ConnectionLimiter,
    /// Whether what a client sends first begins a handshake.
    tls: bool,
}

impl<S> Accept<TcpStream, S> for LimitedAcceptor {
    type Stream = EvictableStream;
    type Service = PermitService<S>;
    type Future = Ready<io::Result<(EvictableStream, PermitService<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(
            self.try_accept(stream)
                .map(|(stream, place)| (stream, PermitService { service, permit: place })),
        )
    }
}

impl LimitedAcceptor {
    fn try_accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(EvictableStream, Arc<ConnectionPermit>)> {
        let address = stream.peer_addr()?.ip();
        let place = self.room.try_acquire(address);
        let (place, leave) = place.ok_or(io::ErrorKind::ConnectionRefused)?;
        set_tcp_user_timeout(&stream, UNREAD_TIMEOUT_MS)?;
        stream.set_nodelay(true)?;
        let handshake = self.tls.then(|| (self.room.clone(), address));
        Ok((EvictableStream::new(stream, leave, handshake), Arc::new(place)))
    }
}

/// A connection's service, which holds the permit as long as the connection lasts.
#[derive(Clone)]
struct PermitService<S> {
    service: S,
    permit: Arc<ConnectionPermit>,
}

impl<R, S> Service<R> for PermitService<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (under_way, answer) = (self.permit.begin_request(), self.service.call(request));
        Box::pin(async move {
            let answer = answer.await;
            drop(under_way);
            answer
        })
    }
}
