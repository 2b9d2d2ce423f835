//! `karipass calls`: the calls under way at every daemon.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use karipass_lab::child;
use karipass_lab::postgres::ShutdownMode;
use serde_json::{Value, json};

use super::Whole;
use crate::site::NUMBER;
use crate::support::{KARIPASS, karipass, stoppable_cluster, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn r_karipass_calls_lists_the_calls_under_way_until_they_end() {
    let whole = Whole::ready(&[]).await;
    whole.fake.call("live.1", &["trusted", NUMBER]);
    whole.fake.wait_for_playback("live.1", "menu").await;
    whole.fake.press("live.1", "9");
    whole.fake.wait_for_playback("live.1", "invalid").await;
    whole.fake.call("live.2", &["withheld", ""]);
    whole.fake.wait_for_playback("live.2", "not-available").await;
    let listed = || -> Vec<Value> {
        let ran = karipass(&whole.database, &["--json", "calls"]);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""));
        let calls = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        calls
            .map(|mut call| {
                for varying in ["since", "daemon", "pbx"] {
                    assert_ne!(call[varying].take(), Value::Null, "{varying}");
                }
                call
            })
            .collect()
    };
    let call = |channel: &str, caller: Value, step: &str, wrong_entries: u8| {
        json!({
            "channel": channel, "caller": caller, "step": step, "wrong_entries": wrong_entries,
            "since": null, "daemon": null, "pbx": null
        })
    };
    let expected =
        [call("live.1", json!("061234****"), "menu", 1), call("live.2", Value::Null, "closing", 0)];
    wait_until("both calls", async || listed() == expected).await;
    let text = karipass(&whole.database, &["calls"]).out;
    assert!(text.lines().count() == 3 && text.contains("061234****"), "{text}");
    let guide = include_str!("../../../docs/operations.md");
    assert!(guide.contains(text.lines().next().unwrap()), "the guide shows other columns: {text}");
    whole.fake.hang_up("live.1");
    whole.fake.hang_up("live.2");
    wait_until("no calls", async || listed().is_empty()).await;
    let rows = "SELECT count(*) FROM daemon_calls";
    assert_eq!(whole.owner.query_one(rows, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_calls_of_a_daemon_that_reports_no_more_are_not_listed() {
    let database = crate::support::database().await;
    let gone = "INSERT INTO daemon_calls VALUES ('gone:9464', now() - interval '1 minute', '[]')";
    database.owner().await.unwrap().batch_execute(gone).await.unwrap();
    let ran = karipass(&database, &["--json", "calls"]);
    assert_eq!((ran.status, ran.out.as_str()), (0, ""));
    assert!(ran.err.contains("gone:9464"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_watched_calls_take_the_place_of_those_before_on_a_terminal() {
    let database = crate::support::database().await;
    let calls = "INSERT INTO daemon_calls
        SELECT 'line:9464', now() + interval '1 day', jsonb_agg(jsonb_build_object(
            'channel', 'live.' || n, 'pbx', '127.0.0.1:8088', 'since', '2026-01-01T00:00:00Z',
            'caller', '061234****', 'step', 'menu', 'wrong_entries', 0))
        FROM generate_series(1, 9) AS n";
    database.owner().await.unwrap().batch_execute(calls).await.unwrap();
    let karipass = database.karipass(Path::new(KARIPASS));
    let variables = karipass.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let watch = format!("stty rows 6 cols 40; exec {KARIPASS} calls --watch");
    let mut command = child::server("KILL", &[]);
    command.args(["script", "--quiet", "--return", "--command", &watch, "/dev/null"]);
    command.envs(variables).env("TZ", "UTC").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut terminal = command.spawn().unwrap();
    let mut output = BufReader::new(terminal.stdout.take().unwrap());
    for _ in 0..2 {
        // Each screen begins at its top, and clears what is below it.
        let mut screen = Vec::new();
        output.read_until(b'J', &mut screen).unwrap();
        let screen = String::from_utf8(screen).unwrap();
        let (_, shown) = screen.split_once("\x1b[H").expect(&screen);
        let lines: Vec<_> = shown.split("\x1b[K").map(str::trim_start).collect();
        let [header, calls @ .., more, "\x1b[J"] = &lines[..] else { panic!("{lines:?}") };
        assert!(header.starts_with("SINCE     LASTS  CALLER"), "{lines:?}");
        assert_eq!((calls.len(), *more), (3, "… and 6 more"), "{lines:?}");
        assert!(calls.iter().all(|line| line.len() <= 40 && line.starts_with("00:00:00")));
    }
    terminal.kill().unwrap();
    terminal.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn r_commands_that_go_on_until_ctrl_c_survive_a_restart_of_the_database() {
    let (cluster, database) = stoppable_cluster().await;
    let insert = async |outcome: &str| {
        let daemon = "INSERT INTO daemon_calls VALUES ($1, now() - interval '1 minute', '[]')";
        let row = "INSERT INTO audit_log (source, event, outcome) VALUES ('phone', 'call', $1)";
        let owner = database.owner().await.unwrap();
        for sql in [daemon, row] {
            assert_eq!(owner.execute(sql, &[&outcome]).await.unwrap(), 1);
        }
    };
    insert("before").await;
    // What is old goes to standard error.
    let commands = [
        (&["calls", "--watch"][..], "before had", "after had"),
        (&["audit", "--follow", "--since", "2000-01-01"], " before", " after"),
    ];
    let mut started = commands.map(|(arguments, before, after)| {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = database.karipass(Path::new(KARIPASS));
        command.args(arguments).stdout(writer.try_clone().unwrap()).stderr(writer);
        let child = command.spawn().unwrap();
        drop(command);
        let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains(before)), "{arguments:?} ended");
        (child, lines, after)
    });
    cluster.stop(ShutdownMode::Fast).unwrap();
    for (_, lines, _) in &mut started {
        assert!(lines.any(|line| line.ends_with("; trying again")), "a command ended");
    }
    cluster.start().unwrap();
    insert("after").await;
    for (mut child, mut lines, after) in started {
        assert!(lines.any(|line| line.contains(after)), "a command ended");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
