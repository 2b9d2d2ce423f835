//! What the handlers share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRef;
use metrics::counter;

use super::problem::{self, SetUpCall};
use super::rate_limit::RateLimiter;
use super::refusal_log::RefusalLog;
use super::request_timeouts::RequestTimeouts;
use super::site::PageFrames;
use crate::auth::{Audience, AuthService, Seals, SessionToken};
use crate::clock;
use crate::config::{Config, Network};
use crate::db::Db;
use crate::hashing::{Hasher, Keys};
use crate::metrics::FORGED_TOKENS;
use domain::auth_unit::AuthUnit;
use domain::common_passwords::CommonPasswords;
use domain::phone_number::PhoneNumber;

/// What the handlers share; cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    auth: AuthService,
    rate_limiter: RateLimiter,
    refusals: RefusalLog,
    timeouts: RequestTimeouts,
    seals: Seals,
    hsts_subdomains: bool,
    frames: PageFrames,
    login_refusal: String,
    set_up_number: PhoneNumber,
    trusted_proxies: Vec<Network>,
    phone_socket: Option<PathBuf>,
}

impl AppState {
    /// The state of a site with this configuration. `now` is the clock of the limit by address.
    #[must_use]
    pub fn new(
        config: &Config,
        db: Db,
        hasher: Hasher,
        timeouts: RequestTimeouts,
        now: fn() -> Instant,
    ) -> Self {
        let auth = AuthService::new(db, hasher, config.session.idle_timeout);
        auth.replace_common_passwords(config.site.common_passwords.clone());
        let inner = Inner {
            auth,
            rate_limiter: RateLimiter::new(config.login.limit, now),
            refusals: RefusalLog::default(),
            timeouts,
            seals: Seals::new(&config.hashing.keys),
            hsts_subdomains: config.site.hsts_subdomains,
            frames: PageFrames::new(config),
            login_refusal: problem::login_refusal(config.site.set_up_number),
            set_up_number: config.site.set_up_number,
            trusted_proxies: config.site.trusted_proxies.clone(),
            phone_socket: config.phone_socket.clone(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Seals new tokens with these keys.
    pub fn replace_keys(&self, keys: &Keys) {
        self.inner.seals.replace_keys(keys);
    }

    /// Refuses these passwords as too common.
    pub fn replace_common_passwords(&self, passwords: CommonPasswords) {
        self.inner.auth.replace_common_passwords(passwords);
    }

    /// Forgets the rate limits of networks and numbers with nothing left to remember, and logs the
    /// refusals of each network since its last line.
    pub fn evict_idle_limits(&self) {
        self.inner.rate_limiter.evict_idle();
        self.inner.refusals.log_numbers();
    }

    pub(super) fn auth(&self) -> &AuthService {
        &self.inner.auth
    }

    pub(super) fn rate_limiter(&self) -> &RateLimiter {
        &self.inner.rate_limiter
    }

    pub(super) fn refusals(&self) -> &RefusalLog {
        &self.inner.refusals
    }

    pub(super) fn timeouts(&self) -> RequestTimeouts {
        self.inner.timeouts
    }

    /// The token as its client keeps it.
    pub(super) fn seal_token(&self, token: &SessionToken, audience: Audience) -> String {
        self.inner.seals.seal(token, audience, clock::wall_clock())
    }

    /// The token that a client has sent; `None`, before any query, if no daemon has sealed it, or
    /// if it is older than any session.
    pub(super) fn open_token(&self, sent: &str, audience: Audience) -> Option<SessionToken> {
        let token = self.inner.seals.open(sent, audience, clock::wall_clock());
        if token.is_none() {
            counter!(FORGED_TOKENS).increment(1);
        }
        token
    }

    pub(super) fn seals(&self) -> &Seals {
        &self.inner.seals
    }

    /// Whether HSTS includes the site's subdomains.
    pub(super) fn hsts_subdomains(&self) -> bool {
        self.inner.hsts_subdomains
    }

    /// What is around every page.
    pub(super) fn frames(&self) -> &PageFrames {
        &self.inner.frames
    }

    pub(super) fn login_refusal(&self) -> &str {
        &self.inner.login_refusal
    }

    /// How to set a temporary password under this unit.
    pub(super) fn set_up_call(&self, unit: AuthUnit) -> SetUpCall {
        SetUpCall { number: self.inner.set_up_number, unit }
    }

    pub(super) fn trusted_proxies(&self) -> &[Network] {
        &self.inner.trusted_proxies
    }

    /// Who answers `/phone`, in a demonstration.
    pub(super) fn phone_socket(&self) -> Option<&Path> {
        self.inner.phone_socket.as_deref()
    }
}

impl FromRef<AppState> for RequestTimeouts {
    fn from_ref(state: &AppState) -> Self {
        state.timeouts()
    }
}
