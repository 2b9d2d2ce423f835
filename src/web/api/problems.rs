//! The problems that an operation answers with, as the description of the API shows them. Each
//! example is a document of the service itself.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::{Object, Ref, RefOr, Response, ResponseBuilder, Type};

use crate::web::problem::{Problem, SetUpCall};
use domain::auth_unit::AuthUnit;
use domain::phone_number::PhoneNumber;
use domain::rules;

/// The responses of an operation by their statuses.
pub(super) type Responses = BTreeMap<String, RefOr<Response>>;

/// A problem, and when an operation answers with it.
pub(super) type Case = (Problem, &'static str);

/// The number in every example.
pub(super) const NUMBER: &str = "0612345678";

/// The numbers that the examples of problems contain.
pub(super) struct Examples {
    pub(super) numbers: [PhoneNumber; 1],
    pub(super) set_up_number: PhoneNumber,
    pub(super) call: SetUpCall,
}

/// The responses of an operation that has these problems, besides those of every path.
pub(super) fn responses(own: impl FnOnce(&Examples) -> Vec<Case>) -> Responses {
    let (Ok(number), Ok(set_up_number)) = (NUMBER.parse(), rules::SET_UP_NUMBER.parse()) else {
        return Responses::new();
    };
    let mut by_status: BTreeMap<u16, Vec<Case>> = BTreeMap::new();
    let call = SetUpCall { number: set_up_number, unit: AuthUnit::Number };
    let examples = Examples { numbers: [number], set_up_number, call };
    for case in own(&examples).into_iter().chain(common_problems()) {
        by_status.entry(case.0.status().as_u16()).or_default().push(case);
    }
    let response = |(status, cases): (u16, Vec<Case>)| (status.to_string(), response(cases).into());
    by_status.into_iter().map(response).collect()
}

/// The problems of an operation with a body of at most `max_bytes`, without those of its passwords.
pub(super) fn body_problems(max_bytes: usize) -> [Case; 2] {
    [
        (Problem::cross_site(), "another site's page made the request"),
        (Problem::too_large(max_bytes), "the body has more bytes than `detail` says"),
    ]
}

/// The problems of an operation that verifies passwords.
pub(super) fn password_problems() -> [Case; 3] {
    let unavailable = (
        Problem::unavailable(),
        "the database is out of reach; a wrong password may have been counted, once",
    );
    comparing_problems(unavailable)
}

/// The problems of an operation that verifies passwords for a change.
pub(super) fn change_problems() -> [Case; 3] {
    let unavailable = (
        Problem::outcome_unknown(),
        "the database is out of reach; log in and look, since the change may have been made, or a \
         wrong password counted, once",
    );
    comparing_problems(unavailable)
}

fn comparing_problems(unavailable: Case) -> [Case; 3] {
    let limited = "too many attempts from this address; nothing was counted";
    [
        (Problem::too_many_requests(20), limited),
        (Problem::busy(), "overload; nothing was counted"),
        unavailable,
    ]
}

/// The problems of an operation that only reads with a session.
pub(super) fn reading_problems() -> [Case; 4] {
    [
        no_session(),
        (
            Problem::password_change_required(),
            "the session may only change its password or log out",
        ),
        (Problem::cross_site(), "another site's page made the request"),
        (Problem::unavailable(), "the database is out of reach"),
    ]
}

pub(super) fn no_session() -> Case {
    (Problem::no_session(), "no token, or one of a session that has ended")
}

fn common_problems() -> [Case; 4] {
    [
        (Problem::not_found(), "there is no such path"),
        (Problem::method_not_allowed(), "the path has no such method"),
        (Problem::head_too_large(), "more than 64 headers, or more than 16 KiB of them"),
        (Problem::internal(), "a fault of the service"),
    ]
}

fn response(cases: Vec<Case>) -> Response {
    let is_refused = cases.iter().any(|(problem, _)| problem.status().as_u16() == 401);
    let has_wait = cases.iter().any(|(problem, _)| problem.retry_after_s.is_some());
    let mut descriptions = Vec::new();
    let mut examples = Vec::new();
    for (problem, when) in cases {
        let Ok(document) = serde_json::to_value(&problem) else { continue };
        let Some(code) = document.get("code").and_then(Value::as_str) else { continue };
        descriptions.push(format!("`{code}`: {when}."));
        examples.push((code.to_owned(), ExampleBuilder::new().value(Some(document.clone()))));
    }
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples);
    let mut response = ResponseBuilder::new()
        .description(descriptions.join(" "))
        .content("application/problem+json", content)
        .header("Content-Language", header(Type::String, "The language of `detail`"));
    if has_wait {
        let about = "Seconds until it is worth trying again";
        response = response.header("Retry-After", header(Type::Integer, about));
    }
    if is_refused {
        response = response.header("WWW-Authenticate", header(Type::String, "`Bearer`"));
    }
    response.build()
}

fn header(kind: Type, about: &str) -> Header {
    HeaderBuilder::new().schema(Some(Object::with_type(kind))).description(Some(about)).build()
}
