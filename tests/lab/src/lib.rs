//! A private PostgreSQL, Asterisk, daemon and subscriber on loopback, for tests and
//! the demonstration.

use std::path::{Path, PathBuf};

pub mod api;
pub mod asterisk;
pub mod certificate;
pub mod child;
pub mod collector;
pub mod daemon;
pub mod flood;
pub mod folder;
pub mod lighthouse;
pub mod ports;
pub mod postgres;
pub mod proxy;
pub mod sounds;
pub mod subscriber;
pub mod trickle;

/// The folder of this repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// A fresh secret of 128 bits in hexadecimal digits.
pub fn secret() -> String {
    format!("{:032x}", rand::random::<u128>())
}
