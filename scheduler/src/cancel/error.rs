//! What a task that should stop returns.

use std::error::Error;
use std::fmt;

/// The task was asked to stop: the error of [`task::checkpoint`](crate::task::checkpoint).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "programs return it themselves")]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was cancelled")
    }
}

impl Error for Cancelled {}
