//! How the telephone line stands, for whoever watches over it (`/readyz`).

use std::sync::{Mutex, PoisonError};

/// The standing of the line; shared between the task that holds the socket and whoever asks.
#[derive(Debug, Default)]
pub struct Status(Mutex<Standing>);

#[derive(Debug, Default)]
struct Standing {
    connected: bool,
    replaced: bool,
    silent: bool,
    missing: Vec<&'static str>,
}

impl Status {
    /// What keeps the line from serving calls, one line each; empty if nothing does.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let standing = self.standing();
        let mut faults = Vec::new();
        if standing.replaced {
            faults.push("ARI: another program has taken the application over".to_owned());
        } else if !standing.connected {
            faults.push("ARI is not connected".to_owned());
        } else if standing.silent {
            faults.push("ARI does not answer".to_owned());
        }
        faults.extend(standing.missing.iter().map(|sound| format!("sound {sound} is missing")));
        faults
    }

    /// The socket is up and the application ours.
    pub(crate) fn connected(&self) {
        let mut standing = self.standing();
        standing.connected = true;
        standing.replaced = false;
        standing.silent = false;
        metrics::gauge!("karipass_ari_connected").set(1.0);
    }

    pub(crate) fn disconnected(&self) {
        self.standing().connected = false;
        metrics::gauge!("karipass_ari_connected").set(0.0);
    }

    pub(crate) fn replaced(&self) {
        self.standing().replaced = true;
    }

    /// Whether the probe was answered; says whether that is news.
    pub(crate) fn probed(&self, answered: bool) -> bool {
        std::mem::replace(&mut self.standing().silent, !answered) == answered
    }

    /// The sounds that are not there; says whether that is news.
    pub(crate) fn missing(&self, missing: Vec<&'static str>) -> bool {
        let mut standing = self.standing();
        let news = standing.missing != missing;
        standing.missing = missing;
        news
    }

    fn standing(&self) -> std::sync::MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_ready_only_while_it_is_connected_answered_and_complete() {
        let status = Status::default();
        assert_eq!(status.faults(), ["ARI is not connected"]);
        status.connected();
        assert_eq!(status.faults(), Vec::<String>::new());
        assert!(status.missing(vec!["karipass/menu"]));
        assert!(!status.missing(vec!["karipass/menu"]));
        assert!(!status.probed(true));
        assert!(status.probed(false));
        assert_eq!(status.faults(), ["ARI does not answer", "sound karipass/menu is missing"]);
        status.disconnected();
        status.replaced();
        assert_eq!(status.faults().len(), 2);
    }
}
