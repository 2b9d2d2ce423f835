//! Routes as a list, from which a router and its paths are made.

use axum::Router;
use axum::routing::MethodRouter;

/// A path and the handlers of its methods.
pub(super) type Route<'a, State> = (&'a str, MethodRouter<State>);

/// A router with these routes.
pub(super) fn router<'a, State: Clone + Send + Sync + 'static>(
    routes: impl IntoIterator<Item = Route<'a, State>>,
) -> Router<State> {
    let routes = routes.into_iter();
    routes.fold(Router::new(), |router, (path, handlers)| router.route(path, handlers))
}
