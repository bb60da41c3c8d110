//! What one executor has queued does not keep a pool's other work waiting for longer than a pool's own
//! jobs would: on its one worker, everything else gets its turn.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Executor, ThreadPool};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::sync::Arc;
use support::{Stuck, pool, wait_until, watchdog};

/// Closures that the one executor has queued.
const QUEUED: usize = 5_000;
/// A worker looks at other work after some sixty jobs; and two kinds of work may be before it there.
const PATIENCE: usize = 300;

/// How many of an executor's closures have run when `other` is run, which comes after them.
fn ran_before(other: impl FnOnce(&ThreadPool, Box<dyn FnOnce() + Send>)) -> usize {
    let pool = pool(1);
    let executor = Executor::builder(&pool).build().unwrap();
    let stuck = Stuck::new(&pool, 1);
    let ran = Arc::new(AtomicUsize::new(0));
    for _ in 0..QUEUED {
        let ran = Arc::clone(&ran);
        executor.execute(move || _ = ran.fetch_add(1, SeqCst)).unwrap();
    }
    let seen = Arc::new(AtomicUsize::new(usize::MAX));
    let look = {
        let (ran, seen) = (Arc::clone(&ran), Arc::clone(&seen));
        Box::new(move || seen.store(ran.load(SeqCst), SeqCst))
    };
    other(&pool, look);
    stuck.release();
    wait_until(|| ran.load(SeqCst) == QUEUED && seen.load(SeqCst) != usize::MAX);
    seen.load(SeqCst)
}

#[test]
fn another_executor_gets_its_turn() {
    watchdog("another_executor_gets_its_turn", || {
        let before = ran_before(|pool, look| {
            Executor::builder(pool).build().unwrap().execute(look).unwrap();
        });
        assert!(before <= PATIENCE, "{before} closures ran first");
    });
}

#[test]
fn a_spawned_closure_gets_its_turn() {
    watchdog("a_spawned_closure_gets_its_turn", || {
        let before = ran_before(|pool, look| drop(pool.spawn(look)));
        assert!(before <= PATIENCE, "{before} closures ran first");
    });
}
