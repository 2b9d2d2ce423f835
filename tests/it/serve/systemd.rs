//! The messages to systemd: a real datagram socket stands in for it.

use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::{Duration, Instant};

use domain::dialog::prompt::SOUNDS;
use karipass::clock;
use karipass_fake_asterisk::FakeAsterisk;
use tempfile::TempDir;

use crate::site::{self, SiteDaemon};
use crate::support::{self, WAIT_TIMEOUT};

/// The manager's time-out for watchdog pings.
const GRANTED: Duration = Duration::from_secs(2);
const WATCHDOG_USEC: (&str, &str) = ("WATCHDOG_USEC", "2000000");
/// A watchdog ping, and how many of them must arrive.
const SIGN: &str = "WATCHDOG=1\n";
const SIGNS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn r_systemd_is_notified_of_readiness_problems_and_stopping() {
    let socket = NotifySocket::open();
    let (postgres, database) = support::stoppable_cluster().await;
    postgres.stop(karipass_lab::postgres::ShutdownMode::Fast).unwrap();
    let fake = FakeAsterisk::start().await.unwrap();
    fake.set_sounds(SOUNDS);
    fake.refuse(true);
    let notify = socket.path();
    let given = [("NOTIFY_SOCKET", &*notify), ("KARIPASS_ARI_URL", fake.url()), WATCHDOG_USEC];
    let mut daemon = SiteDaemon::start(&database, &given);
    // It serves, although every server is missing.
    let before = socket.wait_for("READY=1", |message| message == "READY=1\n");
    assert_eq!(before, Vec::<String>::new());
    socket.wait_for("both to be missing", |message| {
        message.starts_with("STATUS=database: ") && message.ends_with("; ARI is not connected\n")
    });
    postgres.start().unwrap();
    socket.wait_for("Asterisk to be missing", |message| message == "STATUS=ARI is not connected\n");
    fake.refuse(false);
    socket.wait_for("it to be ready", |message| message == "STATUS=ready\n");
    for _ in 0..SIGNS {
        let others = socket.wait_for("a sign of life", |message| message == SIGN);
        // On a busy machine it may miss something for a moment.
        assert!(others.iter().all(|other| other.starts_with("STATUS=")), "{others:?}");
    }
    daemon.child().signal(rustix::process::Signal::TERM).unwrap();
    socket.wait_for("it to stop", |message| message == "STOPPING=1\nSTATUS=karipass is stopping\n");
    socket.wait_for("a sign of life while it stops", |message| message == SIGN);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_systemd_hears_that_it_lives_only_if_it_asks() {
    let (sockets, asking) = ([NotifySocket::open(), NotifySocket::open()], NotifySocket::open());
    let database = support::database().await;
    let notify = sockets.each_ref().map(NotifySocket::path);
    let unasked = [("NOTIFY_SOCKET", &*notify[0])];
    let somebody_elses = [("NOTIFY_SOCKET", &*notify[1]), WATCHDOG_USEC, ("WATCHDOG_PID", "1")];
    let daemons = [&unasked[..], &somebody_elses].map(|given| SiteDaemon::start(&database, given));
    // By then these would have reported it too.
    let notify = asking.path();
    let asked = SiteDaemon::start(&database, &[("NOTIFY_SOCKET", &*notify), WATCHDOG_USEC]);
    for _ in 0..2 * SIGNS {
        asking.wait_for("a sign of life", |message| message == SIGN);
    }
    drop((daemons, asked));
    for socket in sockets {
        let is_known = |message: &str| message == "READY=1\n" || message.starts_with("STATUS=");
        let heard = socket.all(Duration::from_millis(1));
        assert!(heard.contains(&"READY=1\n".to_owned()), "{heard:?}");
        assert!(heard.iter().all(|message| is_known(message)), "{heard:?}");
    }
}

/// A thread that logs into a full pipe without a reader hangs: the line's, or a worker. The rest of
/// the daemon continues.
#[tokio::test(flavor = "multi_thread")]
async fn r_systemd_hears_nothing_while_a_thread_hangs() {
    let fake = FakeAsterisk::start().await.unwrap();
    let impatient = site::builder().timeout(Duration::from_millis(100)).build().unwrap();
    let impatient = &impatient;
    // The line's thread logs each event that it cannot parse, whatever the load.
    let malformed = async |_: &str| fake.send("no event");
    expect_silence_while_hanging("karipass::asterisk=info", &fake, malformed).await;
    let ask =
        async |operators: &str| drop(impatient.get(format!("{operators}/livez")).send().await);
    expect_silence_while_hanging("karipass::web=debug", &fake, ask).await;
}

#[test]
fn r_systemd_waits_for_calls_by_the_sample_unit() {
    let unit = include_str!("../../../docs/karipass.service");
    let setting = |name: &str| {
        unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).expect(name)
    };
    let waits = Duration::from_secs(setting("TimeoutStopSec").parse().unwrap());
    assert!(waits > karipass::config::DEFAULT_CALL_GRACE, "{waits:?}");
    assert_eq!((setting("Type"), setting("Restart")), ("notify", "always"));
    assert!(setting("WatchdogSec").parse::<u64>().unwrap() > 0);
}

/// The service manager's side.
struct NotifySocket {
    socket: UnixDatagram,
    folder: TempDir,
}

impl NotifySocket {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        Self { socket, folder }
    }

    fn path(&self) -> String {
        self.folder.path().join("notify").to_str().unwrap().to_owned()
    }

    /// The next message until then, as it was sent.
    fn next(&self, until: Instant) -> Option<String> {
        let left = until.checked_duration_since(clock::now()).filter(|left| !left.is_zero())?;
        self.socket.set_read_timeout(Some(left)).unwrap();
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).ok()?;
        Some(String::from_utf8(message[..length].to_vec()).unwrap())
    }

    /// Waits for a message; returns all messages before it.
    fn wait_for(&self, what: &str, is: impl Fn(&str) -> bool) -> Vec<String> {
        let until = clock::now() + WAIT_TIMEOUT;
        let mut before = Vec::new();
        while let Some(message) = self.next(until) {
            if is(&message) {
                return before;
            }
            before.push(message);
        }
        panic!("waited in vain for {what}; there was {before:?}");
    }

    /// All messages in this time.
    fn all(&self, during: Duration) -> Vec<String> {
        let until = clock::now() + during;
        std::iter::from_fn(|| self.next(until)).collect()
    }
}

/// Causes log lines until the pipe is full and the watchdog pings stop, and then reads the log.
async fn expect_silence_while_hanging(filter: &str, fake: &FakeAsterisk, log: impl AsyncFn(&str)) {
    const BATCH_SIZE: usize = 100;
    /// The capacity of a pipe on Linux (pipe(7)), and the least bytes of each round.
    const PIPE: u64 = 64 * 1024;
    const LINES: u64 = 8 * 1024;
    let socket = NotifySocket::open();
    let database = support::database().await;
    let notify = socket.path();
    let (mut unread, pipe) = std::io::pipe().unwrap();
    let given = [
        ("NOTIFY_SOCKET", &*notify),
        WATCHDOG_USEC,
        ("KARIPASS_ARI_URL", fake.url()),
        ("KARIPASS_LOG_FILTER", filter),
    ];
    let daemon = SiteDaemon::start_with_log(&database, &given, pipe.into());
    let is_sign = |message: &str| message == SIGN;
    socket.wait_for("a sign of life", is_sign);
    let began = clock::now();
    loop {
        for _ in 0..BATCH_SIZE {
            log(&daemon.operators).await;
        }
        // A daemon without processor time is silent too, but fills no pipe.
        let is_full = rustix::io::ioctl_fionread(&unread).unwrap() + LINES > PIPE;
        if is_full && !socket.all(2 * GRANTED).iter().any(|message| is_sign(message)) {
            break;
        }
        assert!(
            began.elapsed() < 12 * WAIT_TIMEOUT,
            "a hanging thread is reported alive ({filter})"
        );
    }
    let reading = thread::spawn(move || std::io::copy(&mut unread, &mut std::io::sink()));
    socket.wait_for("a sign of life again", is_sign);
    drop(daemon);
    reading.join().unwrap().unwrap();
}
