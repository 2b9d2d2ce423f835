//! Replays the fuzzers' corpora: the inputs that are known.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use karipass_fuzz::TARGETS;

fn replay(target: &str) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut replayed = 0;
    for file in fs::read_dir(corpus).unwrap() {
        run(&fs::read(file.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed > 10, "{replayed} files");
}

#[test]
fn no_known_frame_breaks_the_reader_of_ari() {
    replay("event");
}

#[test]
fn no_known_input_breaks_the_dialog() {
    replay("dialog");
}

#[test]
fn no_known_body_breaks_the_api_or_a_form() {
    replay("body");
}

#[test]
fn no_known_request_breaks_the_site() {
    replay("site");
}

#[test]
fn no_known_file_breaks_the_import_of_contracts() {
    replay("csv");
}

#[test]
fn no_known_file_breaks_the_configuration() {
    replay("config");
}

#[test]
fn every_target_has_a_corpus() {
    let corpora = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")).unwrap();
    assert_eq!(corpora.count(), TARGETS.len());
}
