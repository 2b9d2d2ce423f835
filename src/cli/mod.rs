//! The command line (`R`): one file a subcommand.
//!
//! Results go to standard output, for people or with `--json` for programs; messages go to standard
//! error. The exit status is 0, 1 (refused or found wrong) or 2 (usage).

mod audit;
mod check;
mod contracts;
mod logging;
mod migrate;
mod output;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Config};
use crate::number::{NotANumber, Number};
use crate::store::Store;
use output::Output;

/// 仮パス: the temporary-password line of a telephone company's settings site, on Asterisk.
#[derive(Debug, Parser)]
#[command(name = "karipass", version)]
struct Arguments {
    /// The configuration file (TOML); `KARIPASS_…` variables win over it.
    #[arg(long, global = true, env = "KARIPASS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON, one document a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the telephone line, the site and its API, and the operators' listener.
    Serve,
    /// Look at the configuration, the database and Asterisk, and say what is wrong.
    Check,
    /// Bring the database to this version; a newer one is refused.
    Migrate,
    /// Load, list and change contracts.
    #[command(subcommand)]
    Contracts(contracts::Command),
    /// Show the audit, the newest row last.
    Audit(audit::Arguments),
}

/// How a command ended that could be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// All is well.
    Done,
    /// Refused, or something was found wrong; standard error says what.
    Refused,
}

/// Runs the command that this process was started with.
#[must_use]
pub fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Refused) => ExitCode::FAILURE,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<Ending> {
    let config = config::load(arguments.config.as_deref(), variables())?;
    let output = Output { json: arguments.json };
    match &arguments.command {
        Command::Check => operate(check::run(&config, output)),
        Command::Serve => serve::run(&config),
        Command::Migrate => operate(migrate::run(&config, output)),
        Command::Contracts(command) => operate(contracts::run(command, &config, output)),
        Command::Audit(which) => operate(audit::run(which, &config, output)),
    }
}

/// Runs an operator's command, which is one thing after another, on this thread.
fn operate(command: impl Future<Output = anyhow::Result<Ending>>) -> anyhow::Result<Ending> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

/// The environment, less what is not UTF-8.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The operator's view of the database.
fn store(config: &Config) -> anyhow::Result<Store> {
    Ok(Store::for_operator(&config.database)?)
}

/// A telephone number as a person types it.
fn number(typed: &str) -> Result<Number, NotANumber> {
    Number::from_typed(typed)
}
