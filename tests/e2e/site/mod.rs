//! Stories of the settings site in a real browser, each with its own numbers on the shared
//! system.
//!
//! A flow runs in every manner: with the pointer (axe-core looks at each page, in light and in dark
//! colours), without script, and by keyboard alone. Two browsers serve them all, one with script
//! and one without.

mod browser;
mod english;
mod idle;
mod journey;
mod password;
mod session;
mod unit;
mod visit;

use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context as _, Result};
use browser::{Chromium, Driver, Manner};
use karipass::hashing::{Cost, Dummy, Hasher, Keys};

use crate::system::System;
use visit::Visit;

/// The browsers, and the hasher for their visitors' passwords.
pub struct Browsers {
    hasher: Hasher,
    with_script: Mutex<Option<Chromium>>,
    without_script: Mutex<Option<Chromium>>,
    driver: Driver,
}

impl Browsers {
    /// Those of this process; a browser starts when it is first asked for.
    fn shared(system: &System) -> &'static Self {
        static GROUND: OnceLock<Browsers> = OnceLock::new();
        GROUND.get_or_init(|| Self::new(system).expect("a browser's driver"))
    }

    fn new(system: &System) -> Result<Self> {
        let daemon = system.daemon.as_ref().unwrap().lock().unwrap();
        let keys = std::fs::read_to_string(daemon.setup.keys())?;
        let hasher =
            Hasher::start(Keys::parse(&keys)?, Cost::LIVE, &Dummy::draw(&mut rand::rng()))?;
        Ok(Self {
            hasher,
            with_script: Mutex::default(),
            without_script: Mutex::default(),
            driver: Driver::start()?,
        })
    }
}

/// Runs a story of one visit to the shared system's site.
fn in_manner(manner: Manner, story: impl FnOnce(&Visit<'_>) -> Result<()>) -> Result<()> {
    let system = System::shared();
    let site = system.daemon.as_ref().unwrap().lock().unwrap().site();
    visit_at(&system, &site, manner, story)
}

/// Runs a story with the pointer, without script, and by keyboard alone.
fn in_every_manner(story: impl Fn(&Visit<'_>) -> Result<()>) -> Result<()> {
    let mut manners = Manner::ALL.into_iter();
    manners.try_for_each(|manner| in_manner(manner, &story).with_context(|| format!("{manner:?}")))
}

/// Runs a story of one visit to a daemon's site.
fn visit_at(
    system: &System,
    site: &str,
    manner: Manner,
    story: impl FnOnce(&Visit<'_>) -> Result<()>,
) -> Result<()> {
    let ground = Browsers::shared(system);
    let slot = match manner {
        Manner::Pointer | Manner::Keyboard => &ground.with_script,
        Manner::WithoutScript => &ground.without_script,
    };
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.is_none() {
        *slot = Some(system.wait(ground.driver.open(manner))?);
    }
    let visit = Visit::begin(system, slot.as_ref().unwrap(), site, manner)?;
    story(&visit)?;
    visit.end()
}
