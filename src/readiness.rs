//! Whether this process can do its work, told by its parts and asked by operators (`/readyz`).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the parts last told; cheap to clone, one for all. Asterisk counts as away until it is told otherwise.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    told: Arc<Mutex<Told>>,
}

#[derive(Debug, Default)]
struct Told {
    ari_connected: bool,
    missing_sounds: BTreeSet<String>,
}

impl Readiness {
    /// Tells whether the ARI WebSocket is connected.
    pub fn ari_connected(&self, connected: bool) {
        self.lock().ari_connected = connected;
    }

    /// Tells which sounds are missing, in the place of what was told before.
    pub fn missing_sounds(&self, names: impl IntoIterator<Item = String>) {
        self.lock().missing_sounds = names.into_iter().collect();
    }

    /// What is not ready, one line each; the store is asked by itself.
    #[must_use]
    pub fn wanting(&self) -> Vec<String> {
        let told = self.lock();
        let ari = (!told.ari_connected).then(|| "ari: not connected".to_owned());
        let sounds = told.missing_sounds.iter().map(|name| format!("sound {name}: missing"));
        ari.into_iter().chain(sounds).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
