//! No asymmetric barrier on this platform. See `asymmetric.rs`.

use super::Barrier;
use std::sync::atomic::{Ordering, compiler_fence, fence};

/// The barrier of this process.
pub(crate) fn barrier() -> Barrier {
    Barrier::Fence
}

/// The busy half.
pub(crate) fn light() {
    fence(Ordering::SeqCst);
}

/// The busy half on a worker's own path: the head holds no job that another thread may take.
#[inline(always)]
pub(crate) fn light_owner() {
    compiler_fence(Ordering::SeqCst);
}

/// The idle half.
#[cold]
pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
}
