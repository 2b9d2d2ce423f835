//! What a request reserves of its address's budget, and settles after the verification.

use std::net::IpAddr;

use super::attempts::AttemptOutcome;
use super::budgets::{BucketKeys, Spending};
use super::{RateLimiter, rate_limited};
use crate::auth::{AuthError, LoginRefusal, LoginVerdict, PasswordVerdict};
use crate::web::problem::Problem;
use domain::phone_number::PhoneNumber;
use domain::policy::unit::UnitVerdict;
use domain::rules;

/// What a request has reserved. Dropped before it is settled, it costs the most: a password may
/// have been compared.
pub(in crate::web) struct Reservation {
    limiter: RateLimiter,
    /// `None` if there is no limit.
    reserved: Option<Reserved>,
    is_settled: bool,
    /// The key of the login number, if there is one.
    number: Option<u64>,
}

#[derive(Clone, Copy)]
struct Reserved {
    address: IpAddr,
    keys: BucketKeys,
    voidings: u32,
}

/// What a request costs its network, once its verdict is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) struct RequestCost {
    points: u32,
    outcome: AttemptOutcome,
    pub(super) voided: u32,
}

impl Reservation {
    pub(super) fn new(
        limiter: RateLimiter,
        address: IpAddr,
        keys: BucketKeys,
        voidings: u32,
    ) -> Self {
        Self {
            limiter,
            reserved: Some(Reserved { address, keys, voidings }),
            is_settled: false,
            number: None,
        }
    }

    /// A reservation where there is no limit.
    pub(super) fn unlimited(limiter: RateLimiter) -> Self {
        Self { limiter, reserved: None, is_settled: true, number: None }
    }

    /// How many credentials the request may void.
    pub(in crate::web) fn max_voidings(&self) -> u32 {
        self.reserved.map_or(u32::MAX, |reserved| reserved.voidings)
    }

    /// Makes the request an attempt at this login number.
    ///
    /// # Errors
    /// 429 if it may not void a credential, and could by what this daemon has seen of the number.
    pub(super) fn begin_attempt(&mut self, number: PhoneNumber) -> Result<(), Problem> {
        let may_void = self.max_voidings() > 0;
        let key = self.limiter.number_key(number);
        let begun = self
            .limiter
            .state()
            .map(|mut state| state.attempts.begin(key, may_void, (self.limiter.now)()));
        match begun {
            None => Ok(()),
            Some(Some(())) => {
                self.number = Some(key);
                Ok(())
            }
            Some(None) => {
                let problem = self.voiding_refused();
                self.settle(RequestCost::minimum());
                Err(problem)
            }
        }
    }

    /// Releases the reservation and spends the real cost, once.
    pub(in crate::web) fn settle(&mut self, cost: RequestCost) {
        let (Some(Reserved { keys, voidings, .. }), false) = (self.reserved, self.is_settled)
        else {
            return;
        };
        self.is_settled = true;
        let number = self.number.take();
        let Some(mut state) = self.limiter.state() else { return };
        let now = (self.limiter.now)();
        let is_voiding = number.is_some_and(|number| state.attempts.end(number, cost.outcome, now));
        let voided = cost.voided.max(u32::from(is_voiding));
        let spent = Spending { points: cost.points, voidings: voided };
        state.budgets.settle(keys, voidings, spent, now);
    }

    /// 429: the request may not void a credential, and could have.
    pub(in crate::web) fn voiding_refused(&self) -> Problem {
        let wait = self.reserved.zip(self.limiter.state()).map(|(reserved, mut state)| {
            state.budgets.wait_for_voiding(
                reserved.keys,
                reserved.address.to_canonical(),
                (self.limiter.now)(),
            )
        });
        rate_limited(wait.unwrap_or_default())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.settle(RequestCost::new(rules::DEAD_LOGIN_POINTS, AttemptOutcome::NoCredential, 0));
    }
}

impl RequestCost {
    pub(super) const fn new(points: u32, outcome: AttemptOutcome, voided: u32) -> Self {
        Self { points, outcome, voided }
    }

    /// The cost if nothing was compared, or nothing was wrong.
    fn minimum() -> Self {
        Self::new(rules::SUCCESSFUL_LOGIN_POINTS, AttemptOutcome::NotCompared, 0)
    }

    /// The cost of this many wrong passwords, which voided this many credentials.
    fn for_failures(wrong: usize, voided: usize) -> Self {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let points = count(wrong).saturating_mul(rules::FAILED_LOGIN_POINTS);
        let outcome = if voided > 0 { AttemptOutcome::Voided } else { AttemptOutcome::Wrong };
        Self::new(points, outcome, count(voided))
    }

    pub(in crate::web) fn from_login(verdict: &Result<LoginVerdict, AuthError>) -> Self {
        match verdict {
            Ok(LoginVerdict::Accepted(..)) => {
                Self { outcome: AttemptOutcome::Right, ..Self::minimum() }
            }
            Ok(LoginVerdict::Refused(LoginRefusal::Wrong { voided })) => {
                Self::for_failures(1, usize::from(*voided))
            }
            Ok(LoginVerdict::Refused(LoginRefusal::NothingToCompare)) => {
                Self::new(rules::DEAD_LOGIN_POINTS, AttemptOutcome::NoCredential, 0)
            }
            Ok(LoginVerdict::WouldVoid) | Err(_) => Self::minimum(),
        }
    }

    pub(in crate::web) fn from_password_change(
        verdict: &Result<PasswordVerdict, AuthError>,
    ) -> Self {
        match verdict {
            Ok(PasswordVerdict::Wrong { session_over, .. }) => {
                Self::for_failures(1, usize::from(*session_over))
            }
            Ok(
                PasswordVerdict::Changed(..)
                | PasswordVerdict::Rejected(_)
                | PasswordVerdict::CredentialVoid(_)
                | PasswordVerdict::WouldVoid
                | PasswordVerdict::SessionOver,
            )
            | Err(_) => Self::minimum(),
        }
    }

    pub(in crate::web) fn from_unit_change(verdict: &Result<UnitVerdict, AuthError>) -> Self {
        match verdict {
            Ok(UnitVerdict::Wrong { numbers, voided, .. }) => {
                Self::for_failures(numbers.len(), *voided)
            }
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
            | Err(_) => Self::minimum(),
        }
    }
}
