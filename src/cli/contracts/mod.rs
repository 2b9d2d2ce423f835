//! `karipass contracts` (`D1`, `D2`, `D4`).

pub mod csv;
mod export;
mod format;
mod import;
mod issue;
mod progress;

use std::path::PathBuf;

use serde_json::json;

use super::arguments::{OperatorArgument, parse_number};
use super::output::{ExitStatus, Printer, print_error};
use crate::config::ConfigErrors;
use crate::db::{Db, UpdateOutcome};
use crate::hashing::{Cost, Dummy, Hasher, Keys};
use domain::auth_unit::AuthUnit;
use domain::phone_number::PhoneNumber;

/// Arguments of `karipass contracts`.
#[derive(Debug, clap::Args)]
pub(super) struct ContractsArguments {
    #[command(flatten)]
    operator: OperatorArgument,
    #[command(subcommand)]
    command: ContractsCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ContractsCommand {
    /// Load a CSV file completely, or not at all.
    Import {
        /// The file. Its header is `contract_number,number,service`, with an optional
        /// `,customer`.
        file: PathBuf,
        /// Remove the numbers and contracts that the file does not contain.
        #[arg(long)]
        replace: bool,
    },
    /// Write every contract to standard output, as a file of `import`.
    Export,
    /// List every contract.
    List,
    /// Show the contract of a number.
    Show(ContractArgument),
    /// Suspend a contract: it gets no calls and no logins, and its sessions end.
    Suspend(ContractArgument),
    /// Resume a suspended contract.
    Resume(ContractArgument),
    /// Remove a contract with its credentials and sessions.
    Remove(ContractArgument),
    /// Draw a temporary password for a login number, store it and print it once.
    Issue {
        /// The login number.
        #[arg(value_name = "N", value_parser = parse_number)]
        number: PhoneNumber,
        /// The authentication unit, if the contract has none yet: `line`, `number` or `admin_user`.
        #[arg(long)]
        unit: Option<AuthUnit>,
    },
    /// End every session of a contract.
    EndSessions(ContractArgument),
}

/// A contract, by its number.
#[derive(Debug, Clone, Copy, clap::Args)]
struct ContractArgument {
    /// The contract number.
    #[arg(value_name = "N", value_parser = parse_number)]
    number: PhoneNumber,
}

pub(super) async fn run(
    ContractsArguments { operator, command }: &ContractsArguments,
    db: &Db,
    keys: &dyn Fn() -> Result<Keys, ConfigErrors>,
    output: Printer,
) -> anyhow::Result<ExitStatus> {
    let by = operator.name();
    match command {
        ContractsCommand::Import { file, replace } => {
            import::run(db, file, *replace, &by, output).await
        }
        ContractsCommand::Export => export::run(db).await,
        ContractsCommand::List => list(db, output).await,
        ContractsCommand::Show(contract) => show(db, contract.number, output).await,
        ContractsCommand::Suspend(contract) => {
            let outcome = db.suspend(contract.number, true, &by).await?;
            print_outcome(db, contract.number, outcome, "suspended", output).await
        }
        ContractsCommand::Resume(contract) => {
            let outcome = db.suspend(contract.number, false, &by).await?;
            print_outcome(db, contract.number, outcome, "resumed", output).await
        }
        ContractsCommand::Remove(contract) => {
            let outcome = db.remove(contract.number, &by).await?;
            print_outcome(db, contract.number, outcome, "removed", output).await
        }
        ContractsCommand::Issue { number, unit } => {
            let hasher = Hasher::start(keys()?, Cost::LIVE, &Dummy::draw(&mut rand::rng()))?;
            issue::run(&db.clone().with_operator(&by), hasher, *number, *unit, output).await
        }
        ContractsCommand::EndSessions(contract) => {
            let outcome = db.end_sessions(contract.number, &by).await?;
            print_outcome(db, contract.number, outcome, "without sessions", output).await
        }
    }
}

async fn list(db: &Db, output: Printer) -> anyhow::Result<ExitStatus> {
    let customers = db.customers(None).await?;
    for contract in db.contracts().await? {
        let customer = customers.get(&contract.number).map(String::as_str);
        output.print(
            &format::contract_json(&contract, customer),
            &format::contract_line(&contract),
        )?;
    }
    Ok(ExitStatus::Success)
}

async fn show(db: &Db, number: PhoneNumber, output: Printer) -> anyhow::Result<ExitStatus> {
    let Some(contract) = db.contract_of(number).await? else {
        print_error(&format!("no contract has the number {}", number.as_str()));
        return Ok(ExitStatus::Failure);
    };
    let statuses = db.credential_statuses(contract.number).await?;
    let customers = db.customers(Some(contract.number)).await?;
    let customer = customers.get(&contract.number).map(String::as_str);
    let json = format::contract_json_with_credentials(&contract, customer, &statuses);
    output.print(&json, &format::contract_text(&contract, customer, &statuses))?;
    Ok(ExitStatus::Success)
}

async fn print_outcome(
    db: &Db,
    number: PhoneNumber,
    act: UpdateOutcome,
    done: &str,
    output: Printer,
) -> anyhow::Result<ExitStatus> {
    let name = number.as_str();
    let text = match act {
        UpdateOutcome::Done => format!("contract {name} is {done}"),
        UpdateOutcome::Unchanged => format!("contract {name} was {done} already"),
        UpdateOutcome::Unknown => {
            print_error(&match db.contract_of(number).await? {
                Some(contract) => format!(
                    "{name} is an additional number of contract {}: name that one",
                    contract.number.as_str()
                ),
                None => format!("no contract has the number {name}"),
            });
            return Ok(ExitStatus::Failure);
        }
    };
    let json =
        json!({ "contract_number": name, "state": done, "changed": act == UpdateOutcome::Done });
    output.print(&json, &text)?;
    Ok(ExitStatus::Success)
}
