//! `lab run`, which is `make run`: whole, twice side by side, and gone afterwards.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use karipass_lab::daemon::get;
use karipass_lab::ports::{free_tcp, free_udp};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

const WITHIN: Duration = Duration::from_mins(2);

/// A run under way, and all processes below it.
struct Run {
    lab: Child,
    operators: u16,
    below: Vec<i32>,
}

impl Run {
    /// Starts one on free ports and reads on until it says that it is ready.
    fn start(folder: &Path) -> Self {
        let operators = free_tcp().unwrap();
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"))
            .arg("run")
            .env("SIP_PORT", free_udp().unwrap().to_string())
            .env("HTTPS_PORT", free_tcp().unwrap().to_string())
            .env("ARI_PORT", free_tcp().unwrap().to_string())
            .env("OPS_PORT", "1")
            .env("KARIPASS_OPERATORS_LISTEN", format!("127.0.0.1:{operators}"))
            .env("VAR_DIR", folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(lab.stdout.take().unwrap());
        let ready = said.lines().map_while(Result::ok).any(|line| line.starts_with("Ready"));
        let below = below(lab.id().cast_signed());
        assert!(ready, "it ended before it was ready");
        Self { lab, operators, below }
    }

    fn wait_for_end(&mut self) -> ExitStatus {
        wait_until("the end of the run", || self.lab.try_wait().unwrap().is_some());
        self.lab.wait().unwrap()
    }

    fn assert_nothing_is_left(&self) {
        assert!(self.below.len() >= 3, "PostgreSQL, Asterisk and karipass: {:?}", self.below);
        // The shell that removes temporary folders ends after the lab.
        for id in &self.below {
            let is_gone = || test_kill_process(Pid::from_raw(*id).unwrap()).is_err();
            wait_until(&format!("the end of {id}"), is_gone);
        }
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + WITHIN;
    while !is_so() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        sleep(Duration::from_millis(20));
    }
}

/// The processes that `parent` has started, and theirs.
fn below(parent: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{parent}/task")) else { return Vec::new() };
    let lists = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("children")));
    let children: Vec<i32> = lists
        .flat_map(|list| {
            let list = list.unwrap_or_default();
            list.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<i32>>()
        })
        .collect();
    children.iter().flat_map(|child| [vec![*child], below(*child)].concat()).collect()
}

fn signal(id: i32, signal: Signal) {
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}

#[test]
fn r_two_run_side_by_side_and_each_ends_all_that_it_started() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut runs = folders.each_ref().map(|folder| Run::start(folder.path()));
    for run in &runs {
        let operators = ([127, 0, 0, 1], run.operators).into();
        assert_eq!(get(operators, "/readyz").0, 200);
    }
    for (run, how) in runs.iter_mut().zip([Signal::INT, Signal::TERM]) {
        signal(run.lab.id().cast_signed(), how);
        assert!(run.wait_for_end().success());
        run.assert_nothing_is_left();
    }
}

#[test]
fn r_when_one_part_falls_the_rest_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path());
    let asterisk = run.below.iter().find(|id| {
        let command = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap();
        command.contains("asterisk.conf")
    });
    signal(*asterisk.unwrap(), Signal::KILL);
    assert_eq!(run.wait_for_end().code(), Some(1));
    run.assert_nothing_is_left();
}
