//! The part of its address's budget that a request reserves, and settles after the verification.

use std::net::IpAddr;
use std::time::Duration;

use metrics::counter;

use super::attempts::AttemptOutcome;
use super::budgets::{BucketKeys, ReserveOutcome, Spending};
use super::limiter::RateLimiter;
use crate::auth::{AuthError, LoginRefusal, LoginVerdict, SessionToken};
use crate::clock;
use crate::hashing::LOGIN_WAIT;
use crate::metrics::LOGINS_RATE_LIMITED;
use crate::web::problem::Problem;
use domain::phone_number::PhoneNumber;
use domain::policy::password::PasswordVerdict;
use domain::policy::unit::UnitVerdict;
use domain::rules;

/// How long a request waits for others of its networks to settle.
pub(super) const MAX_WAIT: Duration = LOGIN_WAIT;

/// A request's reservation. Dropped before it is settled, it costs the most: a password may have
/// been compared.
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

/// A request's cost for its network, once its verdict is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) struct RequestCost {
    points: u32,
    outcome: AttemptOutcome,
    pub(super) voided: u32,
}

impl RateLimiter {
    /// Reserves the highest cost, and up to `voidings` voidings. Waits for other requests of the
    /// same networks to settle, but not for spent points to return.
    ///
    /// # Errors
    /// How long until it is worth trying again.
    pub(super) async fn reserve(
        &self,
        address: IpAddr,
        voidings: u32,
    ) -> Result<Reservation, Duration> {
        let deadline = tokio::time::Instant::from(clock::now() + MAX_WAIT);
        let keys = self.bucket_keys(address);
        loop {
            let (waiting, freed) = {
                let Some(mut state) = self.state() else {
                    return Ok(Reservation::unlimited(self.clone()));
                };
                match state.budgets.reserve(keys, address.to_canonical(), voidings, (self.now)()) {
                    ReserveOutcome::Reserved(voidings) => {
                        return Ok(Reservation::new(self.clone(), address, keys, voidings));
                    }
                    ReserveOutcome::Exhausted(wait) => return Err(wait),
                    // A request that settles from here on wakes this one.
                    ReserveOutcome::Contended(level, freed) => {
                        (WaitingRequest { limiter: self, level, keys }, freed.notified_owned())
                    }
                }
            };
            let woken = tokio::time::timeout_at(deadline, freed).await;
            drop(waiting);
            woken.map_err(|_| Duration::from_secs(1))?;
        }
    }
}

/// A request that waits for others to settle; counted until it is dropped.
struct WaitingRequest<'a> {
    limiter: &'a RateLimiter,
    level: usize,
    keys: BucketKeys,
}

impl Drop for WaitingRequest<'_> {
    fn drop(&mut self) {
        if let Some(mut state) = self.limiter.state() {
            state.budgets.end_wait(self.level, self.keys);
        }
    }
}

impl Reservation {
    fn new(limiter: RateLimiter, address: IpAddr, keys: BucketKeys, voidings: u32) -> Self {
        Self {
            limiter,
            reserved: Some(Reserved { address, keys, voidings }),
            is_settled: false,
            number: None,
        }
    }

    /// A reservation where there is no limit.
    fn unlimited(limiter: RateLimiter) -> Self {
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
        self.settle(RequestCost::new(
            rules::NO_CREDENTIAL_LOGIN_POINTS,
            AttemptOutcome::NoCredential,
            0,
        ));
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
                Self::new(rules::NO_CREDENTIAL_LOGIN_POINTS, AttemptOutcome::NoCredential, 0)
            }
            Ok(LoginVerdict::WouldVoid) | Err(_) => Self::minimum(),
        }
    }

    pub(in crate::web) fn from_password_change(
        verdict: &Result<PasswordVerdict<SessionToken>, AuthError>,
    ) -> Self {
        match verdict {
            Ok(PasswordVerdict::Wrong { tries_left, .. }) => {
                Self::for_failures(1, usize::from(*tries_left == 0))
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
                Self::for_failures(numbers.len(), voided.len())
            }
            Ok(
                UnitVerdict::Changed(_)
                | UnitVerdict::OtherPasswords { .. }
                | UnitVerdict::InForce
                | UnitVerdict::NotAllowed
                | UnitVerdict::PasswordChangeRequired
                | UnitVerdict::ChangedElsewhere
                | UnitVerdict::CredentialVoid(_)
                | UnitVerdict::AlreadyVoided(_)
                | UnitVerdict::WouldVoid
                | UnitVerdict::SessionOver,
            )
            | Err(_) => Self::minimum(),
        }
    }
}

/// Counts a refusal and answers 429; `wait` is how long until it is worth trying again.
pub(super) fn rate_limited(wait: Duration) -> Problem {
    counter!(LOGINS_RATE_LIMITED).increment(1);
    Problem::too_many_requests((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
}
