//! No runnable job waits while a worker sleeps, whatever the job's owner does meanwhile.
//!
//! Each test makes jobs wait for each other: if one of them is not found by an idle worker, it
//! hangs, and the watchdog ends it.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Barrier as Kind, ThreadPool, join, scope, spawn};
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use support::sync::{Arc, Barrier, thread};
use support::{Stuck, each_size, each_size_from_two, pool, usable, wait_until};

/// `n` jobs that wait for each other, by `join`.
fn meet_by_join(n: usize, barrier: &Barrier) {
    match n {
        0 => {}
        1 => drop(barrier.wait()),
        n => drop(join(|| meet_by_join(n / 2, barrier), || meet_by_join(n - n / 2, barrier))),
    }
}

/// The same with a chain: all but one of the jobs lie in one worker's deque.
fn meet_by_a_chain(n: usize, barrier: &Barrier) {
    match n {
        0 => {}
        1 => drop(barrier.wait()),
        n => drop(join(|| meet_by_a_chain(n - 1, barrier), || barrier.wait())),
    }
}

/// A leaf waits for its sibling to have run, which was forked when every worker was busy: the
/// owner will never look at its deque again, and nobody was there to be told.
#[test]
fn a_stuck_leafs_sibling_runs() {
    each_size_from_two("a_stuck_leafs_sibling_runs", |workers| {
        let pool = pool(workers);
        for round in 0..300 {
            let others = Stuck::new(&pool, workers - 1);
            let ran = AtomicBool::new(false);
            let (waited, ()) = pool.join(
                || {
                    // At once, or when the others look for work already.
                    (0..round % 64).for_each(|_| spin_loop());
                    others.release();
                    wait_until(|| ran.load(SeqCst));
                    true
                },
                || ran.store(true, SeqCst),
            );
            assert!(waited);
        }
        usable(&pool);
    });
}

/// That was by force, where the platform has the barrier for it.
#[test]
fn a_stuck_leafs_sibling_is_taken_by_force() {
    each_size_from_two("a_stuck_leafs_sibling_is_taken_by_force", |workers| {
        let pool = pool(workers);
        let others = Stuck::new(&pool, workers - 1);
        let ran = AtomicBool::new(false);
        let before = pool.metrics().total();
        pool.join(
            || {
                others.release();
                wait_until(|| ran.load(SeqCst));
            },
            || ran.store(true, SeqCst),
        );
        let counted = pool.metrics().total().since(&before);
        let steals = (counted.steals_forced, counted.steals_tail);
        match pool.metrics().barrier {
            Kind::Fence => assert_eq!(steals, (0, 1)),
            _ => assert_eq!(steals, (1, 0)),
        }
    });
}

/// The others sleep when the owner forks, so the first fork is published; those behind it stay
/// private, and are needed all the same.
#[test]
fn jobs_behind_a_published_one_run() {
    each_size_from_two("jobs_behind_a_published_one_run", |workers| {
        let pool = pool(workers);
        for _ in 0..300 {
            let barrier = Barrier::new(workers);
            pool.install(|| meet_by_a_chain(workers, &barrier));
        }
        usable(&pool);
    });
}

/// The same, with all others busy until the last fork is made.
#[test]
fn many_private_jobs_of_a_stuck_owner_run() {
    each_size_from_two("many_private_jobs_of_a_stuck_owner_run", |workers| {
        let pool = pool(workers);
        for _ in 0..100 {
            let barrier = Barrier::new(workers);
            let others = Stuck::new(&pool, workers - 1);
            pool.scope(|s| {
                for _ in 1..workers {
                    s.spawn(|| barrier.wait());
                }
                others.release();
                barrier.wait();
            });
        }
        usable(&pool);
    });
}

/// Many small jobs travel together: those that wait for each other may be taken as one, and lie
/// below, between or above others.
#[test]
fn jobs_that_wait_for_each_other_among_many() {
    each_size_from_two("jobs_that_wait_for_each_other_among_many", |workers| {
        let pool = pool(workers);
        for (filler, busy) in [(0, false), (100, false), (100, true), (9000, false), (9000, true)] {
            for position in 0..3 {
                let (barrier, ran) = (Barrier::new(workers), AtomicUsize::new(0));
                let others = Stuck::new(&pool, if busy { workers - 1 } else { 0 });
                pool.scope(|s| {
                    let fill = |n: usize| {
                        (0..n).for_each(|_| drop(s.spawn(|| ran.fetch_add(1, SeqCst))));
                    };
                    let below = filler * position / 2;
                    fill(below);
                    for _ in 1..workers {
                        s.spawn(|| barrier.wait());
                    }
                    fill(filler - below);
                    others.release();
                    // The owner runs none of them.
                    barrier.wait();
                });
                assert_eq!(ran.load(SeqCst), filler);
            }
        }
        usable(&pool);
    });
}

#[test]
fn as_many_jobs_as_workers_meet_by_join() {
    each_size("as_many_jobs_as_workers_meet_by_join", |workers| {
        let pool = pool(workers);
        for round in 0..300 {
            let barrier = Barrier::new(workers);
            let others = (round % 2 == 0).then(|| Stuck::new(&pool, workers - 1));
            pool.install(|| {
                if let Some(others) = &others {
                    others.release();
                }
                meet_by_join(workers, &barrier);
            });
        }
        usable(&pool);
    });
}

#[test]
fn as_many_jobs_as_workers_meet_by_scope() {
    each_size("as_many_jobs_as_workers_meet_by_scope", |workers| {
        let pool = pool(workers);
        for round in 0..300 {
            let barrier = Barrier::new(workers);
            if round % 2 == 0 {
                pool.scope(|s| {
                    (0..workers).for_each(|_| drop(s.spawn(|| barrier.wait())));
                });
            } else {
                pool.in_place_scope(|s| {
                    (0..workers).for_each(|_| drop(s.spawn(|| barrier.wait())));
                });
            }
        }
        usable(&pool);
    });
}

#[test]
fn as_many_jobs_as_workers_meet_by_spawn_from_outside() {
    each_size("as_many_jobs_as_workers_meet_by_spawn_from_outside", |workers| {
        let pool = pool(workers);
        for _ in 0..300 {
            let barrier = Arc::new(Barrier::new(workers));
            let spawn = |_| {
                let barrier = Arc::clone(&barrier);
                pool.spawn(move || barrier.wait().is_leader())
            };
            let handles: Vec<_> = (0..workers).map(spawn).collect();
            let leaders = handles.into_iter().map(|handle| handle.join().unwrap());
            assert_eq!(leaders.filter(|&leader| leader).count(), 1);
        }
        usable(&pool);
    });
}

/// From one worker, which blocks at the barrier itself.
#[test]
fn as_many_jobs_as_workers_meet_by_spawn_from_inside() {
    each_size("as_many_jobs_as_workers_meet_by_spawn_from_inside", |workers| {
        let pool = pool(workers);
        for _ in 0..300 {
            let barrier = Arc::new(Barrier::new(workers));
            let (leads, handles): (_, Vec<_>) = pool.install(|| {
                let spawn_one = |_| {
                    let barrier = Arc::clone(&barrier);
                    spawn(move || barrier.wait().is_leader())
                };
                let handles = (1..workers).map(spawn_one).collect();
                (barrier.wait().is_leader(), handles)
            });
            let leaders = handles.into_iter().map(|handle| handle.join().unwrap());
            assert_eq!(leaders.filter(|&leader| leader).count() + usize::from(leads), 1);
        }
        usable(&pool);
    });
}

/// Each job makes the next and waits until it has run: every worker owns one that is stuck.
#[test]
fn a_chain_of_stuck_owners() {
    fn link(left: usize, met: &AtomicUsize, all: usize) {
        met.fetch_add(1, SeqCst);
        if left > 1 {
            scope(|s| {
                s.spawn(|| link(left - 1, met, all));
                wait_until(|| met.load(SeqCst) == all);
            });
        }
    }
    each_size("a_chain_of_stuck_owners", |workers| {
        let pool = pool(workers);
        for _ in 0..200 {
            let met = AtomicUsize::new(0);
            pool.install(|| link(workers, &met, workers));
            assert_eq!(met.into_inner(), workers);
        }
        usable(&pool);
    });
}

/// A thief that takes from a queue in passing, and gets stuck in what it took, does not keep
/// the others from what lies behind.
#[test]
fn what_lies_behind_a_stolen_stuck_job_runs() {
    each_size_from_two("what_lies_behind_a_stolen_stuck_job_runs", |workers| {
        let pool = pool(workers);
        for round in 0..300 {
            let (met, all) = (AtomicUsize::new(0), workers);
            let meet = || {
                met.fetch_add(1, SeqCst);
                wait_until(|| met.load(SeqCst) == all);
            };
            let meet = &meet;
            // Short jobs, so that some worker is just between two.
            (0..round % 8).for_each(|_| drop(pool.spawn(|| (0..50).for_each(|_| spin_loop()))));
            pool.scope(|s| {
                for _ in 1..workers {
                    s.spawn(meet);
                    (0..round % 32).for_each(|_| spin_loop());
                }
                meet();
            });
        }
        usable(&pool);
    });
}

fn idle_wake_idle(pool: &ThreadPool, rounds: usize) {
    let sum = AtomicUsize::new(0);
    for round in 0..rounds {
        match round % 4 {
            0 => _ = pool.install(|| sum.fetch_add(1, SeqCst)),
            1 => drop(pool.spawn(|| 1).join().map(|n| sum.fetch_add(n, SeqCst))),
            2 => drop(pool.join(|| sum.fetch_add(1, SeqCst), || ())),
            _ => pool.in_place_scope(|s| drop(s.spawn(|| sum.fetch_add(1, SeqCst)))),
        }
        // Now and then the workers have the time to fall asleep, now and then not.
        if round % 3 == 0 {
            (0..round % 100).for_each(|_| spin_loop());
        } else if round % 100 == 1 {
            thread::yield_now();
        }
    }
    assert_eq!(sum.into_inner(), rounds);
}

#[test]
fn ten_thousand_rounds_of_idle_wake_idle() {
    each_size("ten_thousand_rounds_of_idle_wake_idle", |workers| {
        idle_wake_idle(&pool(workers), 10_000);
    });
}

#[test]
fn wakes_from_many_threads() {
    each_size("wakes_from_many_threads", |workers| {
        let pool = pool(workers);
        thread::scope(|s| {
            for _ in 0..5 {
                s.spawn(|| idle_wake_idle(&pool, 1000));
            }
        });
        usable(&pool);
    });
}

#[test]
fn rounds_of_idle_wake_idle_with_broadcasts() {
    each_size("rounds_of_idle_wake_idle_with_broadcasts", |workers| {
        let pool = pool(workers);
        for round in 0..1000 {
            let calls = pool.broadcast(|worker| worker.index() + round);
            assert!(calls.into_iter().eq(round..round + workers));
        }
    });
}
