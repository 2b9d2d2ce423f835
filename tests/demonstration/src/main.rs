//! The command line of `make run` and `make call`.

use clap::Parser;
use karipass_demonstration::{call, run};

/// karipass for demonstration, on loopback
#[derive(Debug, Parser)]
#[command(name = "demonstration")]
enum DemonstrationCommand {
    /// PostgreSQL, Asterisk and the daemon, until Ctrl-C
    Run(run::RunOptions),
    /// A scripted subscriber who calls what runs, sets a password, and logs in
    Call(call::CallOptions),
}

fn main() -> anyhow::Result<()> {
    let command = DemonstrationCommand::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(async {
        match command {
            DemonstrationCommand::Run(options) => run::run(&options).await,
            DemonstrationCommand::Call(options) => call::call(&options).await,
        }
    });
    runtime.shutdown_background(); // what is still starting ends with this process
    outcome
}
