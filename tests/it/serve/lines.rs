//! `karipass logs` shows and filters a daemon's lines.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use karipass_lab::child;
use serde_json::Value;

use super::Whole;
use crate::site::NUMBER;
use crate::support::{KARIPASS, run, wait_until};

const FIRST: &str = "first@192.0.2.1";

#[tokio::test(flavor = "multi_thread")]
async fn karipass_logs_chooses_the_lines_of_a_call_a_number_and_a_time() {
    let whole = Whole::ready(&[]).await;
    whole.fake.call("tail.1", &["trusted", NUMBER, FIRST]);
    whole.fake.wait_for_confirmed_playback("tail.1", "menu").await;
    whole.fake.call("tail.2", &["withheld", "", "second@192.0.2.1"]);
    whole.fake.wait_for_playback("tail.2", "not-available").await;
    whole.fake.hang_up("tail.1");
    whole.fake.hang_up("tail.2");
    let ended = || whole.daemon.log().matches(r#""event":"ended""#).count();
    wait_until("both ends", async || ended() == 2).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("karipass.log");
    fs::write(&file, whole.daemon.log() + "a line of something else\n").unwrap();
    let logs =
        |arguments: &[&str]| run(Command::new(KARIPASS).arg("logs").arg(&file).args(arguments));
    let events = |arguments: &[&str]| -> Vec<(String, String)> {
        let ran = logs(&[&["--json"], arguments].concat());
        assert_eq!((ran.status, ran.err.as_str()), (0, ""));
        let lines = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        lines.map(|line| (text(&line["span"]["channel"]), text(&line["event"]))).collect()
    };
    let of_the_first = |event: &str| ("tail.1".to_owned(), event.to_owned());
    let first = ["came_in", "guidance", "ended"].map(of_the_first);
    for chosen in [["--call", "tail.1"], ["--call", FIRST], ["--number", NUMBER]] {
        assert_eq!(events(&chosen), first, "{chosen:?}");
    }
    assert!(events(&["--since", "2100-01-01"]).is_empty());
    assert_eq!(events(&["--since", "2000-01-01", "--call", "tail.1"]), first);
    // The text shows the same, in columns.
    let text = logs(&["--call", "tail.1"]).out;
    assert!(
        text.lines().count() == first.len() && text.lines().all(|line| line.contains(" tail.1 ")),
        "{text}"
    );
    assert!(text.contains("caller=061234****") && !text.contains('\x1b'), "{text}");
    assert!(logs(&[]).out.contains("a line of something else"));
}

#[test]
fn karipass_logs_follows_a_file_that_grows_and_is_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("karipass.log");
    let line = |number: u8| {
        format!(r#"{{"timestamp":"2026-01-01T00:00:0{number}Z","level":"INFO","message":"x"}}"#)
    };
    fs::write(&file, line(1) + "\n").unwrap();
    let mut following = child::server("KILL", &[])
        .arg(KARIPASS)
        .args(["--json", "logs", "--follow", "--since", "2000-01-01"])
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut expect = |number: u8| assert_eq!(shown.next().unwrap().unwrap(), line(number));
    expect(1);
    let mut writer = File::options().append(true).open(&file).unwrap();
    writer.write_all((line(2) + "\n").as_bytes()).unwrap();
    expect(2);
    // The last line before the rotation counts too.
    writer.write_all((line(3) + "\n").as_bytes()).unwrap();
    fs::rename(&file, folder.path().join("karipass.log.1")).unwrap();
    fs::write(&file, line(4) + "\n").unwrap();
    expect(3);
    expect(4);
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn karipass_logs_reads_the_journal_of_its_unit() {
    let folder = tempfile::tempdir().unwrap();
    let journalctl = folder.path().join("journalctl");
    fs::write(&journalctl, "#!/bin/sh\necho \"$@\"\n").unwrap();
    fs::set_permissions(&journalctl, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let ran = run(Command::new(KARIPASS).arg("logs").env("PATH", path));
    assert_eq!(ran.out, "--quiet --no-pager --output=cat --unit karipass.service\n", "{ran:?}");
}
