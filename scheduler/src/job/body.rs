//! What a cell holds for its closure: first that, then the outcome, in one place.
//!
//! Which of the two is there the claimer knows, and after it whoever has the outcome, see
//! [`state`](super::state): the closure until it has been taken, the outcome once it has been written.
//! So the cell of a small closure is one cache line.

use super::cell::Outcome;
use crate::sync::UnsafeCell;
use std::mem::{self, ManuallyDrop};

/// Closure and outcome of a cell.
#[repr(C)]
pub(super) union Body<F, T> {
    slot: ManuallyDrop<Slot<T>>,
    closure: ManuallyDrop<UnsafeCell<ManuallyDrop<F>>>,
}

/// The place of the outcome. With a cell's alignment a front ends with it, before the cell's owner.
#[repr(C, align(8))]
pub(super) struct Slot<T>(UnsafeCell<ManuallyDrop<Outcome<T>>>);

impl<F, T> Body<F, T> {
    pub(super) fn new(closure: F) -> Self {
        Self { closure: ManuallyDrop::new(UnsafeCell::new(ManuallyDrop::new(closure))) }
    }

    /// Takes the closure out.
    ///
    /// # Safety
    ///
    /// 1. The closure is the caller's, and has not been taken.
    pub(super) unsafe fn take_closure(&self) -> F {
        // SAFETY: (1).
        let closure = unsafe { &self.closure };
        closure.with_mut(|closure| {
            // SAFETY: (1): nobody else uses it.
            let closure = unsafe { &mut *closure };
            // SAFETY: (1): it is taken once.
            unsafe { ManuallyDrop::take(closure) }
        })
    }
}

impl<T> Slot<T> {
    /// # Safety
    ///
    /// 1. The slot is the caller's, and holds nothing.
    pub(super) unsafe fn write(&self, outcome: Outcome<T>) {
        self.0.with_mut(|slot| {
            // SAFETY: (1).
            unsafe { slot.write(ManuallyDrop::new(outcome)) }
        });
    }

    /// Takes the outcome out.
    ///
    /// # Safety
    ///
    /// 1. The outcome has been written, and is the caller's.
    pub(super) unsafe fn take(&self) -> Outcome<T> {
        self.0.with_mut(|slot| {
            // SAFETY: (1).
            let slot = unsafe { &mut *slot };
            mem::replace(&mut **slot, Outcome::Taken)
        })
    }

    /// Whether the outcome is a panic.
    ///
    /// # Safety
    ///
    /// 1. As [`take`](Self::take).
    pub(super) unsafe fn has_panicked(&self) -> bool {
        self.0.with_mut(|slot| {
            // SAFETY: (1).
            let slot = unsafe { &*slot };
            matches!(**slot, Outcome::Panicked(_))
        })
    }
}
