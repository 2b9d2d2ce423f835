//! The files for fail2ban, read by the one that Debian packages, against a daemon's log.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use karipass_lab::repository;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::operating::unpacked;
use crate::pages::browser::Browser;
use crate::site::{self, Answer, NUMBER, RIGHT, SiteClient, SiteDaemon, WRONG};
use crate::support::{Ran, run};

/// A number without a contract: an attempt at it costs ten points.
const UNKNOWN_NUMBER: &str = "0699999999";
/// The API's operations that need a session.
const WITH_SESSION: [(Method, &str); 5] = [
    (Method::GET, "session"),
    (Method::GET, "unit"),
    (Method::POST, "password"),
    (Method::POST, "unit"),
    (Method::POST, "logout"),
];
/// Those that verify passwords.
const WITH_PASSWORD: [&str; 3] = ["login", "password", "unit"];

/// Debian's configuration of fail2ban with the two files of `docs/operating`.
struct Fail2ban(TempDir);

/// Addresses that have sent nothing yet.
struct Addresses(u8);

#[test]
fn fail2ban_loads_both_jails() {
    let fail2ban = Fail2ban::configured();
    let tested = fail2ban.client("-t");
    assert_eq!(tested.status, 0, "{tested:?}");
    let loaded = fail2ban.client("-d");
    for jail in ["karipass", "karipass-refused"] {
        for part in [format!("['start', '{jail}']"), format!("['add', '{jail}', 'systemd']")] {
            assert!(loaded.out.contains(&part), "{part}: {loaded:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_401_and_429_leaves_a_line_with_its_address_that_fail2ban_finds() {
    let (database, _owner) = site::contracted("password").await;
    let daemon = SiteDaemon::start(&database, &[("KARIPASS_LOGIN_LIMIT", "10")]);
    let base = &daemon.base;
    let mut addresses = Addresses(0);
    let (mut wrong, mut refused) = (BTreeSet::new(), BTreeSet::new());

    // Wrong passwords: at both logins, and of sessions that began elsewhere.
    let (client, address) = addresses.client();
    assert_eq!(client.log_in(base, NUMBER, WRONG).await.status, 401);
    wrong.insert(address);
    let mut browser = Browser::new(base);
    let page = browser.get("/login").await;
    let of_browser = addresses.move_browser(&mut browser);
    let fields = [("number", NUMBER), ("password", WRONG)];
    let page = browser.submit(&page, "/login", &fields).await;
    assert_eq!(page.status, 422);
    wrong.insert(of_browser.clone());
    let (right, innocent) = addresses.client();
    let token = right.log_in(base, NUMBER, RIGHT).await.token();
    for (path, body) in [
        ("password", json!({ "current": WRONG, "new": "abcd1234", "new_again": "abcd1234" })),
        ("unit", json!({ "unit": "number", "passwords": { NUMBER: WRONG } })),
    ] {
        let (client, address) = addresses.client();
        let answer = ask(&client, base, (&Method::POST, path), &token, &body).await;
        assert_eq!(answer.code(), "wrong_password", "{path}");
        wrong.insert(address);
    }

    // No session: without a token, with a forged one, and with an ended one.
    assert_eq!(right.log_out(base, &token).await.status, 204);
    for (method, path) in &WITH_SESSION {
        for token in ["", "forged", &token] {
            let (client, address) = addresses.client();
            let answer = ask(&client, base, (method, path), token, &json!({})).await;
            assert_eq!(answer.code(), "no_session", "{method} {path} {token}");
            refused.insert(address);
        }
    }

    // The limit, by addresses that have spent it.
    for path in WITH_PASSWORD {
        let (client, address) = addresses.client();
        assert_eq!(client.log_in(base, UNKNOWN_NUMBER, WRONG).await.status, 401);
        let answer = ask(&client, base, (&Method::POST, path), "", &json!({})).await;
        assert_eq!(answer.code(), "too_many_requests", "{path}");
        wrong.insert(address.clone());
        refused.insert(address);
    }
    // A wrong entry has left the browser's too few points.
    assert_eq!(browser.submit(&page, "/login", &fields).await.status, 429);
    refused.insert(of_browser);

    let fail2ban = Fail2ban::configured();
    assert_eq!(fail2ban.addresses("login", &daemon.log()), wrong);
    assert_eq!(fail2ban.addresses("refused", &daemon.log()), refused);
    assert!(!wrong.contains(&innocent));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_may_void_no_more_credentials_leaves_a_line_with_its_429() {
    let (database, _owner) = site::contracted("temporary").await;
    let daemon = SiteDaemon::start(&database, &[("KARIPASS_LOGIN_LIMIT", "10000")]);
    let mut addresses = Addresses(0);
    let ((client, address), (other, _)) = (addresses.client(), addresses.client());
    // A number without a contract is void after three attempts, as with a temporary password.
    for number in 0..domain::rules::MAX_VOIDINGS_PER_HOUR {
        for _ in 0..3 {
            let number = format!("06999999{number:02}");
            assert_eq!(client.log_in(&daemon.base, &number, WRONG).await.status, 401);
        }
    }
    for _ in 0..2 {
        assert_eq!(other.log_in(&daemon.base, NUMBER, WRONG).await.status, 401);
    }
    assert_eq!(client.log_in(&daemon.base, NUMBER, WRONG).await.status, 429);
    let found = Fail2ban::configured().addresses("refused", &daemon.log());
    assert_eq!(found, BTreeSet::from([address]));
}

async fn ask(
    client: &SiteClient,
    base: &str,
    (method, path): (&Method, &str),
    token: &str,
    body: &Value,
) -> Answer {
    let request = client.http().request(method.clone(), format!("{base}/api/v1/{path}"));
    let request = if token.is_empty() { request } else { request.bearer_auth(token) };
    client.send(if *method == Method::POST { request.json(body) } else { request }).await
}

impl Fail2ban {
    fn configured() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy =
            run(Command::new("cp").arg("-r").arg(unpacked("etc/fail2ban/.")).arg(folder.path()));
        assert_eq!(copy.status, 0, "{copy:?}");
        // Debian's own jail watches a log that this machine may not have.
        fs::remove_file(folder.path().join("jail.d/defaults-debian.conf")).unwrap();
        for file in ["filter.d/karipass.conf", "jail.d/karipass.conf"] {
            let ours = repository().join("docs/operating/fail2ban").join(file);
            fs::copy(ours, folder.path().join(file)).unwrap();
        }
        Self(folder)
    }

    fn python() -> Command {
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", unpacked("usr/lib/python3/dist-packages"));
        python
    }

    /// `fail2ban-client`, which starts nothing for these options.
    fn client(&self, option: &str) -> Ran {
        let program = "import sys; from fail2ban.client.fail2banclient import exec_command_line; \
                       exec_command_line(sys.argv)";
        run(Self::python().args(["-c", program, "-c"]).arg(self.0.path()).arg(option))
    }

    /// The addresses that this mode of the filter finds.
    fn addresses(&self, mode: &str, log: &str) -> BTreeSet<String> {
        let file = self.0.path().join("karipass.log");
        fs::write(&file, log).unwrap();
        let mut regex = Self::python();
        regex.arg(unpacked("usr/bin/fail2ban-regex")).arg("-c").arg(self.0.path());
        regex.args(["--out", "ip"]).arg(&file).arg(format!("karipass[mode={mode}]"));
        run(&mut regex).out.lines().map(str::to_owned).collect()
    }
}

impl Addresses {
    fn next(&mut self) -> ([u8; 4], String) {
        self.0 += 1;
        let address = [127, 0, 1, self.0];
        (address, std::net::Ipv4Addr::from(address).to_string())
    }

    fn client(&mut self) -> (SiteClient, String) {
        let (address, text) = self.next();
        (SiteClient::from(address), text)
    }

    fn move_browser(&mut self, browser: &mut Browser) -> String {
        let (address, text) = self.next();
        browser.move_to(address);
        text
    }
}
