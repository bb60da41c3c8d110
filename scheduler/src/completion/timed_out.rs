//! That a wait with a limit ended for that reason.

use std::fmt;

/// Nothing finished within the time. Nothing is lost by it: ask again. The error of
/// [`AsCompleted::next_timeout`](crate::AsCompleted::next_timeout) and
/// [`TaskSet::join_next_timeout`](crate::TaskSet::join_next_timeout).
///
/// # Examples
///
/// ```
/// use scheduler::{TaskSet, TimedOut};
/// use std::time::Duration;
///
/// let mut set = TaskSet::on_current();
/// let (go, gone) = std::sync::mpsc::channel();
/// set.spawn(move || gone.recv());
/// assert_eq!(set.join_next_timeout(Duration::from_millis(1)).unwrap_err(), TimedOut);
/// go.send("now")?;
/// assert_eq!(set.join_next().unwrap()?, Ok("now"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "it says one thing")]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing finished within the time")
    }
}

impl std::error::Error for TimedOut {}
