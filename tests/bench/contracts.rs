//! `karipass contracts import` and `export` with a million numbers: their time, and the most memory
//! that the command has.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use karipass_lab::child::{Child, memory_kib};
use karipass_lab::folder;
use karipass_lab::postgres::{Database, Durability, Postgres};

use crate::figure::Figure;

const NUMBERS: usize = 1_000_000;
const NUMBERS_PER_CONTRACT: usize = 4;
/// The longest time of an import, new and without a change, in seconds.
const NEW_S: f64 = 30.0;
const UNCHANGED_S: f64 = 10.0;
/// The most memory of each command.
const MEMORY_MB: f64 = 150.0;
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// An import, the same once more, and an export.
pub fn measure() -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let postgres = runtime.block_on(Postgres::temporary(Durability::Fast))?;
    let karipass = Path::new(env!("CARGO_BIN_EXE_karipass"));
    let database = runtime.block_on(postgres.migrated("karipass", karipass))?;
    let folder = folder::temporary("karipass-contracts-")?;
    let (file, exported) = (folder.path().join("contracts.csv"), folder.path().join("export.csv"));
    fs::write(&file, contracts()?)?;
    let import = ["import", &file.display().to_string()];
    let new = run(&database, &import, Stdio::null())?;
    let unchanged = run(&database, &import, Stdio::null())?;
    let export = run(&database, &["export"], File::create(&exported)?.into())?;
    ensure!(fs::read(&file)? == fs::read(&exported)?, "the export is not what was imported");
    Ok(vec![
        Figure::new("import, new", new.seconds, "s").at_most(NEW_S),
        Figure::new("import, new, memory", new.megabytes, "MB").at_most(MEMORY_MB),
        Figure::new("import, unchanged", unchanged.seconds, "s").at_most(UNCHANGED_S),
        Figure::new("import, unchanged, memory", unchanged.megabytes, "MB").at_most(MEMORY_MB),
        Figure::new("export", export.seconds, "s"),
        Figure::new("export, memory", export.megabytes, "MB").at_most(MEMORY_MB),
    ])
}

/// A file of contracts, as `export` writes it.
fn contracts() -> Result<String> {
    let mut file = "contract_number,number,service,customer\n".to_owned();
    for index in 0..NUMBERS {
        let contract = index - index % NUMBERS_PER_CONTRACT;
        writeln!(file, "03{contract:08},03{index:08},yes,")?;
    }
    Ok(file)
}

/// What a command took.
struct Usage {
    seconds: f64,
    megabytes: f64,
}

/// Runs `karipass contracts` with these arguments.
fn run(database: &Database, arguments: &[&str], output: Stdio) -> Result<Usage> {
    let mut command = database.karipass(Path::new(env!("CARGO_BIN_EXE_karipass")));
    command.arg("contracts").args(arguments).stdout(output);
    let began = Instant::now();
    let mut child = Child::spawn("karipass", command)?;
    let mut peak_kib = 0;
    let status = loop {
        // Once it has ended it has none.
        peak_kib = memory_kib(child.id(), "VmHWM").unwrap_or(peak_kib);
        if let Some(status) = child.exit_status()? {
            break status;
        }
        sleep(POLL_INTERVAL);
    };
    let seconds = began.elapsed().as_secs_f64();
    ensure!(status.success(), "karipass contracts {}: {status}", arguments.join(" "));
    Ok(Usage { seconds, megabytes: f64::from(peak_kib) * 1024.0 / 1e6 })
}
