//! A Unix socket before the server's, that stalls or cuts connections at a chosen word.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The socket's file in its folder.
const SOCKET: &str = ".s.PGSQL.5432";
const CHUNK_BYTES: usize = 8 * 1024;

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// Nothing is passed on any more, in either direction.
    Stall,
    /// What has this word in it is held back until there is other trouble.
    HoldAt(&'static str),
    /// What has this word in it reaches the server; from then on nothing is passed on any more.
    StallAfter(&'static str),
    /// The connection is cut before what has this word in it reaches the server.
    CutBefore(&'static str),
    /// The client is cut off once what has this word in it has reached the server; the server, whose
    /// answer has the word in it too, notices nothing before it has answered.
    CutAfter(&'static str),
}

/// The proxy; its connections end with it.
pub struct Proxy {
    folder: TempDir,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    trouble: Mutex<Trouble>,
    changed: Notify,
    met: Notify,
}

impl Proxy {
    /// Listens before the server whose socket is in `server`.
    pub fn before(server: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("karipass-proxy-").tempdir_in("/tmp")?;
        let listener = UnixListener::bind(folder.path().join(SOCKET))?;
        let shared = Arc::new(Shared {
            trouble: Mutex::new(Trouble::None),
            changed: Notify::new(),
            met: Notify::new(),
        });
        let task = tokio::spawn(accept(listener, server.join(SOCKET), Arc::clone(&shared)));
        Ok(Self { folder, shared, task })
    }

    /// The connection string `url`, by way of this proxy.
    pub fn url(&self, url: &str) -> String {
        let (_, rest) = url.split_once(' ').unwrap_or_default();
        format!("host={} {rest}", self.folder.path().display())
    }

    /// Makes trouble from now on.
    pub fn make(&self, trouble: Trouble) {
        self.shared.make(trouble);
    }

    /// Waits until the trouble's word has come by.
    pub async fn met(&self) {
        self.shared.met.notified().await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn make(&self, trouble: Trouble) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        self.changed.notify_waiters();
    }

    fn trouble(&self) -> Trouble {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for as long as `holds` is true of the trouble.
    async fn wait_while(&self, holds: impl Fn(Trouble) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !holds(self.trouble()) {
                return;
            }
            changed.await;
        }
    }
}

async fn accept(listener: UnixListener, server: std::path::PathBuf, shared: Arc<Shared>) {
    // Dropped with this task, and the connections with it.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = UnixStream::connect(&server).await else { continue };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let (from_client, to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            let unanswered = tokio::select! {
                unanswered = forward(from_client, &mut to_server, &shared) => unanswered,
                () = back(&mut from_server, to_client, &shared) => None,
            };
            if let Some(word) = unanswered {
                read_until(&mut from_server, word).await;
            }
        });
    }
}

/// Passes on what the client says, until the trouble's word or the end; gives the word of an answer
/// that is still to come.
async fn forward(
    mut from: OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    shared: &Shared,
) -> Option<&'static str> {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(length) = from.read(&mut chunk).await {
        let said = chunk.get(..length).filter(|said| !said.is_empty())?;
        let met = |word: &str| contains(said, word);
        shared.wait_while(|trouble| trouble == Trouble::Stall).await;
        match shared.trouble() {
            Trouble::HoldAt(word) if met(word) => {
                shared.met.notify_one();
                shared.wait_while(|trouble| trouble == Trouble::HoldAt(word)).await;
            }
            Trouble::StallAfter(word) if met(word) => {
                shared.make(Trouble::Stall);
                drop(to.write_all(said).await);
                shared.met.notify_one();
                continue;
            }
            Trouble::CutBefore(word) if met(word) => {
                shared.met.notify_one();
                return None;
            }
            Trouble::CutAfter(word) if met(word) => {
                drop(to.write_all(said).await);
                shared.met.notify_one();
                return Some(word);
            }
            Trouble::None
            | Trouble::Stall
            | Trouble::HoldAt(_)
            | Trouble::StallAfter(_)
            | Trouble::CutBefore(_)
            | Trouble::CutAfter(_) => {}
        }
        to.write_all(said).await.ok()?;
    }
    None
}

/// Passes on what the server says.
async fn back(from: &mut OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(length) = from.read(&mut chunk).await {
        let Some(said) = chunk.get(..length).filter(|said| !said.is_empty()) else { return };
        shared.wait_while(|trouble| trouble == Trouble::Stall).await;
        if to.write_all(said).await.is_err() {
            return;
        }
    }
}

/// Reads what the server says up to a word in it.
async fn read_until(from: &mut OwnedReadHalf, word: &str) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(length) = from.read(&mut chunk).await {
        let said = chunk.get(..length).unwrap_or_default();
        if said.is_empty() || contains(said, word) {
            return;
        }
    }
}

fn contains(said: &[u8], word: &str) -> bool {
    said.windows(word.len()).any(|window| window == word.as_bytes())
}
