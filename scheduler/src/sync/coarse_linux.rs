//! The kernel's own clocks, in nanoseconds since it started. See `coarse.rs`.

use std::mem::MaybeUninit;

/// As of the last tick.
#[inline]
pub(super) fn now() -> u64 {
    look_at(libc::CLOCK_MONOTONIC_COARSE)
}

/// Of the same clock, between two ticks.
pub(super) fn exactly_now() -> u64 {
    look_at(libc::CLOCK_MONOTONIC)
}

#[inline]
fn look_at(clock: libc::clockid_t) -> u64 {
    // Not by its fields: on some targets there is padding that has a name.
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `time` is writable. The call does not fail for a clock that every Linux has.
    unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) };
    // SAFETY: integers, which are zero if nothing else.
    let time = unsafe { time.assume_init() };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
