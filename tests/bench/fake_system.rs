//! The daemon between a fake Asterisk and PostgreSQL, for more calls and events than a real
//! Asterisk has on one machine.
//!
//! The calls are already there when the daemon connects, as after its restart: it adopts them all.
//! New calls would come at the rate that the admission allows.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use domain::dialog::prompt::SOUNDS;
use karipass_fake_asterisk::FakeAsterisk;
use karipass_lab::asterisk::AsteriskSetup;
use karipass_lab::child::wait_until;
use karipass_lab::daemon::{Daemon, DaemonSetup, metric};
use karipass_lab::folder;
use karipass_lab::postgres::{Database, Durability, Postgres};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Limits of calls that no measurement reaches. The silence lasts as long as the longest timeout.
/// The one between digits is shorter, so that no digit replaces the silence.
const NO_LIMITS: [(&str, &str); 5] = [
    ("KARIPASS_CALL_MAX_CONCURRENT", "20000"),
    ("KARIPASS_CALL_MAX_PER_TRUNK", "20000"),
    ("KARIPASS_CALL_MAX_DURATION_S", "540"),
    ("KARIPASS_CALL_FIRST_DIGIT_TIMEOUT_S", "60"),
    ("KARIPASS_CALL_INTER_DIGIT_TIMEOUT_S", "30"),
];
/// Only a fault takes as long.
const WAIT_TIMEOUT: Duration = Duration::from_mins(2);
/// Between two keys of a caller, by Asterisk's clock.
const KEY_INTERVAL_MS: u64 = 200;

/// The servers; ended in this order.
pub struct FakeSystem {
    pub daemon: Daemon,
    pub fake: FakeAsterisk,
    database: Database,
    began: Instant,
    _postgres: Postgres,
    _folder: TempDir,
    runtime: Runtime,
}

/// One call, from the caller's side.
pub struct FakeCall {
    pub channel: String,
    number: String,
    /// When its last key was released, by Asterisk's clock.
    keyed_ms: u64,
}

impl FakeSystem {
    /// Starts them, with a contract for each of these numbers.
    pub fn start(numbers: &[String]) -> Result<Self> {
        let karipass = Path::new(env!("CARGO_BIN_EXE_karipass"));
        let folder = folder::temporary("karipass-bench-")?;
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build()?;
        let (postgres, database, fake) = runtime.block_on(async {
            let postgres = Postgres::temporary(Durability::Durable).await?;
            let database = postgres.migrated("karipass", karipass).await?;
            anyhow::Ok((postgres, database, FakeAsterisk::start().await?))
        })?;
        fake.set_sounds(SOUNDS);
        // Never started: the daemon's variables name the fake instead.
        let asterisk = AsteriskSetup::new(folder.path().join("asterisk"))?;
        let setup = DaemonSetup::new(karipass, folder.path().join("daemon"), &asterisk, &database)?
            .variables(NO_LIMITS)
            .variables([("KARIPASS_ARI_URL", fake.url())]);
        setup.lay_out()?;
        setup.import_numbers(numbers.iter().cloned())?;
        let (daemon, began) = (Daemon::start(setup)?, Instant::now());
        Ok(Self { daemon, fake, database, began, _postgres: postgres, _folder: folder, runtime })
    }

    /// Makes a call from each of these numbers, and waits until all have been given the menu.
    pub fn adopt(&self, numbers: &[String]) -> Result<Vec<FakeCall>> {
        let calls = numbers.iter().map(|number| {
            let channel = format!("1764483600.{number}");
            FakeCall { channel, number: number.clone(), keyed_ms: 0 }
        });
        let calls: Vec<FakeCall> = calls.collect();
        let calls_then = self.fake.count_prompted(1) + calls.len();
        for FakeCall { channel, number, .. } in &calls {
            self.fake.silent_call(channel, &format!("trusted/{number}"));
        }
        self.fake.cut();
        self.wait_for_prompts(1, calls_then)?;
        Ok(calls)
    }

    /// A caller presses a key.
    pub fn press(&self, call: &mut FakeCall, key: char) {
        self.fake.send(&self.frame(call, key));
    }

    /// The event of a key, with everything that Asterisk 22 says of the channel. No key is held, so
    /// that none was pressed before an earlier event.
    pub fn frame(&self, call: &mut FakeCall, key: char) -> String {
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or_default();
        call.keyed_ms = call.keyed_ms.max(now_ms) + KEY_INTERVAL_MS;
        let (second, ms) = (call.keyed_ms / 1000, call.keyed_ms % 1000);
        let time =
            format!("{:02}:{:02}:{:02}.{ms:03}", second / 3600, second / 60 % 60, second % 60);
        let frame = json!({
            "type": "ChannelDtmfReceived", "timestamp": format!("2026-11-30T{time}+0000"),
            "digit": key.to_string(), "duration_ms": 0,
            "channel": {
                "id": call.channel, "name": "PJSIP/carrier-00000001", "state": "Up",
                "protocol_id": "3c26700d9a6b-kq5x2vbo9h4e@127.0.0.2",
                "caller": { "name": "", "number": call.number },
                "connected": { "name": "", "number": "" }, "accountcode": "",
                "dialplan": {
                    "context": "karipass-serve", "exten": "s", "priority": 12,
                    "app_name": "Stasis", "app_data": "karipass"
                },
                "creationtime": "2026-11-30T00:00:00.000+0000", "language": "ja"
            },
            "asterisk_id": "02:42:ac:11:00:02", "application": "karipass"
        });
        frame.to_string()
    }

    /// Waits until this many calls have been given this many prompts.
    pub fn wait_for_prompts(&self, prompts: usize, calls: usize) -> Result<()> {
        let what = format!("{prompts} prompts on {calls} calls");
        wait_until(&what, WAIT_TIMEOUT, || Ok(self.fake.count_prompted(prompts) >= calls))
    }

    /// Waits until exactly this many calls hear this sound.
    pub fn wait_for_playing(&self, sound: &str, calls: usize) -> Result<()> {
        let what = format!("{sound} on {calls} calls");
        wait_until(&what, WAIT_TIMEOUT, || Ok(self.fake.count_playing(sound) == calls))
    }

    /// The sum of the daemon's metrics whose lines begin so.
    pub fn metric(&self, name: &str) -> usize {
        metric(self.daemon.setup.operators, name)
    }

    /// Waits until a metric has this value.
    pub fn wait_for_metric(&self, name: &str, value: usize) -> Result<()> {
        wait_until(&format!("{value} of {name}"), WAIT_TIMEOUT, || Ok(self.metric(name) == value))
    }

    /// How many temporary passwords are stored.
    pub fn stored_passwords(&self) -> Result<i64> {
        self.runtime.block_on(async {
            let owner = self.database.owner().await?;
            let count = "SELECT count(*) FROM credential WHERE kind = 'temporary'";
            Ok(owner.query_one(count, &[]).await?.get(0))
        })
    }
}

impl FakeCall {
    /// The caller's number.
    pub fn number(&self) -> &str {
        &self.number
    }
}
