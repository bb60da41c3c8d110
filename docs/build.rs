//! Makes a module of each page, so that its code is a doctest.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The folders whose pages have code that runs.
const FOLDERS: [&str; 2] = ["guide", "migration"];

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));

    let mut modules = String::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        for page in pages(&root.join(folder)) {
            let stem = page.file_stem().expect("a page has a name").to_string_lossy();
            let name = format!("{folder}_{}", stem.replace('-', "_").to_lowercase());
            writeln!(modules, "#[doc = include_str!({page:?})]\npub mod {name} {{}}")
                .expect("a String takes all");
        }
    }
    fs::write(out.join("pages.rs"), modules).expect("cargo made the directory");
}

/// The pages of a folder, in the order of their names.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
    let mut pages: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages
}
