//! `GET /api/v1/openapi.json`: the description of the API, made from its types.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{login, logout, password, session, unit, unit_choices};
use crate::web::problem::Problem;

#[derive(OpenApi)]
#[openapi(
    info(title = "karipass", description = "The settings site's API: sessions are bearer tokens, errors RFC 9457 documents with a `code`."),
    paths(
        login::log_in,
        session::session,
        password::change_password,
        unit_choices::unit_choices,
        unit::change_unit,
        logout::log_out,
        openapi,
    ),
    components(schemas(Problem)),
    modifiers(&Bearer),
    security(("bearer" = [])),
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// This description.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", operation_id = "getOpenApi", security(()),
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")),
)]
pub(super) async fn openapi() -> Response {
    match &*JSON {
        Some(json) => ([(header::CONTENT_TYPE, "application/json")], json.clone()).into_response(),
        None => Problem::internal().into_response(),
    }
}

/// Built once; none if the types cannot be described.
static JSON: LazyLock<Option<Bytes>> =
    LazyLock::new(|| Description::openapi().to_json().ok().map(Bytes::from));

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn the_description_is_built_once() {
        let body = async || to_bytes(openapi().await.into_body(), usize::MAX).await.unwrap();
        let (first, second) = (body().await, body().await);
        assert!(first.starts_with(b"{"));
        assert_eq!(first.as_ptr(), second.as_ptr(), "the same bytes, not equal ones");
    }
}
