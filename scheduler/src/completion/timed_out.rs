//! That a wait with a limit ended for that reason.

use std::fmt;

/// Nothing finished within the time. Nothing is lost by it: ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "it says one thing")]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing finished within the time")
    }
}

impl std::error::Error for TimedOut {}
