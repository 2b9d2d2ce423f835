//! A row of the table: its own system, the steady load, the fault, and the balance.

use std::fs;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::ledger::{self, AllowedEffects, TimeWindow};
use crate::load::{Load, LoadRecords};
use crate::system::{FaultSystem, SystemOptions};
use crate::table::{Table, TableLine};

/// A row that shows the line's reaction has the machine to itself. The others share it, as many
/// at once as the test program has threads.
static TURN: RwLock<()> = RwLock::new(());
static TABLE: Table = Table::new();

/// Calls that complete before the fault, and after it.
const QUIET_CALLS: usize = 3;
const QUIET_TIMEOUT: Duration = Duration::from_mins(3);
/// The longest silence that a caller bears whose line may be dead.
const DEAD_LINE: Duration = Duration::from_secs(12);

/// The most reported breaches, and complaints of each daemon.
const MAX_REPORTED: usize = 20;

/// The times of a row's events.
pub struct Times {
    /// When everything was normal before the first fault.
    quiet: Instant,
    pub faults: Vec<TimeWindow>,
    /// When each fault had taken effect, which is after its beginning.
    strikes: Vec<Instant>,
    /// When everything had to be normal again, and was watched.
    normal: Option<TimeWindow>,
}

/// All that is known once a row's load is over.
pub struct Evidence<'a> {
    pub system: &'a FaultSystem,
    pub records: &'a LoadRecords,
    pub times: &'a Times,
}

/// Checks the evidence, adds breaches, and returns a remark for the table.
pub type Check = fn(&Evidence<'_>, &mut Vec<String>) -> String;

/// The scene of a fault's function.
pub struct FaultScene {
    pub system: Arc<FaultSystem>,
    pub load: Load,
    times: Mutex<Times>,
    ready: Mutex<Option<Duration>>,
    remarks: Mutex<Vec<String>>,
}

impl FaultScene {
    /// Records a fault that lasts until `fault` returns.
    pub fn fault<T>(&self, fault: impl FnOnce(Instant) -> Result<T>) -> Result<T> {
        let from = Instant::now();
        let outcome = fault(from);
        self.times.lock().unwrap().faults.push((from, Instant::now()));
        outcome
    }

    /// Records that the fault that is being injected has taken effect.
    pub fn strike(&self) {
        self.times.lock().unwrap().strikes.push(Instant::now());
    }

    /// Records that everything is normal from now on.
    pub fn note_quiet(&self) {
        self.times.lock().unwrap().quiet = Instant::now();
    }

    /// Records when everything had to be normal after the faults.
    pub fn note_normal(&self, when: TimeWindow) {
        self.times.lock().unwrap().normal = Some(when);
    }

    /// Adds a remark to the table.
    pub fn remark(&self, what: String) {
        self.remarks.lock().unwrap().push(what);
    }

    /// Records how long it took to become ready.
    pub fn note_ready(&self, took: Duration) {
        let mut ready = self.ready.lock().unwrap();
        *ready = Some(ready.map_or(took, |longest| longest.max(took)));
    }
}

#[derive(Clone)]
pub struct Row {
    /// The fault, for the table.
    pub fault: &'static str,
    pub options: SystemOptions,
    /// The interval of calls.
    pub call_every: Duration,
    pub allowed: AllowedEffects,
    /// Checks beside those of the ledger.
    pub checks: &'static [Check],
    /// Injects the fault into a system.
    pub inject: fn(&FaultScene) -> Result<()>,
}

impl Row {
    /// Runs the row in a new system, and prints the table up to then.
    pub fn run(self) -> Result<()> {
        let is_alone = self.checks.iter().any(|check| ptr::fn_addr_eq(*check, reaction as Check));
        let (_alone, _shared) = if is_alone {
            (Some(TURN.write().unwrap_or_else(PoisonError::into_inner)), None)
        } else {
            (None, Some(TURN.read().unwrap_or_else(PoisonError::into_inner)))
        };
        let begun = Instant::now();
        let system = Arc::new(FaultSystem::start(&self.options)?);
        let patience = if self.allowed.lost_calls { DEAD_LINE } else { ledger::SILENCE };
        let load = Load::start(&system, self.call_every, patience)?;
        let scene = FaultScene {
            system,
            load,
            times: Mutex::new(Times {
                quiet: begun,
                faults: Vec::new(),
                strikes: Vec::new(),
                normal: None,
            }),
            ready: Mutex::default(),
            remarks: Mutex::default(),
        };
        let outcome = self.run_fault(&scene);
        let FaultScene { system, load, times, ready, remarks } = scene;
        let records = load.end();
        let times = times.into_inner().unwrap();
        let strikes = times.strikes.iter().map(|at| (*at, *at));
        let faults: Vec<TimeWindow> = times.faults.iter().copied().chain(strikes).collect();
        let balance = ledger::close(&system, &records, &faults, self.allowed);
        let mut balance = balance.context("closing the ledger")?;
        let mut remarks = remarks.into_inner().unwrap();
        let evidence = Evidence { system: &system, records: &records, times: &times };
        for check in self.checks {
            remarks.push(check(&evidence, &mut balance.breaches));
        }
        if let Err(error) = outcome {
            balance.breaches.push(format!("{error:#}"));
        }
        let breaches = std::mem::take(&mut balance.breaches);
        let (fault, times, held) = (self.fault, times.faults.len(), breaches.is_empty());
        let ready = ready.into_inner().unwrap();
        TABLE.note(TableLine {
            fault,
            times,
            balance,
            ready,
            remarks,
            held,
            took: begun.elapsed(),
        });
        println!("\n{TABLE}");
        let more = breaches.len().saturating_sub(MAX_REPORTED);
        let breaches = breaches.into_iter().take(MAX_REPORTED).collect::<Vec<_>>().join("\n");
        ensure!(held, "{breaches}\nand {more} more\n{}", complaints(&system));
        Ok(())
    }

    fn run_fault(&self, scene: &FaultScene) -> Result<()> {
        let quiet = |since| scene.load.wait_until_completed(QUIET_CALLS, since, QUIET_TIMEOUT);
        quiet(Instant::now()).context("before the fault")?;
        (self.inject)(scene)?;
        quiet(Instant::now()).context("after the fault")
    }
}

/// The last complaints of the daemons.
fn complaints(system: &FaultSystem) -> String {
    let mut text = String::new();
    for member in system.fleet.members() {
        let log = fs::read_to_string(member.daemon().setup.log()).unwrap_or_default();
        let is_complaint = |line: &&str| line.contains("WARN") || line.contains("ERROR");
        let mut last: Vec<&str> =
            log.lines().rev().filter(is_complaint).take(MAX_REPORTED).collect();
        last.push(member.name);
        last.reverse();
        text.push_str(&last.join("\n"));
        text.push('\n');
    }
    text
}

/// The line's reaction to keys before, during and after the faults, for the table: `make bench`
/// measures more precisely.
pub fn reaction(evidence: &Evidence<'_>, _breaches: &mut Vec<String>) -> String {
    let Evidence { records, times, .. } = evidence;
    let p99 = |times: &[TimeWindow]| {
        let found = ledger::reaction_p99(records, times);
        found.map_or("unknown".to_owned(), |p99| format!("{p99:.0?}"))
    };
    let before = times.faults.first().map(|(from, _)| (times.quiet, *from));
    let (quiet, under) = (p99(before.as_slice()), p99(&times.faults));
    format!("reaction p99 {under}, then {}, quiet {quiet}", p99(times.normal.as_slice()))
}
