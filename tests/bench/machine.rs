//! Where the figures come from: the machine, and the versions of the programs.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::Result;
use karipass_lab::{child, repository};
use serde_json::{Value, json};

/// Processor, cores, memory and system; commit, compiler, Asterisk, PostgreSQL and SIPp. What
/// cannot be found is null.
pub fn describe() -> Result<Value> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    Ok(json!({
        "machine": {
            "processor": field("/proc/cpuinfo", "model name"),
            "cores": available_parallelism()?.get(),
            "memory": field("/proc/meminfo", "MemTotal"),
            "kernel": fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(),
            "system": release
                .lines()
                .find_map(|line| line.strip_prefix("PRETTY_NAME="))
                .map(|name| name.trim_matches('"')),
        },
        "versions": {
            "commit": said("git", &["describe", "--always", "--dirty"]),
            "rustc": said("rustc", &["--version"]),
            "asterisk": asterisk(),
            "postgresql": said("psql", &["--version"]),
            "sipp": said("sipp", &["-v"]),
        },
    }))
}

/// The value of a file's first line of this name.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The first line that a program says.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let output = command.args(arguments).current_dir(repository()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

/// The version of the Asterisk that `asterisk/get` finds.
fn asterisk() -> Option<String> {
    let mut get = Command::new(repository().join("asterisk/get"));
    let found = child::run("asterisk/get", &mut get).ok()?;
    let program = found.lines().find_map(|line| line.strip_prefix("asterisk="))?;
    said(program, &["-V"])
}
