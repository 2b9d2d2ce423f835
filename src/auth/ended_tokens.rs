//! Tokens whose session has ended. A request with one asks the database once, not each time.
//!
//! No session begins under a token that exists, so what is remembered never becomes wrong.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::session_state::SessionState;
use domain::session::TokenDigest;

/// How many are remembered; each of them has cost a login.
const MAX_TOKENS: usize = 1 << 14;

/// The last tokens for which the database had no session, with what it knew about their end.
#[derive(Debug, Default)]
pub(super) struct EndedTokens(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    known: HashMap<TokenDigest, SessionState>,
    /// The oldest first.
    order: VecDeque<TokenDigest>,
}

impl EndedTokens {
    pub(super) fn get(&self, token: TokenDigest) -> Option<SessionState> {
        self.recent().known.get(&token).cloned()
    }

    pub(super) fn insert(&self, token: TokenDigest, state: SessionState) {
        let mut recent = self.recent();
        if recent.known.insert(token, state).is_some() {
            return;
        }
        recent.order.push_back(token);
        if recent.order.len() > MAX_TOKENS
            && let Some(oldest) = recent.order.pop_front()
        {
            recent.known.remove(&oldest);
        }
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w5_the_last_ended_tokens_are_remembered_and_no_more() {
        let ended = EndedTokens::default();
        let token = |number: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            TokenDigest(digest)
        };
        for number in 0..=MAX_TOKENS {
            assert_eq!(ended.get(token(number)), None);
            ended.insert(token(number), SessionState::None);
            ended.insert(token(number), SessionState::LoggedOut);
        }
        assert_eq!(ended.get(token(0)), None);
        let known = Some(SessionState::LoggedOut);
        assert!((1..=MAX_TOKENS).all(|number| ended.get(token(number)) == known));
        assert_eq!(ended.recent().known.len(), MAX_TOKENS);
        assert_eq!(ended.recent().order.len(), MAX_TOKENS);
    }
}
