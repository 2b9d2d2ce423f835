//! Bodies of the API and forms of the pages, read by their handlers' parsers.
//!
//! The first byte chooses the handler: `l`, `p` and `u` the API's login, password and unit,
//! anything else a page's form.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use domain::auth_unit::AuthUnit;
use domain::common_passwords::CommonPasswords;
use domain::password::{NewPassword, SubmittedPassword};
use domain::phone_number::PhoneNumber;
use karipass::web::RequestTimeouts;
use karipass::web::api;
use karipass::web::body::JsonBody;
use karipass::web::problem::Problem;
use karipass::web::site::form::Form;

/// Reads one body.
pub fn run(bytes: &[u8]) {
    let Some((handler, body)) = bytes.split_first() else { return };
    match handler {
        b'l' => {
            if let Some(login) = json::<api::login::LoginRequest>(body) {
                number(&login.number);
                assert_eq!(
                    SubmittedPassword::from(login.password.clone()).expose(),
                    login.password.as_bytes()
                );
            }
        }
        b'p' => {
            if let Some(body) = json::<api::password::PasswordChangeRequest>(body) {
                new_password(body.current, body.new, body.new_again);
            }
        }
        b'u' => {
            if let Some(body) = json::<api::unit::UnitChangeRequest>(body) {
                let mut numbers: Vec<_> =
                    body.passwords.0.iter().map(|(number, _)| number).collect();
                numbers.sort();
                assert!(numbers.is_sorted_by(|a, b| a < b), "each number once");
                if let Ok(unit) = body.unit.parse::<AuthUnit>() {
                    assert_eq!(unit.as_str(), body.unit);
                }
            }
        }
        _ => form(body),
    }
}

/// Reads the API's body; a refusal quotes none of it.
fn json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Option<T> {
    let request = Request::builder().header(CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(body.to_vec())).unwrap();
    match crate::wait_for(JsonBody::<T>::from_request(request, &RequestTimeouts::default())) {
        Ok(JsonBody(read)) => Some(read),
        Err(problem) => {
            quotes_nothing(&problem);
            None
        }
    }
}

/// A refusal quotes nothing of a body: no ASCII word but JSON's name, no long number.
fn quotes_nothing(problem: &Problem) {
    let shown = serde_json::to_value(problem).unwrap();
    let detail = shown["detail"].as_str().unwrap();
    for word in detail.split(|letter: char| !letter.is_ascii_alphanumeric()) {
        let is_position = word.len() <= 5 && word.bytes().all(|byte| byte.is_ascii_digit());
        assert!(is_position || word == "JSON", "{detail}");
    }
    assert!(!detail.contains('\u{fffd}') && detail.chars().count() < 100, "{detail}");
}

/// A number parses however it is written, and its own text parses to the same number.
fn number(typed: &str) {
    if let Ok(number) = PhoneNumber::from_typed(typed) {
        let subscriber = &number.as_str()[1..];
        for written in [
            format!("\u{202d}{typed}\u{a0}"),
            format!("+81 {subscriber}"),
            format!("（＋８１）(0){subscriber}"),
        ] {
            assert_eq!(PhoneNumber::from_typed(&written), Ok(number));
        }
        assert_eq!(number.as_str().parse(), Ok(number));
        assert_eq!(number.groups().concat(), number.as_str());
        assert_eq!(PhoneNumber::from_typed(&number.groups().join("-")), Ok(number));
        let masked = format!("{number:?}");
        assert!(masked.ends_with("****") && !masked.contains(number.as_str()));
    }
}

/// `C5`.
fn new_password(current: String, new: String, again: String) {
    let fits = (8..=12).contains(&new.len())
        && new.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !new.bytes().all(|byte| byte.is_ascii_digit())
        && new == again
        && new != current;
    let [current, new, again] = [current, new, again].map(SubmittedPassword::from);
    match NewPassword::check(&current, &new, &again, &CommonPasswords::default()) {
        Ok(taken) => assert!(fits && taken.expose() == new.expose()),
        Err(reasons) => assert!(!fits && !reasons.is_empty()),
    }
}

/// Every field is read once, unchanged.
fn form(body: &[u8]) {
    let Some(mut form) = Form::decode(body) else { return };
    assert_eq!(format!("{form:?}"), "Form(…)");
    let passwords = form.passwords("password-");
    for (name, typed) in &passwords {
        assert!(!typed.expose().is_empty());
        assert!(form.password(&format!("password-{name}")).is_none(), "taken once");
    }
    number(&form.text("number"));
    new_password(form.text("current"), form.text("new"), form.text("new_again"));
    let version: Result<i64, _> = form.text("version").parse();
    assert!(version.is_err() || form.text("version").is_empty());
}
