//! The command line (`R`): one file a subcommand.
//!
//! Results go to standard output, as text or with `--json` as JSON. Messages go to standard error.
//! The exit status is 0, 1 (refused, or an error was found) or 2 (usage).

mod arguments;
mod audit;
mod calls;
mod check;
pub mod contracts;
mod logs;
mod migrate;
mod outage;
mod output;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::db::migrate::MigrationError;
use crate::db::{Db, DbError};
use crate::{config, daemon, settings};
use output::{ExitStatus, Printer};

/// 仮パス: the temporary-password line of a telephone company's settings site, on Asterisk.
#[derive(Debug, Parser)]
#[command(name = "karipass", version)]
struct Arguments {
    /// The configuration file (TOML); `KARIPASS_…` variables override it.
    #[arg(long, global = true, env = "KARIPASS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON, one document on each line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the telephone line, the site and its API, and the operators' listener.
    Serve,
    /// Check the configuration, the database and Asterisk, and print what is wrong.
    Check,
    /// Migrate the database to this program's version.
    Migrate,
    /// Load, list and change contracts.
    Contracts(contracts::ContractsArguments),
    /// Show the audit, the newest row last.
    Audit(audit::AuditArguments),
    /// Show the calls under way at every daemon.
    Calls(calls::CallsArguments),
    /// Show the daemon's log in readable form, filtered.
    Logs(logs::LogsArguments),
}

/// The definition of the command line.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the command that this process was started with.
#[must_use]
pub fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(ExitStatus::Success) => ExitCode::SUCCESS,
        Ok(ExitStatus::Failure) => ExitCode::FAILURE,
        Err(error) => {
            output::print_error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitStatus> {
    let file = arguments.config.as_deref();
    let config = || settings::load(file, variables());
    let output = Printer { json: arguments.json };
    match &arguments.command {
        Command::Check => block_on(check::run(&config()?, output)),
        Command::Calls(arguments) => {
            block_on(as_owner(file, async |db| calls::run(arguments, db, output).await))
        }
        Command::Logs(which) => logs::run(which, output),
        Command::Serve => daemon::run(&config).map(|()| ExitStatus::Success),
        Command::Migrate => block_on(as_owner(file, async |db| migrate::run(db, output).await)),
        Command::Contracts(arguments) => {
            let keys = || config::load_keys(file, variables());
            block_on(as_owner(file, async |db| contracts::run(arguments, db, &keys, output).await))
        }
        Command::Audit(which) => {
            block_on(as_owner(file, async |db| audit::run(which, db, output).await))
        }
    }
}

/// Runs a command on the database as its owner, or as the daemon if there is no
/// `database.owner_url`. If that role lacks a privilege, the error names the missing setting.
async fn as_owner(
    file: Option<&Path>,
    command: impl AsyncFnOnce(&Db) -> anyhow::Result<ExitStatus>,
) -> anyhow::Result<ExitStatus> {
    let config::OperatorConnection { url, is_owners } =
        settings::load_for_operator(file, variables())?;
    let db = Db::for_operator(&url)?;
    match command(&db).await {
        Err(error) if !is_owners && is_forbidden(&error) => Err(anyhow::anyhow!(
            "database.owner_url is missing: the role of database.url has no right to do this"
        )),
        ended => ended,
    }
}

/// Whether the database role lacked a privilege.
fn is_forbidden(error: &anyhow::Error) -> bool {
    let by_store = error.downcast_ref::<DbError>().is_some_and(DbError::is_forbidden);
    by_store || error.downcast_ref::<MigrationError>().is_some_and(MigrationError::is_forbidden)
}

/// Runs an operator's command on this thread.
fn block_on(
    command: impl Future<Output = anyhow::Result<ExitStatus>>,
) -> anyhow::Result<ExitStatus> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

/// The environment variables that are valid UTF-8.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
