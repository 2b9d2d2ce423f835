//! The files of `docs/operating`, against the log and metrics of a real daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Whole;
use crate::site::{self, NUMBER, RIGHT, SiteClient, SiteDaemon, WRONG};
use crate::support::{run, wait_until};

/// A number without a contract: an attempt at it costs ten points.
const UNKNOWN_NUMBER: &str = "0699999999";
/// More attempts than any machine makes without meeting the limit.
const MAX_REFUSED: usize = 20;

/// The folder into which `make tools` unpacks their readers.
fn unpacked(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/debian").join(path);
    assert!(path.exists(), "{} is missing: make tools", path.display());
    path
}

fn operating(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating").join(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn fail2ban_finds_the_addresses_of_refused_logins_and_of_no_others() {
    let (database, _) = site::contracted("password").await;
    let daemon = SiteDaemon::start(&database, &[("KARIPASS_LOGIN_LIMIT", "10")]);
    let log_in = async |address: u8, number: &str, password: &str| {
        let client = SiteClient::from([127, 0, 1, address]);
        client.log_in(&daemon.base, number, password).await.status
    };
    // 401 for a wrong password and for an unknown number, 429 once the points are spent.
    assert_eq!(log_in(1, NUMBER, WRONG).await, 401);
    assert_eq!(log_in(2, UNKNOWN_NUMBER, WRONG).await, 401);
    let mut refused = 2;
    loop {
        refused += 1;
        // One is refused as long as the points of the one before have not returned.
        match log_in(2, UNKNOWN_NUMBER, WRONG).await {
            429 => break,
            status => assert_eq!((status, refused < MAX_REFUSED), (401, true)),
        }
    }
    assert_eq!(log_in(3, NUMBER, RIGHT).await, 200);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("karipass.log");
    fs::write(&log, daemon.log()).unwrap();
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", unpacked("usr/lib/python3/dist-packages"));
    command.arg(unpacked("usr/bin/fail2ban-regex")).arg("-c").arg(unpacked("etc/fail2ban"));
    command.args(["--out", "ip"]).arg(&log).arg(operating("fail2ban/filter.d/karipass.conf"));
    let ran = run(&mut command);
    let found: Vec<&str> = ran.out.lines().collect();
    assert_eq!(found.len(), refused, "{ran:?}\n{}", daemon.log());
    let addresses: BTreeSet<&str> = found.into_iter().collect();
    assert_eq!(addresses, BTreeSet::from(["127.0.1.1", "127.0.1.2"]));
}

const RULES: &str = "prometheus/karipass.rules.yml";
const DASHBOARD: &str = "grafana/karipass.json";

/// The columns of Grafana's grid.
const COLUMNS: u64 = 24;

/// Labels that Prometheus adds.
const ADDED: [&str; 3] = ["instance", "job", "le"];

#[test]
fn prometheus_accepts_the_alerts_and_each_says_what_to_do() {
    let mut command = Command::new(unpacked("usr/bin/promtool"));
    let ran = run(command.args(["check", "rules"]).arg(operating(RULES)));
    assert_eq!(ran.status, 0, "{ran:?}");
    let rules = fs::read_to_string(operating(RULES)).unwrap();
    let count = |part: &str| rules.matches(part).count();
    assert!(count("- alert:") > 10);
    assert_eq!(count("- alert:"), count("summary:"));
    assert_eq!(count("- alert:"), count("description: >-"));
}

#[test]
fn alerts_and_dashboard_ask_for_documented_metrics_and_labels() {
    let documented = documented();
    let rules = fs::read_to_string(operating(RULES)).unwrap();
    let mut asked: Vec<String> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "))
        .map(str::to_owned)
        .collect();
    let dashboard = fs::read_to_string(operating(DASHBOARD)).unwrap();
    collect_expressions(&serde_json::from_str(&dashboard).unwrap(), &mut asked);
    assert!(asked.len() > 40, "{asked:?}");
    for expression in asked {
        let mut labels: BTreeSet<&str> = ADDED.into();
        for name in words(&expression).filter(|word| word.starts_with("karipass_")) {
            let suffix = ["_bucket", "_count", "_sum"].into_iter().find(|end| name.ends_with(end));
            let base = suffix.and_then(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
            let known = documented.get(base).unwrap_or_else(|| panic!("{name} in {expression}"));
            labels.extend(known.iter().map(String::as_str));
        }
        for label in labels_in(&expression) {
            assert!(labels.contains(label), "{label} in {expression}");
        }
    }
}

/// The form of a dashboard's JSON in Grafana's documentation.
#[test]
fn the_dashboard_has_the_form_that_grafana_imports() {
    let text = fs::read_to_string(operating(DASHBOARD)).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let text_of = |value: &Value| value.as_str().unwrap().to_owned();
    assert!(dashboard["schemaVersion"].is_u64() && dashboard["id"].is_null());
    let variables = list(&dashboard["templating"]["list"]);
    let variables: Vec<String> = variables.iter().map(|it| text_of(&it["name"])).collect();
    let (mut ids, mut titles, mut taken) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for panel in list(&dashboard["panels"]) {
        let title = text_of(&panel["title"]);
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: the id of another panel");
        assert!(["stat", "timeseries"].contains(&panel["type"].as_str().unwrap()), "{title}");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        for (column, row) in (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row)))
        {
            assert!(column < COLUMNS && taken.insert((column, row)), "{title}: no place for it");
        }
        let mut queries = BTreeSet::new();
        for target in list(&panel["targets"]) {
            assert!(queries.insert(text_of(&target["refId"])), "{title}: two queries of one name");
            let source = serde_json::json!({ "type": "prometheus", "uid": "${datasource}" });
            assert_eq!(
                (&target["datasource"], &panel["datasource"]),
                (&source, &source),
                "{title}"
            );
        }
        assert!(!queries.is_empty() && titles.insert(title.clone()), "{title}");
    }
    for used in text.split('$').skip(1).map(|rest| words(rest).next().unwrap()) {
        let is_known = used.starts_with("__") || variables.iter().any(|known| known == used);
        assert!(is_known, "no variable {used}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_exports_documented_metrics_with_documented_labels() {
    let documented = documented();
    let whole = Whole::ready(&[]).await;
    let metrics =
        async || whole.client.get(&format!("{}/metrics", whole.daemon.operators)).await.body;
    // Prometheus sees no increase from a missing series to 1.
    let (rules, fresh) = (fs::read_to_string(operating(RULES)).unwrap(), metrics().await);
    let watched = rules.split("increase(").skip(1).filter_map(|rest| words(rest).next());
    for counter in watched {
        assert!(fresh.contains(&format!("\n{counter}")), "{counter} does not start at 0");
    }
    // Nor can it count hours without a call from a missing series.
    assert!(fresh.contains("\nkaripass_last_call_timestamp_seconds "));
    assert_eq!(whole.client.log_in(&whole.daemon.base, NUMBER, WRONG).await.status, 401);
    whole.fake.call("exported.1", &["trusted", NUMBER]);
    whole.fake.wait_for_playback("exported.1", "menu").await;
    whole.fake.press("exported.1", "9");
    whole.fake.wait_for_playback("exported.1", "invalid").await;
    whole.fake.hang_up("exported.1");
    let mut exported = String::new();
    wait_until("the end of the call and the census", async || {
        exported = metrics().await;
        let awaited = ["karipass_calls_ended_total{", "karipass_credentials{"];
        awaited.iter().all(|part| exported.contains(part))
    })
    .await;
    let samples = exported.lines().filter(|line| line.starts_with("karipass_"));
    let mut names = BTreeSet::new();
    for sample in samples {
        let name = words(sample).next().unwrap();
        let base = documented.keys().find(|known| {
            name.strip_prefix(known.as_str())
                .is_some_and(|end| ["", "_bucket", "_count", "_sum"].contains(&end))
        });
        let base = base.unwrap_or_else(|| panic!("{sample}"));
        for label in labels_in(sample) {
            assert!(
                label == "le" || documented[base].iter().any(|known| known == label),
                "{sample}"
            );
        }
        names.insert(base);
    }
    assert!(names.len() > 25, "{names:?}");
}

/// The metrics of `docs/operations.md` with their labels; `src/metrics.rs` compares their names
/// with those of the program.
fn documented() -> BTreeMap<String, Vec<String>> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (_, table) = guide.split_once("\n| metric | meaning |\n").unwrap();
    let quotes = table.split("\n\n").next().unwrap().split('`').skip(1).step_by(2);
    let quotes = quotes.filter(|quote| quote.starts_with("karipass_"));
    quotes
        .map(|quote| {
            let (name, labels) = quote.trim_end_matches('}').split_once('{').unwrap_or((quote, ""));
            let labels = labels.split(',').filter(|label| !label.is_empty());
            (name.to_owned(), labels.map(str::to_owned).collect())
        })
        .collect()
}

fn collect_expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("expr").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| collect_expressions(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_expressions(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The names in an expression.
pub(super) fn words(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|letter: char| letter != '_' && !letter.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty())
}

/// The labels that an expression selects or groups by: the names before `=`, and those in `by (…)`.
fn labels_in(expression: &str) -> BTreeSet<&str> {
    let mut labels = BTreeSet::new();
    for braces in expression.split('{').skip(1) {
        let inside = braces.split('}').next().unwrap_or_default();
        // Every other part lies within quotes.
        let names = inside.split('"').step_by(2).flat_map(words);
        labels.extend(names);
    }
    for group in expression.split("by (").skip(1) {
        labels.extend(words(group.split(')').next().unwrap_or_default()));
    }
    labels
}
