//! JsSIP as one script, from the packages that `make` has unpacked.
//!
//! JsSIP's package has no file for browsers, only CommonJS modules. Each becomes a function here,
//! and `bundle.js` calls them as they require each other. Nothing needs Node.js.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// The modules' folders and files; all else in the packages is for Node.js or for tests.
const MODULES: [&str; 4] =
    ["jssip/lib", "jssip/package.json", "events/events.js", "sdp-transform/lib"];

/// The script, which defines `JsSIP`.
pub(super) fn jssip(packages: &Path) -> Result<String> {
    let mut modules = String::new();
    for name in MODULES {
        for file in files(&packages.join(name))? {
            let text = fs::read_to_string(&file)?;
            let name = file.strip_prefix(packages)?.to_string_lossy();
            let key = Value::from(name.as_ref());
            let body = match file.extension().and_then(|extension| extension.to_str()) {
                Some("js") => text,
                Some("json") => format!("module.exports = {text};"),
                _ => continue,
            };
            writeln!(modules, "{key}: function (module, exports, require) {{\n{body}\n}},")?;
        }
    }
    ensure!(modules.contains("RTCSession"), "there is no JsSIP in {}", packages.display());
    Ok(include_str!("bundle.js").replace("/* modules */", &modules))
}

/// A file, or all files below a folder.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        found.extend(files(&entry?.path())?);
    }
    Ok(found)
}
