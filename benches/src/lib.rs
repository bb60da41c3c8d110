//! The same work on `scheduler` and on its peers.
//!
//! `cargo bench -p benches` runs all of it under criterion; `cargo run --release -p benches --bin
//! quick` interleaves the contenders round by round and prints one table.
//!
//! A contender is a file in `contender/`, a work a file in `work/` and an entry in `catalog.rs`.

#[macro_use]
mod contender;
mod catalog;
mod machine;
mod report;
mod stack;
mod work;

pub use catalog::{CATALOG, Entry, Sizes, Unit, Work};
pub use contender::{Ability, Contender};
pub use machine::{Load, Machine, Share};
pub use report::{Row, Table, json};
pub use stack::{STACK, big_stacks_by_default, on_big_stack};
pub use work::Sample;
