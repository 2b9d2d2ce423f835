//! Renders error pages, with the header of the browser's login and the way back to a form. Handlers
//! and fallbacks know neither.

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;

use super::error::ErrorPage;
use super::layout::render;
use super::session::{KnownLogin, RestrictedCookieSession};
use crate::web::AppState;

/// Renders the [`ErrorPage`] of a response. Looks up the login if no handler has done so.
pub(in crate::web) async fn render_error_page(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    // The API has no pages.
    if request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    let known = KnownLogin::default();
    request.extensions_mut().insert(known.clone());
    let (mut parts, body) = request.into_parts();
    let handled = Request::from_parts(parts.clone(), body);
    let mut response = next.run(handled).await;
    let Some(page) = response.extensions_mut().remove::<ErrorPage>() else { return response };
    let mut login = known.get().filter(|_| page.may_have_session());
    if login.is_none() && page.may_have_session() && !page.is_unavailable() {
        let session = RestrictedCookieSession::from_request_parts(&mut parts, &state).await;
        login = session.ok().map(|session| session.signed_in());
    }
    let page = page.for_request(&parts.method, parts.uri.path(), login);
    let (rendered, body) = render(response.status(), &page).into_parts();
    *response.status_mut() = rendered.status;
    // That of the empty body.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().extend(rendered.headers);
    *response.body_mut() = body;
    response
}
