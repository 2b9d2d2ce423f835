//! `GET /api/v1/openapi.json`: the description of the API, made from its types.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi};

use super::problems::{self, Responses};
use super::{login, logout, password, session, unit, unit_choices};
use crate::web::problem::Problem;

/// The introduction for authors of clients. Its last paragraph is the promise of `docs/api.md`.
const ABOUT: &str = "\
The settings site of the temporary-password line as JSON. A login gives a bearer token that every \
other request carries; the session ends when it is idle, after 12 hours, or at the logout.

Errors are problem documents (RFC 9457) with a `code` for programs and a Japanese `detail` for the \
subscriber. Nothing was counted against a password unless the description says so.

The API is for programs and same-origin pages: there are no CORS headers.

Under `/api/v1` requests and answers keep their meaning. Members, codes, values and operations may be \
added: a client ignores members that it does not know, and treats an unknown `code` by its status.";

#[derive(OpenApi)]
#[openapi(
    info(title = "karipass", version = "1.0.0", description = ABOUT),
    servers((url = "/", description = "The settings site")),
    tags(
        (name = "session", description = "Logging in and out"),
        (name = "password", description = "Changing the password; a temporary one or one of 60 days has to be changed first"),
        (name = "unit", description = "Changing the authentication unit: which numbers of the contract log in"),
        (name = "description", description = "This description"),
    ),
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
    get, path = "/api/v1/openapi.json", operation_id = "getOpenApi", tag = "description", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = BTreeMap<String, Value>), OpenApiProblems),
)]
pub(super) async fn openapi() -> Response {
    match &*JSON {
        Some(json) => ([(header::CONTENT_TYPE, "application/json")], json.clone()).into_response(),
        None => Problem::internal().into_response(),
    }
}

/// The description as a value; none if the types cannot be described.
pub(super) fn document() -> Option<Value> {
    serde_json::to_value(Description::openapi()).ok()
}

/// Built once; none if the types cannot be described.
static JSON: LazyLock<Option<Bytes>> =
    LazyLock::new(|| Description::openapi().to_json().ok().map(Bytes::from));

/// The problems of a path that is open to everyone.
struct OpenApiProblems;

impl IntoResponses for OpenApiProblems {
    fn responses() -> Responses {
        problems::responses(|_| Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    const EVERYWHERE: [&str; 4] = ["404", "405", "431", "500"];

    /// Every operation of the description.
    fn operations(document: &Value) -> Vec<&Value> {
        let paths = document["paths"].as_object().unwrap().values();
        paths.flat_map(|path| path.as_object().unwrap().values()).collect()
    }

    /// Whether an example is what a schema describes, as far as the schemas here go.
    fn fits(document: &Value, schema: &Value, value: &Value) -> bool {
        let list = |key: &str| schema[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let fit = |schema: &Value, value: &Value| fits(document, schema, value);
        if let Some(name) = schema["$ref"].as_str() {
            return fit(document.pointer(name.strip_prefix('#').unwrap()).unwrap(), value);
        }
        let has_type = match schema["type"].as_str() {
            Some("null") => value.is_null(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => true,
        };
        let members = schema["properties"].as_object().into_iter().flatten();
        let mut members = members.filter_map(|(name, member)| Some((member, value.get(name)?)));
        has_type
            && (list("oneOf").is_empty() || list("oneOf").iter().any(|one| fit(one, value)))
            && (list("enum").is_empty() || list("enum").contains(value))
            && list("allOf").iter().all(|part| fit(part, value))
            && list("required").iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            && value.as_array().into_iter().flatten().all(|item| fit(&schema["items"], item))
            && members.all(|(member, value)| fit(member, value))
    }

    #[test]
    fn api_every_body_has_an_example_that_fits_it() {
        let document = document().unwrap();
        let mut examples = 0;
        for operation in operations(&document) {
            let answers = operation["responses"].as_object().unwrap().values();
            for body in answers.chain([&operation["requestBody"]]) {
                for content in body["content"].as_object().into_iter().flat_map(|it| it.values()) {
                    let several = content["examples"].as_object().into_iter().flatten();
                    let several = several.map(|(_, example)| &example["value"]);
                    let one = Some(&content["example"]).filter(|one| !one.is_null());
                    for example in several.chain(one) {
                        assert!(fits(&document, &content["schema"], example), "{example}");
                        examples += 1;
                    }
                }
            }
        }
        assert!(examples > 60, "{examples}");
    }

    #[test]
    fn api_every_operation_describes_the_statuses_of_every_path() {
        let document = document().unwrap();
        for operation in operations(&document) {
            for status in EVERYWHERE {
                assert!(operation["responses"][status].is_object(), "{status}: {operation}");
            }
        }
    }

    #[test]
    fn no_description_names_a_rule_of_this_project() {
        let text = document().unwrap().to_string();
        let is_rule = |word: &&str| {
            word.starts_with(|first: char| first.is_ascii_uppercase())
                && word.len() <= 3
                && word[1..].bytes().all(|byte| byte.is_ascii_digit())
        };
        // A single letter is a table's name, if it is marked as code.
        let marked = text.split('`').filter(is_rule);
        let words = text.split(|at: char| !at.is_ascii_alphanumeric());
        let bare = words.filter(|word| word.len() > 1).filter(is_rule);
        let rules: Vec<&str> = marked.chain(bare).collect();
        assert!(rules.is_empty(), "{rules:?}");
    }

    #[tokio::test]
    async fn the_description_is_built_once() {
        let body = async || to_bytes(openapi().await.into_body(), usize::MAX).await.unwrap();
        let (first, second) = (body().await, body().await);
        assert!(first.starts_with(b"{"));
        assert_eq!(first.as_ptr(), second.as_ptr(), "the same bytes, not equal ones");
    }
}
