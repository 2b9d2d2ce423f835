//! `make run`: the whole system for demonstration, in the foreground until Ctrl-C.
//!
//! PostgreSQL, Asterisk and the daemon live under `VAR_DIR`, whose contents are kept between runs.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use karipass_lab::asterisk::{Asterisk, AsteriskSetup, CARRIER, Phone, SET_UP_NUMBER};
use karipass_lab::child::{Child, server};
use karipass_lab::daemon::{Daemon, DaemonSetup, write_secret};
use karipass_lab::postgres::Postgres;
use karipass_lab::{repository, secret};
use tokio::signal::unix::{SignalKind, signal};

use crate::numbers;
use crate::phone::{self, BrowserPhone};

const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Ports and folder of the system.
#[derive(Debug, Clone, clap::Args)]
pub struct RunOptions {
    #[command(flatten)]
    pub shared: SharedOptions,
    /// Asterisk's REST interface
    #[arg(long, env = "ARI_PORT", default_value_t = 8088)]
    pub ari_port: u16,
    /// The operators' listener
    #[arg(long, env = "OPS_PORT", default_value_t = 9464)]
    pub ops_port: u16,
}

/// Options that `run` and `call` share.
#[derive(Debug, Clone, clap::Args)]
pub struct SharedOptions {
    /// SIP over UDP
    #[arg(long, env = "SIP_PORT", default_value_t = 5060)]
    pub sip_port: u16,
    /// The settings site and its API
    #[arg(long, env = "HTTPS_PORT", default_value_t = 8443)]
    pub https_port: u16,
    /// Data, logs and secrets
    #[arg(long, env = "VAR_DIR", default_value = "var")]
    pub var_dir: PathBuf,
}

/// All servers; ended in this order.
struct DemonstrationServers {
    daemon: Daemon,
    /// `None` without its packages.
    phone: Option<BrowserPhone>,
    asterisk: Asterisk,
    postgres: Postgres,
}

/// Starts everything, prints how to use it and then what happens in calls, and ends it at Ctrl-C or
/// SIGTERM.
///
/// # Errors
/// The server that could not be started, or that ended by itself; the others have been ended then.
pub async fn run(options: &RunOptions) -> Result<()> {
    let SharedOptions { var_dir, .. } = &options.shared;
    fs::create_dir_all(var_dir)?;
    let var = var_dir.canonicalize()?;
    let lock = File::create(var.join("lock"))?;
    lock.try_lock().with_context(|| format!("{} is in use by another run", var.display()))?;
    ensure_free(options)?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let began = Instant::now();
    let mut system = tokio::select! {
        system = start(options, &var) => system?,
        _ = interrupt.recv() => bail!("interrupted while starting"),
        _ = terminate.recv() => bail!("ended while starting"),
    };
    let after = began.elapsed();
    say(&summary(&system, &var)?);
    let transcript = follow(&system.daemon.setup.log(), Timestamp::now())?;
    let after = after.as_secs_f64();
    say(&format!("Ready after {after:.1} s. Calls are shown below; Ctrl-C ends everything."));
    let fallen = tokio::select! {
        fallen = watch(&mut system) => Some(fallen?),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    };
    drop(transcript);
    say("Ending…");
    system.daemon.stop()?;
    system.asterisk.child.stop()?;
    drop(system);
    match fallen {
        Some(name) => bail!("{name} has ended by itself; its log is under {}", var.display()),
        None => Ok(()),
    }
}

/// Prints a line; ignores a closed stdout.
fn say(line: &str) {
    drop(writeln!(io::stdout(), "{line}"));
}

/// Prints the lines of the daemon's log from then on.
fn follow(log: &Path, since: Timestamp) -> Result<Child> {
    let mut command = server("KILL", &[]);
    let since = since.to_string();
    command.arg(binary()?).args(["logs", "--follow", "--since", &since]).arg(log);
    Child::spawn("karipass logs", command)
}

/// Asterisk starts in parallel with PostgreSQL; the daemon needs both.
async fn start(options: &RunOptions, var: &Path) -> Result<DemonstrationServers> {
    let karipass = binary()?;
    let phones = phones(var)?;
    let mut setup = AsteriskSetup::new(var.join("asterisk"))?;
    setup.phones = phones;
    setup.sip.set_port(options.shared.sip_port);
    setup.ari.set_port(options.ari_port);
    let setup = phone::prepare(setup);
    let asterisk = tokio::task::spawn_blocking(|| Asterisk::start(setup));
    let postgres = Postgres::persistent(&var.join("postgres")).await?;
    let database = postgres.migrated("karipass", &karipass).await?;
    let asterisk = asterisk.await??;
    let phone = serve_phone(&asterisk.setup).await?;
    let mut setup = DaemonSetup::new(&karipass, var.join("karipass"), &asterisk.setup, &database)?
        .variables(phone.iter().map(BrowserPhone::variable))
        .variables(std::env::vars().filter(|(name, _)| name.starts_with("KARIPASS_")));
    setup.https = port("KARIPASS_SITE_LISTEN", options.shared.https_port);
    setup.operators.set_port(port("KARIPASS_OPERATORS_LISTEN", options.ops_port));
    setup.lay_out()?;
    setup.import(&repository().join(numbers::CONTRACTS))?;
    let daemon = tokio::task::spawn_blocking(|| Daemon::start(setup)).await??;
    Ok(DemonstrationServers { daemon, phone, asterisk, postgres })
}

/// The telephone in the browser, unless its packages could not be fetched, or the caller's variable
/// opens the site to other machines.
async fn serve_phone(asterisk: &AsteriskSetup) -> Result<Option<BrowserPhone>> {
    let is_local = listen("KARIPASS_SITE_LISTEN").is_none_or(|listen| listen.ip().is_loopback());
    if !is_local || !phone::packages().exists() {
        return Ok(None);
    }
    let hears = |number: &str| {
        let known = numbers::NUMBERS.iter().find(|(known, _)| *known == number);
        known.map(|(_, hears)| (*hears).to_owned()).unwrap_or_default()
    };
    BrowserPhone::serve(asterisk, hears).await.map(Some)
}

/// The binary built beside this one.
fn binary() -> Result<PathBuf> {
    let karipass = std::env::current_exe()?.with_file_name("karipass");
    ensure!(karipass.exists(), "{} is not built", karipass.display());
    Ok(karipass)
}

/// Asterisk starts without a port that is in use, and the daemon would wait for it.
fn ensure_free(options: &RunOptions) -> Result<()> {
    let RunOptions { shared, ari_port, ops_port } = options;
    let sip = (Ipv4Addr::LOCALHOST, shared.sip_port);
    ensure!(UdpSocket::bind(sip).is_ok(), "port {} is in use: set SIP_PORT", shared.sip_port);
    for (name, port) in [
        ("ARI_PORT", *ari_port),
        ("HTTPS_PORT", port("KARIPASS_SITE_LISTEN", shared.https_port)),
        ("OPS_PORT", port("KARIPASS_OPERATORS_LISTEN", *ops_port)),
    ] {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        ensure!(free, "port {port} is in use: set {name}");
    }
    Ok(())
}

/// The port of a listener that the caller's variable changes, to look for the daemon there.
fn port(variable: &str, otherwise: u16) -> u16 {
    listen(variable).map_or(otherwise, |listen| listen.port())
}

fn listen(variable: &str) -> Option<SocketAddr> {
    std::env::var(variable).ok()?.parse().ok()
}

/// A telephone for each demonstration number, and a stranger's; passwords are kept between runs.
fn phones(var: &Path) -> Result<Vec<Phone>> {
    let file = var.join("phones.txt");
    let kept = fs::read_to_string(&file).unwrap_or_default();
    let phones = numbers::NUMBERS.map(|(number, _)| {
        let password = kept.lines().find_map(|line| line.strip_prefix(number)?.strip_prefix(' '));
        let password = password.map_or_else(secret, str::to_owned);
        Phone { number: number.to_owned(), password }
    });
    let lines =
        phones.each_ref().map(|Phone { number, password }| format!("{number} {password}\n"));
    write_secret(&file, &lines.concat())?;
    Ok(phones.into())
}

/// Waits until a server ends by itself, and returns its name.
async fn watch(system: &mut DemonstrationServers) -> Result<&'static str> {
    loop {
        for child in [&mut system.daemon.child, &mut system.asterisk.child] {
            if child.exit_status()?.is_some() {
                return Ok(child.name);
            }
        }
        if system.postgres.has_ended()? {
            return Ok("PostgreSQL");
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn summary(system: &DemonstrationServers, var: &Path) -> Result<String> {
    let numbers = numbers::NUMBERS.map(|(number, hears)| format!("{number}  {hears}"));
    let shown = var.strip_prefix(std::env::current_dir()?).unwrap_or(var).display();
    let sip = system.asterisk.setup.sip;
    let site = system.daemon.site();
    let operators = system.daemon.setup.operators;
    let phone = match system.phone {
        Some(_) => format!("{site}/phone, a telephone in the browser"),
        None => "none in the browser: make fetches it, for a site on loopback".to_owned(),
    };
    let karipass = binary()?;
    let karipass = karipass.strip_prefix(std::env::current_dir()?).unwrap_or(&karipass).display();
    let text = format!(
        "
  dial        {SET_UP_NUMBER} (or +81664806430, 06-6480-6430)
  soft phone  server {sip} over UDP; user name = its number; passwords: {shown}/phones.txt
              {}
  telephone   {phone}
  carrier     SIP and media from {CARRIER}, with P-Asserted-Identity
  site        {site}/ (self-signed: {shown}/karipass/certificate.pem); API: {site}/api/v1/openapi.json
  operators   http://{operators}/readyz and /metrics
              {karipass} --config {shown}/karipass/operator.toml contracts list
              {karipass} --config {shown}/karipass/operator.toml calls --watch
  logs        {shown}/karipass/karipass.log, {shown}/asterisk/log/, {shown}/postgres/postgres.log
              {karipass} logs --follow {shown}/karipass/karipass.log
  secrets     {shown}/phones.txt, {shown}/karipass/, {shown}/asterisk/etc/karipass.d/, {shown}/postgres/",
        numbers.join("\n              "),
    );
    Ok(text)
}
