//! Messages of PostgreSQL's clients, parsed as far as commits need (protocol 3.0).
//!
//! Messages are grouped; the server answers the last one of a group at once.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, BufReader};
use tokio::net::unix::OwnedReadHalf;

/// The bytes of a message's length, which counts itself.
const LENGTH_BYTES: usize = 4;
/// The bytes of the protocol's version in a startup packet.
const VERSION_BYTES: usize = 4;
/// The beginnings of statements that write.
const WRITES: [&[u8]; 3] = [b"INSERT INTO ", b"UPDATE ", b"DELETE FROM "];

/// The messages of one client.
pub(super) struct Messages {
    from: BufReader<OwnedReadHalf>,
    in_transaction: bool,
    /// The bytes of the transaction so far.
    transaction: Vec<u8>,
    /// The prepared statements that write.
    writing: HashSet<Vec<u8>>,
}

/// Messages up to one that the server answers.
#[derive(Default)]
pub(super) struct Group {
    /// The bytes as sent.
    pub(super) bytes: Vec<u8>,
    /// Whether their end is a commit: `COMMIT`, or a statement that writes outside of a
    /// transaction.
    pub(super) commits: bool,
    /// If so, the bytes of the transaction.
    pub(super) transaction: Arc<Vec<u8>>,
}

impl Group {
    /// Whether it contains a word.
    pub(super) fn has(&self, word: &str) -> bool {
        contains(&self.bytes, word.as_bytes())
    }

    fn push(&mut self, content: &[u8]) {
        let length = u32::try_from(LENGTH_BYTES + content.len()).unwrap_or_default();
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(content);
    }
}

impl Messages {
    pub(super) fn new(from: OwnedReadHalf) -> Self {
        let (from, transaction, writing) = (BufReader::new(from), Vec::new(), HashSet::new());
        Self { from, in_transaction: false, transaction, writing }
    }

    /// The startup packet, which comes first.
    pub(super) async fn start(&mut self, drops_options: bool) -> Option<Group> {
        let (mut group, start) = (Group::default(), self.read_content().await?);
        group.push(&if drops_options { without_options(&start) } else { start });
        Some(group)
    }

    /// The next group; `None` once the client is gone.
    pub(super) async fn next(&mut self) -> Option<Group> {
        let mut group = Group::default();
        loop {
            let kind = self.from.read_u8().await.ok()?;
            let content = self.read_content().await?;
            group.bytes.push(kind);
            group.push(&content);
            group.commits |= self.commits(kind, &content);
            // Parse, Bind, Describe, Execute and Close wait for the Sync behind them.
            if !b"PBDEC".contains(&kind) {
                break;
            }
        }
        self.transaction.extend(&group.bytes);
        if !self.in_transaction {
            let ended = std::mem::take(&mut self.transaction);
            if group.commits {
                group.transaction = Arc::new(ended);
            }
        }
        Some(group)
    }

    async fn read_content(&mut self) -> Option<Vec<u8>> {
        let length = self.from.read_u32().await.ok()? as usize;
        let mut content = vec![0; length.checked_sub(LENGTH_BYTES)?];
        self.from.read_exact(&mut content).await.ok()?;
        Some(content)
    }

    /// Records the effect of a message; returns whether it ends a transaction that may have
    /// written.
    fn commits(&mut self, kind: u8, content: &[u8]) -> bool {
        let mut strings = content.split(|byte| *byte == 0);
        let mut next = || strings.next().unwrap_or_default();
        match (kind, next(), next()) {
            (b'Q', b"BEGIN", _) => self.in_transaction = true,
            (b'Q', b"COMMIT", _) => {
                self.in_transaction = false;
                return true;
            }
            (b'P', name, sql) if WRITES.iter().any(|word| contains(sql, word)) => {
                self.writing.insert(name.to_owned());
            }
            (b'B', _, name) => return !self.in_transaction && self.writing.contains(name),
            _ => {}
        }
        false
    }
}

pub(super) fn contains(said: &[u8], word: &[u8]) -> bool {
    said.windows(word.len()).any(|window| window == word)
}

/// A startup packet's content without its `options`: a version, and pairs of strings up to an empty
/// one.
fn without_options(start: &[u8]) -> Vec<u8> {
    let (version, strings) = start.split_at(VERSION_BYTES);
    let strings: Vec<&[u8]> = strings.split_inclusive(|byte| *byte == 0).collect();
    let kept = strings.chunks(2).filter(|pair| pair[0] != b"options\0");
    [version, &kept.flatten().copied().collect::<Vec<_>>().concat()].concat()
}
