//! The command line of the lab, for `make run` and `make call`.

use clap::Parser;
use karipass_lab::{call, run};

/// karipass for demonstration, on loopback
#[derive(Debug, Parser)]
#[command(name = "lab")]
enum LabCommand {
    /// PostgreSQL, Asterisk and the daemon, until Ctrl-C
    Run(run::RunOptions),
    /// A scripted subscriber who calls what runs, sets a password, and logs in
    Call(call::CallOptions),
}

fn main() -> anyhow::Result<()> {
    let command = LabCommand::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(async {
        match command {
            LabCommand::Run(options) => run::run(&options).await,
            LabCommand::Call(options) => call::call(&options).await,
        }
    });
    runtime.shutdown_background(); // what is still starting ends with this process
    outcome
}
