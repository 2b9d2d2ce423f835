//! The files of `docs/operating`, against the log and metrics of a real daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use karipass_fake_asterisk::FakeReply;
use serde_json::Value;

use super::Whole;
use crate::site::{Certified, NUMBER, SiteClient, WRONG};
use crate::support::{run, wait_until};

/// The folder into which `make tools` unpacks their readers.
pub(super) fn unpacked(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/debian").join(path);
    assert!(path.exists(), "{} is missing: make tools", path.display());
    path
}

pub(super) fn operating(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating").join(path)
}

pub(super) const RULES: &str = "prometheus/karipass.rules.yml";
const DASHBOARD: &str = "grafana/karipass.json";
const GRAFANAS_TYPE: &str = include_str!("grafana/dashboard.ts");

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
    for expression in asked() {
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

#[test]
fn the_dashboard_is_of_grafanas_own_type() {
    // Beside the types, of which its package exports only a part.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/grafana");
    let compiler = folder.join("node_modules/.bin/tsc");
    assert!(compiler.exists(), "{} is missing: make tools", compiler.display());
    let dashboard = fs::read_to_string(operating(DASHBOARD)).unwrap();
    fs::write(folder.join("dashboard.ts"), format!("{GRAFANAS_TYPE}{dashboard}")).unwrap();
    let mut command = Command::new(compiler);
    command.args(["--noEmit", "--strict", "--skipLibCheck", "dashboard.ts"]).current_dir(folder);
    let ran = run(&mut command);
    assert_eq!(ran.status, 0, "{ran:?}");
}

/// What the types of Grafana leave open.
#[test]
fn the_dashboards_panels_have_room_names_and_known_sources() {
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
async fn a_daemon_exports_what_is_documented_and_what_alerts_and_dashboard_ask_for() {
    let documented = documented();
    let certified = Certified::new();
    let whole = Whole::ready(&certified.variables()).await;
    let metrics =
        async || whole.client.get(&format!("{}/metrics", whole.daemon.operators)).await.body;
    let fresh = metrics().await;
    provoke(&whole, &certified).await;
    let mut exported = String::new();
    wait_until("the end of the call and the census", async || {
        exported = metrics().await;
        let awaited = ["karipass_call_duration_seconds_count 2", "karipass_credentials{"];
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
    assert!(names.len() > 35, "{names:?}");
    for expression in asked() {
        for name in words(&expression).filter(|word| word.starts_with("karipass_")) {
            let of_name = |line: &&str| words(line).next() == Some(name);
            let labels: BTreeSet<&str> =
                exported.lines().filter(of_name).flat_map(labels_in).chain(ADDED).collect();
            assert!(exported.lines().any(|line| of_name(&line)), "{name} is not exported");
            // An expression with one name groups by that name's labels.
            for label in labels_in(&expression) {
                assert!(labels.contains(label), "{name} has no {label}: {expression}");
            }
        }
        // Prometheus sees no increase from a missing series to 1.
        let is_awaited = expression.contains("increase(") || expression.contains("last_call");
        let page =
            if is_awaited && !expression.contains("connects_total") { &fresh } else { &exported };
        for (name, label, value) in literals(&expression) {
            let part = |line: &str| {
                let rest = line.split_once(&format!("{label}=\""));
                rest.and_then(|(_, rest)| rest.split('"').next()).map(str::to_owned)
            };
            let mut values =
                page.lines().filter(|line| words(line).next() == Some(name)).filter_map(part);
            let fits = |found: String| {
                found.len() == value.len()
                    && found
                        .chars()
                        .zip(value.chars())
                        .all(|(one, other)| other == '.' || one == other)
            };
            assert!(values.any(fits), "no {name} with {label} {value}");
        }
        if is_awaited {
            for name in words(&expression).filter(|word| word.starts_with("karipass_")) {
                assert!(page.contains(&format!("\n{name}")), "{name} does not start at 0");
            }
        }
    }
}

/// A call with every kind of failure, one that Asterisk serves badly, and logins.
async fn provoke(whole: &Whole, certified: &Certified) {
    let client = SiteClient::trusting(&fs::read(&certified.certificate).unwrap());
    let base = whole.daemon.base.replace("http://127.0.0.1", "https://localhost");
    assert_eq!(client.log_in(&base, NUMBER, WRONG).await.status, 401);
    assert_eq!(client.session(&base, "forged").await.status, 401);
    whole.fake.call("exported.1", &["trusted", NUMBER]);
    whole.fake.wait_for_confirmed_playback("exported.1", "menu").await;
    whole.fake.press("exported.1", "9");
    whole.fake.wait_for_playback("exported.1", "invalid").await;
    // Asterisk's answer is the reaction to the key.
    let operators = format!("{}/metrics", whole.daemon.operators);
    wait_until("the reaction", async || {
        whole
            .client
            .get(&operators)
            .await
            .body
            .contains("karipass_dtmf_reaction_duration_seconds_count")
    })
    .await;
    whole.fake.hang_up("exported.1");
    whole.fake.on("POST", "menu", FakeReply::With(500, serde_json::json!({})));
    whole.fake.call("exported.2", &["trusted", NUMBER]);
    whole.fake.wait_for_playback("exported.2", "trouble").await;
    whole.fake.hang_up("exported.2");
}

/// What the alerts and the dashboard ask for.
fn asked() -> Vec<String> {
    let rules = fs::read_to_string(operating(RULES)).unwrap();
    let mut asked: Vec<String> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "))
        .map(str::to_owned)
        .collect();
    let dashboard = fs::read_to_string(operating(DASHBOARD)).unwrap();
    collect_expressions(&serde_json::from_str(&dashboard).unwrap(), &mut asked);
    assert!(asked.len() > 40, "{asked:?}");
    asked
}

/// The metrics, labels and values that an expression names, without variables.
fn literals(expression: &str) -> Vec<(&str, &str, &str)> {
    let mut found = Vec::new();
    for (before, inside) in expression.split('{').zip(expression.split('{').skip(1)) {
        // Prometheus exports `up` by itself.
        let name = words(before).last().filter(|name| name.starts_with("karipass_"));
        let Some(name) = name else { continue };
        let inside = inside.split('}').next().unwrap_or_default();
        let parts: Vec<&str> = inside.split('"').collect();
        for pair in parts.chunks_exact(2).filter(|pair| !pair[1].contains('$')) {
            let label = words(pair[0]).next().unwrap();
            found.extend(pair[1].split('|').map(|value| (name, label, value)));
        }
    }
    found
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
    let mut is_inside = false;
    // Every other part lies within quotes.
    for part in expression.split('"').step_by(2) {
        for piece in part.split_inclusive(['{', '}']) {
            if is_inside {
                labels.extend(words(piece));
            }
            is_inside = piece.ends_with('{') || is_inside && !piece.ends_with('}');
        }
    }
    for group in expression.split("by (").skip(1) {
        labels.extend(words(group.split(')').next().unwrap_or_default()));
    }
    labels
}
