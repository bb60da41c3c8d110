//! The same work on `scheduler` and on its peers.
//!
//! `cargo run --release -p benches --bin compare` interleaves the contenders round by round, prints a
//! table for each work and writes a page with plots; `cargo bench -p benches` runs the same under
//! criterion. Four more programs look at one thing each: `counts` at instructions ([`counts`]),
//! `contention` at one queue against many ([`contention`]), `model` at more cores than there are
//! ([`model`]), `footprint` at latencies, idle cost, memory and size ([`footprint`]); `compare
//! --include` takes what the last three write into the page.
//!
//! A contender is a file in `contender/`, a work a file in `work/` and an entry in `catalog.rs`.

#[macro_use]
mod contender;
mod catalog;
mod clock;
mod machine;
mod runner;
mod stack;
mod stats;
mod work;

pub mod contention;
pub mod counts;
pub mod footprint;
#[path = "../model/mod.rs"]
pub mod model;
pub mod report;
pub mod section;

pub use catalog::{CATALOG, Entry, Sizes, Unit, Work};
pub use contender::{Ability, Contender};
pub use machine::{Load, Machine, Share};
pub use runner::measure;
pub use stack::{STACK, big_stacks_by_default, on_big_stack};
pub use work::Sample;
