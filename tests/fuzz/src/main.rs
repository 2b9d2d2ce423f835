//! libFuzzer on one target: `TARGET=csv fuzz [libFuzzer's options] [corpora]`.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

fn target() -> fn(&[u8]) {
    let wanted = std::env::var("TARGET").unwrap_or_default();
    let found = karipass_fuzz::TARGETS.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("TARGET={wanted}: no such target")).1
}

fuzz_target!(|bytes: &[u8]| TARGET.get_or_init(target)(bytes));
