//! What a request holds of its address's budget, and what it pays: once, at the end of a
//! verification.

use std::net::IpAddr;

use super::budgets::{Paid, Places};
use super::network::network;
use super::tries::Came;
use super::{Limiter, limited};
use crate::login::{LoginError, PasswordVerdict, Refusal, UnitVerdict, Verdict};
use crate::web::problem::Problem;
use domain::phone_number::PhoneNumber;
use domain::rules;

/// What a request holds until it has paid. One that is dropped before pays the dearest: it may have
/// been compared.
pub(in crate::web) struct Charge {
    limiter: Limiter,
    /// Of whom; none if there is no limit.
    held: Option<Held>,
    has_paid: bool,
    /// The login number's place, if it has one.
    number: Option<u64>,
}

#[derive(Clone, Copy)]
struct Held {
    address: IpAddr,
    places: Places,
    voidings: u32,
}

/// What a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) struct Cost {
    points: u32,
    came: Came,
    pub(super) voided: u32,
}

impl Charge {
    pub(super) fn new(limiter: Limiter, address: IpAddr, places: Places, voidings: u32) -> Self {
        Self {
            limiter,
            held: Some(Held { address, places, voidings }),
            has_paid: false,
            number: None,
        }
    }

    /// Where there is no limit.
    pub(super) fn free(limiter: Limiter) -> Self {
        Self { limiter, held: None, has_paid: true, number: None }
    }

    /// How many credentials the request may void.
    pub(in crate::web) fn may_void(&self) -> u32 {
        self.held.map_or(u32::MAX, |held| held.voidings)
    }

    /// That the request is a try at this login number.
    ///
    /// # Errors
    /// 429 if it may void nothing, and could by what this daemon has seen of the number.
    pub(super) fn at(&mut self, number: PhoneNumber) -> Result<(), Problem> {
        let may_void = self.may_void() > 0;
        let place = self.limiter.place_of(number);
        let begun = self
            .limiter
            .state()
            .map(|mut state| state.tries.begin(place, may_void, (self.limiter.now)()));
        match begun {
            None => Ok(()),
            Some(Some(())) => {
                self.number = Some(place);
                Ok(())
            }
            Some(None) => {
                let problem = self.would_void();
                self.pay(Cost::least());
                Err(problem)
            }
        }
    }

    /// Pays.
    pub(in crate::web) fn pay(&mut self, cost: Cost) {
        let (Some(Held { places, voidings, .. }), false) = (self.held, self.has_paid) else {
            return;
        };
        self.has_paid = true;
        let number = self.number.take();
        let Some(mut state) = self.limiter.state() else { return };
        let now = (self.limiter.now)();
        let counts = number.is_some_and(|number| state.tries.end(number, cost.came, now));
        let voided = cost.voided.max(u32::from(counts));
        state.budgets.pay(places, voidings, Paid { points: cost.points, voidings: voided }, now);
    }

    /// 429: it may void nothing, and might have.
    pub(in crate::web) fn would_void(&self) -> Problem {
        let wait = self.held.zip(self.limiter.state()).map(|(held, mut state)| {
            state.budgets.until_voiding(held.places, network(held.address), (self.limiter.now)())
        });
        limited(wait.unwrap_or_default())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.pay(Cost::new(rules::DEAD_LOGIN_POINTS, Came::Dead, 0));
    }
}

impl Cost {
    pub(super) const fn new(points: u32, came: Came, voided: u32) -> Self {
        Self { points, came, voided }
    }

    /// Nothing was compared, or what was is right.
    fn least() -> Self {
        Self::new(rules::SUCCESSFUL_LOGIN_POINTS, Came::ToNothing, 0)
    }

    /// So many were wrong, of which so many are void by it.
    fn wrong(wrong: usize, voided: usize) -> Self {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let points = count(wrong).saturating_mul(rules::FAILED_LOGIN_POINTS);
        let came = if voided > 0 { Came::Voided } else { Came::Wrong };
        Self::new(points, came, count(voided))
    }

    pub(in crate::web) fn of_login(verdict: &Result<Verdict, LoginError>) -> Self {
        match verdict {
            Ok(Verdict::Accepted(..)) => Self { came: Came::Right, ..Self::least() },
            Ok(Verdict::Refused(Refusal::Wrong { voided })) => Self::wrong(1, usize::from(*voided)),
            Ok(Verdict::Refused(Refusal::NothingToCompare)) => {
                Self::new(rules::DEAD_LOGIN_POINTS, Came::Dead, 0)
            }
            Ok(Verdict::WouldVoid) | Err(_) => Self::least(),
        }
    }

    pub(in crate::web) fn of_password(verdict: &Result<PasswordVerdict, LoginError>) -> Self {
        match verdict {
            Ok(PasswordVerdict::Wrong { session_over, .. }) => {
                Self::wrong(1, usize::from(*session_over))
            }
            Ok(
                PasswordVerdict::Changed(..)
                | PasswordVerdict::Rejected(_)
                | PasswordVerdict::CredentialVoid(_)
                | PasswordVerdict::WouldVoid
                | PasswordVerdict::SessionOver,
            )
            | Err(_) => Self::least(),
        }
    }

    pub(in crate::web) fn of_unit(verdict: &Result<UnitVerdict, LoginError>) -> Self {
        match verdict {
            Ok(UnitVerdict::Wrong { numbers, voided, .. }) => Self::wrong(numbers.len(), *voided),
            Ok(
                UnitVerdict::Changed(_)
                | UnitVerdict::OtherPasswords { .. }
                | UnitVerdict::InForce
                | UnitVerdict::NotAllowed
                | UnitVerdict::PasswordChangeRequired
                | UnitVerdict::ChangedElsewhere
                | UnitVerdict::CredentialVoid(_)
                | UnitVerdict::WouldVoid
                | UnitVerdict::SessionOver,
            )
            | Err(_) => Self::least(),
        }
    }
}
