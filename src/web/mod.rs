//! HTTP: the subscribers' site and API over TLS, and the operators' listener.
//!
//! ```text
//! connection ─ limit, TLS, time-outs (server) ─ span, headers (middleware)
//!   ─ api/…  one file a verb, or site/…  one file a page
//! ```
//! A handler's extractors parse the request. The handler calls the `AuthService` and returns
//! JSON, a page or a [`problem`]. The operators' listener asks the database.

pub mod api;
pub mod body;
mod client_ip;
mod connection_limit;
mod connection_rate;
mod demonstration;
mod evictable_stream;
mod middleware;
pub mod ops;
mod origin;
pub mod problem;
mod rate_limit;
mod refusal_log;
mod request_timeouts;
mod route;
mod schema;
mod server;
pub mod site;
mod state;
mod tls;

use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};

use middleware::Hsts;
use problem::Problem;

pub use connection_limit::ConnectionLimiter;
pub use ops::ReadinessCheck;
pub use request_timeouts::RequestTimeouts;
pub use server::{Handle, ServeError, bind, serve};
pub use state::AppState;

impl AppState {
    /// Every route of the subscribers' listener.
    pub fn router(self, tls: bool) -> Router {
        let routes = api::routes().merge(site::routes(&self));
        let routes = routes.merge(demonstration::routes(self.phone_socket()));
        let hsts = if self.hsts_subdomains() { Hsts::Subdomains } else { Hsts::Host };
        let hsts = tls.then_some(hsts);
        let routes = middleware::apply(routes, hsts, Arc::new(render_problem));
        middleware::apply_for_subscribers(routes, &self).with_state(self)
    }

    /// The path of every route of the subscribers' listener.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        api::paths().map(str::to_owned).chain(site::paths(self).map(str::to_owned)).collect()
    }
}

/// A problem document under `/api/`, an error page anywhere else.
fn render_problem(uri: &Uri, problem: Problem) -> Response {
    if uri.path().starts_with("/api/") {
        problem.into_response()
    } else {
        site::render_problem(&problem)
    }
}
