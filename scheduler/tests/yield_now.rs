//! `yield_now` runs one other job, if there is one.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Yield, scope, spawn, yield_now};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use support::sync::{Arc, thread};
use support::{Stuck, each_size, pool, throw, usable, wait_until, watchdog, what};

#[test]
fn none_outside_a_pool() {
    let pool = pool(1);
    assert_eq!((yield_now(), pool.yield_now()), (None, None));
}

#[test]
fn none_on_a_worker_of_another_pool() {
    watchdog("none_on_a_worker_of_another_pool", || {
        let (one, other) = (pool(1), pool(1));
        let seen = one.install(|| (yield_now(), one.yield_now(), other.yield_now()));
        assert_eq!(seen, (Some(Yield::Idle), Some(Yield::Idle), None));
    });
}

#[test]
fn one_job_at_a_time_newest_first() {
    watchdog("one_job_at_a_time_newest_first", || {
        let pool = pool(1);
        let newest = AtomicUsize::new(usize::MAX);
        pool.scope(|s| {
            for n in 0..50 {
                let newest = &newest;
                s.spawn(move || newest.store(n, SeqCst));
            }
            for n in (0..50).rev() {
                assert_eq!(newest.load(SeqCst), if n == 49 { usize::MAX } else { n + 1 });
                assert_eq!(yield_now(), Some(Yield::Executed));
            }
            assert_eq!(newest.load(SeqCst), 0);
            assert_eq!(yield_now(), Some(Yield::Idle));
        });
    });
}

/// Also where so many lie in the deque that they are moved about in bundles.
#[test]
fn each_yield_is_one_job() {
    watchdog("each_yield_is_one_job", || {
        const MANY: usize = 30_000;
        let pool = pool(1);
        let ran = AtomicUsize::new(0);
        pool.scope(|s| {
            (0..MANY).for_each(|_| drop(s.spawn(|| ran.fetch_add(1, SeqCst))));
            for n in 1..=MANY {
                assert_eq!((yield_now(), ran.load(SeqCst)), (Some(Yield::Executed), n));
            }
            assert_eq!(yield_now(), Some(Yield::Idle));
        });
    });
}

#[test]
fn takes_from_the_global_queue() {
    watchdog("takes_from_the_global_queue", || {
        let pool = Arc::new(pool(1));
        let ran = Arc::new(AtomicBool::new(false));
        let (started, go) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let handle = pool.spawn({
            let (pool, started, go) = (Arc::clone(&pool), Arc::clone(&started), Arc::clone(&go));
            move || {
                started.store(true, SeqCst);
                wait_until(|| go.load(SeqCst));
                (pool.yield_now(), pool.yield_now())
            }
        });
        wait_until(|| started.load(SeqCst));
        let other = pool.spawn({
            let ran = Arc::clone(&ran);
            move || ran.store(true, SeqCst)
        });
        go.store(true, SeqCst);
        assert_eq!(handle.join().unwrap(), (Some(Yield::Executed), Some(Yield::Idle)));
        assert!(other.is_finished() && ran.load(SeqCst));
        other.join().unwrap();
    });
}

/// A closure that waits by yielding does not keep its worker from the others.
#[test]
fn closures_that_wait_for_each_other_by_yielding() {
    each_size("closures_that_wait_for_each_other_by_yielding", |workers| {
        let pool = pool(workers);
        for _ in 0..50 {
            let met = AtomicUsize::new(0);
            pool.scope(|s| {
                for _ in 0..40 {
                    s.spawn(|| {
                        met.fetch_add(1, SeqCst);
                        while met.load(SeqCst) < 40 {
                            // Idle where the rest runs on other workers.
                            if yield_now() == Some(Yield::Idle) {
                                thread::yield_now();
                            }
                        }
                    });
                }
            });
            assert_eq!(met.into_inner(), 40);
        }
    });
}

#[test]
fn a_panic_of_the_job_does_not_come_out_of_it() {
    each_size("a_panic_of_the_job_does_not_come_out_of_it", |workers| {
        let pool = pool(workers);
        let others = Stuck::new(&pool, workers - 1);
        let error = pool.install(|| {
            let handle = spawn(|| throw("spawned"));
            assert_eq!(yield_now(), Some(Yield::Executed));
            assert!(handle.is_finished());
            handle.join().map(drop).unwrap_err()
        });
        assert_eq!(what(error.into_panic()), "spawned");
        others.release();
        usable(&pool);
    });
}

#[test]
fn inside_everything() {
    each_size("inside_everything", |workers| {
        let pool = pool(workers);
        let ran = AtomicUsize::new(0);
        pool.install(|| {
            scope(|s| {
                for _ in 0..500 {
                    s.spawn(|| {
                        scheduler::join(
                            || {
                                yield_now();
                                ran.fetch_add(1, SeqCst)
                            },
                            || {
                                yield_now();
                                ran.fetch_add(1, SeqCst)
                            },
                        );
                    });
                    yield_now();
                }
            });
        });
        assert_eq!(ran.into_inner(), 1000);
        usable(&pool);
    });
}
