//! Telling running work that it should stop: tokens in a tree, and who waits for them.
//!
//! What a task's token is, and how forks carry it, is a matter of the pool: `pool/carried.rs`.

#[cfg(not(any(scheduler_loom, scheduler_shuttle)))]
mod deadline;
mod error;
mod future;
mod guard;
mod slots;
mod token;

pub use error::Cancelled;
pub use future::WaitForCancellationFuture;
pub use guard::DropGuard;
pub use token::CancellationToken;
pub(crate) use token::Waiter;
