//! Pages and calls of the API that compute no hash, a second, over kept-alive TLS: the top page, a
//! look at the session, and the choices of a unit change.
//!
//! The other side is an empty axum handler with one indexed `SELECT`, in this process: the same
//! libraries, certificate, database, number of connections and priority, and none of the work.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use deadpool_postgres::{Manager, Pool};
use karipass::auth::Audience;
use rustix::process::nice;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::NoTls;

use crate::accounts::Accounts;
use crate::figure::Figure;
use crate::keep_alive::KeepAliveClient;
use crate::system::{BenchSystem, callers};

/// Enough for PostgreSQL to take its indexes.
const CONTRACTS: usize = 1_000;
/// The daemon's default.
const DATABASE_CONNECTIONS: usize = 8;
/// That of the daemon's threads for the site.
const NICE: i32 = 5;
/// The sides take turns, so that other load on the machine affects both alike.
const TURNS: u32 = 5;
const TURN: Duration = Duration::from_secs(2);
/// The least part of the other side's rate.
const MIN_RATIO: f64 = 0.8;

/// Each request beside the empty handler.
pub fn measure() -> Result<Vec<Figure>> {
    let subscribers = callers(CONTRACTS);
    let system = BenchSystem::start(&subscribers, &[])?;
    let accounts = Accounts::create(&system)?;
    let cookie = accounts.begin_session(&subscribers[0], Audience::Pages)?;
    let bearer = accounts.begin_session(&subscribers[0], Audience::Api)?;
    let cookie = format!("Cookie: __Host-karipass={cookie}");
    let bearer = format!("Authorization: Bearer {bearer}");
    let empty = EmptyServer::start(&system, &subscribers[0])?;
    let client = KeepAliveClient::new(&system.daemon.certificate())?;
    let requests = [
        ("top page a second", "/", &cookie),
        ("GET /api/v1/session a second", "/api/v1/session", &bearer),
        ("GET /api/v1/unit a second", "/api/v1/unit", &bearer),
    ];
    let measured = requests.into_iter().map(|(name, path, header)| {
        let request = request(path, header);
        let (mut ours, mut theirs) = (0.0, 0.0);
        for _ in 0..TURNS {
            theirs += client.throughput(empty.port, &self::request("/", ""), TURN)?;
            ours += client.throughput(system.daemon.setup.https, &request, TURN)?;
        }
        let [ours, theirs] = [ours, theirs].map(|sum| sum / f64::from(TURNS));
        Ok(Figure::new(name, ours, "/s").with_baseline(theirs).ratio_at_least(MIN_RATIO))
    });
    measured.collect()
}

fn request(path: &str, header: &str) -> String {
    let end = if header.is_empty() { "" } else { "\r\n" };
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}{end}\r\n")
}

/// The other side's server; it ends with its runtime.
struct EmptyServer {
    port: u16,
    _runtime: Runtime,
}

impl EmptyServer {
    /// Beside the daemon of this system; the handler selects this number.
    fn start(system: &BenchSystem, number: &str) -> Result<Self> {
        let lower_priority = || {
            let _ = nice(NICE);
        };
        let runtime =
            Builder::new_multi_thread().on_thread_start(lower_priority).enable_all().build()?;
        let manager = Manager::new(system.database.daemon_url.parse()?, NoTls);
        let pool = Pool::builder(manager).max_size(DATABASE_CONNECTIONS).build()?;
        let state = (pool, number.to_owned());
        let router = Router::new().route("/", get(select)).with_state(state);
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let certificate = system.daemon.certificate();
        let key = certificate.with_file_name("key.pem");
        // Another part of this process may have chosen it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = runtime.block_on(RustlsConfig::from_pem_file(certificate, key))?;
        let acceptor = RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor::new());
        let guard = runtime.enter();
        let server = axum_server::from_tcp(listener)?.acceptor(acceptor).http1_only();
        runtime.spawn(server.serve(router.into_make_service()));
        drop(guard);
        Ok(Self { port, _runtime: runtime })
    }
}

async fn select(State((pool, number)): State<(Pool, String)>) -> Result<(), StatusCode> {
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let client = pool.get().await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let sql = "SELECT contract_number FROM phone_number WHERE number = $1";
    let statement = client.prepare_cached(sql).await.map_err(failed)?;
    client.query_one(&statement, &[&number]).await.map(drop).map_err(failed)
}
