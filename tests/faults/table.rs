//! The table that is printed: a line for each row.

use std::fmt::{self, Write as _};
use std::sync::Mutex;
use std::time::Duration;

use crate::ledger::Balance;

/// A row's line.
#[derive(Debug)]
pub struct TableLine {
    pub fault: &'static str,
    pub times: usize,
    pub balance: Balance,
    /// The longest time to be ready again.
    pub ready: Option<Duration>,
    pub remarks: Vec<String>,
    pub held: bool,
    pub took: Duration,
}

/// The lines up to now.
#[derive(Debug)]
pub struct Table(Mutex<Vec<TableLine>>);

impl Table {
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Adds a line.
    pub fn note(&self, line: TableLine) {
        self.0.lock().unwrap().push(line);
    }
}

const HEAD: [&str; 14] = [
    "fault",
    "times",
    "calls",
    "confirmed",
    "stored",
    "can log in",
    "unheard",
    "apology / lost",
    "silence",
    "ready",
    "logins, failed",
    "wrong, counted",
    "held",
    "remarks",
];

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cells = vec![HEAD.map(str::to_owned).to_vec()];
        cells.extend(self.0.lock().unwrap().iter().map(TableLine::cells));
        let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<usize> = (0..HEAD.len()).map(|column| width(column).unwrap_or(0)).collect();
        for row in &cells {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                write!(line, "{cell:width$}  ")?;
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(
            f,
            "unheard: stored, confirmed when a fault began that may keep the caller from hearing it (P13)"
        )
    }
}

impl TableLine {
    fn cells(&self) -> Vec<String> {
        let Balance { calls, completed, logged_in, unheard, credentials, .. } = &self.balance;
        let Balance { apologies, lost_calls, lost_commits, logins, failed_logins, .. } =
            &self.balance;
        let Balance { guesses, counted, .. } = &self.balance;
        let lost = if *lost_commits > 0 { format!(", {lost_commits} lost") } else { String::new() };
        let held = if self.held { "held" } else { "NOT HELD" };
        vec![
            self.fault.to_owned(),
            self.times.to_string(),
            calls.to_string(),
            format!("{completed}{lost}"),
            credentials.to_string(),
            logged_in.to_string(),
            unheard.to_string(),
            format!("{apologies} / {lost_calls}"),
            format!("{:.1} s", self.balance.longest_silence.as_secs_f64()),
            self.ready.map_or("-".to_owned(), |ready| format!("{:.1} s", ready.as_secs_f64())),
            format!("{logins}, {failed_logins}"),
            format!("{guesses}, {counted}"),
            format!("{held} ({:.0} s)", self.took.as_secs_f64()),
            self.remarks.join("; "),
        ]
    }
}
