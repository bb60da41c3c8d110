//! By what a running root can be asked to stop, beside the shutdown of its pool and the token of its task.

use crate::job::cell::AbortFlag;
use crate::sync::{AtomicBool, Ordering};

/// In the frame that runs the root; [carried](super::carried) as a pointer.
#[derive(Debug)]
pub(crate) struct Stops<'a> {
    /// By its handle.
    pub(crate) abort: Option<AbortFlag<'a>>,
    /// By what it belongs to, beside the pool.
    pub(crate) owner: Option<&'a AtomicBool>,
}

impl<'a> Stops<'a> {
    /// Of a root that nobody but its handle and its pool can ask.
    #[inline]
    pub(crate) fn of_handle(abort: AbortFlag<'a>) -> Self {
        Self { abort: Some(abort), owner: None }
    }

    /// Whether it is asked to stop.
    #[inline]
    pub(super) fn is_asked(&self) -> bool {
        // Relaxed: nothing is read through the owner's flag.
        let by_owner = self.owner.is_some_and(|flag| flag.load(Ordering::Relaxed));
        by_owner || self.abort.is_some_and(AbortFlag::is_set)
    }
}
