//! `make run`: a whole system, and two side by side with a `make call` each. Nothing is left
//! afterwards.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use karipass_lab::api;
use karipass_lab::child::{Child, descendants, is_alive, run, wait_until};
use karipass_lab::daemon::get;
use karipass_lab::ports::{free_tcp, free_udp};
use karipass_lab::repository;
use rustix::process::{Pid, Signal, kill_process};

const TIMEOUT: Duration = Duration::from_mins(2);
/// Two demonstration numbers of one contract.
const CONTRACT: &str = "0612345600";
const ADDITIONAL: &str = "0612345601";

/// A running `make run` with all its child processes.
struct Run {
    process: Child,
    variables: Vec<(OsString, OsString)>,
    operators: u16,
    below: Vec<Pid>,
}

impl Run {
    /// Starts one on free ports and waits until it reports that it is ready.
    fn start(folder: &Path) -> Self {
        let operators = free_tcp().unwrap();
        let said = folder.join("said");
        let mut command = on_free_ports(folder);
        command.env("KARIPASS_OPERATORS_LISTEN", format!("127.0.0.1:{operators}"));
        for silence in ["FIRST", "INTER"] {
            command.env(format!("KARIPASS_CALL_{silence}_DIGIT_TIMEOUT_S"), "12"); // a busy machine
        }
        let given = |(name, value): (&OsStr, Option<&OsStr>)| Some((name.into(), value?.into()));
        let variables = command.get_envs().filter_map(given).collect();
        let process = Child::spawn_logging("make run", command, said.clone()).unwrap();
        let mut run = Self { process, variables, operators, below: Vec::new() };
        let is_ready = || Ok(fs::read_to_string(&said)?.contains("Ready"));
        run.process.wait_for(TIMEOUT, is_ready).unwrap();
        run.below = descendants(run.process.id());
        run
    }

    /// The first process with this in its command line.
    fn find(&self, part: &str) -> Pid {
        let command = |id| fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        *self.below.iter().find(|id| command(**id).contains(part)).unwrap()
    }

    /// `make call` with these variables; what it prints.
    fn call(&self, variables: &[(&str, &str)]) -> String {
        let mut call = make("call");
        call.envs(self.variables.iter().cloned()).envs(variables.iter().copied());
        run("make call", &mut call).unwrap()
    }

    fn assert_nothing_is_left(&self) {
        assert!(self.below.len() >= 3, "PostgreSQL, Asterisk and karipass: {:?}", self.below);
        // The shell that removes temporary folders ends after it.
        let is_over = || Ok(!self.below.iter().any(|process| is_alive(*process)));
        wait_until("the end of all processes", TIMEOUT, is_over).unwrap();
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // make ends no process when it is killed.
        if matches!(self.process.exit_status(), Ok(None)) {
            for process in descendants(self.process.id()) {
                let _ = kill_process(process, Signal::KILL); // it may have ended meanwhile
            }
        }
    }
}

/// `make` with this target, without its compiler: everything is built.
fn make(target: &str) -> Command {
    let mut command = Command::new("make");
    command.env_remove("MAKEFLAGS").env_remove("MAKELEVEL").current_dir(repository());
    command.args(["--no-print-directory", "BUILD=:", target]);
    command
}

/// `make run` on free ports.
fn on_free_ports(folder: &Path) -> Command {
    let mut command = make("run");
    let sip = free_udp(Ipv4Addr::LOCALHOST).unwrap().to_string();
    command.env("VAR_DIR", folder).env("SIP_PORT", sip);
    for name in ["HTTPS_PORT", "ARI_PORT", "OPS_PORT"] {
        command.env(name, free_tcp().unwrap().to_string());
    }
    command
}

/// Waits until it has printed both ends of the only call, and nothing of the log before `Ready`.
fn wait_for_transcript(folder: &Path) {
    let mut said = String::new();
    let has_ended = || {
        said = fs::read_to_string(folder.join("said"))?;
        Ok(said.contains(" call ended "))
    };
    wait_until("the end of the call in the transcript", TIMEOUT, has_ended).unwrap();
    let (table, transcript) = said.split_once("Ready").unwrap();
    assert!(!table.contains(" INFO "), "{said}");
    let line_of = |event: &str| {
        let lines: Vec<&str> = transcript.lines().filter(|line| line.contains(event)).collect();
        assert_eq!(lines.len(), 1, "{said}");
        lines[0]
    };
    assert!(line_of(" call received ").contains(" caller=061234**** "), "{said}");
    assert!(line_of(" call ended ").contains(" outcome=stored "), "{said}");
}

/// What `karipass calls` of the table prints, without `--watch`, which does not end.
fn calls_of_table(folder: &Path) -> String {
    let said = fs::read_to_string(folder.join("said")).unwrap();
    let command = said.lines().find_map(|line| line.strip_suffix(" --watch")).unwrap();
    let mut shell = Command::new("sh");
    run("karipass calls", shell.args(["-c", command]).current_dir(repository())).unwrap()
}

/// The status of the telephone in the browser, at the address that is printed.
fn phone_status(folder: &Path) -> u16 {
    let said = fs::read_to_string(folder.join("said")).unwrap();
    let url = said.split_whitespace().find_map(|word| word.strip_suffix("/phone,")).unwrap();
    let client = api::client(&folder.join("karipass/certificate.pem")).unwrap().build().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(async { client.get(format!("{url}/phone")).send().await });
    answer.unwrap().status().as_u16()
}

#[test]
fn r_a_port_in_use_is_named_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for name in ["HTTPS_PORT", "ARI_PORT", "OPS_PORT"] {
        let output = on_free_ports(folder.path()).env(name, &port).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(error.contains(&port) && error.contains(name), "{error}");
    }
    assert!(!folder.path().join("postgres").exists());
}

#[test]
fn r_two_run_side_by_side_take_a_call_each_and_end_all_that_they_started() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut runs = folders.each_ref().map(|folder| Run::start(folder.path()));
    for (run, folder) in runs.iter().zip(&folders) {
        let operators = ([127, 0, 0, 1], run.operators).into();
        assert_eq!(get(operators, "/readyz").0, 200);
        assert_eq!(phone_status(folder.path()), 200);
        assert!(calls_of_table(folder.path()).starts_with("SINCE "));
    }
    let additional = [("CALLER", CONTRACT), ("UNIT", "2"), ("NUMBER", ADDITIONAL)];
    thread::scope(|scope| {
        for (run, variables, login_number) in
            [(&runs[0], &[][..], CONTRACT), (&runs[1], &additional, ADDITIONAL)]
        {
            scope.spawn(move || {
                let said = run.call(variables);
                assert!(said.contains(&format!("login  number {login_number}")), "{said}");
            });
        }
    });
    for folder in &folders {
        wait_for_transcript(folder.path());
    }
    for (run, how) in runs.iter_mut().zip([Signal::INT, Signal::TERM]) {
        kill_process(run.find("demonstration"), how).unwrap();
        assert!(run.process.wait_for_end(TIMEOUT).unwrap().success());
        run.assert_nothing_is_left();
    }
}

#[test]
fn r_when_one_part_falls_the_rest_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path());
    kill_process(run.find("asterisk.conf"), Signal::KILL).unwrap();
    let status = run.process.wait_for_end(TIMEOUT).unwrap();
    assert_eq!(status.code(), Some(2)); // that of make for an error
    run.assert_nothing_is_left();
}
