//! The seam under loom. Constants shrink so that wrap-around and overflow are reached.

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, fence};
pub(crate) use loom::sync::{Arc, Condvar, Mutex};
/// Set once, before the thread that reads it can know of it; no model branches on it.
pub(crate) use std::sync::OnceLock;

pub(crate) mod thread {
    use std::num::NonZero;
    use std::time::Duration;

    pub(crate) use loom::thread::{Builder, JoinHandle, Thread, current, park, yield_now};

    /// Loom has no clock: a timed park never times out.
    pub(crate) fn park_timeout(_: Duration) {
        park();
    }

    pub(crate) fn available_parallelism() -> std::io::Result<NonZero<usize>> {
        Ok(NonZero::new(2).expect("2 is not zero"))
    }
}

/// Loom schedules another thread only at a yield.
pub(crate) fn spin_loop() {
    loom::thread::yield_now();
}

pub(crate) const HEAD_CAPACITY: usize = 4;
pub(crate) const SEARCH_ROUNDS: u32 = 1;

/// Loom's cell, which fails a model on overlapping access.
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(f)
    }
}

macro_rules! thread_local_const {
    ($(#[$doc:meta])* static $name:ident: $ty:ty = $init:expr) => {
        loom::thread_local! { $(#[$doc])* static $name: $ty = $init }
    };
}
pub(crate) use thread_local_const;
pub(crate) use thread_local_const as thread_local_lazy;
