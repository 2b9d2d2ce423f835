//! The HTTP server: a connection limit, TLS or loopback (`W7`), time-outs and small heads.
//!
//! - The handshake, each head and idle time have time-outs here; bodies have theirs in `body`.
//! - The kernel ends a connection whose client reads nothing.
//! - HTTP/1.1 only: no time-out ends an idle HTTP/2 connection, which would keep its permit.

use std::future::{Ready, ready};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
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
use tower::Service;

use super::connection_limit::{ConnectionLimiter, ConnectionPermit};
use super::evictable_stream::EvictableStream;
use super::request_timeouts::RequestTimeouts;
use super::tls::CertificateReloader;
use crate::config::SiteTls;

/// How long a client may leave sent bytes unacknowledged.
const UNREAD_TIMEOUT_MS: u32 = 20_000;
/// More headers end the connection; fewer, but still too many, get a problem document.
const MAX_HEADERS_READ: usize = 2 * super::middleware::MAX_HEADERS;
/// The same for a head's bytes. Also the size of the read buffer.
const MAX_HEAD_BYTES_READ: usize = 2 * super::middleware::MAX_HEAD_BYTES;

/// Ends a listener, gracefully or at once, and knows its address; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Handle {
    server: axum_server::Handle<SocketAddr>,
    is_draining: Arc<AtomicBool>,
    /// Set once it serves over TLS.
    certificate: Arc<OnceLock<CertificateReloader>>,
}

impl Handle {
    /// The handle of a listener that is not served yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The listener's address, as soon as it serves; `None` if it cannot.
    pub async fn listening(&self) -> Option<SocketAddr> {
        self.server.listening().await
    }

    /// Closes each connection after its next response (`Connection: close`), so that clients
    /// reconnect where they choose. New connections are still accepted.
    pub fn start_draining(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Refuses new connections and requests. Responses in progress have this long.
    pub fn graceful_shutdown(&self, timeout: Duration) {
        self.start_draining();
        self.server.graceful_shutdown(Some(timeout));
    }

    /// Reads the certificate's files. The closure puts what they hold into force for new
    /// connections.
    ///
    /// # Errors
    /// [`ServeError::Certificate`] if they cannot be used.
    pub fn prepare_certificate(&self) -> Result<impl FnOnce() + use<'_>, ServeError> {
        let new = match self.certificate.get() {
            Some(current) => Some((current, current.read().map_err(ServeError::Certificate)?)),
            None => None,
        };
        Ok(move || {
            if let Some((current, certificate)) = new {
                current.replace(certificate);
            }
        })
    }

    /// Closes every connection at once.
    pub fn shutdown(&self) {
        self.server.shutdown();
    }
}

/// A listener did not start, or failed.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not this machine's.
    #[error("cannot bind to {0}")]
    Bind(SocketAddr, #[source] io::Error),
    /// The certificate or its key cannot be used.
    #[error("{}", .0.join("; "))]
    Certificate(Vec<String>),
    /// The listener failed later.
    #[error("the listener failed")]
    Failed(#[source] io::Error),
}

/// Binds a listener, so that a taken address is an error before anything starts.
///
/// # Errors
/// [`ServeError::Bind`] if the address is taken or not this machine's.
pub fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|error| ServeError::Bind(address, error))
}

/// Serves `router` within the limits of `limiter` and `timeouts` until `handle` ends it: over TLS
/// with a certificate, in the clear without one.
///
/// # Errors
/// [`ServeError`] if the listener cannot go on.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<&SiteTls>,
    limiter: ConnectionLimiter,
    timeouts: RequestTimeouts,
    handle: Handle,
) -> Result<(), ServeError> {
    let Handle { server: handle, is_draining, certificate } = handle;
    let server = axum_server::from_tcp(listener).map_err(ServeError::Failed)?.handle(handle);
    let router = router.layer(map_response_with_state(is_draining, close_if_draining));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let plain = LimitedAcceptor { limiter, has_tls: tls.is_some() };
    let Some(tls) = tls else {
        return with_timeouts(server.acceptor(plain), timeouts)
            .serve(service)
            .await
            .map_err(ServeError::Failed);
    };
    let loaded = CertificateReloader::load(tls).map_err(ServeError::Certificate)?;
    let certificate = certificate.get_or_init(|| loaded);
    let acceptor =
        RustlsAcceptor::new(certificate.config()).handshake_timeout(timeouts.head).acceptor(plain);
    tokio::select! {
        ended = with_timeouts(server.acceptor(acceptor), timeouts).serve(service) => {
            ended.map_err(ServeError::Failed)
        }
        never = certificate.watch() => match never {},
    }
}

async fn close_if_draining(
    State(is_draining): State<Arc<AtomicBool>>,
    mut response: Response,
) -> Response {
    if is_draining.load(Ordering::Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn with_timeouts<A>(
    server: Server<SocketAddr, A>,
    timeouts: RequestTimeouts,
) -> Server<SocketAddr, A> {
    let mut server = server.http1_only();
    server
        .http_builder()
        .http1()
        .header_read_timeout(timeouts.head)
        .max_headers(MAX_HEADERS_READ)
        .max_buf_size(MAX_HEAD_BYTES_READ);
    server.first_request_timeout(timeouts.head)
}

/// Accepts connections within the limit.
#[derive(Clone)]
struct LimitedAcceptor {
    limiter: ConnectionLimiter,
    has_tls: bool,
}

impl<S> Accept<TcpStream, S> for LimitedAcceptor {
    type Stream = EvictableStream;
    type Service = PermitService<S>;
    type Future = Ready<io::Result<(EvictableStream, PermitService<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(
            self.try_accept(stream)
                .map(|(stream, permit)| (stream, PermitService { service, permit })),
        )
    }
}

impl LimitedAcceptor {
    fn try_accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(EvictableStream, Arc<ConnectionPermit>)> {
        let address = stream.peer_addr()?.ip();
        let permit = self.limiter.try_acquire(address);
        let (permit, evicted) = permit.ok_or(io::ErrorKind::ConnectionRefused)?;
        set_tcp_user_timeout(&stream, UNREAD_TIMEOUT_MS)?;
        stream.set_nodelay(true)?;
        let handshake = self.has_tls.then(|| (self.limiter.clone(), address));
        Ok((EvictableStream::new(stream, evicted, handshake), Arc::new(permit)))
    }
}

/// A connection's service. It holds the permit as long as the connection lasts.
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
        let (guard, response) = (self.permit.begin_request(), self.service.call(request));
        Box::pin(async move {
            let response = response.await;
            drop(guard);
            response
        })
    }
}
