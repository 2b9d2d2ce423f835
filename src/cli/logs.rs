//! `karipass logs`: the daemon's log in readable form, from the journal or a file.
//!
//! It reads what the daemon writes where standard error is no terminal: JSON, one object a line.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;

use super::arguments::{parse_number, parse_time};
use super::output::{ExitStatus, Printer, print_line};
use crate::logs::json::JsonLine;
use crate::logs::text::has_colours;
use domain::phone_number::PhoneNumber;

/// The interval between two reads of a followed file.
const FILE_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Which lines to print.
#[derive(Debug, clap::Args)]
pub(super) struct LogsArguments {
    /// A file with the daemon's log, or `-` for standard input. Default: the journal.
    file: Option<PathBuf>,
    /// The unit whose journal is read.
    #[arg(long, value_name = "UNIT", default_value = "karipass.service")]
    unit: String,
    /// Keep printing new lines; with `--since`, start there.
    #[arg(long, short)]
    follow: bool,
    /// Only lines of one call, named by its channel or its SIP Call-ID (if the line of its
    /// beginning is among those read).
    #[arg(long, value_name = "ID")]
    call: Option<String>,
    /// Only lines about numbers with the same first six digits (logs mask the rest).
    #[arg(long, value_name = "N", value_parser = parse_number)]
    number: Option<PhoneNumber>,
    /// Only lines since then: `2026-04-01`, `2026-04-01T09:30` (local time) or
    /// `2026-04-01T00:30Z`.
    #[arg(long, value_name = "T", value_parser = parse_time)]
    since: Option<Timestamp>,
}

pub(super) fn run(which: &LogsArguments, output: Printer) -> anyhow::Result<ExitStatus> {
    let mut filter = LineFilter::new(which);
    let colours = has_colours(io::stdout().is_terminal());
    let mut on_line = |text: &str| match JsonLine::parse(text) {
        Some(line) if !filter.select(&line) => Ok(true),
        Some(line) if !output.json => print_line(&line.to_text(colours)),
        None if filter.is_selective() => Ok(true),
        Some(_) | None => print_line(text),
    };
    match which.file.as_deref() {
        None => read_journal(which, &mut on_line)?,
        Some(file) if file == Path::new("-") => {
            read(io::stdin().lock(), &mut on_line)?;
        }
        Some(file) => read_file(file, which, &mut on_line)?,
    }
    Ok(ExitStatus::Success)
}

/// Handles a line, and returns whether to go on.
type OnLine<'a> = dyn FnMut(&str) -> anyhow::Result<bool> + 'a;

/// The lines to print: all that fit each option that was given.
struct LineFilter {
    call: Option<String>,
    /// The channels of the call, once a line has named them.
    channels: HashSet<String>,
    /// As the log masks it.
    number: Option<String>,
    since: Option<Timestamp>,
}

impl LineFilter {
    fn new(which: &LogsArguments) -> Self {
        Self {
            call: which.call.clone(),
            channels: which.call.iter().cloned().collect(),
            number: which.number.map(|number| format!("{number:?}")),
            since: which.since,
        }
    }

    fn is_selective(&self) -> bool {
        self.call.is_some() || self.number.is_some() || self.since.is_some()
    }

    fn select(&mut self, line: &JsonLine) -> bool {
        let channel = line.field("channel");
        if self.call.is_some() && line.field("sip_call_id") == self.call.as_deref() {
            self.channels.extend(channel.map(str::to_owned));
        }
        let is_of_call =
            self.call.is_none() || channel.is_some_and(|channel| self.channels.contains(channel));
        let is_about = |number: &str| {
            ["caller", "login"].into_iter().any(|name| line.field(name) == Some(number))
        };
        is_of_call
            && self.number.as_deref().is_none_or(is_about)
            && self.since.is_none_or(|since| line.time >= since)
    }
}

/// Reads to the end. Returns whether the reader of the output is still there.
fn read(mut lines: impl BufRead, on_line: &mut OnLine<'_>) -> anyhow::Result<bool> {
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        if !on_line(String::from_utf8_lossy(&line).trim_end())? {
            return Ok(false);
        }
        line.clear();
    }
    Ok(true)
}

fn read_journal(which: &LogsArguments, on_line: &mut OnLine<'_>) -> anyhow::Result<()> {
    let mut command = Command::new("journalctl");
    command.args(["--quiet", "--no-pager", "--output=cat", "--unit", &which.unit]);
    match which.since {
        Some(since) => _ = command.arg(format!("--since=@{}", since.as_second())),
        None if which.follow => _ = command.arg("--lines=0"),
        None => {}
    }
    if which.follow {
        command.arg("--follow");
    }
    let mut journal = command.stdout(Stdio::piped()).spawn().context("journalctl")?;
    let lines = journal.stdout.take().context("journalctl")?;
    if !read(BufReader::new(lines), on_line)? {
        journal.kill()?;
        journal.wait()?;
        return Ok(());
    }
    let status = journal.wait()?;
    ensure!(status.success(), "journalctl: {status}");
    Ok(())
}

fn read_file(path: &Path, which: &LogsArguments, on_line: &mut OnLine<'_>) -> anyhow::Result<()> {
    let open = || File::open(path).with_context(|| path.display().to_string());
    let mut file = BufReader::new(open()?);
    if !which.follow {
        return read(file, on_line).map(drop);
    }
    if which.since.is_none() {
        file.seek(SeekFrom::End(0))?;
    }
    let mut line = Vec::new();
    while read_new(&mut file, &mut line, on_line)? {
        thread::sleep(FILE_POLL_INTERVAL);
        // A log that was rotated or emptied begins again.
        let (here, read) = (file.get_ref().metadata()?, file.stream_position()?);
        let is_other = path.metadata().is_ok_and(|now| now.ino() != here.ino() || now.len() < read);
        if is_other {
            if !read_new(&mut file, &mut line, on_line)? {
                break;
            }
            file = BufReader::new(open()?);
            line.clear();
        }
    }
    Ok(())
}

/// Reads the lines that are complete, and keeps the beginning of the next one in `line`. Returns
/// whether the reader of the output is still there.
fn read_new(
    file: &mut BufReader<File>,
    line: &mut Vec<u8>,
    on_line: &mut OnLine<'_>,
) -> anyhow::Result<bool> {
    loop {
        file.read_until(b'\n', line)?;
        if !line.ends_with(b"\n") {
            return Ok(true);
        }
        if !on_line(String::from_utf8_lossy(line).trim_end())? {
            return Ok(false);
        }
        line.clear();
    }
}
