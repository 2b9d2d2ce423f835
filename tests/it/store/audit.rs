//! The audit (`D3`).

use std::sync::Arc;

use karipass::store::audit::{Event, Outcome, Record, Source};
use karipass::unit::Unit;
use libtest_mimic::Trial;
use serde_json::Value;

use super::scene::{CONTRACT, FIRST, OTHER, PHC, Scene, attempt, number};
use crate::world::{World, karipass, trial};

pub fn trials(world: &Arc<World>) -> Vec<Trial> {
    vec![
        trial(world, "d3_the_audit_is_read_by_number_and_time_the_newest_last", read),
        trial(world, "d3_a_refused_call_leaves_a_row_with_or_without_its_number", refused),
    ]
}

async fn read(world: Arc<World>) {
    let scene = Scene::new(&world).await;
    scene.set(CONTRACT, Unit::Number, FIRST).await;
    scene.set(OTHER, Unit::Line, OTHER).await;
    let age = "UPDATE audit SET at = '2026-04-01T00:30:00Z' WHERE id = 1";
    scene.owner.batch_execute(age).await.unwrap();
    let read = |arguments: &[&str]| {
        let mut all = vec!["audit", "--json"];
        all.extend(arguments);
        let ran = karipass(&scene.database, &all);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""));
        assert!(!ran.out.contains(PHC));
        let rows = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.map(|row| format!("{} {}", row["event"].as_str().unwrap(), row["login"])).collect()
    };
    let set = |login| format!("temporary_set \"{login}\"");
    let unit = |login| format!("unit_changed \"{login}\"");
    let all: Vec<String> = read(&[]);
    assert_eq!(all, [set(FIRST), unit(FIRST), set(OTHER), unit(OTHER)]);
    for (option, expected) in [
        (["--number", OTHER], vec![set(OTHER), unit(OTHER)]),
        (["--number", "06-1234-5601"], vec![set(FIRST), unit(FIRST)]),
        (["--number", CONTRACT], vec![set(FIRST), unit(FIRST)]),
        (["--since", "2026-04-01T00:30:00Z"], all.clone()),
        (["--since", "2026-04-01T09:30:01+09:00"], vec![unit(FIRST), set(OTHER), unit(OTHER)]),
        (["--since", "2026-04-03"], vec![unit(FIRST), set(OTHER), unit(OTHER)]),
    ] {
        assert_eq!(read(&option), expected, "{option:?}");
    }
    let text = karipass(&scene.database, &["audit", "--number", FIRST]).out;
    let first = text.lines().next().unwrap();
    let expected = "phone     temporary_set       done              login 0612345601  contract \
                    0612345600  unit number  caller 0612345600";
    assert!(first.starts_with("2026-04-01 ") && first.ends_with(expected), "{first}");
}

async fn refused(world: Arc<World>) {
    let scene = Scene::new(&world).await;
    for (caller, outcome) in
        [(None, Outcome::NotAvailable), (Some(number(FIRST)), Outcome::WrongEntries)]
    {
        let record = Record {
            source: Source::Phone(caller),
            event: Event::Call,
            outcome,
            login: None,
            contract: None,
            unit: None,
        };
        scene.store.record(attempt(), &record).await.unwrap();
    }
    let expected = ["phone call not_available".into(), format!("phone call wrong_entries {FIRST}")];
    assert_eq!(scene.audit().await, expected);
}
