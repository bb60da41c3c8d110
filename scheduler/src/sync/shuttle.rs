//! The seam under shuttle: threads, locks and atomics are shuttle's, and so is the choice of who
//! goes on at each of their operations. Orderings are not checked here: shuttle takes all atomic
//! operations as sequentially consistent, and its fences do nothing.
//!
//! What shuttle lacks is added: a clock, and locks that are not poisoned by a panic elsewhere.

pub(crate) use super::cell::UnsafeCell;
pub(crate) use super::clock::Instant;
pub(crate) use lock::{Condvar, Mutex};
pub(crate) use shuttle::hint::spin_loop;
pub(crate) use shuttle::sync::MutexGuard;
pub(crate) use shuttle::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, fence,
};
pub(crate) use shuttle::thread::yield_now;
/// Shuttle has no other.
pub(crate) use std::sync::{Arc, OnceLock};
/// For statics, which outlive an execution.
pub(crate) use std::sync::{Mutex as StaticMutex, OnceLock as StaticOnceLock};

pub(crate) mod thread {
    use crate::sync::clock;
    use shuttle::rand::{RngCore, thread_rng};
    use std::num::NonZero;
    use std::time::Duration;

    pub(crate) use shuttle::thread::{Builder, JoinHandle, Thread, current, park};

    /// Ends when the schedule says so, after the time or, as `std`'s may, before it.
    pub(crate) fn park_timeout(patience: Duration) {
        shuttle::thread::yield_now();
        if thread_rng().next_u64().is_multiple_of(2) {
            clock::advance(patience);
        }
    }

    pub(crate) fn available_parallelism() -> std::io::Result<NonZero<usize>> {
        Ok(NonZero::new(2).expect("2 is not zero"))
    }
}

/// Shuttle's locks ask the OS thread whether it is panicking, and all threads of an execution are
/// one OS thread: a lock that is held while *another* thread of the execution unwinds would be
/// poisoned. A real panic with a lock held ends the execution anyway.
mod lock {
    use shuttle::sync::MutexGuard;
    use std::sync::{LockResult, PoisonError, TryLockResult};

    fn unpoisoned<T>(result: LockResult<T>) -> LockResult<T> {
        Ok(result.unwrap_or_else(PoisonError::into_inner))
    }

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
            unpoisoned(self.0.lock())
        }

        pub(crate) fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
            self.0.try_lock()
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct Condvar(shuttle::sync::Condvar);

    impl Condvar {
        pub(crate) fn wait<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
        ) -> LockResult<MutexGuard<'a, T>> {
            unpoisoned(self.0.wait(guard))
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

macro_rules! thread_local_const {
    ($(#[$doc:meta])* static $name:ident: $ty:ty = $init:expr) => {
        shuttle::thread_local! { $(#[$doc])* static $name: $ty = $init }
    };
}
pub(crate) use thread_local_const;
pub(crate) use thread_local_const as thread_local_lazy;

/// A recursion of a few hundred leaves fills it, so it spills, and it goes round many times.
pub(crate) const HEAD_CAPACITY: usize = 8;
pub(crate) const ZERO_IS_NULL: bool = false;
pub(crate) const SEARCH_ROUNDS: u32 = 2;
/// As under loom.
pub(crate) const FIRST_LOOKS: u32 = 0;
pub(crate) const STILL_ROUNDS: u32 = 1;
pub(crate) const LINGER_ROUNDS: u32 = 2;
pub(crate) const FAIR_INTERVAL: u32 = 5;
pub(crate) const INJECTED_STREAK: u32 = 2;
pub(crate) const LOOKS_FOR_STRANDED: bool = true;
/// Half of the head makes a whole bundle and a part of one.
pub(crate) const BUNDLE_SIZE: usize = 3;
/// As under loom.
pub(crate) const SPINS_PER_ROUND: u32 = 0;
/// Of what counts by stripes: a worker's own and this one are enough to go wrong.
pub(crate) const OUTSIDE_STRIPES: usize = 1;
/// How many values the stand-in's injector takes in its life.
pub(crate) const INJECTOR_BLOCK: usize = 32;

/// The only one.
pub(crate) const fn outside_stripe() -> usize {
    0
}
