//! A hint to the processor: this will be read or written in a moment.
//!
//! A thread that has slept for milliseconds finds nothing in its core's caches, and none finds there what another core
//! has written. It comes to each line only once it has the one before, so it waits for them one after the
//! other; if it names them all at once, it waits for about one. That is all there is to it: nothing is ordered by
//! it, and nothing depends on it.

/// The memory of `place`. What that points to is not meant.
#[inline(always)]
#[cfg(all(target_arch = "x86_64", not(any(miri, scheduler_loom, scheduler_shuttle))))]
pub(crate) fn prefetch<T>(place: *const T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    const LINE: usize = 64;
    let place = place.cast::<i8>();
    for offset in (0..size_of::<T>()).step_by(LINE) {
        // SAFETY: a hint may be about any address, and each processor of this kind has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.wrapping_add(offset)) };
    }
}

/// Nothing, where the standard library has no such hint, or a checker counts steps instead of time.
#[inline(always)]
#[cfg(not(all(target_arch = "x86_64", not(any(miri, scheduler_loom, scheduler_shuttle)))))]
pub(crate) fn prefetch<T>(_: *const T) {}
