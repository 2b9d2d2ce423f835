//! The laboratory's command: what `make run` and its like start.

use std::process::ExitCode;

use clap::Parser;
use karipass_lab::{call, run};

/// karipass for demonstration, on loopback
#[derive(Debug, Parser)]
#[command(name = "lab")]
enum Command {
    /// PostgreSQL, Asterisk and the daemon, until Ctrl-C
    Run(run::Options),
    /// A scripted subscriber who calls what runs, sets a password, and logs in
    Call(call::Options),
}

fn main() -> ExitCode {
    let command = Command::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error.into()),
    };
    let outcome = runtime.block_on(async {
        match command {
            Command::Run(options) => run::run(&options).await,
            Command::Call(options) => call::call(&options).await,
        }
    });
    // Whatever is still starting ends with this process.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

fn complain(error: &anyhow::Error) -> ExitCode {
    eprintln!("lab: {error:#}");
    ExitCode::FAILURE
}
