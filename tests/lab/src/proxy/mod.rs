//! A Unix socket in front of PostgreSQL's that stalls or cuts connections at a chosen point, such
//! as a commit.
//!
//! It serves one database or a whole daemon.

mod messages;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::folder;
use messages::{Group, Messages, contains};

/// The socket's file in its folder.
const SOCKET: &str = ".s.PGSQL.5432";
const CHUNK_BYTES: usize = 8 * 1024;

/// A fault of the connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// Forwards everything.
    #[default]
    None,
    /// Forwards nothing, in either direction.
    Stall,
    /// Holds the message at this point back until the fault changes.
    HoldAt(Point),
    /// Forwards the message at this point to the server, and nothing afterwards.
    StallAfter(Point),
    /// Cuts the connection before the message at this point reaches the server.
    CutBefore(Point),
    /// Cuts the client off as soon as the message at this point has reached the server, which
    /// notices only after its answer.
    CutAfter(Point),
    /// Cuts the client off when the server has answered the message at this point, instead of
    /// forwarding the answer.
    CutAnswer(Point),
}

/// The point of the clients' messages at which the fault occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Any message with this word.
    Word(&'static str),
    /// At each n-th commit of all connections: `COMMIT`, or a statement that writes by itself.
    Commit(usize),
}

/// Every commit.
pub const COMMIT: Point = Point::Commit(1);

/// A commit that was cut.
#[derive(Clone)]
pub struct CutCommit {
    /// How.
    pub fault: Fault,
    transaction: Arc<Vec<u8>>,
}

impl CutCommit {
    /// Whether a statement of its transaction, or a parameter, contains this.
    pub fn has(&self, text: &str) -> bool {
        contains(&self.transaction, text.as_bytes())
    }
}

/// The proxy; its connections end with it.
pub struct PostgresProxy {
    folder: TempDir,
    shared: Arc<ProxyState>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct ProxyState {
    fault: watch::Sender<Fault>,
    commits: AtomicUsize,
    occurrences: AtomicUsize,
    cut: Mutex<Vec<CutCommit>>,
    answered_bytes: AtomicUsize,
    /// Whether clients' `options` do not reach the server.
    drops_options: AtomicBool,
}

impl PostgresProxy {
    /// Listens in front of the server whose socket is in `server`.
    pub fn before(server: &Path) -> Result<Self> {
        let folder = folder::for_socket("karipass-proxy-")?;
        let listener = UnixListener::bind(folder.path().join(SOCKET))?;
        let shared = Arc::<ProxyState>::default();
        let mut task = JoinSet::new();
        task.spawn(accept(listener, server.join(SOCKET), Arc::clone(&shared)));
        Ok(Self { folder, shared, _task: task })
    }

    /// The folder of its socket.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Removes the settings that clients request, like a pooler that ignores them.
    pub fn drop_options(&self) {
        self.shared.drops_options.store(true, Ordering::Relaxed);
    }

    /// Injects the fault from now on.
    pub fn inject(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
    }

    /// How often the fault has occurred.
    pub fn occurrences(&self) -> usize {
        self.shared.occurrences.load(Ordering::Relaxed)
    }

    /// The commits that were cut, in order.
    pub fn cut_commits(&self) -> Vec<CutCommit> {
        self.shared.cut.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes that the server has answered over all connections.
    pub fn answered_bytes(&self) -> usize {
        self.shared.answered_bytes.load(Ordering::Relaxed)
    }
}

impl ProxyState {
    /// The fault that occurs at `group`.
    fn fault_at(&self, group: &Group) -> Fault {
        let fault = *self.fault.borrow();
        let occurs = match fault {
            Fault::None | Fault::Stall => false,
            Fault::HoldAt(point)
            | Fault::StallAfter(point)
            | Fault::CutBefore(point)
            | Fault::CutAfter(point)
            | Fault::CutAnswer(point) => match point {
                Point::Word(word) => group.has(word),
                Point::Commit(every) => {
                    group.commits
                        && (self.commits.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(every)
                }
            },
        };
        if !occurs {
            return Fault::None;
        }
        let cuts = matches!(fault, Fault::CutBefore(_) | Fault::CutAfter(_) | Fault::CutAnswer(_));
        if cuts && group.commits {
            let cut = CutCommit { fault, transaction: Arc::clone(&group.transaction) };
            self.cut.lock().unwrap_or_else(PoisonError::into_inner).push(cut);
        }
        self.occurrences.fetch_add(1, Ordering::Relaxed);
        fault
    }

    /// Waits while `holds` is true of the fault.
    async fn wait_while(&self, holds: impl Fn(Fault) -> bool) {
        let _ = self.fault.subscribe().wait_for(|fault| !holds(*fault)).await; // never closed
    }
}

async fn accept(listener: UnixListener, server: PathBuf, shared: Arc<ProxyState>) {
    let mut connections = JoinSet::new(); // they end with this task
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = UnixStream::connect(&server).await else { continue };
        connections.spawn(pass(client, server, Arc::clone(&shared)));
    }
}

async fn pass(client: UnixStream, server: UnixStream, shared: Arc<ProxyState>) {
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut messages = Messages::new(from_client);
    let cut = tokio::select! {
        cut = forward(&mut messages, &mut to_server, &shared) => cut,
        () = back(&mut from_server, &mut to_client, &shared) => None,
    };
    let Some((group, waits)) = cut else { return };
    let client = waits.then_some((messages, to_client));
    if to_server.write_all(&group.bytes).await.is_ok() && to_server.shutdown().await.is_ok() {
        // Until the server has answered everything and closed the connection.
        let _ = tokio::io::copy(&mut from_server, &mut tokio::io::sink()).await;
    }
    drop(client);
}

/// Forwards the client's messages, until the end or a cut. If the server still gets the cut's
/// messages, returns them, and whether the client waits until the server has answered.
async fn forward(
    messages: &mut Messages,
    to: &mut OwnedWriteHalf,
    shared: &ProxyState,
) -> Option<(Group, bool)> {
    let mut group = messages.start(shared.drops_options.load(Ordering::Relaxed)).await?;
    loop {
        shared.wait_while(|fault| fault == Fault::Stall).await;
        let occurring = shared.fault_at(&group);
        match occurring {
            Fault::None | Fault::Stall => {}
            Fault::HoldAt(_) => shared.wait_while(|fault| fault == occurring).await,
            // Before the server gets it, so that no answer passes.
            Fault::StallAfter(_) => {
                shared.fault.send_replace(Fault::Stall);
            }
            Fault::CutBefore(_) => return None,
            Fault::CutAfter(_) => return Some((group, false)),
            Fault::CutAnswer(_) => return Some((group, true)),
        }
        to.write_all(&group.bytes).await.ok()?;
        group = messages.next().await?;
    }
}

/// Forwards the server's answers.
async fn back(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, shared: &ProxyState) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        shared.wait_while(|fault| fault == Fault::Stall).await;
        shared.answered_bytes.fetch_add(length, Ordering::Relaxed);
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}
