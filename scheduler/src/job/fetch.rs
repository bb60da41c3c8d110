//! Memory that is needed soon, and that another core has written last.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
use std::ptr::NonNull;

/// Begins to bring the line there to this core. Who waits for several one after the other waits for each; so
/// asked for, they come together.
#[inline]
pub(super) fn fetch<T>(place: NonNull<T>) {
    // SAFETY: nothing is read: any address will do.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(place.as_ptr().cast_const().cast()) };
}
