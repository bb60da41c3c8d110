//! The seam: the only place that names `std::sync`, `std::thread`, the clock, loom or shuttle.
//!
//! `loom-tests` compiles this crate once more under `cfg(scheduler_loom)`, and its package
//! `shuttle-tests` under `cfg(scheduler_shuttle)`; there every atomic, lock and thread below is
//! the checker's, and the protocols above it are unchanged. Faults that the models must find are
//! switched in [`fault`], which is `const false` in a normal build.

#[cfg(not(any(scheduler_loom, scheduler_shuttle, scheduler_jitter)))]
#[path = "std.rs"]
mod imp;
#[cfg(all(scheduler_jitter, not(any(scheduler_loom, scheduler_shuttle))))]
#[path = "jitter.rs"]
mod imp;
#[cfg(scheduler_loom)]
#[path = "loom.rs"]
mod imp;
#[cfg(scheduler_shuttle)]
#[path = "shuttle.rs"]
mod imp;

pub(crate) mod asymmetric;
#[cfg_attr(any(scheduler_loom, scheduler_shuttle), path = "brief_checker.rs")]
pub(crate) mod brief;
/// For models of its own.
#[cfg(scheduler_loom)]
#[path = "brief.rs"]
pub(crate) mod brief_itself;
#[cfg(not(scheduler_loom))]
mod cell;
#[cfg(any(scheduler_loom, scheduler_shuttle))]
mod clock;
pub(crate) mod coarse;
pub(crate) mod fault;
#[cfg_attr(
    any(miri, scheduler_loom, scheduler_shuttle, scheduler_asan, scheduler_tsan),
    path = "keep_nothing.rs"
)]
mod keep;
pub(crate) mod kept;
pub(crate) mod mask;
#[cfg(not(scheduler_shuttle))]
#[cfg_attr(scheduler_loom, path = "patience_checker.rs")]
mod patience;
mod prefetch;
// There are no slabs under these.
#[cfg(not(any(scheduler_loom, scheduler_shuttle, scheduler_asan)))]
mod spare;
#[cfg_attr(scheduler_jitter, path = "start_jitter.rs")]
pub(crate) mod start;
#[cfg(scheduler_tsan)]
mod volatile;

pub(crate) use coarse::Moment;
pub(crate) use imp::*;
pub(crate) use prefetch::prefetch;
pub(crate) use std::sync::atomic::Ordering;

/// A statistics counter with one writer. Not part of any protocol, so the models do not
/// branch on it.
#[derive(Debug, Default)]
pub(crate) struct Counter(std::sync::atomic::AtomicU64);

impl Counter {
    pub(crate) const fn new() -> Self {
        Self(std::sync::atomic::AtomicU64::new(0))
    }

    /// Adds `n`. Only the counter's one writer calls this: a load and a store, no
    /// read-modify-write.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        let value = self.0.load(Ordering::Relaxed);
        self.0.store(value.wrapping_add(n), Ordering::Relaxed);
    }

    /// As [`add`](Self::add).
    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Makes it at least `n`. Only the counter's one writer calls this.
    pub(crate) fn raise(&self, n: u64) {
        if n > self.get() {
            self.0.store(n, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
