//! The documents name models and faults that exist, and the memory model leaves no ordering out.

use scheduler_loom::models::{MODELS, faults};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between backticks in the last column of the tables.
fn last_column(text: &str) -> BTreeSet<&str> {
    let rows = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|--"));
    rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next()).flat_map(quoted).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A name, or the beginning of names, with a star.
fn is_model(name: &str) -> bool {
    match name.strip_suffix('*') {
        Some(start) => MODELS.iter().any(|model| model.name.starts_with(start)),
        None => MODELS.iter().any(|model| model.name == name),
    }
}

#[test]
fn the_memory_model_names_what_exists() {
    let text = read("docs/memory-model.md");
    let faults: BTreeSet<String> = faults().map(|(name, _)| name).collect();
    let column = last_column(&text);
    assert!(column.len() > 30, "the tables were not found");
    // Rows that models do not reach.
    let known = |name: &&&str| {
        is_model(name)
            || faults.contains(**name)
            || ["global_pool", "schedule", "scheduler/tests", "fork"].contains(*name)
    };
    let unknown: Vec<_> = column.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "neither a model nor a fault: {unknown:?}");
}

#[test]
fn the_memory_model_has_every_weakened_ordering() {
    let text = read("docs/memory-model.md");
    let named: BTreeSet<&str> = quoted(&text).collect();
    let orderings: Vec<String> = faults()
        .filter(|(name, what)| {
            let half = name.ends_with("NoAcquire") || name.ends_with("NoRelease");
            half || what.contains("relaxed") || name.contains("Light") || name.contains("Heavy")
        })
        .map(|(name, _)| name)
        // The stand-in's own: no part of the library.
        .filter(|name| !name.starts_with("Deque"))
        .collect();
    assert!(orderings.len() > 20, "{orderings:?}");
    let missing: Vec<_> = orderings.iter().filter(|name| !named.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "not in docs/memory-model.md: {missing:?}");
}

/// The columns of models: all that is quoted there is one.
#[test]
fn the_invariants_name_models_that_exist() {
    let text = read("docs/invariants.md");
    let faults: BTreeSet<String> = faults().map(|(name, _)| name).collect();
    let cells =
        text.lines().filter(|line| line.starts_with("| I")).filter_map(|row| row.split('|').nth(3));
    let names: Vec<&str> = cells.flat_map(quoted).collect();
    assert!(names.len() > 30, "the tables were not found");
    let known = |name: &&&str| is_model(name) || faults.contains(**name) || **name == "Rig::stop";
    let unknown: Vec<_> = names.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "no model: {unknown:?}");
}

/// The proofs name the models that check them.
#[test]
fn the_proof_of_sleep_names_models_that_exist() {
    let text = read("scheduler/src/sleep/README.md");
    let lines = text.lines().filter(|line| line.ends_with(".)") || line.ends_with("`,"));
    let names: Vec<&str> =
        lines.flat_map(quoted).filter(|name| name.contains('_') && !name.contains("::")).collect();
    assert!(names.len() >= 6, "{names:?}");
    let unknown: Vec<_> = names.iter().filter(|name| !is_model(name)).collect();
    assert!(unknown.is_empty(), "no model: {unknown:?}");
}
