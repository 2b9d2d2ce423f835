//! The scripts of the pages, as a compiler reads them.

use std::path::Path;
use std::process::Command;

use crate::support::run;

/// The site's, and that of the telephone in the browser.
const SCRIPTS: [&str; 2] = ["src/web/site/script.js", "tests/demonstration/src/phone/phone.js"];
/// The library of the telephone, which another script declares.
const DECLARED_ELSEWHERE: &str = "'JsSIP'";
const UNKNOWN_NAME: &str = "error TS2304:";

/// Such a name fails in the browser alone, and only when its line is reached.
#[test]
fn the_scripts_use_no_name_that_they_do_not_declare() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let compiler = repository.join("target/grafana/node_modules/.bin/tsc");
    assert!(compiler.exists(), "{} is missing: make tools", compiler.display());
    let mut command = Command::new(compiler);
    command.current_dir(repository).args(["--noEmit", "--allowJs", "--checkJs", "--ignoreConfig"]);
    command.args(["--strict", "false", "--target", "es2023", "--lib", "es2023,dom,dom.iterable"]);
    let ran = run(command.args(SCRIPTS));
    let is_unknown = |line: &&str| line.contains(UNKNOWN_NAME);
    let (known, unknown): (Vec<&str>, Vec<&str>) =
        ran.out.lines().filter(is_unknown).partition(|line| line.contains(DECLARED_ELSEWHERE));
    assert!(!known.is_empty(), "the compiler has read nothing: {ran:?}");
    assert!(unknown.is_empty(), "{unknown:?}");
}
