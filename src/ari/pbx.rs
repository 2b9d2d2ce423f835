//! One Asterisk, and what it shares with the others.

use std::sync::Arc;

use super::line::Line;
use super::rest::{Rest, SetUpError};
use super::status::Status;
use super::{Pace, config};

/// One Asterisk of those that the line is reached through.
#[derive(Debug)]
pub(crate) struct Pbx {
    pub(crate) rest: Rest,
    /// The application's name there.
    pub(crate) app: String,
    pub(crate) status: Arc<Status>,
    pub(crate) line: Arc<Line>,
}

impl Pbx {
    /// # Errors
    /// [`SetUpError`] if the configured URL, user or password cannot be used.
    pub(crate) fn new(
        ari: &config::Ari,
        line: Arc<Line>,
        status: Status,
        pace: Pace,
    ) -> Result<Self, SetUpError> {
        let rest = Rest::new(ari, pace.request)?;
        Ok(Self { rest, app: ari.app.clone(), status: Arc::new(status), line })
    }
}
