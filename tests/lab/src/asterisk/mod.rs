//! A private Asterisk in its own folder, with this repository's samples, dialplan and sounds.
//!
//! The folder holds `etc` (the samples as they are, and `karipass.d` with ports and secrets),
//! `log`, and what Asterisk writes. [`Asterisk::start`] returns once it takes calls.

mod setup;

use std::net::Ipv4Addr;

use anyhow::Result;

use crate::child::Child;
pub use setup::{AsteriskSetup, Phone, copy_samples};

/// The user of `asterisk/etc/ari.conf`.
pub const ARI_USER: &str = "karipass";
/// The set-up number of `dialplan/extensions.conf`.
pub const SET_UP_NUMBER: &str = "0664806430";
/// The address of the samples' carrier trunk.
pub const CARRIER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A running private Asterisk; killed when dropped.
#[derive(Debug)]
pub struct Asterisk {
    /// What it was set up with.
    pub setup: AsteriskSetup,
    /// Its process.
    pub child: Child,
}

impl Asterisk {
    /// Starts one and waits until it has booted and listens.
    pub fn start(setup: AsteriskSetup) -> Result<Self> {
        let child = setup.boot()?;
        Ok(Self { setup, child })
    }

    /// Kills it (`kill -9`), unless it has ended, and starts it again in the same folder, on the
    /// same ports.
    pub fn restart(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child = self.setup.boot()?;
        Ok(())
    }

    /// The console's answer to a command.
    pub fn console(&self, command: &str) -> Result<String> {
        self.setup.console(command)
    }
}
