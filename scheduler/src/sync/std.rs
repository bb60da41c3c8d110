//! The seam in a normal build: `std`.

pub(crate) use crate::sync::cell::UnsafeCell;
pub(crate) use locks::{Arc, Condvar, Mutex, OnceLock, thread};
/// For statics.
pub(crate) use locks::{Mutex as StaticMutex, OnceLock as StaticOnceLock};
pub(crate) use std::time::Instant;

// There are no slabs under AddressSanitizer.
#[cfg(not(scheduler_asan))]
pub(crate) mod alloc {
    pub(crate) use crate::sync::spare::{alloc, dealloc};
}

pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, fence,
};
pub(crate) use std::thread::yield_now;

#[cfg(not(scheduler_tsan))]
mod locks {
    pub(crate) use std::sync::{Arc, Condvar, Mutex, OnceLock};

    pub(crate) mod thread {
        pub(crate) use std::thread::{
            Builder, JoinHandle, Thread, available_parallelism, current, park, park_timeout,
        };
    }
}
#[cfg(scheduler_tsan)]
#[path = "tsan.rs"]
mod locks;

/// Slots in a worker's private ring. Larger: deeper recursion and wider scopes stay private,
/// but the ring (8 bytes a slot) leaves the first-level cache as steals move it along.
/// Smaller: more jobs spill to the tail, which costs a full fence each to take back.
pub(crate) const HEAD_CAPACITY: usize = 8192;

/// Whether an [`AtomicPtr`] of zero bytes is one that holds null.
pub(crate) const ZERO_IS_NULL: bool = true;

/// How often a searcher goes round all victims, at most, before it prepares to sleep; see `pool/stamina.rs`.
pub(crate) const SEARCH_ROUNDS: u32 = 32;

/// How often a new worker looks about, and gives way, before it sleeps for the first time. More: it takes longer to come to
/// rest. Less: it sleeps when the first job comes.
pub(crate) const FIRST_LOOKS: u32 = 32;

/// A searcher takes a job by force from a head that is as it was so many rounds before: an owner that forks
/// gives it one sooner. Less: owners that would have are interrupted by the barrier, and lose the line of their head. More:
/// what lies behind a long leaf waits for longer.
pub(crate) const STILL_ROUNDS: u32 = 4;

/// Pauses between two rounds of a search. More: less traffic on the victims' lines, later
/// steals.
pub(crate) const SPINS_PER_ROUND: u32 = 16;

/// One more than the slots of a block of the global queue.
pub(crate) const INJECTOR_LAP: u64 = 128;

/// How often a worker that waits for a stolen job looks round before it counts as idle. Mostly
/// the job is small and about to end; counting as idle at once would make its thief publish
/// pieces of it, and the two would pass ever smaller pieces back and forth.
pub(crate) const LINGER_ROUNDS: u32 = 8;

/// On every so-manieth pick a worker looks first at the global queue, and else takes the oldest
/// job of its own deque instead of the newest, so that neither is starved by a pool that keeps
/// itself busy. Go and tokio started
/// from 61 as well; a prime, so that it does not beat in time with a program's own periods.
pub(crate) const FAIR_INTERVAL: u32 = 61;

/// So many injected jobs are taken one after the other, before a worker looks at the other workers'
/// queues again.
pub(crate) const INJECTED_STREAK: u32 = 16;

/// Whether busy workers look for jobs that are stuck in another's batch.
pub(crate) const LOOKS_FOR_STRANDED: bool = true;

/// Jobs in a bundle. More: fewer operations on the tail; but a thief takes them all at once,
/// and others can then take from it only one by one, by force.
pub(crate) const BUNDLE_SIZE: usize = 64;

/// How many stripes the threads share that are no workers, in what is counted by stripes. More: fewer
/// of them meet in one; fewer: less memory for each pool, and less to go through.
pub(crate) const OUTSIDE_STRIPES: usize = 8;

/// The stripe of the calling thread, if it is no worker. Dealt out in turn, as threads first ask for
/// theirs: those that begin together get different ones.
#[inline]
pub(crate) fn outside_stripe() -> usize {
    use std::cell::Cell;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    std::thread_local! { static MINE: Cell<Option<usize>> = const { Cell::new(None) } }
    let first = || {
        let stripe = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % OUTSIDE_STRIPES;
        MINE.set(Some(stripe));
        stripe
    };
    MINE.get().unwrap_or_else(first)
}

/// A thread-local that starts from a constant, so that reading it is one load.
macro_rules! thread_local_const {
    ($(#[$doc:meta])* static $name:ident: $ty:ty = $init:expr) => {
        std::thread_local! { $(#[$doc])* static $name: $ty = const { $init } }
    };
}
/// A thread-local made at its first use.
macro_rules! thread_local_lazy {
    ($(#[$doc:meta])* static $name:ident: $ty:ty = $init:expr) => {
        std::thread_local! { $(#[$doc])* static $name: $ty = $init }
    };
}
pub(crate) use {thread_local_const, thread_local_lazy};
