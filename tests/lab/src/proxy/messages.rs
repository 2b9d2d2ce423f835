//! What a client of PostgreSQL says, as far as it matters where a commit is (protocol 3.0).
//!
//! Messages are taken in groups, each ended by one that the server answers at once.

use std::collections::HashSet;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::OwnedReadHalf;

const CHUNK_BYTES: usize = 8 * 1024;
/// The bytes of a message's length, which counts itself.
const LENGTH_BYTES: usize = 4;
/// What a statement that writes has in it.
const WRITES: [&str; 3] = ["INSERT INTO ", "UPDATE ", "DELETE FROM "];

/// What one client says.
pub(super) struct Messages {
    from: OwnedReadHalf,
    read: Vec<u8>,
    passes_options: bool,
    has_started: bool,
    in_transaction: bool,
    /// The prepared statements that write.
    writing: HashSet<Vec<u8>>,
}

/// Messages up to one that is answered.
#[derive(Default)]
pub(super) struct Group {
    /// As they were sent.
    pub(super) bytes: Vec<u8>,
    /// Whether their end is a commit: `COMMIT`, or a statement that writes outside of a
    /// transaction.
    pub(super) commits: bool,
}

impl Group {
    /// Whether a word is in it.
    pub(super) fn has(&self, word: &str) -> bool {
        contains(&self.bytes, word.as_bytes())
    }
}

impl Messages {
    pub(super) fn new(from: OwnedReadHalf, passes_options: bool) -> Self {
        Self {
            from,
            read: Vec::new(),
            passes_options,
            has_started: false,
            in_transaction: false,
            writing: HashSet::new(),
        }
    }

    /// The next group; `None` once the client is gone.
    pub(super) async fn next(&mut self) -> Option<Group> {
        let mut group = Group::default();
        loop {
            let kind_bytes = usize::from(self.has_started);
            self.fill(kind_bytes + LENGTH_BYTES).await?;
            let length = self.read[kind_bytes..][..LENGTH_BYTES].try_into().ok()?;
            let length = kind_bytes + u32::from_be_bytes(length) as usize;
            self.fill(length).await?;
            let message: Vec<u8> = self.read.drain(..length).collect();
            if !std::mem::replace(&mut self.has_started, true) {
                let start = if self.passes_options { message } else { without_options(&message) };
                group.bytes.extend(start);
                return Some(group);
            }
            group.bytes.extend(&message);
            let (kind, content) = (message[0], &message[kind_bytes + LENGTH_BYTES..]);
            group.commits |= self.commits(kind, content);
            // Parse, Bind, Describe, Execute and Close wait for the Sync behind them.
            if !b"PBDEC".contains(&kind) {
                return Some(group);
            }
        }
    }

    /// Notes what a message does; whether it ends a transaction that may have written.
    fn commits(&mut self, kind: u8, content: &[u8]) -> bool {
        let mut strings = content.split(|byte| *byte == 0);
        let (first, second) =
            (strings.next().unwrap_or_default(), strings.next().unwrap_or_default());
        match kind {
            b'Q' if first == b"BEGIN" => {
                self.in_transaction = true;
                false
            }
            b'Q' if first == b"COMMIT" => {
                self.in_transaction = false;
                true
            }
            b'P' if WRITES.iter().any(|word| contains(second, word.as_bytes())) => {
                self.writing.insert(first.to_owned());
                false
            }
            b'B' => !self.in_transaction && self.writing.contains(second),
            _ => false,
        }
    }

    async fn fill(&mut self, length: usize) -> Option<()> {
        let mut chunk = [0; CHUNK_BYTES];
        while self.read.len() < length {
            let count = self.from.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
            self.read.extend(&chunk[..count]);
        }
        Some(())
    }
}

fn contains(said: &[u8], word: &[u8]) -> bool {
    said.windows(word.len()).any(|window| window == word)
}

/// A startup packet without its `options`: length, version, and pairs of strings up to an empty
/// one.
fn without_options(start: &[u8]) -> Vec<u8> {
    let (head, strings) = start.split_at(2 * LENGTH_BYTES);
    let strings: Vec<&[u8]> = strings.split_inclusive(|byte| *byte == 0).collect();
    let kept = strings.chunks(2).filter(|pair| pair[0] != b"options\0");
    let kept: Vec<u8> = kept.flatten().copied().flatten().copied().collect();
    let length = u32::try_from(head.len() + kept.len()).unwrap_or_default();
    [&length.to_be_bytes(), &head[LENGTH_BYTES..], &kept].concat()
}
