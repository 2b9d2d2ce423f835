//! Temporary folders that are removed when this process ends, however it ends.
//!
//! A [`TempDir`] removes its folder when it is dropped. Statics are never dropped, and a killed
//! process drops nothing. So a shell in the background removes the rest: it reads the folders'
//! names from a pipe, which the kernel closes when this process ends.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use tempfile::TempDir;

/// Repeats the removal while an ending server still writes.
const SCRIPT: &str = r#"
    trap '' HUP INT TERM
    while IFS= read -r folder; do set -- "$@" "$folder"; done
    for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$@" && exit; sleep 1; done
"#;

static REMOVER: LazyLock<Mutex<ChildStdin>> = LazyLock::new(|| {
    let mut command = Command::new("sh");
    // In a separate group, so that Ctrl-C in the terminal does not reach it.
    command.args(["-c", SCRIPT]).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Mutex::new(command.spawn().expect("a shell").stdin.expect("its pipe"))
});

/// A fresh folder whose name begins with `prefix`.
pub fn temporary(prefix: &str) -> io::Result<TempDir> {
    temporary_in(&std::env::temp_dir(), prefix)
}

/// The same with a path that is short enough for a socket's name.
pub fn for_socket(prefix: &str) -> io::Result<TempDir> {
    temporary_in(Path::new("/tmp"), prefix)
}

/// The same below `parent`.
pub fn temporary_in(parent: &Path, prefix: &str) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
    writeln!(REMOVER.lock().unwrap(), "{}", folder.path().display())?;
    Ok(folder)
}
