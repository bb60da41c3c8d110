//! The same work on `scheduler` and on its peers.
//!
//! `cargo run --release -p benches --bin compare` interleaves the contenders round by round, prints a
//! table for each work and writes a page with plots; `cargo bench -p benches` runs the same under
//! criterion.
//!
//! To add a contender: a module in `contender.rs` with its `Cx` and `join` (and `scope` and
//! `spawn`, if it has them), a name and a variant of `Pool`, and a line in each of the macros
//! there.

#[macro_use]
mod contender;
mod catalog;
mod machine;
pub mod report;
mod runner;
mod stack;

mod fib;
mod flood;
mod late;
mod queens;
mod tree;
mod uts;

pub use catalog::{Entry, Sizes, Work, catalog};
pub use contender::Contender;
pub use machine::{Load, Machine, Share};
pub use runner::measure;
pub use stack::{STACK, big_stacks_by_default, on_big_stack};
