//! Many handles at once: who has finished, in which order, and what follows from it.

mod as_completed;
mod finishing;
mod invoke;
pub(crate) mod limit;
mod map;
pub(crate) mod ready;
#[cfg(all(feature = "stream", not(any(scheduler_loom, scheduler_shuttle))))]
#[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
mod stream;
mod task_set;
mod timed_out;
mod wait;

pub use as_completed::{AsCompleted, as_completed};
pub use invoke::{
    InvokeAnyError, InvokeFailure, TimedInvocation, invoke_all, invoke_all_timeout, invoke_any,
};
pub(crate) use invoke::{invoke_all_on, invoke_all_timeout_on, invoke_any_on};
pub use map::{Map, MapUnordered, map, map_unordered};
pub use task_set::TaskSet;
pub use timed_out::TimedOut;
pub use wait::{WaitUntil, Waited, wait};
