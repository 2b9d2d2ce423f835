//! `karipass contracts issue` (`D4`).

use serde_json::json;

use crate::auth::{AuthService, IssueOutcome};
use crate::cli::output::{ExitStatus, Printer, print_error};
use crate::db::Db;
use crate::hashing::Hasher;
use domain::auth_unit::AuthUnit;
use domain::phone_number::PhoneNumber;
use domain::rules;

/// Prints a new temporary password, or why there is none.
pub(super) async fn run(
    db: &Db,
    hasher: Hasher,
    login_number: PhoneNumber,
    unit: Option<AuthUnit>,
    output: Printer,
) -> anyhow::Result<ExitStatus> {
    let auth = AuthService::new(db.clone(), hasher, rules::SESSION_IDLE_TIMEOUT);
    let name = login_number.as_str();
    let why = match auth.issue_temporary(login_number, unit).await? {
        IssueOutcome::Issued(password, unit) => {
            let password = String::from_utf8_lossy(password.expose());
            let json = json!({ "number": name, "unit": unit.as_str(), "password": password });
            if output.print(&json, &password)? {
                return Ok(ExitStatus::Success);
            }
            format!("{name} has a new temporary password, which nobody has read: issue another")
        }
        IssueOutcome::UnknownNumber => format!("no contract has the number {name}"),
        IssueOutcome::NoUnit => {
            format!("the contract of {name} has no authentication unit yet: choose one with --unit")
        }
        IssueOutcome::OtherUnit(in_force) => {
            format!(
                "the unit {in_force} is in force; only a call from the contract number changes it"
            )
        }
        IssueOutcome::NoLogin(unit, contract) => format!(
            "{name} does not log in under the unit {unit}, or its contract {} is suspended",
            contract.as_str()
        ),
    };
    print_error(&why);
    Ok(ExitStatus::Failure)
}
