//! Stories of the settings site in a real browser, each with its own numbers on the shared
//! system.
//!
//! A flow runs in every manner: with the pointer (axe-core looks at each page, on a telephone and
//! on a desktop, in light and in dark colours), without script, and by keyboard alone. Two browsers
//! serve them all, one with script and one without.

mod back;
mod browser;
mod english;
mod errors;
mod idle;
mod journey;
mod lighthouse;
mod many;
mod one_try;
mod password;
mod phone;
mod session;
mod states;
mod unit;
mod visit;

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use browser::{Chromium, Driver, Manner};
use karipass::hashing::{Cost, Dummy, Hasher, Keys};
use karipass_lab::daemon::{Daemon, DaemonSetup};
use karipass_lab::postgres::Database;

use crate::system::{KARIPASS, System};
use visit::Visit;

/// The languages of the pages, as an address chooses them.
const LANGUAGES: [&str; 2] = ["ja", "en"];
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

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
        let keys = Self::keys(system)?;
        let hasher =
            Hasher::start(Keys::parse(&keys)?, Cost::LIVE, &Dummy::draw(&mut rand::rng()))?;
        Ok(Self {
            hasher,
            with_script: Mutex::default(),
            without_script: Mutex::default(),
            driver: Driver::start()?,
        })
    }

    /// The hash keys of the shared daemon, as their file has them.
    fn keys(system: &System) -> Result<String> {
        let daemon = system.daemon.as_ref().unwrap().lock().unwrap();
        Ok(fs::read_to_string(daemon.setup.keys())?)
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
        Manner::Pointer | Manner::Keyboard | Manner::Unexamined => &ground.with_script,
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

/// A second daemon on the same database; it has no Asterisk, and needs none.
fn second_daemon(system: &System, name: &str, variables: &[(&str, &str)]) -> Result<Daemon> {
    second_daemon_at(system, &system.database, name, variables)
}

/// The same on a database that holds the visits' contracts.
fn second_daemon_at(
    system: &System,
    database: &Database,
    name: &str,
    variables: &[(&str, &str)],
) -> Result<Daemon> {
    let folder = system.folder.path().join(name);
    let keys = system.daemon.as_ref().unwrap().lock().unwrap().setup.keys();
    let asterisk = &system.asterisk.setup;
    let setup = DaemonSetup::new(Path::new(KARIPASS), &folder, asterisk, database)?
        .variables([("KARIPASS_ARI_URL", "http://127.0.0.1:9")])
        .variables(variables.iter().copied());
    fs::create_dir_all(&folder)?;
    fs::copy(keys, setup.keys())?;
    let mut daemon = Daemon::start_unready(setup)?;
    let address = daemon.site().replace("https://", "");
    daemon.child.wait_for(ANSWER_TIMEOUT, || Ok(TcpStream::connect(&address).is_ok()))?;
    Ok(daemon)
}
