//! PostgreSQL, Asterisk and the daemon, on loopback.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use karipass_lab::asterisk::{Asterisk, AsteriskSetup, SET_UP_NUMBER};
use karipass_lab::daemon::{Daemon, DaemonSetup, NO_LIMITS};
use karipass_lab::flood::Flood;
use karipass_lab::folder;
use karipass_lab::postgres::{Database, Durability, Postgres};
use karipass_lab::subscriber::Line;
use tempfile::TempDir;
use tokio_postgres::config::Host;

use crate::calls;
use crate::reaction::{self, Reactions};
use crate::script::Script;

/// The number of `baseline.conf`; no contract has it.
pub const YARDSTICK: &str = "0664806431";
pub const PASSWORD: &str = "27182818";

/// Modules for the yardstick only.
const YARDSTICK_MODULES: &str =
    "load = app_read.so\nload = func_realtime.so\nload = func_sha1.so\n";

/// The numbers of this many callers, each with its own contract.
pub fn callers(number: usize) -> Vec<String> {
    (0..number).map(|caller| format!("067{caller:04}451")).collect()
}

/// The servers; ended in this order.
pub struct BenchSystem {
    pub daemon: Daemon,
    pub asterisk: Asterisk,
    pub database: Database,
    _postgres: Postgres,
    _folder: TempDir,
}

impl BenchSystem {
    /// Starts them for these callers; `variables` are the daemon's.
    pub fn start(callers: &[String], variables: &[(&'static str, &str)]) -> Result<Self> {
        let karipass = Path::new(env!("CARGO_BIN_EXE_karipass"));
        let folder = folder::temporary("karipass-bench-")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (postgres, database) = runtime.block_on(async {
            let postgres = Postgres::temporary(Durability::Durable).await?;
            let database = postgres.migrated("karipass", karipass).await?;
            anyhow::Ok((postgres, database))
        })?;
        let setup = AsteriskSetup::new(folder.path().join("asterisk"))?
            .snippet("modules.conf", YARDSTICK_MODULES)
            .snippet("extensions.conf", include_str!("baseline.conf"));
        let asterisk = Asterisk::start(setup)?;
        runtime.block_on(make_yardstick_database(&asterisk, &database))?;
        let setup =
            DaemonSetup::new(karipass, folder.path().join("daemon"), &asterisk.setup, &database)?
                .variables(NO_LIMITS)
                .variables(variables.iter().copied());
        setup.lay_out()?;
        setup.import_numbers(callers.iter().cloned())?;
        let daemon = Daemon::start(setup)?;
        Ok(Self { daemon, asterisk, database, _postgres: postgres, _folder: folder })
    }

    /// The way to `number`.
    pub fn line(&self, number: &str) -> Line {
        Line::new(self.asterisk.setup.sip, number)
    }

    /// Places one call to `number` per caller at `rate` calls a second.
    pub fn calls(&self, number: &str, callers: &[String], rate: u32) -> Result<Reactions> {
        let script = Script::line_unit(PASSWORD);
        let calls = calls::place(&self.line(number), callers, rate, &script)?;
        Ok(Reactions::from_calls(&calls, callers))
    }

    /// The same with callers who key everything ahead: the milliseconds from each last key to
    /// `completed`.
    pub fn keyed_ahead(&self, callers: &[String], rate: u32) -> Result<Vec<f64>> {
        let script = Script::keyed_ahead(PASSWORD);
        let calls = calls::place(&self.line(SET_UP_NUMBER), callers, rate, &script)?;
        Ok(reaction::completed_ahead(&calls, callers))
    }

    /// Logins for a number that no contract has.
    pub fn flood(&self) -> Result<Flood> {
        Flood::wrong(&self.daemon.site(), &self.daemon.certificate(), YARDSTICK.to_owned())
    }
}

/// Creates a table for the yardstick, and connects Asterisk to its database.
async fn make_yardstick_database(asterisk: &Asterisk, database: &Database) -> Result<()> {
    let owner = database.owner().await?;
    owner.batch_execute("CREATE TABLE yardstick (login_number text, password text)").await?;
    let url: tokio_postgres::Config = database.owner_url.parse()?;
    let folder = match url.get_hosts() {
        [Host::Unix(folder)] => folder.display(),
        hosts => bail!("not a socket: {hosts:?}"),
    };
    let etc = asterisk.setup.etc();
    fs::write(etc.join("extconfig.conf"), "[settings]\nyardstick = pgsql,general\n")?;
    let connection = format!(
        "[general]\ndbhost = {folder}\ndbname = {}\ndbuser = {}\ndbpass = {}\n",
        url.get_dbname().unwrap_or_default(),
        url.get_user().unwrap_or_default(),
        String::from_utf8_lossy(url.get_password().unwrap_or_default()),
    );
    fs::write(etc.join("res_pgsql.conf"), connection)?;
    asterisk.console("module reload extconfig")?;
    asterisk.console("module load res_config_pgsql.so")?;
    Ok(())
}
