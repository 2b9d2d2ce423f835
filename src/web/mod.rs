//! HTTP: the subscribers' site and API over TLS, and the operators' listener.
//!
//! ```text
//! connection ─ limit, TLS, time-outs (server) ─ span, headers (middleware)
//!   ─ api/…  one file a verb, or site/…  one file a page
//! ```
//! A handler's extractors parse the request. The handler calls the [`AuthService`] and returns
//! JSON, a page or a [`problem`]. The operators' listener asks the database.

pub mod api;
pub mod body;
mod client_ip;
mod connection_limit;
mod connection_rate;
mod evictable_stream;
mod middleware;
pub mod ops;
mod origin;
pub mod problem;
mod rate_limit;
mod refusal_log;
mod server;
pub mod site;
mod tls;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use axum::routing::MethodRouter;
use metrics::counter;

pub use connection_limit::ConnectionLimiter;
pub use ops::ReadinessCheck;
pub use server::{Handle, ServeError, bind, serve};

use crate::auth::{Audience, AuthService, Seals, SessionToken};
use crate::config::{Config, Network};
use crate::db::Db;
use crate::hashing::{Hasher, Keys};
use crate::metrics::FORGED_TOKENS;
use domain::phone_number::PhoneNumber;
use middleware::Hsts;
use problem::Problem;
use rate_limit::RateLimiter;
use refusal_log::RefusalLog;
use site::PageFrame;

/// How often expired sessions, hashes and audit rows are removed.
const PURGE_INTERVAL: Duration = Duration::from_mins(1);

/// A path and the handlers of its methods.
type Route<'a> = (&'a str, MethodRouter<AppState>);

/// What the handlers share; cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    auth: AuthService,
    db: Db,
    rate_limiter: RateLimiter,
    refusals: RefusalLog,
    seals: Seals,
    hsts: Hsts,
    audit_retention: Duration,
    frame: Arc<PageFrame>,
    login_refusal: String,
    set_up_number: PhoneNumber,
    trusted_proxies: Vec<Network>,
}

impl AppState {
    /// The state of a site with this configuration.
    #[must_use]
    pub fn new(config: &Config, db: Db, hasher: Hasher) -> Self {
        let inner = Inner {
            auth: AuthService::new(db.clone(), hasher, config.session.idle_timeout),
            db,
            rate_limiter: RateLimiter::new(config.login.limit),
            refusals: RefusalLog::default(),
            seals: Seals::new(&config.hashing.keys),
            hsts: if config.site.hsts_subdomains { Hsts::Subdomains } else { Hsts::Host },
            audit_retention: config.audit.retention,
            frame: Arc::new(PageFrame::new(config)),
            login_refusal: problem::login_refusal(config.site.set_up_number),
            set_up_number: config.site.set_up_number,
            trusted_proxies: config.site.trusted_proxies.clone(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Seals new tokens with these keys.
    pub fn replace_keys(&self, keys: &Keys) {
        self.inner.seals.replace_keys(keys);
    }

    /// Every route of the subscribers' listener.
    pub fn router(self, tls: bool) -> Router {
        let routes = api::routes().merge(site::routes(&self));
        let hsts = tls.then_some(self.inner.hsts);
        let state = self.clone();
        let render = Arc::new(move |uri: &Uri, problem| state.render_problem(uri, problem));
        let routes = middleware::apply(routes, hsts, render);
        middleware::apply_for_subscribers(routes, &self).with_state(self)
    }

    /// The path of every route of the subscribers' listener.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        api::paths().map(str::to_owned).chain(site::paths(self).map(str::to_owned)).collect()
    }

    /// A problem document under `/api/`, an error page anywhere else.
    fn render_problem(&self, uri: &Uri, problem: Problem) -> Response {
        if uri.path().starts_with("/api/") {
            problem.into_response()
        } else {
            site::render_problem(self, &problem)
        }
    }

    /// Periodically removes ended sessions, expired hashes, old audit rows and idle rate limits.
    pub async fn purge_expired(self) -> Infallible {
        loop {
            self.inner.rate_limiter.evict_idle();
            if let Err(error) = self.inner.db.sweep().await {
                tracing::warn!(%error, "could not remove ended sessions and expired hashes");
            }
            if let Err(error) = self.inner.db.prune_audit(self.inner.audit_retention).await {
                tracing::warn!(%error, "could not remove old audit rows");
            }
            tokio::time::sleep(PURGE_INTERVAL).await;
        }
    }

    fn auth(&self) -> &AuthService {
        &self.inner.auth
    }

    fn rate_limiter(&self) -> &RateLimiter {
        &self.inner.rate_limiter
    }

    fn refusals(&self) -> &RefusalLog {
        &self.inner.refusals
    }

    /// The token as its client keeps it.
    fn seal_token(&self, token: &SessionToken, audience: Audience) -> String {
        self.inner.seals.seal(token, audience)
    }

    /// The token that a client has sent; `None`, before any query, if no daemon has sealed it.
    fn open_token(&self, sent: &str, audience: Audience) -> Option<SessionToken> {
        let token = self.inner.seals.open(sent, audience);
        if token.is_none() {
            counter!(FORGED_TOKENS).increment(1);
        }
        token
    }

    fn seals(&self) -> &Seals {
        &self.inner.seals
    }

    /// What is around every page.
    fn frame(&self) -> &Arc<PageFrame> {
        &self.inner.frame
    }

    fn login_refusal(&self) -> &str {
        &self.inner.login_refusal
    }

    fn set_up_number(&self) -> PhoneNumber {
        self.inner.set_up_number
    }

    fn trusted_proxies(&self) -> &[Network] {
        &self.inner.trusted_proxies
    }
}

fn router<'a>(routes: impl IntoIterator<Item = Route<'a>>) -> Router<AppState> {
    let routes = routes.into_iter();
    routes.fold(Router::new(), |router, (path, handlers)| router.route(path, handlers))
}

/// A number with hyphens: `06-6480-6430`.
fn hyphenated(number: PhoneNumber) -> String {
    number.groups().join("-")
}
