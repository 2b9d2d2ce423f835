//! Problems that keep the telephone line from serving calls, for `/readyz`.

use crate::metrics::ARI_CONNECTED;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The health of the line at one Asterisk.
#[derive(Debug)]
pub struct LineHealth {
    /// Names the Asterisk in front of each problem, if there are several.
    prefix: String,
    /// Host and port, for logs and metrics.
    pbx: String,
    state: Mutex<HealthState>,
}

#[derive(Debug, Default)]
struct HealthState {
    link: Link,
    closing: bool,
    /// `None` until the sounds have been checked.
    missing_sounds: Option<Vec<&'static str>>,
    /// SIP's modules that do not run; `None` until they have been checked.
    stopped_modules: Option<Vec<&'static str>>,
}

/// The connection to Asterisk.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    #[default]
    Down,
    Up,
    /// The WebSocket is up, but Asterisk answers no request.
    Silent,
    /// Another program has the application.
    Replaced,
}

/// Whether a setter has changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    Yes,
    No,
}

impl LineHealth {
    /// Of the Asterisk with this host and port, which is the only one or one of several.
    pub(super) fn new(pbx: String, is_only: bool) -> Self {
        let prefix = if is_only { String::new() } else { format!("{pbx}: ") };
        Self { prefix, pbx, state: Mutex::default() }
    }

    /// Host and port of the Asterisk.
    pub(super) fn pbx(&self) -> &str {
        &self.pbx
    }

    /// The problems that keep the line from serving calls, one line each; empty if there are none.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let state = self.state();
        let mut problems: Vec<String> = Vec::new();
        match state.link {
            Link::Up => {}
            Link::Down => problems.push("ARI is not connected".to_owned()),
            Link::Silent => problems.push("ARI does not answer".to_owned()),
            Link::Replaced => {
                problems.push("ARI: another program has taken the application over".to_owned());
            }
        }
        if state.closing {
            problems.push("the line accepts no new calls".to_owned());
        }
        if state.link == Link::Up && state.missing_sounds.is_none() {
            problems.push("the sounds have not been checked yet".to_owned());
        }
        if state.link == Link::Up && state.stopped_modules.is_none() {
            problems.push("SIP has not been checked yet".to_owned());
        }
        let sounds = state.missing_sounds.iter().flatten();
        problems.extend(sounds.map(|sound| format!("sound {sound} is missing")));
        let modules = state.stopped_modules.iter().flatten();
        problems.extend(modules.map(|it| format!("SIP is not loaded: {it} does not run")));
        problems.into_iter().map(|problem| format!("{}{problem}", self.prefix)).collect()
    }

    pub(super) fn set_link(&self, link: Link) -> Changed {
        let is_connected = match link {
            Link::Up | Link::Silent => 1.0,
            Link::Down | Link::Replaced => 0.0,
        };
        metrics::gauge!(ARI_CONNECTED, "pbx" => self.pbx.clone()).set(is_connected);
        set(&mut self.state().link, link)
    }

    pub(super) fn set_missing_sounds(&self, missing: Vec<&'static str>) -> Changed {
        set(&mut self.state().missing_sounds, Some(missing))
    }

    /// Sets which of SIP's modules do not run.
    pub(super) fn set_stopped_modules(&self, stopped: Vec<&'static str>) -> Changed {
        set(&mut self.state().stopped_modules, Some(stopped))
    }

    /// Records that the line accepts no new calls.
    pub(super) fn set_closing(&self) {
        self.state().closing = true;
    }

    fn state(&self) -> MutexGuard<'_, HealthState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn set<T: PartialEq>(place: &mut T, value: T) -> Changed {
    let changed = if *place == value { Changed::No } else { Changed::Yes };
    *place = value;
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_ready_only_while_it_is_connected_answered_and_complete() {
        let health = LineHealth::new("pbx:8088".to_owned(), true);
        assert_eq!(health.problems(), ["ARI is not connected"]);
        health.set_link(Link::Up);
        let unchecked = ["the sounds have not been checked yet", "SIP has not been checked yet"];
        assert_eq!(health.problems(), unchecked);
        assert_eq!(health.set_missing_sounds(Vec::new()), Changed::Yes);
        assert_eq!(health.set_stopped_modules(vec!["chan_pjsip.so"]), Changed::Yes);
        assert_eq!(health.problems(), ["SIP is not loaded: chan_pjsip.so does not run"]);
        assert_eq!(health.set_stopped_modules(Vec::new()), Changed::Yes);
        assert_eq!(health.problems(), Vec::<String>::new());
        assert_eq!(health.set_missing_sounds(vec!["karipass/menu"]), Changed::Yes);
        assert_eq!(health.set_missing_sounds(vec!["karipass/menu"]), Changed::No);
        assert_eq!(health.set_link(Link::Up), Changed::No);
        assert_eq!(health.set_link(Link::Silent), Changed::Yes);
        assert_eq!(health.problems(), ["ARI does not answer", "sound karipass/menu is missing"]);
        health.set_link(Link::Down);
        assert_eq!(health.problems(), ["ARI is not connected", "sound karipass/menu is missing"]);
        health.set_link(Link::Replaced);
        health.set_closing();
        assert_eq!(health.problems().len(), 3);
    }
}
