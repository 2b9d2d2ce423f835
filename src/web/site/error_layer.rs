//! Renders error pages, with the header of the browser's login and the way back to a form. Handlers
//! and fallbacks know neither.

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;

use super::error::ErrorReport;
use super::error_kind::ErrorKind;
use super::error_page::ErrorPage;
use super::layout::{Layout, render};
use super::session::{KnownLogin, RestrictedCookieSession};
use crate::web::AppState;

/// Renders the [`ErrorPage`] of a response with an [`ErrorReport`]. Looks up the login if no
/// handler has done so.
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
    let Some(report) = response.extensions_mut().remove::<ErrorReport>() else { return response };
    let may_have_session = report.kind.may_have_session();
    let known = known.get();
    // A change of the password leaves the unit as it was.
    let recovery = known.as_ref().filter(|_| parts.uri.path() == "/password");
    let recovery = recovery.map(|login| login.recovery.clone());
    let mut login = known.filter(|_| may_have_session);
    // The database may be out of reach.
    if login.is_none() && may_have_session && report.kind != ErrorKind::Unavailable {
        let session = RestrictedCookieSession::from_request_parts(&mut parts, &state).await;
        login = session.ok().map(|session| session.signed_in());
    }
    let Ok(layout) = Layout::from_request_parts(&mut parts, &state).await;
    let layout = layout.with_recovery(recovery);
    let page = ErrorPage::new(report, layout, &parts.method, parts.uri.path(), login);
    let (rendered, body) = render(response.status(), &page).into_parts();
    *response.status_mut() = rendered.status;
    // The length of the empty body.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().extend(rendered.headers);
    *response.body_mut() = body;
    response
}
