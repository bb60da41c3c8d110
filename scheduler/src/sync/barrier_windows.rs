//! `FlushProcessWriteBuffers`. See `asymmetric.rs`.

use super::Barrier;
use std::sync::atomic::{Ordering, compiler_fence, fence};

#[link(name = "kernel32")]
unsafe extern "system" {
    safe fn FlushProcessWriteBuffers();
}

/// The barrier of this process. The call cannot fail.
pub(crate) fn barrier() -> Barrier {
    Barrier::ProcessWriteBuffers
}

/// The busy half.
pub(crate) fn light() {
    compiler_fence(Ordering::SeqCst);
}

/// The busy half on a worker's own path.
#[inline(always)]
pub(crate) fn light_owner() {
    compiler_fence(Ordering::SeqCst);
}

/// The idle half.
#[cold]
pub(crate) fn heavy() {
    // Of the caller's own loads the call promises nothing.
    fence(Ordering::SeqCst);
    FlushProcessWriteBuffers();
    fence(Ordering::SeqCst);
}
