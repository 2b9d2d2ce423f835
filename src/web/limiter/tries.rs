//! Wrong tries by login number, as far as this daemon has seen them: a number without a live
//! credential must look like one that has a temporary password, also to whoever has voided as many
//! as may be.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::rules;

/// How long a try is remembered: as long as a temporary password is good.
const KEPT: Duration = rules::TEMPORARY_PASSWORD_LIFETIME;

/// Wrong tries that void nothing, whatever the number has (`C2`).
const HARMLESS: u32 = rules::MAX_TEMPORARY_PASSWORD_FAILURES as u32 - 1;

/// Tries by the numbers' places.
#[derive(Debug, Default)]
pub(super) struct Tries {
    by_place: HashMap<u64, Tried>,
}

#[derive(Debug)]
struct Tried {
    wrong: u32,
    under_way: u32,
    until: Instant,
}

/// What a try at a number came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// Nothing was compared.
    ToNothing,
    /// The password is right.
    Right,
    /// Wrong, and the credential is still live.
    Wrong,
    /// Wrong, and the credential is void by it.
    Voided,
    /// Wrong at a number without a live credential.
    Dead,
}

impl Tries {
    /// Begins a try. Whoever may void nothing may not begin one that could, `None` then.
    pub(super) fn begin(&mut self, place: u64, may_void: bool, now: Instant) -> Option<()> {
        let new = || Tried { wrong: 0, under_way: 0, until: now + KEPT };
        let tried = self.by_place.entry(place).or_insert_with(new);
        if tried.until <= now {
            tried.wrong = 0;
        }
        if !may_void && tried.wrong + tried.under_way >= HARMLESS {
            return None;
        }
        tried.under_way += 1;
        Some(())
    }

    /// Ends a try; whether it counts as a voiding.
    pub(super) fn end(&mut self, place: u64, came: Came, now: Instant) -> bool {
        let Some(tried) = self.by_place.get_mut(&place) else { return came == Came::Voided };
        tried.under_way = tried.under_way.saturating_sub(1);
        match came {
            Came::ToNothing => return false,
            Came::Right | Came::Voided => tried.wrong = 0,
            Came::Wrong | Came::Dead => tried.wrong += 1,
        }
        tried.until = now + KEPT;
        let voids_what_is_dead = came == Came::Dead && tried.wrong > HARMLESS;
        if voids_what_is_dead {
            tried.wrong = 0;
        }
        came == Came::Voided || voids_what_is_dead
    }

    /// Forgets what is too long ago.
    pub(super) fn forget(&mut self, now: Instant) {
        self.by_place
            .retain(|_, tried| tried.under_way > 0 || (tried.wrong > 0 && tried.until > now));
        self.by_place.shrink_to_fit();
    }
}
