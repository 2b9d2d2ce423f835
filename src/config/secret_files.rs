//! The files that secrets were read from, and who on this machine can read them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const OTHERS: u32 = 0o001;
const GROUP: u32 = 0o010;
/// The read bits of those who have an execute bit, and the other way round.
const READ_OF_EXECUTE: u32 = 2;

/// What is wrong with each file that more can read than may: everybody, or its group unless that is
/// allowed.
pub(super) fn exposed(files: &[(String, PathBuf)], group_readable: bool) -> Vec<String> {
    let told = |(key, path): &(String, PathBuf)| {
        let path_shown = path.display();
        if is_readable(path, OTHERS) {
            return Some(format!("{key}: {path_shown} can be read by everybody: chmod o-rwx"));
        }
        (!group_readable && is_readable(path, GROUP)).then(|| {
            format!(
                "{key}: {path_shown} can be read by its group: chmod g-rwx, or secrets.group_readable = true"
            )
        })
    };
    files.iter().filter_map(told).collect()
}

/// By its own mode and those of the folders above it; everybody's way leads to a group's file too.
fn is_readable(path: &Path, whose: u32) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let grants = |path: &Path, bits: u32| {
        path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & bits != 0)
    };
    let way = whose | OTHERS;
    grants(&path, whose << READ_OF_EXECUTE)
        && path.ancestors().skip(1).all(|folder| grants(folder, way))
}
