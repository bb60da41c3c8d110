//! Makes the book of `docs/`, and fails if a link of it is dead.
//!
//! ```text
//! cargo run --manifest-path docs/book/Cargo.toml             checks, and makes target/book/html
//! cargo run --manifest-path docs/book/Cargo.toml -- draw     writes docs/guide/drawings anew
//! ```
//!
//! The pages are checked twice: as Markdown, where people read them in the repository, and as the HTML that
//! mdBook made of them. Neither uses the network, nor does the HTML.

mod build;
mod canvas;
mod drawings;
mod html;
mod markdown;
mod page;

use std::path::Path;
use std::process::ExitCode;

/// What is wrong, a line for each fault.
type Faults = Vec<String>;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().expect("the repository is there");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let faults = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => make(&root),
        ["draw"] => drawings::write(&root),
        _ => vec!["usage: book [draw]".to_owned()],
    };
    for fault in &faults {
        eprintln!("{fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Checks the pages, makes the book, and checks that.
fn make(root: &Path) -> Faults {
    let mut faults = markdown::check(root);
    faults.extend(drawings::check(root));
    if !faults.is_empty() {
        return faults;
    }
    let out = root.join("target/book/html");
    if let Err(error) = build::book(root, &out) {
        return vec![format!("mdBook: {error:#}")];
    }
    let (pages, faults) = html::check(&out);
    if faults.is_empty() {
        println!("{pages} pages, no dead link: {}", out.join("index.html").display());
    }
    faults
}
