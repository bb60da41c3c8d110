//! Under loom both halves are what the pair amounts to: `fence(SeqCst)`.

use super::Barrier;
use crate::sync::{Ordering, fence};

pub(crate) fn barrier() -> Barrier {
    Barrier::Membarrier
}

pub(crate) fn light() {
    fence(Ordering::SeqCst);
}

pub(crate) fn light_owner() {
    fence(Ordering::SeqCst);
}

pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
}
