//! The promises hold as well where the kernel refuses `membarrier(2)`.
//!
//! The barrier is chosen once in a process, so each scenario runs in one of its own, which
//! pretends that by a variable.
#![cfg(target_os = "linux")]
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Barrier, Shutdown, ThreadPool, join, scope};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use support::sync::{Arc, Barrier as Meeting, thread};
use support::{Drops, Stuck, case, child_passes, fib, pool, thrown, usable, wait_until, watchdog};

const FENCE: (&str, &str) = ("SCHEDULER_BARRIER", "fence");

/// Runs `body` for each size in a child that has no asymmetric barrier.
fn with_fences(name: &str, body: impl Fn(ThreadPool, usize) + Send + Sync + 'static) {
    if case().is_none() {
        child_passes(name, "fence", &[FENCE]);
        return;
    }
    support::each_size(name, move |workers| {
        let pool = pool(workers);
        assert_eq!(pool.metrics().barrier, Barrier::Fence);
        body(pool, workers);
    });
}

/// Only that value asks for it.
#[test]
fn another_value_changes_nothing() {
    const NAME: &str = "another_value_changes_nothing";
    match case().as_deref() {
        None => {
            let barrier = format!("{:?}", pool(1).metrics().barrier);
            if std::env::var_os(FENCE.0).is_none() {
                child_passes(NAME, &barrier, &[(FENCE.0, "no")]);
                child_passes(NAME, &barrier, &[(FENCE.0, "")]);
            }
            child_passes(NAME, "Fence", &[FENCE]);
        }
        Some(expected) => assert_eq!(format!("{:?}", pool(1).metrics().barrier), expected),
    }
}

#[test]
fn recursion() {
    with_fences("recursion", |pool, workers| {
        for _ in 0..5 {
            assert_eq!(pool.install(|| fib(18)), 2584);
        }
        let total = pool.metrics().total();
        assert_eq!((total.steals_forced, total.spilled), (0, 0));
        assert!(total.publishes > 0, "every fork is public");
        if workers == 1 {
            assert_eq!((total.steals_tail, total.steals_injected), (0, 5));
        }
        usable(&pool);
    });
}

/// Here each fork is counted: *n* branches cost *n* - 1.
#[test]
fn forks_are_published_once_each() {
    with_fences("forks_are_published_once_each", |pool, workers| {
        let publishes = || pool.metrics().total().publishes;
        pool.install(|| {
            let before = publishes();
            assert_eq!(scheduler::join!(|| 1, || 2, || 3, || 4, || 5, || 6, || 7).6, 7);
            // Counted by each worker for itself, so only what one worker forks is exact.
            if workers == 1 {
                assert_eq!(publishes() - before, 6);
            }
        });
    });
}

#[test]
fn scopes() {
    with_fences("scopes", |pool, _| {
        let ran = AtomicUsize::new(0);
        pool.scope(|s| {
            for _ in 0..20_000 {
                s.spawn(|| ran.fetch_add(1, SeqCst));
            }
            for _ in 0..100 {
                s.spawn(|| {
                    scope(|t| drop(t.spawn(|| join(|| fib(5), || ran.fetch_add(1, SeqCst)))))
                });
            }
        });
        pool.in_place_scope(|s| drop(s.spawn(|| ran.fetch_add(1, SeqCst))));
        assert_eq!(ran.into_inner(), 20_101);
        assert_eq!(thrown(|| pool.scope(|s| drop(s.spawn(|| support::throw("part"))))), "part");
        usable(&pool);
    });
}

#[test]
fn a_spawn_in_the_place_of_a_fork() {
    with_fences("a_spawn_in_the_place_of_a_fork", |pool, workers| {
        let (right, spawned) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let others = Stuck::new(&pool, workers - 1);
        pool.scope(|s| {
            s.spawn(|| spawned.fetch_add(1, SeqCst));
            join(
                || {
                    scheduler::yield_now();
                    s.spawn(|| spawned.fetch_add(1, SeqCst));
                },
                || right.fetch_add(1, SeqCst),
            );
            others.release();
        });
        assert_eq!((right.into_inner(), spawned.into_inner()), (1, 2));
    });
}

#[test]
fn a_stuck_leafs_sibling_runs() {
    with_fences("a_stuck_leafs_sibling_runs", |pool, workers| {
        for _ in 0..if workers > 1 { 300 } else { 0 } {
            let others = Stuck::new(&pool, workers - 1);
            let ran = AtomicBool::new(false);
            pool.join(
                || {
                    others.release();
                    wait_until(|| ran.load(SeqCst));
                },
                || ran.store(true, SeqCst),
            );
        }
        for _ in 0..100 {
            let meeting = Meeting::new(workers);
            pool.scope(|s| {
                (1..workers).for_each(|_| drop(s.spawn(|| meeting.wait())));
                meeting.wait();
            });
        }
        usable(&pool);
    });
}

#[test]
fn idle_wake_idle() {
    with_fences("idle_wake_idle", |pool, _| {
        let sum: usize = (0..5000).map(|_| pool.install(|| 1)).sum();
        assert_eq!(sum, 5000);
        for n in 0..1000 {
            assert_eq!(pool.spawn(move || n).join().unwrap(), n);
        }
    });
}

#[test]
fn shutdowns() {
    with_fences("shutdowns", |_, workers| {
        for (mode, runs) in
            [(Shutdown::Drain, true), (Shutdown::CancelQueued, false), (Shutdown::Abort, false)]
        {
            let pool = Arc::new(pool(workers));
            let (drops, queued) = (Drops::default(), AtomicUsize::new(0));
            let go = Arc::new(AtomicBool::new(false));
            let started = Arc::new(AtomicUsize::new(0));
            for _ in 0..workers {
                let own: Vec<_> = (0..20).map(|_| drops.token()).collect();
                queued.fetch_add(20, SeqCst);
                let (go, started) = (Arc::clone(&go), Arc::clone(&started));
                drop(pool.spawn(move || {
                    started.fetch_add(1, SeqCst);
                    wait_until(|| started.load(SeqCst) >= workers);
                    own.into_iter().for_each(|own| drop(scheduler::spawn(move || drop(own))));
                    started.fetch_add(1, SeqCst);
                    wait_until(|| go.load(SeqCst));
                }));
            }
            wait_until(|| started.load(SeqCst) == 2 * workers);
            let queued = queued.into_inner();
            let report = thread::scope(|s| {
                let shutdown = s.spawn(|| pool.shutdown(mode));
                if !runs {
                    // All workers are stuck: only the caller can drop what they have queued.
                    wait_until(|| drops.count() == queued);
                }
                go.store(true, SeqCst);
                shutdown.join().unwrap()
            });
            // A drain that begins after the workers are let go finds less.
            let cancelled = if runs { 0 } else { queued };
            assert_eq!((report.cancelled, drops.count()), (cancelled, queued), "{mode:?}");
            assert!(report.ran <= workers + queued - cancelled);
            assert!(report.stragglers.is_empty());
        }
    });
}

#[test]
fn lifetimes() {
    with_fences("lifetimes", |pool, workers| {
        drop(pool);
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..200 {
            let pool = support::pool(workers);
            let ran = Arc::clone(&ran);
            drop(pool.spawn(move || ran.fetch_add(1, SeqCst)));
        }
        assert_eq!(ran.load(SeqCst), 200);
    });
}

/// The watchdog is there as well.
#[test]
fn deep_recursion() {
    fn deep(depth: usize) -> usize {
        if depth == 0 {
            return 0;
        }
        let (a, b) = join(|| deep(depth - 1), || 1);
        a + b
    }
    const NAME: &str = "deep_recursion";
    match case() {
        None => child_passes(NAME, "fence", &[FENCE]),
        Some(_) => watchdog(NAME, || {
            let pool = ThreadPool::builder().num_threads(2).stack_size(64 << 20).build().unwrap();
            assert_eq!(pool.metrics().barrier, Barrier::Fence);
            assert_eq!(pool.install(|| deep(10_000)), 10_000);
        }),
    }
}
