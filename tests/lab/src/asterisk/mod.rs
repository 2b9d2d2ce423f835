//! A private Asterisk in its own folder, with this repository's samples, dialplan and sounds.
//!
//! The folder holds `etc` (the samples as they are, and `karipass.d` with ports and secrets),
//! `log`, and what Asterisk writes. [`Asterisk::start`] returns once it takes calls; dropping it
//! kills it.

mod setup;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::child::Child;
pub use setup::{AsteriskSetup, Phone, copy_samples};

/// The user of `asterisk/etc/ari.conf`.
pub const ARI_USER: &str = "karipass";
/// The set-up number of `dialplan/extensions.conf`.
pub const SET_UP_NUMBER: &str = "0664806430";
/// The address that the samples' carrier trunk is known by.
pub const CARRIER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A running private Asterisk.
#[derive(Debug)]
pub struct Asterisk {
    setup: AsteriskSetup,
    child: Child,
}

impl Asterisk {
    /// Starts one and waits until it has booted and listens.
    pub fn start(setup: AsteriskSetup) -> Result<Self> {
        let child = setup.boot()?;
        Ok(Self { setup, child })
    }

    /// Starts it again in the same folder, on the same ports, after [`Asterisk::stop`] or
    /// [`Asterisk::kill`].
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.child = self.setup.boot()?;
        Ok(())
    }

    /// Ends it as a service manager would.
    pub fn stop(&mut self) -> Result<()> {
        self.child.stop(STOP_TIMEOUT).map(drop)
    }

    /// Ends it without a word (`kill -9`).
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()
    }

    /// What it was set up with.
    pub fn setup(&self) -> &AsteriskSetup {
        &self.setup
    }

    /// Its process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// What the console answers to one command.
    pub fn console(&self, command: &str) -> Result<String> {
        self.setup.console(command)
    }

    /// Where it takes SIP over UDP.
    pub fn sip(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.setup.sip).into()
    }

    /// ARI's base, such as `http://127.0.0.1:8088`.
    pub fn ari_url(&self) -> String {
        self.setup.ari_url()
    }

    /// The password of [`ARI_USER`].
    pub fn ari_password(&self) -> &str {
        self.setup.ari_password()
    }

    /// Its telephones.
    pub fn phones(&self) -> &[Phone] {
        &self.setup.phones
    }

    /// Its folder; all that it writes is below.
    pub fn folder(&self) -> &Path {
        self.setup.folder()
    }
}
