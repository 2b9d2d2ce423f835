//! 200 calls through PostgreSQL, Asterisk and the daemon, beside the same flow in plain dialplan
//! (`baseline.conf`) on the same Asterisk; and 200 more while the site is flooded with logins.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use karipass_lab::asterisk::{self, Asterisk, Installation, SET_UP_NUMBER};
use karipass_lab::daemon::{self, Daemon};
use karipass_lab::flood::{Counted, Flood};
use karipass_lab::postgres::{Durability, Postgres};
use karipass_lab::subscriber::Line;
use tempfile::TempDir;

use crate::calls;
use crate::capacity;
use crate::figure::{Figure, quantile};
use crate::reaction::Reactions;
use crate::script::Script;
use crate::usage::Process;

const CALLS: usize = 200;
/// Calls begun a second.
const CALLS_A_SECOND: u32 = 8;
/// The number of `baseline.conf`.
const YARDSTICK: &str = "0664806431";
const PASSWORD: &str = "27182818";
/// How many times the logins that can be verified are offered.
const OVERLOAD: f64 = 3.0;
/// Where the database lies: every commit is still awaited, but what a disk takes for one, which other
/// work on the machine multiplies at will, is not measured.
const MEMORY: &str = "/dev/shm";
/// The daemon's threads that hash.
const HASHING: &str = "hash-";

/// Everything that the calls show.
pub fn measure() -> Result<Vec<Figure>> {
    let all: Vec<String> = (0..capacity::MOST).map(|call| format!("067{call:04}451")).collect();
    let callers = &all[..CALLS];
    let mut system = System::start(&all)?;
    println!("{CALLS} calls to plain dialplan…");
    let dialplan = system.calls(YARDSTICK, callers, CALLS_A_SECOND)?;
    println!("{CALLS} calls to karipass…");
    let daemon = Process(system.daemon.child().id());
    let switch = Process(system.asterisk.child().id());
    let before = [daemon.time()?, daemon.time_of(HASHING)?, switch.time()?];
    let karipass = system.calls(SET_UP_NUMBER, callers, CALLS_A_SECOND)?;
    let after = [daemon.time()?, daemon.time_of(HASHING)?, switch.time()?];
    let [total, hashing, switch] =
        std::array::from_fn(|index| after[index].saturating_sub(before[index]));
    let hash = hash_p99(system.daemon.operators())?;
    println!("{CALLS} calls to karipass beside {OVERLOAD} times the logins that it can verify…");
    let flooded = system.flooded(callers)?;
    let mut figures = compared(karipass, dialplan, flooded, hash);
    let cpu = Figure::new("daemon CPU a call", a_call(total.saturating_sub(hashing)), "ms");
    figures.push(cpu.beside(a_call(switch)).ratio_at_most(0.05));
    figures.push(Figure::new("daemon peak memory", daemon.peak_memory()?, "MiB"));
    println!("as many calls a second as all succeed, and more…");
    figures
        .extend(capacity::measure(|calls, rate| system.calls(SET_UP_NUMBER, &all[..calls], rate))?);
    Ok(figures)
}

fn compared(
    mut karipass: Reactions,
    mut dialplan: Reactions,
    mut flooded: Reactions,
    hash: f64,
) -> Vec<Figure> {
    let mut beside = |name, share, more| {
        let ours = quantile(&mut karipass.next_guidance, share);
        let theirs = quantile(&mut dialplan.next_guidance, share);
        Figure::new(name, ours, "ms").beside(theirs).within(more)
    };
    let reactions = [beside("reaction median", 0.5, 1.5), beside("reaction p99", 0.99, 3.0)];
    let completed = quantile(&mut karipass.completed, 0.99);
    let mut figures = vec![
        Figure::new("calls failed", lost(&karipass) + lost(&flooded), "")
            .beside(lost(&dialplan))
            .at_most(0.0),
    ];
    figures.extend(reactions);
    let quiet = quantile(&mut karipass.next_guidance, 0.99);
    let flooded = quantile(&mut flooded.next_guidance, 0.99);
    figures.push(
        Figure::new("reaction p99, logins flood", flooded, "ms").beside(quiet).ratio_at_most(2.0),
    );
    figures.push(
        Figure::new("confirmation to completed p99", completed, "ms").beside(hash).within(6.0),
    );
    figures
}

#[expect(clippy::cast_precision_loss, reason = "hundreds of calls")]
fn lost(reactions: &Reactions) -> f64 {
    (reactions.failed + reactions.refused) as f64
}

#[expect(clippy::cast_precision_loss, reason = "hundreds of calls")]
fn a_call(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3 / CALLS as f64
}

/// The servers; ended in this order.
struct System {
    daemon: Daemon,
    asterisk: Asterisk,
    _postgres: Postgres,
    _folders: [TempDir; 2],
}

impl System {
    fn start(callers: &[String]) -> Result<Self> {
        let karipass = Path::new(env!("CARGO_BIN_EXE_karipass"));
        let folder = tempfile::Builder::new().prefix("karipass-bench-").tempdir()?;
        let memory = tempfile::Builder::new().prefix("karipass-bench-").tempdir_in(MEMORY)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (postgres, database) = runtime.block_on(async {
            let postgres = Postgres::persistent(memory.path(), Durability::Durable).await?;
            let database = postgres.migrated("karipass", karipass).await?;
            anyhow::Ok((postgres, database))
        })?;
        let setup = asterisk::Setup::new(folder.path().join("asterisk"))?
            .snippet("modules.conf", "load = app_read.so\n")
            .snippet("extensions.conf", include_str!("baseline.conf"));
        let asterisk = Asterisk::start(&Installation::find()?, setup)?;
        let setup =
            daemon::Setup::new(karipass, folder.path().join("daemon"), &asterisk, &database)?
                .variable("KARIPASS_LOGIN_LIMIT", "off")
                .variable("KARIPASS_SITE_CONNECTIONS_BY_ADDRESS", "2048")
                .variable("KARIPASS_SITE_CONNECTION_RATE", "off")
                .variable("KARIPASS_SITE_HANDSHAKE_RATE", "off")
                .in_its_own_session();
        setup.lay_out()?;
        let mut contracts = String::from("contract_number,number,service\n");
        for caller in callers {
            writeln!(contracts, "{caller},{caller},yes")?;
        }
        let file = folder.path().join("contracts.csv");
        fs::write(&file, contracts)?;
        let imported = setup.operator().args(["contracts", "import"]).arg(&file).output()?;
        ensure!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        let daemon = Daemon::start(setup)?;
        Ok(Self { daemon, asterisk, _postgres: postgres, _folders: [folder, memory] })
    }

    fn calls(&self, number: &str, callers: &[String], rate: u32) -> Result<Reactions> {
        let line = Line::new(self.asterisk.sip(), number);
        let calls = calls::place(&line, callers, rate, &Script::line_unit(PASSWORD))?;
        Reactions::of(&calls, callers)
    }

    /// The calls, while logins come that no contract has a number for.
    fn flooded(&self, callers: &[String]) -> Result<Reactions> {
        let flood = Flood::of(&self.daemon.site(), &self.daemon.certificate(), YARDSTICK)?;
        let capacity = flood.capacity()?;
        let running = flood.begin(OVERLOAD * capacity);
        let reactions = self.calls(SET_UP_NUMBER, callers, CALLS_A_SECOND)?;
        let Counted { verified, busy, failed, .. } = running.end()?;
        println!(
            "{capacity:.0} logins a second can be verified: {verified} were, {busy} refused, {failed} failed"
        );
        Ok(reactions)
    }
}

/// The 99th percentile of the daemon's hashes for calls, in milliseconds: interpolated in the
/// histogram that it shows its operators.
fn hash_p99(operators: SocketAddr) -> Result<f64> {
    const BUCKET: &str = "karipass_hash_seconds_bucket{lane=\"calls\",le=\"";
    let (_, metrics) = daemon::get(operators, "/metrics");
    let buckets: Vec<(f64, f64)> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(BUCKET)?.split_once("\"} "))
        .filter_map(|(bound, count)| Some((bound.parse().ok()?, count.parse().ok()?)))
        .collect();
    let all = buckets.last().context("no histogram of hashes")?.1;
    let wanted = 0.99 * all;
    let above = buckets.iter().position(|(_, count)| *count >= wanted).context("an empty one")?;
    let (bound, count) = buckets[above];
    let (bound_below, below) = above.checked_sub(1).map_or((0.0, 0.0), |index| buckets[index]);
    let share = (wanted - below) / (count - below);
    Ok((bound_below + share * (bound - bound_below)) * 1e3)
}
