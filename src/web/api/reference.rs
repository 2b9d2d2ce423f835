//! `GET /api/v1/docs`: the description of the API as a page, made on the server from the same
//! document. It needs no script.

use std::sync::LazyLock;

use askama::Template;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;

use super::openapi;
use crate::web::problem::Problem;

/// `reference.html`
#[derive(Template)]
#[template(path = "reference.html", config = ".askama.toml")]
struct ReferencePage {
    title: String,
    version: String,
    about: Vec<Text>,
    groups: Vec<TagView>,
    schemas: Vec<SchemaView>,
}

/// The operations of one tag.
struct TagView {
    name: String,
    about: Text,
    operations: Vec<OperationView>,
}

struct OperationView {
    id: String,
    method: String,
    path: String,
    about: Text,
    /// Whether it needs a session's token.
    has_token: bool,
    body: Option<Content>,
    answers: Vec<ResponseView>,
}

struct ResponseView {
    status: String,
    about: Text,
    headers: Vec<String>,
    content: Option<Content>,
}

/// A body's type, with an example.
struct Content {
    kind: SchemaKind,
    examples: Vec<String>,
}

/// A schema that has a name.
struct SchemaView {
    name: String,
    about: Text,
    /// The schemas that it extends.
    bases: Vec<SchemaKind>,
    values: Vec<String>,
    limits: Vec<String>,
    members: Vec<PropertyView>,
}

struct PropertyView {
    name: String,
    kind: SchemaKind,
    is_required: bool,
    about: Text,
    limits: Vec<String>,
}

/// A type in a few words, such as "list of `Unit`".
struct SchemaKind {
    before: &'static str,
    name: String,
    /// Whether the name is that of a [`SchemaView`].
    is_link: bool,
    after: &'static str,
}

/// A text without line breaks, in parts; every second one is code.
struct Text {
    parts: Vec<String>,
}

/// Shows the page.
pub(super) async fn show() -> Response {
    match &*PAGE {
        Some(page) => ([(header::CONTENT_LANGUAGE, "en")], Html(page.as_str())).into_response(),
        None => Problem::internal().into_response(),
    }
}

/// The page's style sheet.
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("reference.css"))
        .into_response()
}

/// Rendered once; none if it cannot be.
static PAGE: LazyLock<Option<String>> =
    LazyLock::new(|| ReferencePage::new(&openapi::document()?).render().ok());

impl ReferencePage {
    fn new(document: &Value) -> Self {
        let (info, components) = (&document["info"], &document["components"]);
        let group = |tag: &Value| TagView {
            name: text(tag, "name"),
            about: Text::from_key(tag, "description"),
            operations: operations(document, &text(tag, "name")),
        };
        let schemas = entries(&components["schemas"]);
        Self {
            title: text(info, "title"),
            version: text(info, "version"),
            about: text(info, "description").split("\n\n").map(Text::new).collect(),
            groups: items(&document["tags"]).map(group).collect(),
            schemas: schemas.map(|(name, schema)| SchemaView::new(name, schema)).collect(),
        }
    }
}

/// The operations that have this tag.
fn operations(document: &Value, tag: &str) -> Vec<OperationView> {
    let all = entries(&document["paths"])
        .flat_map(|(path, methods)| entries(methods).map(move |(method, it)| (path, method, it)));
    all.filter(|(_, _, operation)| items(&operation["tags"]).any(|it| it == tag))
        .map(|(path, method, operation)| OperationView {
            id: text(operation, "operationId"),
            method: method.to_uppercase(),
            path: path.clone(),
            about: Text::new(
                &[text(operation, "summary"), text(operation, "description")].join(" "),
            ),
            has_token: operation["security"].is_null(),
            body: content(&operation["requestBody"]),
            answers: entries(&operation["responses"]).map(ResponseView::new).collect(),
        })
        .collect()
}

/// The content of a body, which has one type.
fn content(body: &Value) -> Option<Content> {
    let (_, content) = entries(&body["content"]).next()?;
    let several = entries(&content["examples"]).map(|(_, example)| &example["value"]);
    let one = Some(&content["example"]).filter(|example| !example.is_null());
    let examples = several.chain(one).filter_map(|it| serde_json::to_string_pretty(it).ok());
    Some(Content {
        kind: SchemaKind::from_schema(&content["schema"]),
        examples: examples.collect(),
    })
}

impl ResponseView {
    fn new((status, answer): (&String, &Value)) -> Self {
        Self {
            status: status.clone(),
            about: Text::from_key(answer, "description"),
            headers: entries(&answer["headers"]).map(|(name, _)| name.clone()).collect(),
            content: content(answer),
        }
    }
}

impl SchemaView {
    fn new(name: &str, schema: &Value) -> Self {
        let parts: Vec<&Value> = items(&schema["allOf"]).chain([schema]).collect();
        let members = parts.iter().flat_map(|part| {
            entries(&part["properties"]).map(|(name, member)| PropertyView {
                name: name.clone(),
                kind: SchemaKind::from_schema(member),
                is_required: items(&part["required"]).any(|required| required == name),
                about: Text::from_key(member, "description"),
                limits: limits(member),
            })
        });
        Self {
            name: name.to_owned(),
            about: Text::from_key(schema, "description"),
            bases: parts
                .iter()
                .filter(|part| component(part).is_some())
                .map(|it| SchemaKind::from_schema(it))
                .collect(),
            values: items(&schema["enum"]).filter_map(Value::as_str).map(str::to_owned).collect(),
            limits: limits(schema),
            members: members.collect(),
        }
    }
}

impl SchemaKind {
    fn from_schema(schema: &Value) -> Self {
        let plain = |name: String| Self { before: "", name, is_link: false, after: "" };
        let mut choices = items(&schema["oneOf"]).filter(|choice| choice["type"] != "null");
        if let Some(name) = component(schema) {
            Self { is_link: true, ..plain(name.to_owned()) }
        } else if let Some(choice) = choices.next() {
            Self { after: " or null", ..Self::from_schema(choice) }
        } else if let Some(items) = schema.get("items") {
            Self { before: "list of ", ..Self::from_schema(items) }
        } else if let Some(values) = schema.get("additionalProperties") {
            Self { before: "map to ", ..Self::from_schema(values) }
        } else {
            let format = text(schema, "format");
            let name = if format.is_empty() { text(schema, "type") } else { format };
            plain(if name.is_empty() { "anything".to_owned() } else { name })
        }
    }
}

impl Text {
    /// The text with its `code` apart.
    fn new(text: &str) -> Self {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { parts: line.split('`').map(str::to_owned).collect() }
    }

    fn from_key(value: &Value, key: &str) -> Self {
        Self::new(&text(value, key))
    }
}

/// The limits of a text.
fn limits(schema: &Value) -> Vec<String> {
    let limit = |(key, words): (&str, &str)| {
        let value = schema.get(key)?;
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(format!("{words} {shown}"))
    };
    let keys = [("minLength", "at least"), ("maxLength", "at most"), ("pattern", "pattern")];
    keys.into_iter().filter_map(limit).collect()
}

/// The name of the schema that this refers to.
fn component(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
