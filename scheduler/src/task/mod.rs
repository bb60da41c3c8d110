//! Work that is submitted, which owns its data and for which nobody has to wait; and what running work
//! can ask about itself: [`is_cancelled`], [`checkpoint`], [`token`].
//!
//! All but these three are at the root of the crate as well.
//!
//! ```
//! use scheduler::{CancellationToken, Cancelled, JoinError, task};
//!
//! fn sum(numbers: &[u64]) -> Result<u64, Cancelled> {
//!     task::checkpoint()?;
//!     if numbers.len() <= 1000 {
//!         return Ok(numbers.iter().sum());
//!     }
//!     let (left, right) = numbers.split_at(numbers.len() / 2);
//!     let (left, right) = scheduler::join(|| sum(left), || sum(right));
//!     Ok(left? + right?)
//! }
//!
//! let stop = CancellationToken::new();
//! let task = stop.clone();
//! let handle = scheduler::spawn(move || {
//!     let numbers: Vec<u64> = (0..100_000).collect();
//!     task.run(|| sum(&numbers))
//! });
//! // stop.cancel() would end it early, with an `Err(Cancelled)`.
//! assert_eq!(handle.join()?, Ok(4_999_950_000));
//! # Ok::<(), JoinError>(())
//! ```

mod abort;
mod apart;
mod current;
mod handle;
mod outside;
mod returned;
mod spawn;
mod submit;

pub use abort::{AbortHandle, AbortOnDrop};
pub(crate) use apart::apart;
pub use current::{checkpoint, is_cancelled, token};
pub use handle::JoinHandle;
pub(crate) use outside::with_flag;
pub use returned::Task;
pub use spawn::{Yield, spawn, yield_now};
pub(crate) use spawn::{requeue_on, spawn_on, spawn_ticket};
pub(crate) use submit::{Submit, refused};
