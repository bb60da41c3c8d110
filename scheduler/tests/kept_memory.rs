//! After a burst a pool gives its memory back, but for a bounded rest that the next burst finds.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Shutdown, ThreadPool};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use support::{Stuck, pool, watchdog};

#[global_allocator]
static COUNTING: Counting = Counting;

/// The system's allocator; counts the bytes that are allocated.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: each call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

fn allocated() -> usize {
    ALLOCATED.load(Ordering::Relaxed)
}

/// The tests of this file share the count.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap()
}

const MIB: usize = 1024 * 1024;
/// Empty slabs that the process keeps for the next burst.
const SPARE: usize = 4 * MIB;
/// Of the seats of pools that have ended the process keeps so much for the next.
const SEATS: usize = 4 * MIB;
/// What a worker keeps of freed blocks, of any size.
const FOR_EACH_WORKER: usize = MIB;
/// The harness's own, and queues that have grown.
const REST: usize = MIB;

const BURST: usize = 400_000;

/// What `BURST` closures have allocated while none of them could begin.
fn burst(pool: &ThreadPool) -> usize {
    let before = allocated();
    let stuck = Stuck::new(pool, 1);
    for n in 0..BURST {
        pool.execute(move || assert!(n < BURST)).unwrap();
    }
    let peak = allocated() - before;
    stuck.release();
    peak
}

#[test]
fn closures_from_outside() {
    let _alone = alone();
    watchdog("closures_from_outside", || {
        let before = allocated();
        for _ in 0..3 {
            let pool = pool(1);
            // A closure takes a cache line at least: the burst is far beyond what may be kept.
            assert!(burst(&pool) > 5 * SPARE);
            let _ = pool.shutdown(Shutdown::Drain);
            drop(pool);
            let kept = allocated().saturating_sub(before);
            assert!(kept <= SPARE + REST, "{kept} bytes are kept");
        }
    });
}

#[test]
fn pools_one_after_the_other() {
    let _alone = alone();
    watchdog("pools_one_after_the_other", || {
        let before = allocated();
        // Seats of three sizes, of which the last are too large to be kept.
        for workers in [1, 8, 64].repeat(3) {
            let pool = pool(workers);
            assert_eq!(pool.broadcast(|worker| worker.index()).len(), workers);
            drop(pool);
            let kept = allocated().saturating_sub(before);
            assert!(kept <= SEATS + SPARE + REST, "{kept} bytes are kept");
        }
        let kept = allocated().saturating_sub(before);
        assert!(kept <= SPARE + REST, "{kept} bytes are kept of a large pool");
    });
}

#[test]
fn parts_of_a_scope() {
    let _alone = alone();
    watchdog("parts_of_a_scope", || {
        let pool = pool(2);
        let before = allocated();
        for _ in 0..3 {
            pool.scope(|scope| {
                for n in 0..BURST {
                    scope.fork(move || assert!(n < BURST));
                }
            });
            let kept = allocated().saturating_sub(before);
            assert!(kept <= SPARE + 2 * FOR_EACH_WORKER + REST, "{kept} bytes are kept");
        }
    });
}
