//! By what a running root can be asked to stop, beside the shutdown of its pool and the token of its task.

use crate::job::cell::AbortFlag;
use crate::sync::{AtomicBool, Counter, Ordering};

/// In the frame that runs the root; [carried](super::carried) as a pointer.
#[derive(Debug)]
pub(crate) struct Stops<'a> {
    /// By its handle.
    abort: Option<AbortFlag<'a>>,
    /// By what it belongs to, beside the pool.
    owner: Option<&'a AtomicBool>,
    /// Not 0: it has asked whether it is. Several threads may write that, always the same. Of no protocol: a
    /// thread that begins a piece of it, or takes one up again after a wait, because of what came after the
    /// question, sees it.
    asks: Counter,
}

impl<'a> Stops<'a> {
    #[inline]
    pub(crate) fn new(abort: Option<AbortFlag<'a>>, owner: Option<&'a AtomicBool>) -> Self {
        Self { abort, owner, asks: Counter::new() }
    }

    /// Of a root that nobody but its handle and its pool can ask.
    #[inline]
    pub(crate) fn of_handle(abort: AbortFlag<'a>) -> Self {
        Self::new(Some(abort), None)
    }

    /// Whether it is asked to stop.
    #[inline]
    pub(super) fn is_asked(&self) -> bool {
        // Relaxed: nothing is read through the owner's flag.
        let by_owner = self.owner.is_some_and(|flag| flag.load(Ordering::Relaxed));
        by_owner || self.abort.is_some_and(AbortFlag::is_set)
    }

    /// Whether it, or what it has forked, has asked that before.
    #[inline]
    pub(super) fn has_asked(&self) -> bool {
        self.asks.get() != 0
    }

    pub(super) fn note_that_it_asks(&self) {
        self.asks.set(1);
    }
}
