//! What the clones of an executor share, its policy among it, lives as long as the last closure that was
//! queued, and no longer: in whichever way that one ended, and on whichever thread.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Executor, RejectionPolicy, Shutdown, ThreadPool, Verdict};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use support::sync::{Arc, thread};
use support::{Bomb, Drops, Stuck, each_size, silence_thrown, throw, usable, wait_until, watchdog};

/// An executor that tells when it is gone.
struct Rig {
    pool: ThreadPool,
    executor: Executor,
    ends: Drops,
    /// Of what is submitted by [`Self::token`].
    drops: Drops,
}

impl Rig {
    fn new(workers: usize, capacity: usize, full: Verdict) -> Self {
        let pool =
            ThreadPool::builder().num_threads(workers).panic_handler(|_| ()).build().unwrap();
        let ends = Drops::default();
        let token = ends.token();
        let policy = RejectionPolicy::custom(move |_| {
            let _ = &token;
            full
        });
        let executor = Executor::builder(&pool).queue_capacity(capacity).on_full(policy).build();
        Self { executor: executor.unwrap(), pool, ends, drops: Drops::default() }
    }

    /// A closure that only has something to drop.
    fn closure(&self) -> impl FnOnce() + Send + 'static {
        let token = self.drops.token();
        move || drop(token)
    }

    /// Drops the executor, and waits until it is gone.
    fn finish(self, closures: usize) {
        drop(self.executor);
        wait_until(|| self.ends.count() == 1);
        assert_eq!(self.drops.count(), closures);
        usable(&self.pool);
    }
}

/// So many are fewer, as many, and more than a worker takes at a time.
const NUMBERS: [usize; 5] = [1, 2, 16, 17, 300];

#[test]
fn closures_that_run_after_the_executor_was_dropped() {
    each_size("closures_that_run_after_the_executor_was_dropped", |workers| {
        for n in NUMBERS {
            let rig = Rig::new(workers, n, Verdict::Abort);
            let stuck = Stuck::new(&rig.pool, workers);
            (0..n).for_each(|_| rig.executor.execute(rig.closure()).unwrap());
            let Rig { pool, executor, ends, drops } = rig;
            drop(executor);
            assert_eq!(ends.count(), 0, "its closures have not run");
            stuck.release();
            wait_until(|| ends.count() == 1);
            assert_eq!(drops.count(), n);
            usable(&pool);
        }
    });
}

#[test]
fn closures_whose_destructors_panic() {
    each_size("closures_whose_destructors_panic", |workers| {
        silence_thrown();
        let rig = Rig::new(workers, 300, Verdict::Abort);
        let stuck = Stuck::new(&rig.pool, workers);
        for _ in 0..40 {
            let (bomb, executor) = (|| (Bomb("dropped"), ()), &rig.executor);
            executor.execute(|| throw("run")).unwrap();
            let captured = bomb();
            executor.execute(move || drop(captured)).unwrap();
            drop(executor.submit(bomb).unwrap());
            let captured = bomb();
            executor.submit(move || drop(captured)).unwrap().abort();
            let captured = bomb();
            let handle = executor.submit(move || drop(captured)).unwrap();
            drop(handle.abort_on_drop());
            let captured = bomb();
            drop(executor.submit(move || captured).unwrap());
        }
        stuck.release();
        rig.finish(0);
    });
}

/// The handle, and somebody who has only the right to abort, against the worker that takes it.
#[test]
fn closures_that_are_aborted_while_they_are_taken() {
    each_size("closures_that_are_aborted_while_they_are_taken", |workers| {
        for n in NUMBERS {
            let rig = Rig::new(workers, n, Verdict::Abort);
            let stuck = Stuck::new(&rig.pool, workers);
            let submit = |_| rig.executor.submit(rig.closure()).unwrap();
            let handles: Vec<_> = (0..n).map(submit).collect();
            let aborts: Vec<_> = handles.iter().map(|handle| handle.abort_handle()).collect();
            let Rig { pool, executor, ends, drops } = rig;
            let others = thread::spawn(move || aborts.iter().rev().for_each(|abort| abort.abort()));
            drop(executor);
            stuck.release();
            handles.iter().for_each(|handle| handle.abort());
            others.join().unwrap();
            wait_until(|| ends.count() == 1);
            assert_eq!(drops.count(), n);
            drop(handles);
            usable(&pool);
        }
    });
}

#[test]
fn closures_that_are_displaced_or_discarded() {
    each_size("closures_that_are_displaced_or_discarded", |workers| {
        for full in [Verdict::DiscardOldest, Verdict::Discard, Verdict::CallerRuns] {
            let rig = Rig::new(workers, 5, full);
            let stuck = Stuck::new(&rig.pool, workers);
            (0..50).for_each(|_| rig.executor.execute(rig.closure()).unwrap());
            assert_eq!((rig.executor.queue_len(), rig.drops.count()), (5, 45));
            stuck.release();
            rig.finish(50);
        }
    });
}

/// A worker that submits runs what is in its way: in a closure of the executor's own, and in another.
#[test]
fn closures_that_a_submitter_runs() {
    each_size("closures_that_a_submitter_runs", |workers| {
        let rig = Rig::new(workers, 2, Verdict::Block);
        rig.pool.install(|| (0..100).for_each(|_| rig.executor.execute(rig.closure()).unwrap()));
        let inner = rig.executor.clone();
        let closures: Vec<_> = (0..100).map(|_| rig.closure()).collect();
        let outer = rig.executor.submit(move || {
            closures.into_iter().for_each(|closure| inner.execute(closure).unwrap());
        });
        outer.unwrap().join().unwrap();
        rig.finish(200);
    });
}

/// What waits for the next closure of the queue runs it on top of itself, however deep that goes.
#[test]
fn closures_that_wait_for_each_other() {
    fn nest(executor: Executor, depth: usize, last: impl FnOnce() + Send + 'static) {
        let Some(depth) = depth.checked_sub(1) else { return last() };
        let next = executor.clone();
        executor.submit(move || nest(next, depth, last)).unwrap().join().unwrap();
    }
    each_size("closures_that_wait_for_each_other", |workers| {
        let rig = Rig::new(workers, 100, Verdict::Abort);
        for _ in 0..3 {
            let (executor, last) = (rig.executor.clone(), rig.closure());
            rig.executor.execute(move || nest(executor, 20, last)).unwrap();
        }
        wait_until(|| rig.drops.count() == 3);
        rig.finish(3);
    });
}

#[test]
fn closures_that_a_shutdown_drops() {
    each_size("closures_that_a_shutdown_drops", |workers| {
        for of_pool in [false, true] {
            let rig = Rig::new(workers, 100, Verdict::Abort);
            let released = Arc::new(AtomicBool::new(false));
            // Takes more than one with each ticket, and is found in the middle of them.
            for n in 0..100 {
                let (released, closure) = (Arc::clone(&released), rig.closure());
                let run = move || {
                    wait_until(|| n != 3 || released.load(SeqCst));
                    closure();
                };
                rig.executor.execute(run).unwrap();
            }
            let Rig { pool, executor, ends, drops } = rig;
            let ender = thread::spawn(move || {
                let report = if of_pool {
                    pool.shutdown(Shutdown::CancelQueued)
                } else {
                    executor.shutdown(Shutdown::CancelQueued)
                };
                drop((executor, pool));
                report
            });
            released.store(true, SeqCst);
            let report = ender.join().unwrap();
            wait_until(|| ends.count() == 1);
            assert_eq!(drops.count(), 100);
            assert!(report.ran + report.cancelled <= 100);
        }
    });
}

/// They are run, aborted or dropped, on a worker of the pool and elsewhere, when the executor is gone.
#[test]
fn closures_that_were_handed_back() {
    each_size("closures_that_were_handed_back", |workers| {
        for when in 0..5 {
            let rig = Rig::new(workers, 100, Verdict::Abort);
            let stuck = Stuck::new(&rig.pool, workers);
            let submit = |_| rig.executor.submit(rig.closure()).unwrap();
            let handles: Vec<_> = (0..10).map(submit).collect();
            let Rig { pool, executor, ends, drops } = rig;
            let mut tasks = executor.shutdown_now();
            assert_eq!(tasks.len(), 10);
            stuck.release();
            drop(executor);
            let last = tasks.pop().unwrap();
            for (n, task) in tasks.into_iter().enumerate() {
                match n % 3 {
                    0 => task.run(),
                    1 => pool.install(|| task.run()),
                    _ => drop(task),
                }
            }
            assert_eq!((ends.count(), drops.count()), (0, 9), "one is left");
            match when {
                0 => last.run(),
                1 => drop(last),
                2 => pool.install(|| last.run()),
                3 => {
                    handles[9].abort();
                    assert_eq!(drops.count(), 10, "dropped at once");
                    drop(last);
                }
                _ => {
                    drop(pool);
                    last.run();
                }
            }
            wait_until(|| ends.count() == 1);
            assert_eq!(drops.count(), 10);
        }
    });
}

/// A task that was handed back runs inside a closure of the same executor, which has others before it.
#[test]
fn closures_that_were_handed_back_to_one_of_them() {
    watchdog("closures_that_were_handed_back_to_one_of_them", || {
        let rig = Rig::new(1, 100, Verdict::Abort);
        let stuck = Stuck::new(&rig.pool, 1);
        rig.executor.execute(rig.closure()).unwrap();
        let inner = rig.executor.clone();
        let first = rig.executor.submit(move || {
            let tasks = inner.shutdown_now();
            let len = tasks.len();
            drop(inner);
            tasks.into_iter().for_each(|task| task.run());
            len
        });
        (0..20).for_each(|_| rig.executor.execute(rig.closure()).unwrap());
        stuck.release();
        assert_eq!(first.unwrap().join().unwrap(), 20);
        rig.finish(21);
    });
}
