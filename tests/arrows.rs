//! Which module of the daemon may use which: only layers to its right in
//! `cli → {daemon, check} → {asterisk, web} → auth → {db, hashing}`.
//! Nothing pure uses a runtime, a database, a wire or a clock.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// The modules with effects, and the modules that each may use besides.
const ARROWS: [(&str, &[&str]); 18] = [
    ("backoff", &[]),
    ("clock", &[]),
    ("logs", &[]),
    ("machine", &[]),
    ("metrics", &[]),
    ("keys", &[]),
    ("hashing", &["clock", "keys", "machine", "metrics"]),
    ("config", &["keys"]),
    ("tls", &["config"]),
    ("traces", &["config", "logs", "metrics", "tls"]),
    ("db", &["backoff", "clock", "config", "metrics", "tls"]),
    ("auth", &["clock", "db", "hashing", "keys"]),
    ("asterisk", &["auth", "backoff", "clock", "config", "machine", "metrics", "tls"]),
    ("settings", &["config", "db", "tls"]),
    ("check", &["asterisk", "clock", "config", "db", "tls"]),
    (
        "daemon",
        &[
            "asterisk", "auth", "clock", "config", "db", "hashing", "logs", "metrics", "traces",
            "web",
        ],
    ),
    ("cli", &["auth", "check", "config", "daemon", "db", "hashing", "logs", "settings"]),
    ("web", &["clock", "config", "hashing", "auth", "db", "metrics", "tls"]),
];

/// Folders of `src` that are separate crates, whose results depend on their arguments alone.
const PURE: [&str; 2] = ["argon2id", "domain"];

/// Crates with effects.
const ACTING: [&str; 10] = [
    "tokio",
    "tokio_postgres",
    "deadpool_postgres",
    "reqwest",
    "axum",
    "tokio_tungstenite",
    "tracing",
    "metrics",
    "rand",
    "url",
];

#[test]
fn every_module_uses_only_modules_below_it() {
    for (module, allowed) in ARROWS {
        for (file, code) in sources(module) {
            for path in Paths::from_code(&file, &code) {
                let Some(known) = path.first().map(String::as_str) else { continue };
                let fits = known == module || allowed.contains(&known);
                assert!(fits, "{} must not know crate::{known}", file.display());
            }
        }
    }
}

#[test]
fn every_module_has_its_place() {
    let listed = ARROWS.map(|(module, _)| module).into_iter().chain(PURE).chain(["lib", "main"]);
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let paths = fs::read_dir(src).unwrap().map(|entry| entry.unwrap().path());
    let found = paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    let listed: BTreeSet<String> = listed.map(str::to_owned).collect();
    assert_eq!(found.collect::<BTreeSet<_>>(), listed);
}

#[test]
fn pure_modules_use_no_runtime_no_database_no_wire_and_no_clock() {
    for module in PURE {
        for (file, code) in sources(module) {
            for acting in ACTING {
                let path = format!("{acting}::");
                assert!(!code.contains(&path), "{} must not know {acting}", file.display());
            }
            let readings =
                ["clock::", "::now()", "std::fs", "net::Tcp", "net::Udp", "std::env", "async "];
            for reading in readings {
                assert!(!code.contains(reading), "{} must not use {reading}", file.display());
            }
        }
    }
}

/// Neither directly nor through others; a module and the files below it are no exception. Declaring
/// a file or re-exporting its items is no need.
#[test]
fn no_two_files_need_each_other() {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let modules: BTreeSet<Vec<String>> = files.iter().map(|file| module_of(file)).collect();
    let reexports = reexports(&files);
    let mut needs: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for file in &files {
        let module = module_of(file);
        for path in Paths::from_code(file, &code_of(file)) {
            let defined = (1..=path.len()).find_map(|length| reexports.get(&path[..length]));
            let path = defined.unwrap_or(&path);
            let prefixes = (1..=path.len()).rev().map(|length| path[..length].to_vec());
            let needed = prefixes.into_iter().find(|prefix| modules.contains(prefix));
            if let Some(needed) = needed.filter(|needed| *needed != module) {
                needs.entry(module.clone()).or_default().insert(needed);
            }
        }
    }
    // A file that needs no other remaining file, or is needed by none, is in no circle.
    loop {
        let left: BTreeSet<Vec<String>> = needs.keys().cloned().collect();
        let needed: BTreeSet<Vec<String>> = needs.values().flatten().cloned().collect();
        needs.retain(|module, _| needed.contains(module));
        for others in needs.values_mut() {
            others.retain(|other| left.contains(other));
        }
        needs.retain(|_, others| !others.is_empty());
        if needs.len() == left.len() {
            break;
        }
    }
    assert!(needs.is_empty(), "in a circle: {needs:#?}");
}

#[test]
fn no_type_name_stands_for_two_things() {
    let tests = ["bench", "demonstration", "e2e", "fake_asterisk", "faults", "fuzz", "it", "lab"];
    let tests = tests.map(|program| format!("tests/{program}"));
    for program in tests.iter().map(String::as_str).chain(["src"]) {
        let mut files = Vec::new();
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(program), &mut files);
        let mut places: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for file in files {
            for name in TypeNames::from_code(&code_of(&file)) {
                places.entry(name).or_default().push(file.clone());
            }
        }
        places.retain(|_, files| files.len() > 1);
        assert!(places.is_empty(), "defined twice: {places:#?}");
    }
}

/// Every source file of a module, without tests and comments.
fn sources(module: &str) -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src.join(module), &mut files);
    files.push(src.join(format!("{module}.rs")));
    files.retain(|file| file.is_file());
    assert!(!files.is_empty(), "there is a module {module}");
    files.into_iter().map(|file| (file.clone(), code_of(&file))).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && !path.ends_with("tests") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules on the path to a file, from the top.
fn module_of(file: &Path) -> Vec<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = file.strip_prefix(src).unwrap().with_extension("");
    let names = inside.iter().map(|name| name.to_str().unwrap().to_owned());
    names.filter(|name| !["mod", "lib"].contains(&name.as_str())).collect()
}

/// The names of the types and traits that a file defines.
#[derive(Default)]
struct TypeNames(Vec<String>);

impl TypeNames {
    fn from_code(code: &str) -> Vec<String> {
        let mut names = Self::default();
        names.visit_file(&syn::parse_file(code).unwrap());
        names.0
    }
}

impl<'ast> Visit<'ast> for TypeNames {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.0.push(item.ident.to_string());
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.0.push(item.ident.to_string());
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.0.push(item.ident.to_string());
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.0.push(item.ident.to_string());
    }
}

/// Walks a file's syntax and records the targets of its paths, from the top.
struct Paths {
    module: Vec<String>,
    /// The files that this one declares.
    children: Vec<String>,
    known: BTreeSet<Vec<String>>,
}

impl Paths {
    fn from_code(file: &Path, code: &str) -> BTreeSet<Vec<String>> {
        let file_syntax = syn::parse_file(code).unwrap();
        let child = |item: &syn::Item| {
            let syn::Item::Mod(child) = item else { return None };
            Some(child.ident.to_string())
        };
        let children = file_syntax.items.iter().filter_map(child).collect();
        let mut paths = Self { module: module_of(file), children, known: BTreeSet::new() };
        paths.visit_file(&file_syntax);
        paths.known
    }

    /// Where a path leads that begins with `crate`, `self`, `super` or a file declared here.
    fn resolve<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<Vec<String>> {
        let mut names = names.into_iter().peekable();
        let top = self.module.first().filter(|top| PURE.contains(&top.as_str()));
        let mut path = match *names.peek()? {
            "crate" => top.into_iter().cloned().collect(),
            "self" | "super" => self.module.clone(),
            name if self.children.iter().any(|child| child == name) => self.module.clone(),
            _ => return None,
        };
        if names.next_if(|name| ["crate", "self"].contains(name)).is_none() {
            while names.next_if_eq(&"super").is_some() {
                path.pop();
            }
        }
        path.extend(names.map(str::to_owned));
        Some(path)
    }

    fn note<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        let path = self.resolve(names);
        self.known.extend(path);
    }
}

/// Every path of a `use` with all its braces.
fn imports(before: &[String], tree: &syn::UseTree) -> Vec<Vec<String>> {
    let with = |name: String| [before, &[name]].concat();
    match tree {
        syn::UseTree::Path(path) => imports(&with(path.ident.to_string()), &path.tree),
        syn::UseTree::Group(group) => {
            group.items.iter().flat_map(|tree| imports(before, tree)).collect()
        }
        syn::UseTree::Name(syn::UseName { ident })
        | syn::UseTree::Rename(syn::UseRename { ident, .. }) => vec![with(ident.to_string())],
        syn::UseTree::Glob(_) => vec![with("*".to_owned())],
    }
}

/// The names that modules re-export from their own files, with the paths where they are defined.
fn reexports(files: &[PathBuf]) -> BTreeMap<Vec<String>, Vec<String>> {
    let mut defined = BTreeMap::new();
    for file in files {
        let module = module_of(file);
        for item in syn::parse_file(&code_of(file)).unwrap().items {
            let syn::Item::Use(item) = item else { continue };
            if matches!(item.vis, syn::Visibility::Inherited) {
                continue;
            }
            for path in imports(&[], &item.tree) {
                let name = path.last().cloned().into_iter().collect();
                defined.insert([module.clone(), name].concat(), [module.clone(), path].concat());
            }
        }
    }
    defined
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_private = matches!(item.vis, syn::Visibility::Inherited);
        for path in imports(&[], &item.tree) {
            let path = self.resolve(path.iter().map(String::as_str));
            // To re-export from a file below is not to need it.
            let is_need = |path: &Vec<String>| is_private || !path.starts_with(&self.module);
            self.known.extend(path.filter(is_need));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|name| name.ident.to_string()).collect();
        // A single name may be a variable's.
        if names.len() > 1 {
            self.note(names.iter().map(String::as_str));
        }
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {
        // `pub(super)` leads nowhere.
    }

    /// A macro's arguments are not parsed; a path in them is found by its first name.
    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        let text = called.tokens.to_string();
        for rest in text.split("crate :: ").skip(1) {
            let name = rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next();
            self.note(["crate"].into_iter().chain(name));
        }
    }
}

#[test]
fn no_way_of_writing_an_import_is_overlooked() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/api/mod.rs");
    for (code, module) in [
        ("use crate::db::Db;", "db"),
        ("use crate::{clock, rules::{self, a::{b}}, db};", "db"),
        ("use {std::fmt, crate::{a::{b, c::{d}}, db::{e}}};", "db"),
        ("pub(super) use crate::db as s;", "db"),
        ("use super::super::db;", "db"),
        ("use super::{super::{db::x}};", "db"),
        ("fn f(s: &crate::db::Db) {}", "db"),
        ("fn f() -> Vec<Option<crate::db::Db>> { todo!() }", "db"),
        ("fn f() { let _ = format!(\"{}\", crate::db::x()); }", "db"),
        ("fn f() { use crate::db::x; x() }", "db"),
    ] {
        let known = Paths::from_code(&file, code);
        assert!(known.iter().any(|path| path[0] == module), "{code}");
    }
    for code in ["use super::store;", "use store::x;", "fn f() { super::store::x() }"] {
        let known = Paths::from_code(&file, code);
        assert!(known.iter().all(|path| path[0] != "db"), "{code}");
    }
}

#[test]
fn a_use_of_a_file_below_counts_and_its_re_export_does_not() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/api/mod.rs");
    let login = ["web", "api", "login"];
    let needs_login = |code: &str| {
        let code = format!("mod login; {code}");
        Paths::from_code(&file, &code)
            .iter()
            .any(|path| path[..].starts_with(&login.map(String::from)))
    };
    for code in ["use login::x;", "use self::login::x;", "fn f() { login::x(); }"] {
        assert!(needs_login(code), "{code}");
    }
    for code in ["", "pub use login::x;", "pub(super) use self::login::x;", "fn f(login: u8) {}"] {
        assert!(!needs_login(code), "{code}");
    }
}
