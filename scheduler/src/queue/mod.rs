//! A worker's local deque, and the queue behind all of them.
//!
//! ```text
//!    oldest                                                          newest
//!    [ tail: crossbeam deque, public ][ head: ring, private until someone is hungry ]
//!      thieves steal here, FIFO          the owner pushes and pops here, LIFO
//! ```
//!
//! Everything older than the head's oldest job is in the tail. The deque is put together in
//! `pool/worker.rs`; here are its two halves, and the queue for all.

/// For models of its own.
#[cfg(scheduler_loom)]
#[path = "injector.rs"]
pub(crate) mod blocks;
pub(crate) mod head;
#[cfg(not(any(scheduler_loom, scheduler_shuttle)))]
mod injector;
#[cfg(any(scheduler_loom, scheduler_shuttle))]
#[path = "injector_apart.rs"]
mod injector;
pub(crate) mod shared;

#[cfg(not(any(scheduler_loom, scheduler_shuttle)))]
use crossbeam_deque as deque;
#[cfg(any(scheduler_loom, scheduler_shuttle))]
#[path = "model.rs"]
pub(crate) mod deque;

pub(crate) use head::Head;
pub(crate) use injector::Injector;
pub(crate) use shared::{Stealer, Tail};

/// What a look at someone else's queue gave.
#[derive(Debug)]
#[must_use]
pub(crate) enum Steal<T> {
    /// A job.
    Success(T),
    /// There was nothing.
    Empty,
    /// Someone else was quicker; there may be more. Look elsewhere first.
    Retry,
}
