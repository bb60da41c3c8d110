//! The same work on `scheduler` and on its peers.
//!
//! `cargo bench -p benches` runs all of it under criterion; `cargo run --release -p benches --bin
//! quick` interleaves the contenders round by round and prints one table. Four more programs look at
//! one thing each: `counts` at instructions ([`counts`]), `contention` at one queue against many
//! ([`contention`]), `model` at more cores than there are ([`model`]), `footprint` at latencies,
//! idle cost, memory and size ([`footprint`]).
//!
//! To add a contender: a module in `contender.rs` with its `Cx` and `join` (and `scope` and
//! `spawn`, if it has them), a name and a variant of `Pool`, and a line in each of the macros
//! there.

#[macro_use]
mod contender;
mod catalog;
mod machine;
mod report;
mod stack;
mod stats;

mod fib;
mod flood;
mod late;
mod queens;
mod tree;
mod uts;

pub mod contention;
pub mod counts;
pub mod footprint;
#[path = "../model/mod.rs"]
pub mod model;
pub mod section;

pub use catalog::{Entry, Sizes, Work, catalog};
pub use contender::Contender;
pub use machine::{Load, Machine, Share};
pub use report::{Row, Table, json};
pub use stack::{STACK, big_stacks_by_default, on_big_stack};
