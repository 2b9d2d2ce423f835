//! A TCP port before a server's, whose connections can be cut, stalled or slowed.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

const CHUNK_BYTES: usize = 16 * 1024;

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpState {
    /// Every byte is passed on as it comes.
    Whole,
    /// Connections are closed, and new ones too.
    Cut,
    /// No byte is passed on and nothing is closed; new connections are taken, and hear nothing.
    Stalled,
    /// Every byte takes this much longer, in each direction.
    Slow(Duration),
}

/// The proxy; its connections end with it.
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    state: watch::Sender<TcpState>,
    task: JoinHandle<()>,
}

impl TcpProxy {
    /// Listens on a free port of 127.0.0.1 before `server`.
    pub async fn before(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (state, watched) = watch::channel(TcpState::Whole);
        let task = tokio::spawn(accept(listener, server, watched));
        Ok(Self { address, state, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Treats connections so from now on.
    pub fn set_state(&self, state: TcpState) {
        self.state.send_replace(state);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, state: watch::Receiver<TcpState>) {
    // Dropped with this task, and the connections with it.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let mut cut = state.clone();
        let state = state.clone();
        connections.spawn(async move {
            tokio::select! {
                () = connect(client, server, state) => {}
                _ = cut.wait_for(|state| *state == TcpState::Cut) => {}
            }
        });
    }
}

async fn connect(client: TcpStream, server: SocketAddr, state: watch::Receiver<TcpState>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    // What is slow here is so on purpose.
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        pass(from_client, to_server, state.clone()),
        pass(from_server, to_client, state.clone())
    );
}

/// One direction, to its end.
async fn pass(from: OwnedReadHalf, to: OwnedWriteHalf, state: watch::Receiver<TcpState>) {
    let (late, due) = unbounded_channel();
    tokio::join!(take(from, late, state.clone()), give(to, due, state));
}

/// What was read, and when it is due at the other end.
type Chunk = (Instant, Vec<u8>);

async fn take(
    mut from: OwnedReadHalf,
    to: UnboundedSender<Chunk>,
    state: watch::Receiver<TcpState>,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let delay = match *state.borrow() {
            TcpState::Slow(delay) => delay,
            TcpState::Whole | TcpState::Cut | TcpState::Stalled => Duration::ZERO,
        };
        let said = chunk.get(..length).unwrap_or_default().to_vec();
        if to.send((Instant::now() + delay, said)).is_err() {
            return;
        }
    }
}

async fn give(
    mut to: OwnedWriteHalf,
    mut from: UnboundedReceiver<Chunk>,
    mut state: watch::Receiver<TcpState>,
) {
    while let Some((due, said)) = from.recv().await {
        sleep_until(due).await;
        let passes = state.wait_for(|state| *state != TcpState::Stalled).await.is_ok();
        if !passes || to.write_all(&said).await.is_err() {
            return;
        }
    }
}
