//! `broadcast` runs a closure once on each worker.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{broadcast, current_thread_index, join, scope};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::sync::{Arc, Barrier, thread};
use support::{Drops, Stuck, each_size, fib, pool, usable, wait_until, watchdog};

#[test]
fn once_on_each_worker_with_the_values_in_order() {
    each_size("once_on_each_worker_with_the_values_in_order", |workers| {
        let pool = pool(workers);
        for round in 0..200 {
            let values = pool.broadcast(|worker| {
                assert_eq!(worker.num_threads(), workers);
                assert_eq!(current_thread_index(), Some(worker.index()));
                assert_eq!(pool.current_thread_index(), Some(worker.index()));
                (worker.index() + round, thread::current().id())
            });
            assert!(values.iter().map(|value| value.0).eq(round..round + workers));
            assert_eq!(values.iter().map(|value| value.1).collect::<HashSet<_>>().len(), workers);
        }
    });
}

/// All calls are under way at once.
#[test]
fn the_calls_can_wait_for_each_other() {
    each_size("the_calls_can_wait_for_each_other", |workers| {
        let pool = pool(workers);
        for _ in 0..200 {
            let barrier = Barrier::new(workers);
            let leaders = pool.broadcast(|_| barrier.wait().is_leader());
            assert_eq!(leaders.into_iter().filter(|&leader| leader).count(), 1);
        }
    });
}

#[test]
fn borrows_and_values() {
    each_size("borrows_and_values", |workers| {
        let pool = pool(workers);
        let (text, drops) = (String::from("borrowed"), Drops::default());
        let tokens = pool.broadcast(|worker| (&text[..worker.index()], drops.token()));
        assert_eq!((tokens.len(), drops.count()), (workers, 0));
        assert!(tokens.iter().enumerate().all(|(i, (part, _))| *part == &text[..i]));
        drop(tokens);
        assert_eq!(drops.count(), workers);
    });
}

#[test]
fn from_a_worker() {
    each_size("from_a_worker", |workers| {
        let pool = pool(workers);
        for _ in 0..100 {
            let indices = pool.install(|| broadcast(|worker| worker.index()));
            assert!(indices.into_iter().eq(0..workers));
            let (a, b) = pool.join(|| broadcast(|_| 1).len(), || pool.broadcast(|_| 2).len());
            assert_eq!((a, b), (workers, workers));
        }
    });
}

#[test]
fn in_the_global_pool() {
    watchdog("in_the_global_pool", || {
        let workers = scheduler::global().current_num_threads();
        assert!(broadcast(|worker| worker.index()).into_iter().eq(0..workers));
    });
}

/// From inside its own calls, and from two threads at once: no deadlock.
#[test]
fn nested_and_concurrent() {
    each_size("nested_and_concurrent", |workers| {
        let pool = pool(workers);
        let calls = AtomicUsize::new(0);
        pool.broadcast(|_| {
            broadcast(|_| {
                broadcast(|_| calls.fetch_add(1, SeqCst));
            });
        });
        assert_eq!(calls.into_inner(), workers.pow(3));
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..50 {
                        assert_eq!(pool.broadcast(|_| fib(5)), vec![5; workers]);
                    }
                });
            }
        });
        usable(&pool);
    });
}

#[test]
fn among_other_work() {
    each_size("among_other_work", |workers| {
        let pool = pool(workers);
        let ran = AtomicUsize::new(0);
        pool.scope(|s| {
            for n in 0..2000 {
                s.spawn(|| join(|| ran.fetch_add(1, SeqCst), || fib(3)));
                if n % 200 == 0 {
                    assert_eq!(broadcast(|_| scope(|_| 1)), vec![1; workers]);
                }
            }
        });
        assert_eq!(ran.into_inner(), 2000);
    });
}

/// A worker that is busy delays the whole, and is not skipped.
#[test]
fn waits_for_a_busy_worker() {
    each_size("waits_for_a_busy_worker", |workers| {
        let pool = Arc::new(pool(workers));
        let stuck = Stuck::new(&pool, 1);
        let calls = Arc::new(AtomicUsize::new(0));
        let broadcast = thread::spawn({
            let (pool, calls) = (Arc::clone(&pool), Arc::clone(&calls));
            move || pool.broadcast(|_| calls.fetch_add(1, SeqCst)).len()
        });
        wait_until(|| calls.load(SeqCst) == workers - 1);
        (0..1000).for_each(|_| thread::yield_now());
        assert!(!broadcast.is_finished() && calls.load(SeqCst) == workers - 1);
        stuck.release();
        assert_eq!((broadcast.join().unwrap(), calls.load(SeqCst)), (workers, workers));
    });
}
