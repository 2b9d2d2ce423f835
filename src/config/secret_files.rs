//! Who on this machine can read the files that contain secrets.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const OTHERS: u32 = 0o001;
const GROUP: u32 = 0o010;
/// The distance from an execute bit to the read bit of the same class.
const READ_OF_EXECUTE: u32 = 2;

/// One line for each file that every user can read, or that its group can read without permission.
pub(super) fn exposed(files: &[(String, PathBuf)], group_readable: bool) -> Vec<String> {
    let exposure = |(key, path): &(String, PathBuf)| {
        let path_shown = path.display();
        if is_readable(path, OTHERS) {
            return Some(format!("{key}: {path_shown} can be read by everybody: chmod o-rwx"));
        }
        (!group_readable && is_readable(path, GROUP)).then(|| {
            format!(
                "{key}: {path_shown} can be read by its group: chmod g-rwx, or set \
                 secrets.group_readable = true"
            )
        })
    };
    files.iter().filter_map(exposure).collect()
}

/// Judges by the modes of the file and of the folders above it. Folders that every user may enter
/// lead to a group's file too.
fn is_readable(path: &Path, class: u32) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let grants = |path: &Path, bits: u32| {
        path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & bits != 0)
    };
    let way = class | OTHERS;
    grants(&path, class << READ_OF_EXECUTE)
        && path.ancestors().skip(1).all(|folder| grants(folder, way))
}
