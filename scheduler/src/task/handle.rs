//! What the caller of `spawn` holds.

use crate::job::cell::{Handle, Outcome};
use crate::job::error::JoinError;
use crate::pool::registry::wait;
use std::fmt;

/// The handle of a spawned closure. Dropping it detaches the closure, which then runs all the
/// same.
///
/// If a detached closure panics, the panic goes to the pool's
/// [`panic_handler`](crate::ThreadPoolBuilder::panic_handler); so it does if the handle is
/// dropped without a look at the panic. Dropping a handle never panics.
#[must_use = "dropping the handle detaches the closure; write `drop(handle)` if that is meant"]
pub struct JoinHandle<T>(State<T>);

enum State<T> {
    Submitted(Handle<T>),
    /// The pool was shutting down.
    Refused,
}

impl<T> JoinHandle<T> {
    pub(crate) fn submitted(handle: Handle<T>) -> Self {
        Self(State::Submitted(handle))
    }

    pub(crate) fn refused() -> Self {
        Self(State::Refused)
    }

    /// Waits for the closure and returns its value.
    ///
    /// # Errors
    ///
    /// If the closure panicked, or never ran: it was aborted, a shutdown cancelled it, or the
    /// pool had been shut down when it was spawned.
    ///
    /// # On a worker
    ///
    /// Of whichever pool: runs other jobs meanwhile, on top of its stack. Any other thread blocks.
    /// Closures that wait for each other in a circle wait for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = scheduler::spawn(|| (1..=20u64).product::<u64>());
    /// assert_eq!(handle.join()?, 2_432_902_008_176_640_000);
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
    pub fn join(self) -> Result<T, JoinError> {
        let State::Submitted(mut handle) = self.0 else { return Err(JoinError::shut_down()) };
        wait(handle.latch());
        match handle.take() {
            Outcome::Value(value) => Ok(value),
            Outcome::Panicked(panic) => Err(JoinError::panicked(panic.0)),
            Outcome::Cancelled => Err(JoinError::cancelled()),
            Outcome::Pending | Outcome::Taken => unreachable!("set once and taken once"),
        }
    }

    /// Whether the closure has ended, or will never run.
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            State::Submitted(handle) => handle.latch().is_set(),
            State::Refused => true,
        }
    }

    /// Drops the closure, here and now, if it has not begun to run; [`join`](Self::join) then
    /// gives an error that [`is_cancelled`](JoinError::is_cancelled). A closure that runs, or
    /// has ended, is not affected.
    pub fn abort(&self) {
        if let State::Submitted(handle) = &self.0 {
            handle.cancel();
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("finished", &self.is_finished()).finish()
    }
}
