//! The pages of the migration: every row of a table has both columns, and all of it runs.
//!
//! The Rust is run by `cargo test -p guide --doc`. Python and Java need `python3` and a JDK, and so:
//! `cargo test -p guide --test migration -- --ignored`.

#[path = "../pages.rs"]
mod pages;

use pages::Block;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Each page, with the language of the left column.
const PAGES: [(&str, &str); 6] = [
    ("from-rayon.md", "rust"),
    ("from-threadpool.md", "rust"),
    ("from-std-thread.md", "rust"),
    ("from-tokio.md", "rust"),
    ("from-python.md", "python"),
    ("from-java.md", "java"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migration")
}

fn read(page: &str) -> String {
    let path = folder().join(page);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cells of the rows of each table, as the numbers of their lines.
fn rows(page: &str) -> Vec<Vec<(usize, usize)>> {
    let mut rows: Vec<Vec<(usize, usize)>> = Vec::new();
    let mut begin = None;
    for (number, line) in page.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        if line.starts_with("<tr><td>") {
            rows.push(Vec::new());
        }
        if line.contains("</td>") {
            let cell = (begin.take().expect("a cell begins before it ends"), number);
            rows.last_mut().expect("in a row").push(cell);
        }
        if line.contains("<td>") {
            begin = Some(number);
        }
    }
    rows
}

#[test]
fn every_page_is_listed_here_and_in_the_index() {
    let index = read("README.md");
    let mut found: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md") && name != "README.md")
        .collect();
    found.sort();
    let mut listed = PAGES.map(|(page, _)| page);
    listed.sort_unstable();
    assert_eq!(found, listed);
    for page in listed {
        assert!(index.contains(&format!("]({page})")), "{page} is not in the index");
    }
}

/// Ours is Rust that is compiled and run, theirs is in their language, and neither is empty.
#[test]
fn every_row_has_both_columns() {
    for (name, theirs) in PAGES {
        let page = read(name);
        let blocks = pages::blocks(&page);
        let rows = rows(&page);
        assert!(rows.len() >= 8, "{name}: {} rows", rows.len());
        for row in rows {
            let at = format!("{name}:{}", row[0].0);
            assert_eq!(row.len(), 2, "{at}: not two cells");
            for ((begin, end), language) in row.into_iter().zip([theirs, "rust"]) {
                let code: Vec<&Block<'_>> =
                    blocks.iter().filter(|block| (begin..end).contains(&block.line)).collect();
                assert_eq!(code.len(), 1, "{at}: one block for each cell");
                assert_eq!(code[0].language(), language, "{at}");
                assert!(!code[0].code.trim().is_empty(), "{at}: an empty cell");
            }
        }
    }
}

/// No block is kept from the compiler or from being run.
#[test]
fn every_block_of_rust_runs() {
    for (name, _) in PAGES {
        let page = read(name);
        for block in pages::blocks(&page).iter().filter(|block| block.info.contains("rust")) {
            // A panic or an error that is expected is a check as well.
            let runs = ["rust", "rust,should_panic"].contains(&block.info);
            let fails = block.info.starts_with("rust,compile_fail,E");
            assert!(runs || fails, "{name}:{}: {}", block.line, block.info);
        }
    }
}

/// Runs every block of a language: `command` gets a directory of its own and the framed text.
fn run_all(language: &str, command: impl Fn(&Path, &str) -> Command) {
    let mut ran = 0;
    for (name, _) in PAGES.iter().filter(|(_, theirs)| *theirs == language) {
        let page = read(name);
        let frames = pages::frames(&page);
        for block in pages::blocks(&page).iter().filter(|block| block.language() == language) {
            let at = format!("{language}-{ran}");
            let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(at);
            fs::create_dir_all(&directory).unwrap();
            let output = command(&directory, &pages::framed(block, &frames))
                .output()
                .unwrap_or_else(|error| panic!("{language} cannot be started: {error}"));
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}:{}:\n{text}", block.line);
            ran += 1;
        }
    }
    assert!(ran >= 8, "{ran} blocks of {language}");
}

#[test]
#[ignore = "needs python3"]
fn every_block_of_python_runs() {
    run_all("python", |directory, text| {
        let file = directory.join("block.py");
        fs::write(&file, text).unwrap();
        let mut command = Command::new("python3");
        command.args(["-W", "error"]).arg(file);
        command
    });
}

#[test]
#[ignore = "needs a JDK, of version 17 or later"]
fn every_block_of_java_runs() {
    run_all("java", |directory, text| {
        let file = directory.join("Main.java");
        fs::write(&file, text).unwrap();
        let mut command = Command::new("java");
        // With its assertions, and started as a short run should be.
        command.args(["-ea", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]).arg(file);
        command
    });
}
