//! `karipass calls`: the calls under way at every daemon of the installation.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::output::{ExitStatus, Printer, print_error, print_line};
use crate::db::{CallRow, DaemonCalls, Db};

/// Older rows belong to a daemon that is gone: a live one rewrites its row sooner.
const STALE_AFTER: SignedDuration = SignedDuration::from_secs(15);
const WATCH_INTERVAL: Duration = Duration::from_secs(1);
const CLEAR_SCREEN: &str = "\x1b[H\x1b[2J";

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
    loop {
        let daemons = db.daemon_calls().await?;
        if !show(&daemons, *watch, output)? || !watch {
            return Ok(ExitStatus::Success);
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}

/// Prints the calls. Returns whether the reader is still there.
fn show(daemons: &[DaemonCalls], watch: bool, output: Printer) -> anyhow::Result<bool> {
    let is_current =
        |daemon: &&DaemonCalls| daemon.now.duration_since(daemon.updated_at) <= STALE_AFTER;
    if !output.json {
        let clear = if watch && io::stdout().is_terminal() { CLEAR_SCREEN } else { "" };
        let header = ["SINCE", "LASTS", "CALLER", "STEP", "WRONG", "DAEMON", "PBX", "CHANNEL"];
        if !print_line(&format!("{clear}{}", columns(header)))? {
            return Ok(false);
        }
    }
    for daemon in daemons.iter().filter(is_current) {
        for call in &daemon.calls {
            if !output.print(&as_json(daemon, call), &as_text(daemon, call))? {
                return Ok(false);
            }
        }
    }
    for daemon in daemons.iter().filter(|daemon| !is_current(daemon)) {
        let age = daemon.now.duration_since(daemon.updated_at).as_secs();
        let (name, calls) = (&daemon.daemon, daemon.calls.len());
        print_error(&format!("{name} had {calls} calls and has not reported for {age} s"));
    }
    Ok(true)
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
