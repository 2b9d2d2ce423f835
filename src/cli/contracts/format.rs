//! Formats a contract as JSON and as text.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::db::{CredentialStatus, Validity};
use domain::auth_unit::AuthUnit;
use domain::contract::Contract;

pub(super) fn contract_json(contract: &Contract, customer: Option<&str>) -> Value {
    let numbers = contract
        .lines
        .iter()
        .map(|row| json!({ "number": row.number.as_str(), "service": row.has_service }));
    json!({
        "contract_number": contract.number.as_str(),
        "unit": contract.unit.map(AuthUnit::as_str),
        "suspended": contract.suspended,
        "customer": customer,
        "numbers": numbers.collect::<Vec<_>>(),
    })
}

pub(super) fn contract_json_with_credentials(
    of: &Contract,
    customer: Option<&str>,
    statuses: &[CredentialStatus],
) -> Value {
    let credentials: Vec<Value> = statuses
        .iter()
        .map(|status| {
            json!({
                "login": status.login_number.as_str(),
                "kind": status.kind.as_str(),
                "set_at": status.set_at.to_string(),
                "failures": status.failed_attempts,
                "good": status.state == Validity::Good,
                "state": status.state.as_str(),
            })
        })
        .collect();
    let mut shown = contract_json(of, customer);
    if let Value::Object(fields) = &mut shown {
        fields.insert("credentials".to_owned(), Value::Array(credentials));
    }
    shown
}

pub(super) fn contract_line(contract: &Contract) -> String {
    let with_service = contract.service_numbers().count();
    format!(
        "{:<11}  {:<10}  {:<9}  {} numbers, {with_service} with service",
        contract.number.as_str(),
        contract.unit.map_or("no unit", AuthUnit::as_str),
        if contract.suspended { "suspended" } else { "live" },
        contract.lines.len(),
    )
    .trim_end()
    .to_owned()
}

/// One line for the contract, and one for each number with its credential.
pub(super) fn contract_text(
    contract: &Contract,
    customer: Option<&str>,
    statuses: &[CredentialStatus],
) -> String {
    let mut text = contract_line(contract);
    if let Some(customer) = customer {
        text.push_str(", customer ");
        text.push_str(customer);
    }
    for row in &contract.lines {
        let service = if row.has_service { "service" } else { "-" };
        let status = statuses
            .iter()
            .find(|status| status.login_number == row.number)
            .map_or_else(|| "no password".to_owned(), status_text);
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {:<11}  {service:<7}  {status}", row.number.as_str());
    }
    text
}

fn status_text(status: &CredentialStatus) -> String {
    let set_at = status.set_at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%:z");
    let (kind, state) = (status.kind.as_str(), status.state.as_str());
    format!("{kind} set {set_at}, {state}, {} wrong in a row", status.failed_attempts)
}
