//! [`body`](super::body) for the checkers: closure and outcome side by side, since loom's cells are of
//! one type each, and a seeded fault must not take the one for the other. Each access counts as one to both,
//! and what would be there in the one place is noted: so a model fails that would take the one for the other.

use super::cell::Outcome;
use crate::sync::UnsafeCell;

/// What is in the place that the two have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Closure,
    /// The closure has been taken.
    Nothing,
    Outcome,
}

/// Closure and outcome of a cell.
#[repr(C)]
pub(super) struct Body<F, T> {
    slot: Slot<T>,
    closure: UnsafeCell<Option<F>>,
}

/// The place of the outcome.
#[repr(C)]
pub(super) struct Slot<T> {
    place: UnsafeCell<Held>,
    outcome: UnsafeCell<Option<Outcome<T>>>,
}

impl<F, T> Body<F, T> {
    pub(super) fn new(closure: F) -> Self {
        let slot = Slot { place: UnsafeCell::new(Held::Closure), outcome: UnsafeCell::new(None) };
        Self { slot, closure: UnsafeCell::new(Some(closure)) }
    }

    /// Takes the closure out.
    ///
    /// # Safety
    ///
    /// 1. The closure is the caller's, and has not been taken.
    pub(super) unsafe fn take_closure(&self) -> F {
        self.slot.turns(Held::Closure, Held::Nothing);
        self.closure.with_mut(|closure| {
            // SAFETY: (1).
            unsafe { &mut *closure }.take().expect("it was there")
        })
    }
}

impl<T> Slot<T> {
    /// Whoever uses the place expects this there, and leaves that.
    fn turns(&self, before: Held, after: Held) {
        self.place.with_mut(|held| {
            // SAFETY: the checker fails if this access is not exclusive.
            let held = std::mem::replace(unsafe { &mut *held }, after);
            assert_eq!(held, before, "not what is in the cell");
        });
    }

    /// # Safety
    ///
    /// 1. The slot is the caller's, and holds nothing.
    pub(super) unsafe fn write(&self, outcome: Outcome<T>) {
        self.turns(Held::Nothing, Held::Outcome);
        self.outcome.with_mut(|slot| {
            // SAFETY: (1).
            unsafe { *slot = Some(outcome) }
        });
    }

    /// Takes the outcome out.
    ///
    /// # Safety
    ///
    /// 1. The outcome has been written, and is the caller's.
    pub(super) unsafe fn take(&self) -> Outcome<T> {
        self.turns(Held::Outcome, Held::Outcome);
        self.outcome.with_mut(|slot| {
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
        self.turns(Held::Outcome, Held::Outcome);
        self.outcome.with_mut(|slot| {
            // SAFETY: (1).
            matches!(unsafe { &*slot }, Some(Outcome::Panicked(_)))
        })
    }
}
