//! A clock for what people read in seconds, where it is looked at for each root.
//!
//! On Linux a look costs a few nanoseconds, a fifth of what an exact one does, and says when the kernel's last tick was,
//! 1 to 10 ms ago at most (longer in a virtual machine that was stopped). Elsewhere it is the standard library's clock,
//! at its price, or the checkers'.

#[cfg(all(target_os = "linux", not(any(scheduler_loom, scheduler_shuttle))))]
#[path = "coarse_linux.rs"]
mod imp;
#[cfg(not(all(target_os = "linux", not(any(scheduler_loom, scheduler_shuttle)))))]
#[path = "coarse_exact.rs"]
mod imp;

use std::time::Duration;

/// A moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(u64);

impl Moment {
    #[inline]
    pub(crate) fn now() -> Self {
        Self(imp::now())
    }

    /// How long ago it was. Not too short; too long by up to a tick.
    pub(crate) fn elapsed(self) -> Duration {
        Duration::from_nanos(imp::exactly_now().saturating_sub(self.0))
    }

    /// For where there is no room but in an integer: nanoseconds since some moment of the past.
    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}
