//! A TCP port in front of a server's, whose connections can be cut, stalled or slowed.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

const CHUNK_BYTES: usize = 16 * 1024;

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpState {
    /// Forwards every byte at once.
    Whole,
    /// Closes all connections, and new ones too.
    Cut,
    /// Forwards no byte and closes nothing; accepts new connections and answers nothing.
    Stalled,
    /// Delays every byte by this much, in each direction.
    Slow(Duration),
}

/// The proxy; its connections end with it.
#[derive(Debug)]
pub struct TcpProxy {
    /// Its address.
    pub address: SocketAddr,
    state: watch::Sender<TcpState>,
    _task: JoinSet<()>,
}

impl TcpProxy {
    /// Listens on a free port of 127.0.0.1 in front of `server`.
    pub async fn before(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (state, watched) = watch::channel(TcpState::Whole);
        let mut task = JoinSet::new();
        task.spawn(accept(listener, server, watched));
        Ok(Self { address, state, _task: task })
    }

    /// Treats connections like this from now on.
    pub fn set_state(&self, state: TcpState) {
        self.state.send_replace(state);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, state: watch::Receiver<TcpState>) {
    let mut connections = JoinSet::new(); // they end with this task
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(server).await else { continue };
        // Any delay must be the configured one.
        drop((client.set_nodelay(true), server.set_nodelay(true)));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let to_server = pass(from_client, to_server, state.clone());
        let to_client = pass(from_server, to_client, state.clone());
        let mut cut = state.clone();
        connections.spawn(async move {
            tokio::select! {
                _ = async { tokio::join!(to_server, to_client) } => {}
                _ = cut.wait_for(|state| *state == TcpState::Cut) => {}
            }
        });
    }
}

/// One direction, to its end; what was read waits until it is due at the other end.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<TcpState>,
) {
    let (late, mut due) = unbounded_channel();
    let state_at_reading = state.clone();
    let read = async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            let delay = match *state_at_reading.borrow() {
                TcpState::Slow(delay) => delay,
                TcpState::Whole | TcpState::Cut | TcpState::Stalled => Duration::ZERO,
            };
            if late.send((Instant::now() + delay, chunk[..length].to_vec())).is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((at, said)) = due.recv().await {
            sleep_until(at).await;
            let passes = state.wait_for(|state| *state != TcpState::Stalled).await.is_ok();
            if !passes || to.write_all(&said).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}
