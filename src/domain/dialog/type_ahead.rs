//! The keys that a caller has pressed before the guidance that asks for them (`P12`).

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Key;

/// Twice as many as a whole call takes.
const MAX_KEYS: usize = 64;

/// Keys in the order in which they were pressed; wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct TypeAhead {
    keys: [Key; MAX_KEYS],
    len: usize,
}

impl Default for TypeAhead {
    fn default() -> Self {
        Self { keys: [Key::default(); MAX_KEYS], len: 0 }
    }
}

impl TypeAhead {
    /// Adds a key; `false` if there is no room.
    pub(super) fn push(&mut self, key: Key) -> bool {
        let slot = self.keys.get_mut(self.len);
        let has_room = slot.map(|slot| *slot = key).is_some();
        self.len += usize::from(has_room);
        has_room
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.keys.iter().take(self.len).copied()
    }
}

impl fmt::Debug for TypeAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypeAhead({} keys)", self.len)
    }
}
