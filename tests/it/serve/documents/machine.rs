//! Where the commands of the documents are run.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use karipass_lab::child::Child;
use karipass_lab::repository;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::serve::{TRUSTED, Whole};
use crate::site::{Certified, KEYS, NUMBER, RIGHT};
use crate::support::{KARIPASS, WAIT_TIMEOUT, karipass, run, wait_until};

/// The programs that a block may run besides `karipass`; no others are found.
const PROGRAMS: [&str; 7] = ["base64", "cat", "curl", "head", "ln", "mkdir", "tail"];
/// A journal of one unit, as long as `karipass` reads it.
const JOURNAL: &str = "#!/bin/sh
case $* in
    *--follow*) exec tail --lines=+1 --follow --pid=$PPID FILE ;;
    *) exec cat FILE ;;
esac
";
/// The call of the examples.
const CALL: &str = "1764445532.12";

/// A machine with everything that the documents mention: a running daemon with a call, a
/// configuration, and the files that are read.
pub(super) struct Machine {
    whole: Whole,
    folder: TempDir,
    certified: Certified,
}

impl Machine {
    pub(super) async fn start() -> Self {
        let certified = Certified::new();
        let whole = Whole::ready(&certified.variables()).await;
        // Under this unit both numbers of the examples log in.
        let unit = "UPDATE contract SET unit = 'admin_user'";
        whole.owner.execute(unit, &[]).await.unwrap();
        whole.fake.call(CALL, &TRUSTED);
        whole.fake.wait_for_playback(CALL, "menu").await;
        wait_until("the line of the call", async || whole.daemon.log().contains(CALL)).await;
        let folder = tempfile::tempdir().unwrap();
        let machine = Self { whole, folder, certified };
        machine.lay_out();
        machine
    }

    fn lay_out(&self) {
        let (etc, bin) = (self.etc(), self.folder.path().join("bin"));
        for folder in [&etc.join("var/karipass"), &bin] {
            fs::create_dir_all(folder).unwrap();
        }
        let write = |name: &str, text: &str| fs::write(etc.join(name), text).unwrap();
        let read = |path: &str| fs::read_to_string(repository().join(path)).unwrap();
        // The package's configuration, for operators too.
        let configuration = read("docs/karipass.toml");
        write("karipass.toml", &configuration.replace("#owner_url_file", "owner_url_file"));
        write("database.url", &self.whole.database.daemon_url);
        write("owner.url", &self.whole.database.owner_url);
        write("hash.keys", KEYS);
        write("FILE", &self.whole.daemon.log());
        let guide = read("docs/operations.md");
        let contracts = guide.split("```csv\n").nth(1).unwrap().split("```").next().unwrap();
        write("contracts.csv", contracts);
        fs::copy(&self.certified.certificate, etc.join("var/karipass/certificate.pem")).unwrap();
        fs::write(self.folder.path().join(".curlrc"), "fail\nsilent\nshow-error\n").unwrap();
        symlink(KARIPASS, bin.join("karipass")).unwrap();
        let paths = PROGRAMS.map(|name| format!("command -v {name}")).join(" && ");
        let found = run(Command::new("/bin/sh").args(["-c", &paths]));
        assert_eq!(found.out.lines().count(), PROGRAMS.len(), "{found:?}");
        for path in found.out.lines().map(Path::new) {
            symlink(path, bin.join(path.file_name().unwrap())).unwrap();
        }
        let journal = JOURNAL.replace("FILE", etc.join("FILE").to_str().unwrap());
        fs::write(bin.join("journalctl"), journal).unwrap();
        fs::set_permissions(bin.join("journalctl"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The folder of the configuration, where every block begins.
    fn etc(&self) -> PathBuf {
        self.folder.path().join("etc/karipass")
    }

    /// A shell for these lines, with this machine's addresses, secrets and folders in place of the
    /// documents'.
    fn shell(&self, lines: &str) -> Command {
        let folder = self.folder.path().display();
        let site = self.whole.daemon.base.trim_start_matches("http://127.0.0.1");
        let mut lines = format!("{}\n{lines}", self.profile());
        for (example, value) in [
            ("localhost:8443", &*format!("localhost{site}")),
            ("…", RIGHT),
            (" /etc/", &format!(" {folder}/etc/")),
            ("=/etc/", &format!("={folder}/etc/")),
            (" /usr/", &format!(" {folder}/usr/")),
            (" /var/", &format!(" {folder}/var/")),
        ] {
            lines = lines.replace(example, value);
        }
        let mut shell = Command::new("/bin/sh");
        shell.args(["-euc", &lines]).current_dir(self.etc()).env_clear();
        shell.env("PATH", self.folder.path().join("bin")).env("HOME", self.folder.path());
        shell
    }

    /// What the operators' page puts into a shell's profile, once a document has made that
    /// configuration. Until then the package's takes its place.
    fn profile(&self) -> String {
        let page = fs::read_to_string(repository().join("docs/operating/README.md")).unwrap();
        let line = page.lines().find(|line| line.starts_with("export KARIPASS_CONFIG=")).unwrap();
        let is_made = self.etc().join("operator.toml").exists();
        if is_made { line.to_owned() } else { line.replace("operator.toml", "karipass.toml") }
    }

    /// Runs commands, each of which has to succeed.
    pub(super) fn run(&self, place: &str, commands: &[&String]) {
        let lines: Vec<&str> = commands.iter().map(|command| command.as_str()).collect();
        let ran = run(&mut self.shell(&format!("set -x\n{}", lines.join("\n"))));
        assert_eq!(ran.status, 0, "{place}: {ran:?}");
    }

    /// Runs a command until it prints something, while things happen, and ends it.
    pub(super) async fn run_until_output(&self, place: &str, command: &str) {
        let output = self.folder.path().join("output");
        let mut shell = self.shell(&format!("exec {command}"));
        shell.stdout(File::create(&output).unwrap());
        let mut child = Child::spawn("karipass", shell).unwrap();
        wait_until(&format!("output at {place}: {command}"), async || {
            for change in ["suspend", "resume"] {
                karipass(&self.whole.database, &["contracts", change, NUMBER]);
            }
            let has_ended = child.exit_status().unwrap().is_some();
            has_ended || output.metadata().unwrap().len() > 0
        })
        .await;
        assert_eq!(child.exit_status().unwrap(), None, "{place}: {command} ended by itself");
        // Not SIGINT: a test that runs in the background may have inherited that it is ignored.
        child.signal(Signal::TERM).unwrap();
        child.wait_for_end(WAIT_TIMEOUT).unwrap();
    }
}
