//! The kernel's own clocks, in nanoseconds since it started. See `coarse.rs`.

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
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable. The call does not fail for a clock that every Linux has.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
