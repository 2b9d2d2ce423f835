//! What the machine has: PostgreSQL's programs, the user to run them as, a way past closed folders.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

/// Where Debian puts each major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Another user to be.
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl User {
    pub(super) fn named(name: &str) -> Result<Self> {
        let passwd = fs::read_to_string("/etc/passwd")?;
        let mut entries = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let entry = entries.find(|fields| fields.first() == Some(&name));
        let Some([_, _, uid, gid, ..]) = entry.as_deref() else {
            bail!("PostgreSQL does not run as root, and there is no user {name} to run it as");
        };
        Ok(Self { uid: uid.parse()?, gid: gid.parse()? })
    }

    /// Whether every folder above `folder`, and it, can be passed by this user.
    pub(super) fn may_traverse(&self, folder: &Path) -> Result<bool> {
        for above in folder.ancestors() {
            let metadata = fs::metadata(above)?;
            let mode = metadata.mode();
            let passes = if metadata.uid() == self.uid {
                mode & 0o100 != 0
            } else if metadata.gid() == self.gid {
                mode & 0o010 != 0
            } else {
                mode & 0o001 != 0
            };
            if !passes {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What lets a process pass folders that are closed to its user, the smaller right first.
pub(super) fn closed_folder_capability() -> Result<&'static str> {
    /// Bits of `/proc/self/status`, from `capabilities(7)`.
    const CANDIDATES: [(u32, &str); 2] = [(2, "dac_read_search"), (1, "dac_override")];
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
    let permitted = u64::from_str_radix(line.unwrap_or("0").trim(), 16)?;
    let held = CANDIDATES.into_iter().find(|(bit, _)| permitted & (1 << bit) != 0);
    let (_, name) = held.context("the folder is closed to the user postgres: choose another")?;
    Ok(name)
}

/// The folder of the programs: that of the existing cluster's version, else of the newest, else in `PATH`.
pub(super) fn programs(folder: &Path) -> Result<PathBuf> {
    let wanted = fs::read_to_string(folder.join("data/PG_VERSION")).ok();
    let wanted = wanted.as_deref().map(str::trim);
    let mut installed: Vec<(u32, PathBuf)> = fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs.join("initdb").exists().then_some((version, programs))
        })
        .collect();
    installed.sort_unstable();
    if let Some(wanted) = wanted
        && let Some((_, programs)) =
            installed.iter().find(|(version, _)| version.to_string() == wanted)
    {
        return Ok(programs.clone());
    }
    if let Some((version, programs)) = installed.pop() {
        ensure!(wanted.is_none(), "the cluster is of PostgreSQL {wanted:?}, not of {version}");
        return Ok(programs);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
        .context("no PostgreSQL found: install the package postgresql")
}
