//! A lock that is held for some dozen nanoseconds at a time, by many threads in turn.
//!
//! # Protocol
//!
//! ```text
//!   free --lock: an exchange, by anyone--> held --drop of the guard: a store, by its holder--> free
//! ```
//!
//! Invariant: who has made the exchange, and has not stored since, is alone with the value.
//!
//! Nobody blocks for it and nobody is woken, so to give it back is a plain store. A lock whose waiters block
//! has to ask, with an exchange, whether there are any, and an exchange waits until all that was written under
//! the lock has arrived: on a queue's line that another core had last, longer than all the rest. And a thread
//! that blocks costs whoever wakes it more than a small task. So who finds it held tries again, gives way,
//! to the holder if that one has lost its core, and in the end naps: see `patience.rs`.

use super::fault::{self, Fault};
use super::patience::wait;
use super::{AtomicBool, Ordering, UnsafeCell};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// See the module. What its value begins with is on the lock's own cache line.
#[repr(C)]
pub(crate) struct Brief<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: it gives the value to one thread at a time.
unsafe impl<T: Send> Send for Brief<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Brief<T> {}

/// Who holds the lock, until it is dropped. It stays on its thread, as other locks' guards do.
pub(crate) struct Held<'a, T> {
    lock: &'a Brief<T>,
    here: PhantomData<*const ()>,
}

impl<T> Brief<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    #[inline]
    pub(crate) fn lock(&self) -> Held<'_, T> {
        match self.try_lock() {
            Some(held) => held,
            None => self.lock_contended(),
        }
    }

    #[inline]
    pub(crate) fn try_lock(&self) -> Option<Held<'_, T>> {
        // Ordering: Acquire, with the Release of the drop: all that the last holder wrote is there.
        let order = fault::unless(Fault::BriefLockRelaxed, Ordering::Acquire);
        let exchanged = self.held.compare_exchange(false, true, order, Ordering::Relaxed);
        // Made only then: its drop gives the lock back.
        let is_held = exchanged.is_ok();
        if !is_held && fault::is(Fault::BriefTryGivesBack) {
            self.held.store(false, Ordering::Release);
        }
        is_held.then(|| Held { lock: self, here: PhantomData })
    }

    #[cold]
    fn lock_contended(&self) -> Held<'_, T> {
        let mut round = 0;
        loop {
            round = wait(round);
            // A look first, which leaves the holder its line. Relaxed: the exchange decides.
            if !self.held.load(Ordering::Relaxed)
                && let Some(held) = self.try_lock()
            {
                return held;
            }
        }
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held until the guard is dropped.
        self.lock.value.with_mut(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for Held<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above; the guard is borrowed exclusively.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for Held<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Ordering: Release, with the Acquire of the next exchange.
        let order = fault::unless(Fault::BriefDropRelaxed, Ordering::Release);
        self.lock.held.store(false, order);
    }
}

impl<T: fmt::Debug> fmt::Debug for Brief<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Brief");
        match self.try_lock() {
            Some(held) => debug.field("value", &*held),
            None => debug.field("value", &format_args!("<locked>")),
        };
        debug.finish()
    }
}
