//! [`body`](super::body) for the checkers: closure and outcome side by side, since loom's cells are of
//! one type each, and a seeded fault must not take the one for the other. Each access counts as one to both.

use super::cell::Outcome;
use crate::sync::UnsafeCell;

/// Closure and outcome of a cell.
#[repr(C)]
pub(super) struct Body<F, T> {
    slot: Slot<T>,
    closure: UnsafeCell<Option<F>>,
}

/// The place of the outcome.
#[repr(C)]
pub(super) struct Slot<T> {
    /// The place that the two have in common.
    place: UnsafeCell<()>,
    outcome: UnsafeCell<Option<Outcome<T>>>,
}

impl<F, T> Body<F, T> {
    pub(super) fn new(closure: F) -> Self {
        let slot = Slot { place: UnsafeCell::new(()), outcome: UnsafeCell::new(None) };
        Self { slot, closure: UnsafeCell::new(Some(closure)) }
    }

    /// Takes the closure out. `None`: by a seeded fault it has been taken.
    ///
    /// # Safety
    ///
    /// 1. The closure is the caller's.
    pub(super) unsafe fn take_closure(&self) -> Option<F> {
        self.slot.place.with_mut(|_| ());
        self.closure.with_mut(|closure| {
            // SAFETY: (1).
            unsafe { &mut *closure }.take()
        })
    }
}

impl<T> Slot<T> {
    fn with<R>(&self, f: impl FnOnce(*mut Option<Outcome<T>>) -> R) -> R {
        self.place.with_mut(|_| ());
        self.outcome.with_mut(f)
    }

    /// # Safety
    ///
    /// 1. The slot is the caller's.
    pub(super) unsafe fn write(&self, outcome: Outcome<T>) {
        self.with(|slot| {
            // SAFETY: (1).
            unsafe { *slot = Some(outcome) }
        });
    }

    /// Takes the outcome out.
    ///
    /// # Safety
    ///
    /// 1. The outcome is the caller's.
    pub(super) unsafe fn take(&self) -> Outcome<T> {
        self.with(|slot| {
            // SAFETY: (1).
            let outcome = unsafe { &mut *slot }.replace(Outcome::Taken);
            outcome.expect("nobody takes it before it has been written")
        })
    }

    /// Whether the outcome is a panic.
    ///
    /// # Safety
    ///
    /// 1. As [`take`](Self::take).
    pub(super) unsafe fn has_panicked(&self) -> bool {
        self.with(|slot| {
            // SAFETY: (1).
            matches!(unsafe { &*slot }, Some(Outcome::Panicked(_)))
        })
    }
}
