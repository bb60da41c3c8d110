//! Under loom and shuttle both halves are what the pair amounts to: `fence(SeqCst)`. A model can
//! also do without the pair, as where the system has none.

use super::Barrier;
use crate::sync::{Ordering, fence};
use std::cell::Cell;

std::thread_local! { static ABSENT: Cell<bool> = const { Cell::new(false) } }

/// Whether the models that this OS thread runs next have no asymmetric barrier.
pub fn set_absent(absent: bool) {
    ABSENT.set(absent);
}

pub(crate) fn barrier() -> Barrier {
    if ABSENT.get() { Barrier::Fence } else { Barrier::Membarrier }
}

pub(crate) fn light() {
    fence(Ordering::SeqCst);
}

/// Orders nothing where there is no barrier: a compiler fence, then.
pub(crate) fn light_owner() {
    if !ABSENT.get() {
        fence(Ordering::SeqCst);
    }
}

pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
}
