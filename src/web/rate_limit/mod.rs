//! The limit by address (`R`): the points that logins cost, and the credentials that one address
//! may void.
//!
//! A request with a password reserves the highest cost before anything is verified, and settles the
//! real one afterwards. While other requests hold the rest of the budget it waits for them. Many
//! requests at once are thus answered as if they had come one after the other.
//!
//! Wider networks have larger budgets of the same kind. They bind only addresses that have sent a
//! wrong entry within the hour, so that nobody is locked out by wrong entries of neighbours alone.
//!
//! An address that has voided its ten credentials gets 429 before it could void another. Numbers
//! without a live credential are treated as if they had a temporary password ([`attempts`]).

mod attempts;
mod bucket;
mod budgets;
mod limiter;
mod reservation;

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::client_ip::ClientIp;
use super::problem::Problem;
use super::state::AppState;
use domain::phone_number::PhoneNumber;
use reservation::rate_limited;

pub(super) use bucket::{LeakyBucket, Quota};
pub(super) use limiter::RateLimiter;
pub(super) use reservation::{RequestCost, Reservation};

/// The right of a request to reserve: its address has points left.
pub(super) struct RateLimit {
    pub(super) address: IpAddr,
    limiter: RateLimiter,
}

impl FromRequestParts<AppState> for RateLimit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let ClientIp(address) = ClientIp::from_request_parts(parts, state).await?;
        let limiter = state.rate_limiter().clone();
        limiter.check(address).map_err(rate_limited)?;
        Ok(Self { address, limiter })
    }
}

impl RateLimit {
    /// Reserves for an attempt at a login number.
    ///
    /// # Errors
    /// 429
    pub(super) async fn reserve_login(&self, number: PhoneNumber) -> Result<Reservation, Problem> {
        let mut reservation = self.reserve_passwords(1).await?;
        reservation.begin_attempt(number)?;
        Ok(reservation)
    }

    /// Reserves for a change that verifies this many current passwords.
    ///
    /// # Errors
    /// 429
    pub(super) async fn reserve_passwords(&self, passwords: usize) -> Result<Reservation, Problem> {
        let passwords = u32::try_from(passwords).unwrap_or(u32::MAX);
        self.limiter.reserve(self.address, passwords).await.map_err(rate_limited)
    }
}

#[cfg(test)]
mod tests;
