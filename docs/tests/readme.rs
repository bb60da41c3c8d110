//! What the README says of files and versions is so.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text and the target of each link and image.
fn links(text: &str) -> Vec<(&str, &str)> {
    let link = |line: &'_ str, at: usize| -> Option<(usize, usize)> {
        Some((line[..at].rfind('[')? + 1, line[at..].find(')')? + at))
    };
    let mut links = Vec::new();
    for line in text.lines() {
        for (at, _) in line.match_indices("](") {
            let (begin, end) = link(line, at).expect("a whole link on a line");
            links.push((&line[begin..at], &line[at + 2..end]));
        }
    }
    links
}

/// The part of the README under that heading.
fn section<'a>(readme: &'a str, heading: &str) -> &'a str {
    let (_, rest) =
        readme.split_once(&format!("\n## {heading}\n")).expect("there is such a section");
    rest.split("\n## ").next().unwrap_or(rest)
}

#[test]
fn every_link_leads_to_a_file() {
    let readme = read("README.md");
    let inside: Vec<_> =
        links(&readme).into_iter().filter(|(_, to)| !to.starts_with("https://")).collect();
    assert!(inside.len() > 30, "{inside:?}");
    let dead = |to: &&str| !root().join(to.split('#').next().unwrap_or(to)).exists();
    let dead: Vec<_> = inside.into_iter().map(|(_, to)| to).filter(dead).collect();
    assert!(dead.is_empty(), "{dead:?}");
}

/// A link in a promise is called as the file is, and there are tests in it.
#[test]
fn every_promise_names_its_tests() {
    let readme = read("README.md");
    let section = section(&readme, "What is promised");
    let promises: Vec<&str> = section.split("\n- ").skip(1).collect();
    assert!(promises.len() >= 10, "{promises:?}");
    for promise in promises {
        let links = links(promise);
        assert!(!links.is_empty(), "no test: {promise}");
        for (name, to) in links {
            assert_eq!(to, format!("scheduler/tests/{}.rs", name.trim_matches('`')));
            assert!(read(to).contains("#[test]"), "no test in {to}");
        }
    }
}

#[test]
fn every_feature_is_listed() {
    let readme = read("README.md");
    let section = section(&readme, "Features, versions, licence");
    let manifest = read("scheduler/Cargo.toml");
    let (_, rest) = manifest.split_once("[features]\n").expect("a table of features");
    let table = rest.split("\n[").next().unwrap_or(rest);
    let names = table.lines().filter(|line| line.starts_with(char::is_alphabetic));
    let names = names.filter_map(|line| line.split_once(" = ").map(|(name, _)| name));
    let features: Vec<&str> = names.filter(|name| *name != "default").collect();
    assert!(features.len() >= 4, "{features:?}");
    for feature in features {
        assert!(section.contains(&format!("\n| `{feature}`")), "{feature} is not in the table");
    }
}

#[test]
fn badges_and_text_have_the_manifests_version_and_licence() {
    let manifest = read("Cargo.toml");
    let value = |key: &str| {
        let start = format!("{key} = \"");
        let line = manifest.lines().find_map(|line| line.strip_prefix(&start));
        line.expect("it is set for all packages").trim_end_matches('"').to_owned()
    };
    let readme = read("README.md");
    let version = value("rust-version");
    assert!(readme.contains(&format!("Rust {version}")), "{version}");
    assert!(read("docs/badges/rust.svg").contains(&format!(">{version} or later<")), "{version}");
    let licence = value("license");
    assert!(read("docs/badges/licence.svg").contains(&format!(">{licence}<")), "{licence}");
}
