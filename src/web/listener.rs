//! The subscribers' listener: a bound number of connections, TLS or loopback (`W7`), time-outs.
//!
//! HTTP/1.1 only: nothing ends an idle HTTP/2 connection, which would hold its place for ever.

use std::future::{Ready, ready};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum_server::Server;
use axum_server::accept::{Accept, NoDelayAcceptor};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use metrics::counter;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

use crate::config::Tls;

/// Connections at once; the next is closed.
const CONNECTIONS: usize = 2048;
/// By when a request's head must have come; an idle connection is closed by it too.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Ends a listener, gently or at once, and knows its address.
pub type Handle = axum_server::Handle<SocketAddr>;

/// A listener did not start, or broke.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not this machine's.
    #[error("{0} cannot be listened on")]
    Listen(SocketAddr, #[source] io::Error),
    /// The certificate or its key cannot be used.
    #[error("the certificate in {} or its key in {} cannot be used", .0.certificate.display(), .0.key.display())]
    Certificate(Tls, #[source] io::Error),
    /// The listener broke.
    #[error("the listener broke")]
    Broken(#[source] io::Error),
}

/// Binds a listener, so that a taken address is told before anything starts.
///
/// # Errors
/// [`ServeError::Listen`]
pub fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|error| ServeError::Listen(address, error))
}

/// Serves `router` until `handle` ends it: over TLS with a certificate, in the clear without one.
///
/// # Errors
/// [`ServeError`]
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<&Tls>,
    handle: Handle,
) -> Result<(), ServeError> {
    let server = axum_server::from_tcp(listener).map_err(ServeError::Broken)?.handle(handle);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let plain = Limited::around(NoDelayAcceptor::new());
    let ended = if let Some(tls) = tls {
        let config = RustlsConfig::from_pem_file(&tls.certificate, &tls.key)
            .await
            .map_err(|error| ServeError::Certificate(tls.clone(), error))?;
        let mut offered = ServerConfig::clone(&config.get_inner());
        offered.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.reload_from_config(Arc::new(offered));
        let acceptor = RustlsAcceptor::new(config).handshake_timeout(HEAD_LIMIT).acceptor(plain);
        timed(server.acceptor(acceptor)).serve(service).await
    } else {
        timed(server.acceptor(plain)).serve(service).await
    };
    ended.map_err(ServeError::Broken)
}

fn timed<A>(server: Server<SocketAddr, A>) -> Server<SocketAddr, A> {
    let mut server = server.http1_only();
    server.http_builder().http1().header_read_timeout(HEAD_LIMIT);
    server.first_request_timeout(HEAD_LIMIT)
}

/// Accepts so many connections at once.
#[derive(Clone)]
struct Limited {
    inner: NoDelayAcceptor,
    permits: Arc<Semaphore>,
}

impl Limited {
    fn around(inner: NoDelayAcceptor) -> Self {
        Self { inner, permits: Arc::new(Semaphore::new(CONNECTIONS)) }
    }
}

impl<S> Accept<TcpStream, S> for Limited {
    type Stream = TcpStream;
    type Service = Held<S>;
    type Future = Ready<io::Result<(TcpStream, Held<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            counter!("karipass_connections_refused_total").increment(1);
            return ready(Err(io::ErrorKind::ConnectionRefused.into()));
        };
        self.inner.accept(stream, Held { service, _permit: Arc::new(permit) })
    }
}

/// A connection's service, which holds its place as long as the connection lasts.
#[derive(Clone)]
struct Held<S> {
    service: S,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl<R, S: Service<R>> Service<R> for Held<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.service.call(request)
    }
}
