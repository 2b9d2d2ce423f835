//! `karipass calls`: the calls under way at every daemon of the installation.

use std::time::Duration;
use std::{io, iter};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rustix::termios::{Winsize, tcgetwinsize};
use serde_json::json;

use super::outage::Outage;
use super::output::{ExitStatus, Printer, print_error, print_line};
use crate::db::{CallRow, DaemonCalls, Db};

/// Older rows belong to a daemon that is gone: a live one rewrites its row sooner.
const STALE_AFTER: SignedDuration = SignedDuration::from_secs(15);
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(super) struct CallsArguments {
    /// Show them again every second, until Ctrl-C.
    #[arg(long)]
    watch: bool,
}

pub(super) async fn run(
    CallsArguments { watch }: &CallsArguments,
    db: &Db,
    output: Printer,
) -> anyhow::Result<ExitStatus> {
    let mut daemons = Some(db.daemon_calls().await?);
    let mut outage = Outage::default();
    loop {
        let screen = watch.then(screen).flatten();
        if let Some(daemons) = &daemons
            && !show(daemons, screen, output)?
        {
            break;
        }
        if !watch {
            break;
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
        daemons = outage.survive(db.daemon_calls().await.map_err(Into::into))?;
    }
    Ok(ExitStatus::Success)
}

/// The size of the terminal, if the output is one.
fn screen() -> Option<Winsize> {
    tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0)
}

/// Prints the calls, as a whole screen on a terminal. Returns whether the reader is still there.
fn show(daemons: &[DaemonCalls], screen: Option<Winsize>, output: Printer) -> anyhow::Result<bool> {
    let is_current =
        |daemon: &&DaemonCalls| daemon.now.duration_since(daemon.updated_at) <= STALE_AFTER;
    let (current, stale): (Vec<_>, Vec<_>) = daemons.iter().partition(is_current);
    let calls =
        current.iter().flat_map(|daemon| daemon.calls.iter().map(move |call| (*daemon, call)));
    if output.json {
        for (daemon, call) in calls {
            if !print_line(&as_json(daemon, call).to_string())? {
                return Ok(false);
            }
        }
    } else {
        let header = ["SINCE", "LASTS", "CALLER", "STEP", "WRONG", "DAEMON", "PBX", "CHANNEL"];
        let lines = iter::once(columns(header)).chain(calls.map(|(at, call)| as_text(at, call)));
        let lines: Vec<_> = lines.collect();
        let text = match screen {
            // The cursor is below the text, and so is a line for each of the others.
            Some(size) => {
                let rows = usize::from(size.ws_row).saturating_sub(1 + stale.len());
                drawn(&fit(lines, rows, size.ws_col.into()))
            }
            None => lines.join("\n"),
        };
        if !print_line(&text)? {
            return Ok(false);
        }
    }
    for daemon in stale {
        let age = daemon.now.duration_since(daemon.updated_at).as_secs();
        let (name, calls) = (&daemon.daemon, daemon.calls.len());
        print_error(&format!("{name} had {calls} calls and has not reported for {age} s"));
    }
    Ok(true)
}

/// A header and as many lines as a screen has room for, cut to its width.
fn fit(mut lines: Vec<String>, rows: usize, columns: usize) -> Vec<String> {
    let rows = rows.max(2);
    if lines.len() > rows {
        let more = lines.len() - (rows - 1);
        lines.truncate(rows - 1);
        lines.push(format!("… and {more} more"));
    }
    lines.iter().map(|line| line.chars().take(columns).collect()).collect()
}

/// The lines in place of what is on the screen, which so gets no longer.
fn drawn(lines: &[String]) -> String {
    const HOME: &str = "\x1b[H";
    const CLEAR_LINE: &str = "\x1b[K";
    const CLEAR_BELOW: &str = "\x1b[J";
    format!("{HOME}{}{CLEAR_LINE}{CLEAR_BELOW}", lines.join(&format!("{CLEAR_LINE}\n")))
}

fn as_json(daemon: &DaemonCalls, call: &CallRow) -> serde_json::Value {
    json!({
        "since": call.since.to_string(),
        "caller": call.caller,
        "step": call.step,
        "wrong_entries": call.wrong_entries,
        "daemon": daemon.daemon,
        "pbx": call.pbx,
        "channel": call.channel,
    })
}

fn as_text(daemon: &DaemonCalls, call: &CallRow) -> String {
    let since = call.since.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string();
    columns([
        &since,
        &lasts(call.since, daemon.now),
        call.caller.as_deref().unwrap_or("-"),
        &call.step,
        &call.wrong_entries.to_string(),
        &daemon.daemon,
        &call.pbx,
        &call.channel,
    ])
}

/// Minutes and seconds.
fn lasts(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn columns([since, lasts, caller, step, wrong, daemon, pbx, channel]: [&str; 8]) -> String {
    format!(
        "{since:<8}  {lasts:>5}  {caller:<11}  {step:<12}  {wrong:>5}  {daemon:<20}  {pbx:<20}  \
         {channel}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_has_the_header_and_the_calls_that_fit_and_says_how_many_do_not() {
        let lines: Vec<String> = ["header", "first…", "second", "third"].map(str::to_owned).into();
        assert_eq!(fit(lines.clone(), 4, 6), lines);
        assert_eq!(fit(lines.clone(), 3, 20), ["header", "first…", "… and 2 more"]);
        assert_eq!(fit(lines.clone(), 0, 7), ["header", "… and 3"]);
        assert_eq!(drawn(&lines[..2]), "\x1b[Hheader\x1b[K\nfirst…\x1b[K\x1b[J");
    }
}
