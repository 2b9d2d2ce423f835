//! The jobs of the worker threads: hash a new secret, or verify a submitted one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::argon::{Argon, Renewed, Salt};
use super::error::HashError;
use domain::password::{
    NewPassword, PhcString, SubmittedPassword, TemporaryPassword, Verification,
};

/// A secret that is to be stored.
pub(super) enum PlainSecret {
    Temporary(TemporaryPassword),
    Password(NewPassword),
}

impl PlainSecret {
    fn expose(&self) -> &[u8] {
        match self {
            Self::Temporary(password) => password.expose(),
            Self::Password(password) => password.expose(),
        }
    }
}

/// The sender of a result, until it has been used.
pub(super) struct Reply<T>(Mutex<Option<oneshot::Sender<Result<T, HashError>>>>);

impl<T> Reply<T> {
    /// A reply with its receiver.
    pub(super) fn new() -> (Self, oneshot::Receiver<Result<T, HashError>>) {
        let (done, answer) = oneshot::channel();
        (Self(Mutex::new(Some(done))), answer)
    }

    fn is_gone(&self) -> bool {
        self.lock().as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Sends the answer. It does not matter if the receiver is gone.
    fn answer(&self, result: Result<T, HashError>) {
        let _ = self.lock().take().map(|done| done.send(result));
    }

    fn lock(&self) -> MutexGuard<'_, Option<oneshot::Sender<Result<T, HashError>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hash or a verification, with its reply.
pub(super) enum Job {
    Hash {
        password: PlainSecret,
        salt: Salt,
        reply: Reply<PhcString>,
    },
    Verify {
        typed: SubmittedPassword,
        stored: Option<PhcString>,
        renewal: Option<Salt>,
        reply: Reply<Verification<Renewed>>,
    },
}

impl Job {
    pub(super) fn is_abandoned(&self) -> bool {
        match self {
            Self::Hash { reply, .. } => reply.is_gone(),
            Self::Verify { reply, .. } => reply.is_gone(),
        }
    }

    /// Answers with an error.
    pub(super) fn fail(&self, why: HashError) {
        match self {
            Self::Hash { reply, .. } => reply.answer(Err(why)),
            Self::Verify { reply, .. } => reply.answer(Err(why)),
        }
    }

    /// Hashes or verifies, and answers.
    pub(super) fn run(&self, argon: &Argon) {
        match self {
            Self::Hash { password, salt, reply } => {
                reply.answer(argon.hash(password.expose(), *salt));
            }
            Self::Verify { typed, stored, renewal, reply } => {
                reply.answer(argon.verify(typed.expose(), stored.as_ref(), *renewal));
            }
        }
    }
}
