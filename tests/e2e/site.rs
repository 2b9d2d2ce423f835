//! Stories of the settings site in a real browser, each with numbers of its own on the shared system.
//!
//! A flow is told in every manner: with the pointer (axe-core looks at each page), without script, and
//! by keyboard alone. Two browsers serve them all, one with script and one without.

mod idle;
mod journey;
mod password;
mod session;
mod unit;
mod visit;

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use karipass::hashing::{Cost, Dummy, Hasher, Keys};
use karipass_lab::browser::{Browser, Driver, Manner, Script};
use libtest_mimic::Trial;

use crate::story::told;
use crate::world::System;
use visit::Visit;

/// As many as there are browsers.
pub const SIDE_BY_SIDE: usize = 2;

/// The shared system and the browsers.
pub struct Ground {
    pub system: Arc<System>,
    hasher: Hasher,
    with_script: Mutex<Option<Browser>>,
    without_script: Mutex<Option<Browser>>,
    /// Ends after the browsers: fields drop in order.
    driver: Driver,
}

impl Ground {
    /// Starts the browsers' driver; a browser starts when it is first asked for.
    pub fn new(system: &Arc<System>) -> Result<Self> {
        let keys = {
            let daemon = system.daemon.as_ref().unwrap().lock().unwrap();
            std::fs::read_to_string(daemon.setup().keys())?
        };
        let hasher =
            Hasher::start(Keys::parse(&keys)?, Cost::LIVE, &Dummy::draw(&mut rand::rng()))?;
        Ok(Self {
            system: Arc::clone(system),
            hasher,
            with_script: Mutex::default(),
            without_script: Mutex::default(),
            driver: Driver::start()?,
        })
    }

    /// Tells a story of one visit to the shared system's site.
    fn visit(&self, manner: Manner, tell: impl FnOnce(&Visit<'_>) -> Result<()>) -> Result<()> {
        let site = self.system.daemon.as_ref().unwrap().lock().unwrap().site();
        self.visit_at(&site, manner, tell)
    }

    /// Tells a story of one visit to another daemon's site.
    fn visit_at(
        &self,
        site: &str,
        manner: Manner,
        tell: impl FnOnce(&Visit<'_>) -> Result<()>,
    ) -> Result<()> {
        let (script, slot) = match manner.script() {
            Script::On => (Script::On, &self.with_script),
            Script::Off => (Script::Off, &self.without_script),
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            *slot = Some(self.system.wait(self.driver.open(script))?);
        }
        let visit = Visit::begin(self, slot.as_ref().unwrap(), site, manner)?;
        tell(&visit)?;
        visit.end()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for slot in [&mut self.with_script, &mut self.without_script] {
            let browser = slot.get_mut().unwrap_or_else(PoisonError::into_inner).take();
            // One that does not answer ends with the driver.
            browser.map(|browser| self.system.wait(browser.quit()));
        }
    }
}

/// Every story of the site.
pub fn trials(ground: &Arc<Ground>) -> Vec<Trial> {
    // The longest first, so that none is left to wait for at the end.
    [
        journey::trials(ground),
        idle::trials(ground),
        unit::trials(ground),
        password::trials(ground),
        session::trials(ground),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A story told in every manner.
fn flow(
    ground: &Arc<Ground>,
    name: &str,
    tell: impl Fn(&Visit<'_>) -> Result<()> + Send + Copy + 'static,
) -> Vec<Trial> {
    let in_manner = |manner: Manner| {
        let how = match manner {
            Manner::Pointer => "with_the_pointer",
            Manner::WithoutScript => "without_script",
            Manner::Keyboard => "by_keyboard",
        };
        once(ground, &format!("{name}_{how}"), manner, tell)
    };
    Manner::ALL.into_iter().map(in_manner).collect()
}

/// A story told in one manner.
fn once(
    ground: &Arc<Ground>,
    name: &str,
    manner: Manner,
    tell: impl FnOnce(&Visit<'_>) -> Result<()> + Send + 'static,
) -> Trial {
    let ground = Arc::clone(ground);
    Trial::test(name, move || told(ground.visit(manner, tell)))
}
