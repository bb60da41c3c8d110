//! A call from a worker of one pool into another does not deadlock.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Shutdown, ThreadPool, current_num_threads, scope, spawn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use support::sync::{Arc, mpsc, thread};
use support::{Drops, SIZES, pool, usable, wait_until, watchdog};

/// Every pair of sizes, so that a worker of a pool of one calls and is called.
fn each_pair(name: &str, body: impl Fn(ThreadPool, ThreadPool) + Send + Sync + 'static) {
    let body = Arc::new(body);
    for a in SIZES {
        for b in [1, 2] {
            let body = Arc::clone(&body);
            watchdog(&format!("{name}, {a} and {b} workers"), move || body(pool(a), pool(b)));
        }
    }
}

#[test]
fn install_there_and_back() {
    each_pair("install_there_and_back", |a, b| {
        let (in_a, in_b) = (a.current_num_threads(), b.current_num_threads());
        for _ in 0..200 {
            let seen = a.install(|| {
                let first = current_num_threads();
                let (second, third) =
                    b.install(|| (current_num_threads(), a.install(current_num_threads)));
                [first, second, third, current_num_threads()]
            });
            assert_eq!(seen, [in_a, in_b, in_a, in_a]);
        }
        usable(&a);
        usable(&b);
    });
}

#[test]
fn mutual_recursion() {
    fn ping(depth: usize, here: &ThreadPool, there: &ThreadPool) -> usize {
        if depth == 0 {
            return 0;
        }
        let (x, y) = there.join(
            || ping(depth - 1, there, here),
            || there.current_thread_index().map_or(usize::MAX, |_| 1),
        );
        x + y
    }
    each_pair("mutual_recursion", |a, b| {
        assert_eq!(ping(40, &b, &a), 40);
        assert_eq!(a.install(|| ping(40, &a, &b)), 40);
        let (from_a, from_b) = a.join(|| ping(10, &a, &b), || b.install(|| ping(10, &b, &a)));
        assert_eq!((from_a, from_b), (10, 10));
    });
}

/// A tree that changes the pool at every level, in both directions at once.
#[test]
fn trees_across_pools() {
    fn tree(depth: u32, here: &ThreadPool, there: &ThreadPool) -> u64 {
        if depth == 0 {
            return 1;
        }
        let (l, r) = there.join(|| tree(depth - 1, there, here), || tree(depth - 1, there, here));
        l + r
    }
    each_pair("trees_across_pools", |a, b| {
        thread::scope(|s| {
            s.spawn(|| assert_eq!(tree(8, &a, &b), 256));
            s.spawn(|| assert_eq!(tree(8, &b, &a), 256));
        });
    });
}

#[test]
fn all_workers_of_both_pools_call_each_other() {
    each_pair("all_workers_of_both_pools_call_each_other", |a, b| {
        let (in_a, in_b) = (a.current_num_threads(), b.current_num_threads());
        for _ in 0..20 {
            thread::scope(|s| {
                let from_a = s.spawn(|| a.broadcast(|_| b.install(current_num_threads)));
                let from_b = s.spawn(|| b.broadcast(|_| a.install(current_num_threads)));
                assert_eq!(from_a.join().unwrap(), vec![in_b; in_a]);
                assert_eq!(from_b.join().unwrap(), vec![in_a; in_b]);
            });
        }
    });
}

#[test]
fn handles_are_joined_in_the_other_pool() {
    each_pair("handles_are_joined_in_the_other_pool", |a, b| {
        for _ in 0..50 {
            let handles: Vec<_> = (0..10).map(|n| b.spawn(move || n)).collect();
            let sum = a.install(|| handles.into_iter().map(|h| h.join().unwrap()).sum::<u64>());
            assert_eq!(sum, 45);
            let (own, other) =
                a.install(|| (spawn(current_num_threads), b.spawn(current_num_threads)));
            let (own, other) = b.install(|| (own.join().unwrap(), other.join().unwrap()));
            assert_eq!((own, other), (a.current_num_threads(), b.current_num_threads()));
        }
    });
}

/// While a worker waits for the other pool, it runs its own pool's jobs: what it waits for may
/// need them.
#[test]
fn a_worker_that_waits_for_another_pool_goes_on_with_its_own() {
    each_pair("a_worker_that_waits_for_another_pool_goes_on_with_its_own", |a, b| {
        for _ in 0..100 {
            let done = Arc::new(AtomicUsize::new(0));
            let width = a.current_num_threads();
            a.scope(|s| {
                for _ in 0..width {
                    s.spawn(|| {
                        b.install(|| {
                            let handle = a.spawn({
                                let done = Arc::clone(&done);
                                move || done.fetch_add(1, SeqCst)
                            });
                            handle.join().unwrap()
                        })
                    });
                }
            });
            assert_eq!(done.load(SeqCst), width);
        }
    });
}

#[test]
fn scopes_across_pools() {
    each_pair("scopes_across_pools", |a, b| {
        let ran = [const { AtomicUsize::new(0) }; 3];
        a.scope(|outer| {
            for _ in 0..10 {
                outer.spawn(|| {
                    b.scope(|inner| {
                        for _ in 0..10 {
                            inner.spawn(|| {
                                ran[0].fetch_add(1, SeqCst);
                                outer.spawn(|| {
                                    assert!(a.current_thread_index().is_some());
                                    ran[1].fetch_add(1, SeqCst)
                                });
                                scope(|s| drop(s.spawn(|| ran[2].fetch_add(1, SeqCst))));
                            });
                        }
                    });
                });
            }
        });
        assert_eq!(ran.map(AtomicUsize::into_inner), [100; 3]);
    });
}

#[test]
fn shutdown_of_the_other_pool_in_every_mode() {
    let modes = [
        Shutdown::Drain,
        Shutdown::DrainFor(Duration::from_secs(3600)),
        Shutdown::CancelQueued,
        Shutdown::Abort,
    ];
    for mode in modes {
        each_pair("shutdown_of_the_other_pool_in_every_mode", move |a, b| {
            let drops = Drops::default();
            let tokens: Vec<_> = (0..50).map(|_| drops.token()).collect();
            let handles: Vec<_> =
                tokens.into_iter().map(|token| b.spawn(move || drop(token))).collect();
            let report = a.install(|| b.shutdown(mode));
            assert!(report.stragglers.is_empty(), "{mode:?}: {report:?}");
            assert_eq!(drops.count(), 50, "{mode:?}: all has run or is dropped");
            let ran = handles.into_iter().filter(|handle| handle.is_finished()).count();
            assert_eq!(ran, 50);
            if matches!(mode, Shutdown::Drain | Shutdown::DrainFor(_)) {
                assert_eq!(report.cancelled, 0, "{mode:?}");
            }
            assert!(b.try_spawn(|| ()).is_err());
            usable(&a);
        });
    }
}

/// The pool that is shut down still needs the one that shuts it down.
#[test]
fn shutdown_of_a_pool_that_calls_back() {
    for mode in [Shutdown::Drain, Shutdown::CancelQueued, Shutdown::Abort] {
        each_pair("shutdown_of_a_pool_that_calls_back", move |a, b| {
            let a = Arc::new(a);
            let (started, is_started) = mpsc::channel();
            let called = Arc::new(AtomicBool::new(false));
            let handle = b.spawn({
                let (a, called) = (Arc::clone(&a), Arc::clone(&called));
                move || {
                    started.send(()).unwrap();
                    // Either is fine: before the shutdown waits, or while it does.
                    let workers = a.install(current_num_threads);
                    called.store(true, SeqCst);
                    workers
                }
            });
            is_started.recv().unwrap();
            let report = a.install(|| b.shutdown(mode));
            assert!(called.load(SeqCst), "a shutdown waits for what runs");
            assert_eq!((report.cancelled, report.stragglers.len()), (0, 0));
            assert_eq!(handle.join().unwrap(), a.current_num_threads());
            drop(b);
            usable(&a);
        });
    }
}

#[test]
fn a_pool_dropped_on_a_worker_of_another() {
    watchdog("a_pool_dropped_on_a_worker_of_another", || {
        let a = pool(1);
        for workers in SIZES {
            for _ in 0..20 {
                let ran = Arc::new(AtomicUsize::new(0));
                let b = pool(workers);
                for _ in 0..20 {
                    let ran = Arc::clone(&ran);
                    drop(b.spawn(move || ran.fetch_add(1, SeqCst)));
                }
                a.install(move || drop(b));
                assert_eq!((ran.load(SeqCst), Arc::strong_count(&ran)), (20, 1));
            }
        }
        usable(&a);
    });
}

#[test]
fn a_pool_built_on_a_worker() {
    watchdog("a_pool_built_on_a_worker", || {
        let a = pool(2);
        let sum: usize = a.broadcast(|_| pool(2).install(current_num_threads)).iter().sum();
        assert_eq!(sum, 4);
        // Not the worker's own pool, though the caller is a worker.
        let inner = a.install(|| pool(1));
        let go = Arc::new(AtomicBool::new(false));
        let handle = inner.spawn({
            let go = Arc::clone(&go);
            move || wait_until(|| go.load(SeqCst))
        });
        assert_eq!(a.install(current_num_threads), 2);
        go.store(true, SeqCst);
        handle.join().unwrap();
    });
}
