//! The links of the documents in the Debian package.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::{links, read, root};

/// What is in the source package alone.
const SOURCES: [&str; 2] = ["src", "tests"];

#[test]
fn every_link_of_a_packaged_document_leads_to_a_packaged_file() {
    let packaged = packaged();
    let mut broken = Vec::new();
    let documents = packaged.iter().filter(|(file, _)| file.extension() == Some("md".as_ref()));
    for (file, place) in documents {
        for (line, _, target) in links(&read(file.to_str().unwrap())) {
            let path = target.split('#').next().unwrap();
            let [source, wanted] =
                [file, place].map(|from| normal(&from.parent().unwrap().join(path)));
            let is_source = SOURCES.iter().any(|folder| source.starts_with(folder));
            let is_there = packaged.iter().any(|(_, place)| place.starts_with(&wanted));
            if !path.is_empty() && !is_source && !is_there {
                broken.push(format!("{}:{line}: {target}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "not in the package:\n{}", broken.join("\n"));
}

/// The files of `cargo-deb`'s assets under `usr/share/doc`, each with its place.
fn packaged() -> Vec<(PathBuf, PathBuf)> {
    let manifest = read("Cargo.toml");
    let (_, assets) = manifest.split_once("\nassets = [\n").unwrap();
    let mut found = Vec::new();
    for asset in assets.split("\n]").next().unwrap().lines() {
        let parts: Vec<&str> = asset.split('"').skip(1).step_by(2).collect();
        let (source, place) = (parts[0], Path::new(parts[1]));
        if !place.starts_with("usr/share/doc") {
            continue;
        }
        if let Some((folder, _)) = source.split_once("/*") {
            let mut files = Vec::new();
            add_files(&root().join(folder), &mut files);
            found.extend(files.into_iter().map(|file| {
                let rest = file.strip_prefix(root().join(folder)).unwrap();
                (Path::new(folder).join(rest), place.join(rest))
            }));
        } else {
            let source = Path::new(source);
            found.push((source.to_owned(), place.join(source.file_name().unwrap())));
        }
    }
    assert!(found.len() > 30, "{found:?}");
    found
}

fn add_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_files(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// The path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => normal.push(part),
        }
    }
    normal
}
