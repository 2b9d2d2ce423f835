//! How the telephone line stands, for whoever watches over it (`/readyz`).

use std::sync::{Mutex, PoisonError};

use crate::metrics::ARI_CONNECTED;

/// The standing of the line at one PBX; shared between the task that holds the socket and whoever asks.
#[derive(Debug)]
pub struct Status {
    /// Which PBX, if there are several.
    which: Option<String>,
    /// The same, for the metrics.
    pbx: String,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    link: Link,
    closing: bool,
    /// None until the sounds have been looked at.
    missing: Option<Vec<&'static str>>,
    /// SIP's modules that do not run; none until they have been looked at.
    stopped: Option<Vec<&'static str>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Link {
    #[default]
    Down,
    Up,
    /// Up, but Asterisk answers no request.
    Silent,
    /// Another program holds the application.
    Replaced,
}

impl Status {
    /// Of the PBX with this host and port, which is one of several or not.
    pub(crate) fn of(pbx: String, several: bool) -> Self {
        let which = several.then(|| format!("{pbx}: "));
        Self { which, pbx, standing: Mutex::default() }
    }

    /// Host and port of the PBX.
    pub(crate) fn pbx(&self) -> &str {
        &self.pbx
    }

    /// What keeps the line from serving calls, one line each; empty if nothing does.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let standing = self.standing();
        let link = match standing.link {
            Link::Up => None,
            Link::Down => Some("ARI is not connected"),
            Link::Silent => Some("ARI does not answer"),
            Link::Replaced => Some("ARI: another program has taken the application over"),
        };
        let closing = standing.closing.then_some("the line takes no more calls");
        let unseen = link.is_none() && standing.missing.is_none();
        let unseen = unseen.then_some("the sounds have not been looked at yet");
        let missing = standing.missing.iter().flatten();
        let missing = missing.map(|sound| format!("sound {sound} is missing"));
        let sip_unseen = link.is_none() && standing.stopped.is_none();
        let sip_unseen = sip_unseen.then_some("SIP has not been looked at yet");
        let stopped = standing.stopped.iter().flatten();
        let stopped = stopped.map(|module| format!("SIP is not loaded: {module} does not run"));
        let seen = link.into_iter().chain(closing).chain(unseen).chain(sip_unseen);
        let faults = seen.map(str::to_owned).chain(missing).chain(stopped);
        let which = self.which.as_deref().unwrap_or_default();
        faults.map(|fault| format!("{which}{fault}")).collect()
    }

    /// The socket is up and the application ours.
    pub(crate) fn connected(&self) {
        self.standing().link = Link::Up;
        self.measure(1.0);
    }

    pub(crate) fn disconnected(&self) {
        self.standing().link = Link::Down;
        self.measure(0.0);
    }

    pub(crate) fn replaced(&self) {
        self.standing().link = Link::Replaced;
    }

    /// Whether a request was answered while the socket was up; says whether that is news.
    pub(crate) fn probed(&self, answered: bool) -> bool {
        let link = if answered { Link::Up } else { Link::Silent };
        std::mem::replace(&mut self.standing().link, link) != link
    }

    /// The sounds that are not there; says whether that is news.
    pub(crate) fn missing(&self, missing: Vec<&'static str>) -> bool {
        let missing = Some(missing);
        let mut standing = self.standing();
        let news = standing.missing != missing;
        standing.missing = missing;
        news
    }

    /// The modules of SIP that do not run; says whether that is news.
    pub(crate) fn set_stopped_modules(&self, stopped: Vec<&'static str>) -> bool {
        let stopped = Some(stopped);
        let mut standing = self.standing();
        let news = standing.stopped != stopped;
        standing.stopped = stopped;
        news
    }

    /// No more calls are taken.
    pub(crate) fn closing(&self) {
        self.standing().closing = true;
    }

    fn measure(&self, connected: f64) {
        metrics::gauge!(ARI_CONNECTED, "pbx" => self.pbx.clone()).set(connected);
    }

    fn standing(&self) -> std::sync::MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_ready_only_while_it_is_connected_answered_and_complete() {
        let status = Status::of("pbx:8088".to_owned(), false);
        assert_eq!(status.faults(), ["ARI is not connected"]);
        status.connected();
        let unseen = ["the sounds have not been looked at yet", "SIP has not been looked at yet"];
        assert_eq!(status.faults(), unseen);
        assert!(status.missing(Vec::new()));
        assert!(status.set_stopped_modules(vec!["chan_pjsip.so"]));
        assert_eq!(status.faults(), ["SIP is not loaded: chan_pjsip.so does not run"]);
        assert!(status.set_stopped_modules(Vec::new()));
        assert_eq!(status.faults(), Vec::<String>::new());
        assert!(status.missing(vec!["karipass/menu"]));
        assert!(!status.missing(vec!["karipass/menu"]));
        assert!(!status.probed(true));
        assert!(status.probed(false));
        assert_eq!(status.faults(), ["ARI does not answer", "sound karipass/menu is missing"]);
        status.disconnected();
        assert_eq!(status.faults(), ["ARI is not connected", "sound karipass/menu is missing"]);
        status.replaced();
        status.closing();
        assert_eq!(status.faults().len(), 3);
    }

    #[test]
    fn one_of_several_says_which_it_is() {
        let status = Status::of("pbx:8088".to_owned(), true);
        assert_eq!(status.faults(), ["pbx:8088: ARI is not connected"]);
    }
}
