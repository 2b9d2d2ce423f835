//! Debian's Chromium without a window, driven as its user would (`WebDriver`).
//!
//! ```text
//! Driver (chromedriver) ─ Browser (one Chromium, its own profile) ─ Visitor (a way to use it)
//! ```
//! It connects only to this machine's loopback. No other name resolves, and Chromium's own
//! background requests are off. It ends with its driver: the pipe between the two breaks.

mod page;
mod pictures;
mod scrutiny;
mod telephone;
mod visitor;

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use tempfile::TempDir;
use thirtyfour::{CapabilitiesHelper as _, ChromiumLikeCapabilities as _, LoggingPrefsLogLevel};
use thirtyfour::{ChromeCapabilities, DesiredCapabilities, WebDriver};

use karipass_lab::child::{self, Child};
use karipass_lab::folder;
use karipass_lab::lighthouse::CHROMIUM;
use karipass_lab::ports;

pub use page::Page;
pub use visitor::{Manner, Visitor};

const START_TIMEOUT: Duration = Duration::from_mins(1);
/// For one command; the slowest is the loading of a page on a busy machine.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// How Chromium is started; the profile comes on top.
const ARGUMENTS: [&str; 15] = [
    "--headless=new",
    // Ends with its driver.
    "--remote-debugging-pipe",
    // Chromium cannot sandbox as root; the pages are our own.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-features=OptimizationHints,MediaRouter,PasswordLeakDetection",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
    "about:blank",
];

/// A running chromedriver; it and its browsers end when dropped.
#[derive(Debug)]
pub struct Driver {
    child: Child,
    port: u16,
    /// Removed after the processes have ended: fields drop in order.
    folder: TempDir,
}

impl Driver {
    /// Starts one on a free port, with its own home.
    pub fn start() -> Result<Self> {
        let folder = folder::temporary("karipass-browser-")?;
        let port = ports::free_tcp()?;
        let mut command = child::server("TERM", &[]);
        command
            .args(["chromedriver", "--log-level=SEVERE"])
            .arg(format!("--port={port}"))
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = Child::spawn("chromedriver", command)?;
        let listens = || Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        child.wait_for(START_TIMEOUT, listens)?;
        Ok(Self { child, port, folder })
    }

    /// A browser with a new profile.
    pub async fn open(&self, manner: Manner) -> Result<Chromium> {
        let profile = tempfile::Builder::new().prefix("profile-").tempdir_in(&self.folder)?.keep();
        // Another part of this process may have chosen it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(ANSWER_TIMEOUT).no_proxy().build()?;
        let driver = WebDriver::builder(
            format!("http://127.0.0.1:{}", self.port),
            capabilities(manner, &profile)?,
        )
        .client(client)
        .connect()
        .await
        .context("opening a browser")?;
        Ok(Chromium { driver, walked: Mutex::default(), examined: Mutex::default() })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Chromium needs a moment to leave its profile. A failure cannot be handled here.
        drop(self.child.stop());
    }
}

/// One Chromium; it ends with its driver.
#[derive(Debug)]
pub struct Chromium {
    driver: WebDriver,
    /// The pages that have been walked by keyboard.
    walked: Mutex<HashSet<String>>,
    /// The pages that axe-core has accepted, by their [`scrutiny::SHAPE`].
    examined: Mutex<HashSet<String>>,
}

fn capabilities(manner: Manner, profile: &Path) -> Result<ChromeCapabilities> {
    let mut wanted = DesiredCapabilities::chrome();
    wanted.set_binary(CHROMIUM)?;
    for argument in ARGUMENTS {
        wanted.add_arg(argument)?;
    }
    wanted.add_arg(&format!("--user-data-dir={}", profile.display()))?;
    let mut settings = json!({
        "intl.accept_languages": "ja",
        "credentials_enable_service": false,
        "profile.password_manager_enabled": false,
    });
    // WebDriver still reads the page.
    if manner == Manner::WithoutScript {
        settings["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    wanted.add_experimental_option("prefs", settings)?;
    // The site's certificate is self-signed.
    wanted.accept_insecure_certs(true)?;
    wanted.set_logging_prefs("browser", LoggingPrefsLogLevel::All)?;
    wanted.set_logging_prefs("performance", LoggingPrefsLogLevel::All)?;
    Ok(wanted)
}
