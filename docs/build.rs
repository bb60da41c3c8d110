//! Makes a module of each page, so that its Rust code is a doctest.

#[allow(dead_code, reason = "the tests use more of it")]
mod pages;

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
        let mut pages = Vec::new();
        add_pages(&root.join(folder), &mut pages);
        pages.sort();
        for page in pages {
            let path = page.strip_prefix(&root).expect("it was found there").with_extension("");
            let name = path.to_string_lossy().replace(['/', '\\', '-'], "_").to_lowercase();
            let text = fs::read_to_string(&page)
                .unwrap_or_else(|error| panic!("cannot read {}: {error}", page.display()));
            let page = match with_frames(&text) {
                None => page,
                Some(text) => {
                    let framed = out.join(format!("{name}.md"));
                    fs::write(&framed, text).expect("cargo made the directory");
                    framed
                }
            };
            writeln!(modules, "#[doc = include_str!({page:?})]\npub mod {name} {{}}")
                .expect("a String takes all");
        }
    }
    fs::write(out.join("pages.rs"), modules).expect("cargo made the directory");
}

/// The page with its frame around each block of Rust; `None` if it has none.
fn with_frames(page: &str) -> Option<String> {
    let frames = pages::frames(page);
    if frames.is_empty() {
        return None;
    }
    let mut blocks = pages::blocks(page).into_iter();
    let mut text = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        text += line;
        text.push('\n');
        if line.starts_with("```") {
            let block = blocks.next().expect("it begins here");
            text += &match block.language() {
                "rust" => pages::framed(&block, &frames),
                _ => block.code,
            };
            text += "```\n";
            lines.by_ref().find(|line| line.starts_with("```"));
        }
    }
    Some(text)
}

/// Adds the pages of a folder and of the folders in it.
fn add_pages(folder: &Path, pages: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("the folder is readable").path();
        if path.is_dir() {
            add_pages(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}
