//! Entries that a worker has taken out of the queue several at a time, and has not begun.
//!
//! # Protocol
//!
//! Each worker has one lease, and one word says what is left of it: how many of its entries have been begun,
//! and how many there are.
//!
//! ```text
//!   i of n --begin, by its worker, without a lock--> i + 1 of n    if i < n, entry i is the worker's
//!   i of n --revoke, by anyone, under the lock-----> 0 of 0        entries i to n are the revoker's
//!   i of n --grant, by its worker, under the lock--> 0 of m        if nothing is left of it
//! ```
//!
//! The lock is the [queue](super::queue)'s. Both steps that take entries are read-modify-writes of the word,
//! so each entry has one taker. A worker that begins more than there is gets nothing, and the word has to be
//! granted anew; it cannot wrap, as who gets nothing goes to the queue.
//!
//! Invariant: the places from `i` to `n` hold entries, and no other place does.
//!
//! Everything is Relaxed: the places are written under the lock, which the revoker has too, and by the worker
//! that begins what is in them.

use crate::sync::fault::{self, Fault};
use crate::sync::{AtomicU64, Ordering, UnsafeCell};

/// Entries of a lease, at most.
pub(super) const MOST: usize = 15;

/// In the word: one that has been begun; below: how many there are.
const BEGUN: u64 = 1 << 32;

/// Of the queue's entries, with their numbers.
#[derive(Debug)]
pub(super) struct Lease<E> {
    word: AtomicU64,
    places: [UnsafeCell<Option<(u64, E)>>; MOST],
}

// SAFETY: a place is used by whom the word gives it to, or under the queue's lock; entries may be sent.
unsafe impl<E: Send> Sync for Lease<E> {}

/// What a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left(u64);

impl Left {
    fn begun(self) -> usize {
        (self.0 / BEGUN) as usize
    }

    fn all(self) -> usize {
        (self.0 % BEGUN) as usize
    }

    /// Entries that have not been begun.
    pub(super) fn len(self) -> usize {
        self.all().saturating_sub(self.begun())
    }
}

impl<E> Lease<E> {
    pub(super) fn new() -> Self {
        Self { word: AtomicU64::new(0), places: std::array::from_fn(|_| UnsafeCell::new(None)) }
    }

    /// What is left of it, now or a moment ago; what the caller knows to have been begun is not.
    pub(super) fn left(&self) -> Left {
        // Relaxed: see the module.
        Left(self.word.load(Ordering::Relaxed))
    }

    /// The next entry, by the lease's worker.
    #[inline]
    pub(super) fn begin(&self) -> Option<E> {
        let left = if fault::is(Fault::LeaseBeginsBlindly) {
            let left = self.left();
            self.word.store(left.0 + BEGUN, Ordering::Relaxed);
            left
        } else {
            // Relaxed: see the module.
            Left(self.word.fetch_add(BEGUN, Ordering::Relaxed))
        };
        if left.len() == 0 {
            return None;
        }
        // SAFETY: the word has just given the place to this call.
        let entry = unsafe { self.take(left.begun()) };
        Some(entry.1)
    }

    /// Leases these to its worker, who calls, under the lock.
    ///
    /// # Safety
    ///
    /// 1. The caller has the lock.
    /// 2. Nothing is left of it.
    /// 3. They are no more than [`MOST`].
    pub(super) unsafe fn grant(&self, entries: impl Iterator<Item = (u64, E)>) {
        let mut all = 0;
        for (place, entry) in self.places.iter().zip(entries) {
            // SAFETY: (1), (2): nobody else uses the place.
            place.with_mut(|place| unsafe { *place = Some(entry) });
            all += 1;
        }
        // Relaxed: see the module.
        self.word.store(all, Ordering::Relaxed);
    }

    /// Takes back what has not been begun, oldest first.
    ///
    /// # Safety
    ///
    /// 1. The caller has the lock.
    pub(super) unsafe fn revoke(&self) -> impl DoubleEndedIterator<Item = (u64, E)> {
        // Relaxed: see the module.
        let left = Left(self.word.swap(0, Ordering::Relaxed));
        // SAFETY: the word has just given these places to this call; (1): nobody grants meanwhile.
        (left.begun()..left.all()).map(|place| unsafe { self.take(place) })
    }

    /// # Safety
    ///
    /// 1. The place holds an entry, which is the caller's.
    unsafe fn take(&self, place: usize) -> (u64, E) {
        self.places[place].with_mut(|place| {
            // SAFETY: (1).
            unsafe { &mut *place }.take().expect("it is there until it is taken")
        })
    }
}
