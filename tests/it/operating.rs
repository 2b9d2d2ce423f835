//! The files of `docs/operating`, against what a real daemon writes and exports.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::site::{self, Caller, Daemon, NUMBER, RIGHT, WRONG};
use crate::support::run;

/// Where `make tools` unpacks what reads them.
fn unpacked(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/debian").join(path);
    assert!(path.exists(), "{} is missing: make tools", path.display());
    path
}

fn operating(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating").join(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn fail2ban_finds_the_addresses_of_refused_logins_and_of_no_others() {
    let (database, _) = site::contracted("password").await;
    let daemon = Daemon::start(&database, &[("KARIPASS_LOGIN_LIMIT", "10")]);
    let log_in = async |address: u8, number: &str, password: &str| {
        let caller = Caller::from([127, 0, 1, address]);
        caller.log_in(&daemon.base, number, password).await.status
    };
    // 401 for a wrong password and for what is no number, 429 once the points are spent.
    assert_eq!(log_in(1, NUMBER, WRONG).await, 401);
    assert_eq!(log_in(1, NUMBER, WRONG).await, 429);
    assert_eq!(log_in(2, "x", WRONG).await, 401);
    assert_eq!(log_in(3, NUMBER, RIGHT).await, 200);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("karipass.log");
    fs::write(&log, daemon.log()).unwrap();
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", unpacked("usr/lib/python3/dist-packages"));
    command.arg(unpacked("usr/bin/fail2ban-regex")).arg("-c").arg(unpacked("etc/fail2ban"));
    command.args(["--out", "ip"]).arg(&log).arg(operating("fail2ban/filter.d/karipass.conf"));
    let ran = run(&mut command);
    let found: Vec<&str> = ran.out.lines().collect();
    assert_eq!(found.len(), 3, "{ran:?}\n{}", daemon.log());
    let addresses: BTreeSet<&str> = found.into_iter().collect();
    assert_eq!(addresses, BTreeSet::from(["127.0.1.1", "127.0.1.2"]));
}
