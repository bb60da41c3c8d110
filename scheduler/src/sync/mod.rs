//! The seam: the only place that names `std::sync`, `std::thread` or loom.
//!
//! `loom-tests` compiles this crate once more under `cfg(scheduler_loom)`; there every
//! atomic, lock, cell and thread below is loom's, and the protocols above it are unchanged.
//! Faults that the models must find are switched in [`fault`], which is `const false` in a
//! normal build.

#[cfg(not(scheduler_loom))]
#[path = "std.rs"]
mod imp;
#[cfg(scheduler_loom)]
#[path = "loom.rs"]
mod imp;

pub(crate) mod asymmetric;
pub(crate) mod fault;
#[cfg(scheduler_tsan)]
mod volatile;

pub(crate) use imp::*;
pub(crate) use std::sync::atomic::Ordering;

/// A statistics counter with one writer. Not part of any protocol, so the models do not
/// branch on it.
#[derive(Debug, Default)]
pub(crate) struct Counter(std::sync::atomic::AtomicU64);

impl Counter {
    /// Adds `n`. Only the counter's one writer calls this: a load and a store, no
    /// read-modify-write.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        let value = self.0.load(Ordering::Relaxed);
        self.0.store(value.wrapping_add(n), Ordering::Relaxed);
    }

    /// Adds one from any thread.
    pub(crate) fn add_shared(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
