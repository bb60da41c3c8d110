//! One-shot events. A latch is set once and has one waiter.
//!
//! # Protocol
//!
//! One word: `UNSET` (null), a *watcher* (a counted reference to the waiter's parker), `SET`.
//!
//! ```text
//!   UNSET --watch, by the waiter--> watcher --unwatch, by the waiter--> UNSET
//!   UNSET or watcher --set, by anyone, once--> SET        (final)
//! ```
//!
//! Invariant: the reference in the word belongs to whoever swaps it out: `set` takes it and
//! unparks with it, or `unwatch` takes it back. So the setter needs nothing of the waiter
//! but that reference, and the waiter's pool may be gone by the time of the unpark.
//!
//! # The owner may be gone
//!
//! The moment the word is `SET` the waiter may return and free the latch, while the setter is
//! still inside [`Latch::set`]. So `set` takes a raw pointer and touches nothing of the latch
//! after its one swap. rayon (issues 739, 913) and rustc (146677) both shipped the opposite.

use crate::park::Parker;
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, AtomicPtr, Instant, Ordering};
use std::ptr;

const UNSET: *mut Parker = ptr::null_mut();
/// No parker lives at an odd address.
const SET: *mut Parker = ptr::without_provenance_mut(1);

/// An event with one waiter.
#[derive(Debug)]
pub(crate) struct Latch {
    word: AtomicPtr<Parker>,
}

/// What [`Latch::watch`] found.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Watch {
    /// The setter will unpark the waiter. End with [`Latch::unwatch`].
    Watching,
    /// It is set: do not park.
    AlreadySet,
}

impl Latch {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { word: AtomicPtr::new(UNSET) }
    }

    /// Whether the event has happened; what came before it is then visible.
    #[inline(always)]
    pub(crate) fn is_set(&self) -> bool {
        // Ordering: Acquire, with the Release half of the swap in `set`.
        self.word.load(fault::unless(Fault::LatchIsSetRelaxed, Ordering::Acquire)) == SET
    }

    /// The waiter is about to park: whoever sets the latch has to wake it.
    pub(crate) fn watch(&self, waiter: &Arc<Parker>) -> Watch {
        let watcher = Arc::into_raw(Arc::clone(waiter)).cast_mut();
        // Ordering: Release, with the Acquire half of the swap in `set`, which uses the
        // parker; Acquire on failure, as in `is_set`.
        let stored = fault::unless(Fault::LatchWatchRelaxed, Ordering::Release);
        let found = fault::unless(Fault::LatchWatchReadsRelaxed, Ordering::Acquire);
        match self.word.compare_exchange(UNSET, watcher, stored, found) {
            Ok(_) => Watch::Watching,
            Err(_) if fault::is(Fault::LatchWatchIgnoresSet) => {
                // SAFETY: the reference made above was not stored.
                drop(unsafe { Arc::from_raw(watcher) });
                Watch::Watching
            }
            Err(found) => {
                debug_assert_eq!(found, SET, "a latch has one waiter");
                // SAFETY: the reference made above was not stored.
                drop(unsafe { Arc::from_raw(watcher) });
                Watch::AlreadySet
            }
        }
    }

    /// The waiter is awake again. Does nothing if the latch has been set meanwhile.
    pub(crate) fn unwatch(&self) {
        // Only the waiter itself stores a watcher, so this one is its own.
        let watcher = self.word.load(Ordering::Relaxed);
        debug_assert_ne!(watcher, UNSET, "it was not watched");
        if watcher == SET || fault::is(Fault::LatchUnwatchForgets) {
            return;
        }
        // Ordering: Relaxed, the reference comes back to the thread that stored it. If `set`
        // was first, the caller's next `is_set` acquires.
        let taken =
            self.word.compare_exchange(watcher, UNSET, Ordering::Relaxed, Ordering::Relaxed);
        if taken.is_ok() {
            // SAFETY: the exchange took the reference that `watch` stored.
            drop(unsafe { Arc::from_raw(watcher.cast_const()) });
        }
    }

    /// Makes the event happen and wakes the waiter if it is parked. Setting twice is allowed.
    ///
    /// # Safety
    ///
    /// 1. `this` points to a latch that is alive when the call begins. It may be freed as
    ///    soon as another thread can see it set.
    pub(crate) unsafe fn set(this: *const Self) {
        let order = fault::half(Fault::LatchSetNoAcquire, Fault::LatchSetNoRelease);
        // SAFETY: (1); the reference is used for one swap and dropped before anybody can free.
        let word = unsafe { &raw const (*this).word };
        // Ordering: Release, with `is_set`: the result is visible to the waiter. Acquire, with
        // `watch`: the parker is.
        // SAFETY: (1): until the swap is done, nobody has seen the latch set.
        let before = unsafe { &*word }.swap(SET, order);
        // From here on nothing of `this` may be touched.
        if fault::is(Fault::LatchTouchedAfterSet) {
            // SAFETY: none, that is the fault.
            let _ = unsafe { &*word }.load(Ordering::Relaxed);
        }
        if before != UNSET && before != SET && !fault::is(Fault::LatchSetNoWake) {
            // SAFETY: the swap took the reference that `watch` stored.
            let waiter = unsafe { Arc::from_raw(before.cast_const()) };
            waiter.unpark();
        }
    }

    /// Blocks the calling thread, which does nothing else meanwhile. For threads that are no
    /// workers.
    pub(crate) fn wait(&self) {
        if self.is_set() {
            return;
        }
        let parker = Parker::current();
        if self.watch(&parker) == Watch::AlreadySet {
            return;
        }
        while !self.is_set() {
            parker.park();
        }
    }

    /// As [`wait`](Self::wait), but not beyond `deadline`. True if the latch is set.
    pub(crate) fn wait_until(&self, deadline: Instant) -> bool {
        if self.is_set() {
            return true;
        }
        let parker = Parker::current();
        if self.watch(&parker) == Watch::AlreadySet {
            return true;
        }
        while !self.is_set() && parker.park_until(deadline) {}
        self.unwatch();
        self.is_set()
    }
}
