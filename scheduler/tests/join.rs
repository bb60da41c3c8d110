//! `join` and `join!` run each branch once and return the values in order.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Yield, current_num_threads, current_thread_index, join, scope, yield_now};
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::sync::{Arc, Mutex, thread};
use support::{Stuck, each_size, each_size_from_two, fib, pool, wait_until, watchdog};

#[test]
fn returns_both_values() {
    each_size("returns_both_values", |workers| {
        let pool = pool(workers);
        let owned = String::from("moved in");
        let outside = pool.join(|| 1, move || owned);
        assert_eq!(outside, (1, "moved in".to_owned()));
        let inside = pool.install(|| join(|| vec![1, 2], || ()));
        assert_eq!(inside, (vec![1, 2], ()));
    });
}

#[test]
fn uses_the_global_pool_outside_any() {
    watchdog("uses_the_global_pool_outside_any", || {
        assert_eq!(current_thread_index(), None);
        let on = || (current_thread_index().is_some(), current_num_threads());
        let (a, b) = join(on, on);
        let workers = scheduler::global().current_num_threads();
        assert_eq!((a, b), ((true, workers), (true, workers)));
        assert_eq!(fib(18), 2584);
    });
}

#[test]
fn uses_the_callers_pool_inside() {
    each_size("uses_the_callers_pool_inside", |workers| {
        let pool = pool(workers);
        let (a, b) = pool.install(|| join(current_num_threads, current_num_threads));
        assert_eq!((a, b), (workers, workers));
        let (a, b) = pool.join(|| pool.current_thread_index(), || pool.current_thread_index());
        assert!(a.is_some_and(|index| index < workers) && b.is_some_and(|index| index < workers));
    });
}

fn quicksort(data: &mut [u64]) {
    if data.len() < 2 {
        return;
    }
    let last = data.len() - 1;
    let pivot = data[last];
    let mut middle = 0;
    for i in 0..last {
        if data[i] < pivot {
            data.swap(i, middle);
            middle += 1;
        }
    }
    data.swap(middle, last);
    let (low, high) = data.split_at_mut(middle);
    join(|| quicksort(low), || quicksort(&mut high[1..]));
}

#[test]
fn borrows_from_the_caller() {
    each_size("borrows_from_the_caller", |workers| {
        let pool = pool(workers);
        let mut state = 1u64;
        let mut data: Vec<u64> = (0..20_000)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                state >> 40
            })
            .collect();
        let mut expected = data.clone();
        expected.sort_unstable();
        pool.install(|| quicksort(&mut data));
        assert_eq!(data, expected);
    });
}

#[test]
fn nests() {
    each_size("nests", |workers| {
        let pool = pool(workers);
        for _ in 0..20 {
            assert_eq!(pool.install(|| fib(16)), 987);
        }
    });
}

#[test]
fn many_outside_threads_share_a_pool() {
    each_size("many_outside_threads_share_a_pool", |workers| {
        let pool = pool(workers);
        thread::scope(|s| {
            for n in 0..6 {
                let pool = &pool;
                s.spawn(move || {
                    for i in 0..200u64 {
                        assert_eq!(pool.join(|| i + n, || i * n), (i + n, i * n));
                    }
                });
            }
        });
    });
}

#[test]
fn each_branch_runs_once() {
    fn tree(depth: usize, leaf: usize, runs: &[AtomicUsize]) {
        if depth == 0 {
            runs[leaf].fetch_add(1, SeqCst);
            return;
        }
        join(|| tree(depth - 1, 2 * leaf, runs), || tree(depth - 1, 2 * leaf + 1, runs));
    }
    each_size("each_branch_runs_once", |workers| {
        let pool = pool(workers);
        for _ in 0..20 {
            let runs: Vec<AtomicUsize> = (0..1 << 12).map(|_| AtomicUsize::new(0)).collect();
            pool.install(|| tree(12, 0, &runs));
            assert!(runs.iter().all(|runs| runs.load(SeqCst) == 1));
        }
    });
}

#[test]
fn a_stolen_branch_gives_its_value() {
    each_size_from_two("a_stolen_branch_gives_its_value", |workers| {
        let pool = pool(workers);
        for round in 0..100 {
            let started = AtomicUsize::new(0);
            let (a, b) = pool.join(
                || {
                    wait_until(|| started.load(SeqCst) == 1);
                    (current_thread_index(), round)
                },
                || {
                    started.store(1, SeqCst);
                    (current_thread_index(), vec![round; 3])
                },
            );
            assert_ne!(a.0, b.0, "two workers");
            assert_eq!((a.1, b.1), (round, vec![round; 3]));
        }
    });
}

/// Calls `$check` with the values of `join!` over 1 to 9 branches, each branch doing `$branch`.
macro_rules! each_arity {
    ($check:expr, $branch:expr) => {{
        let (check, branch) = ($check, $branch);
        check(1, {
            let (a,) = scheduler::join!(|| branch(0));
            vec![a]
        });
        check(2, {
            let (a, b) = scheduler::join!(|| branch(0), || branch(1));
            vec![a, b]
        });
        check(3, {
            let (a, b, c) = scheduler::join!(|| branch(0), || branch(1), || branch(2));
            vec![a, b, c]
        });
        check(4, {
            let (a, b, c, d) =
                scheduler::join!(|| branch(0), || branch(1), || branch(2), || branch(3));
            vec![a, b, c, d]
        });
        check(5, {
            let (a, b, c, d, e) = scheduler::join!(
                || branch(0),
                || branch(1),
                || branch(2),
                || branch(3),
                || branch(4),
            );
            vec![a, b, c, d, e]
        });
        check(6, {
            let (a, b, c, d, e, f) = scheduler::join!(
                || branch(0),
                || branch(1),
                || branch(2),
                || branch(3),
                || branch(4),
                || branch(5),
            );
            vec![a, b, c, d, e, f]
        });
        check(7, {
            let (a, b, c, d, e, f, g) = scheduler::join!(
                || branch(0),
                || branch(1),
                || branch(2),
                || branch(3),
                || branch(4),
                || branch(5),
                || branch(6),
            );
            vec![a, b, c, d, e, f, g]
        });
        check(8, {
            let (a, b, c, d, e, f, g, h) = scheduler::join!(
                || branch(0),
                || branch(1),
                || branch(2),
                || branch(3),
                || branch(4),
                || branch(5),
                || branch(6),
                || branch(7),
            );
            vec![a, b, c, d, e, f, g, h]
        });
        check(9, {
            let (a, b, c, d, e, f, g, h, i) = scheduler::join!(
                || branch(0),
                || branch(1),
                || branch(2),
                || branch(3),
                || branch(4),
                || branch(5),
                || branch(6),
                || branch(7),
                || branch(8),
            );
            vec![a, b, c, d, e, f, g, h, i]
        });
    }};
}

#[test]
fn the_macro_returns_a_flat_tuple_in_order() {
    each_size("the_macro_returns_a_flat_tuple_in_order", |workers| {
        let pool = pool(workers);
        let check = |n: usize, values: Vec<usize>| assert!(values.into_iter().eq(0..n));
        pool.install(|| each_arity!(check, |i: usize| i));
    });
}

#[test]
fn the_macro_takes_different_types_and_borrows() {
    watchdog("the_macro_takes_different_types_and_borrows", || {
        let pool = pool(2);
        let (mut left, mut right) = (vec![3, 1, 2], [6, 5, 4]);
        let text = String::from("text");
        let (a, b, c, d) = pool.install(|| {
            scheduler::join!(|| left.sort(), || text.len(), || right.sort(), || text.as_str())
        });
        assert_eq!((a, b, c, d), ((), 4, (), "text"));
        assert_eq!((left, right), (vec![1, 2, 3], [4, 5, 6]));
    });
}

#[test]
fn the_macro_evaluates_from_left_to_right_before_it_runs_any() {
    watchdog("the_macro_evaluates_from_left_to_right_before_it_runs_any", || {
        let pool = pool(2);
        pool.install(|| {
            let evaluated = RefCell::new(Vec::new());
            let ran = AtomicUsize::new(0);
            let branch = |i: usize| {
                assert_eq!(ran.load(SeqCst), 0, "evaluated after a branch ran");
                evaluated.borrow_mut().push(i);
                let ran = &ran;
                move || {
                    ran.fetch_add(1, SeqCst);
                    i
                }
            };
            let values =
                scheduler::join!(branch(0), branch(1), branch(2), branch(3), branch(4), branch(5));
            assert_eq!(values, (0, 1, 2, 3, 4, 5));
            assert_eq!(*evaluated.borrow(), [0, 1, 2, 3, 4, 5]);
            assert_eq!(ran.load(SeqCst), 6);
        });
    });
}

/// A fork that its caller takes back is not counted anywhere. So each branch here runs all that
/// is queued first, and each fork becomes a job.
#[test]
fn the_macro_forks_once_less_than_it_has_branches() {
    watchdog("the_macro_forks_once_less_than_it_has_branches", || {
        let pool = pool(1);
        let jobs = || pool.metrics().total().jobs;
        pool.install(|| {
            let before = std::cell::Cell::new(jobs());
            let check = |n: usize, _: Vec<()>| {
                assert_eq!(jobs() - before.get(), n as u64 - 1, "{n} branches");
                before.set(jobs());
            };
            each_arity!(check, |_| while yield_now() == Some(Yield::Executed) {});
        });
    });
}

/// What the leftmost branch finds queued are the right halves above it, one at each level.
#[test]
fn the_macros_tree_is_as_flat_as_can_be() {
    watchdog("the_macros_tree_is_as_flat_as_can_be", || {
        let pool = pool(1);
        pool.install(|| {
            let check = |n: usize, above: Vec<u32>| {
                assert_eq!(above[0], n.next_power_of_two().ilog2(), "{n} branches");
            };
            each_arity!(check, |i: u32| {
                let mut above = 0;
                while i == 0 && yield_now() == Some(Yield::Executed) {
                    above += 1;
                }
                above
            });
        });
    });
}

/// Jobs that lie on top of the fork when its left branch returns.
#[test]
fn what_a_branch_spawns_is_not_lost() {
    each_size("what_a_branch_spawns_is_not_lost", |workers| {
        let pool = pool(workers);
        for spawns in [1, 2, 5, 100] {
            let (left, right, spawned) =
                (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
            pool.scope(|s| {
                let branch = |count: &AtomicUsize| {
                    count.fetch_add(1, SeqCst);
                    for _ in 0..spawns {
                        s.spawn(|| spawned.fetch_add(1, SeqCst));
                    }
                };
                join(|| branch(&left), || branch(&right));
            });
            assert_eq!((left.load(SeqCst), right.load(SeqCst)), (1, 1));
            assert_eq!(spawned.load(SeqCst), 2 * spawns);
        }
    });
}

/// The left branch waits for something and runs the right one meanwhile; then it spawns. The
/// new job lies in the deque where the fork has been.
#[test]
fn a_spawn_in_the_place_of_the_fork_is_not_taken_for_it() {
    each_size("a_spawn_in_the_place_of_the_fork_is_not_taken_for_it", |workers| {
        let pool = pool(workers);
        for below in [0, 1, 3] {
            for spawns in [1, 2] {
                let (right, spawned) = (AtomicUsize::new(0), AtomicUsize::new(0));
                let others = Stuck::new(&pool, workers - 1);
                pool.scope(|s| {
                    let spawn = || {
                        s.spawn(|| spawned.fetch_add(1, SeqCst));
                    };
                    (0..below).for_each(|_| spawn());
                    let (ran, value) = join(
                        || {
                            assert_eq!(yield_now(), Some(Yield::Executed));
                            let ran = right.load(SeqCst);
                            (0..spawns).for_each(|_| spawn());
                            ran
                        },
                        || right.fetch_add(1, SeqCst),
                    );
                    assert_eq!((ran, value), (1, 0), "`yield_now` takes the newest");
                    others.release();
                });
                assert_eq!(right.load(SeqCst), 1);
                assert_eq!(spawned.load(SeqCst), below + spawns);
            }
        }
    });
}

/// The same with a panic, so that the fork is given up instead of taken back.
#[test]
fn a_spawn_in_the_place_of_an_abandoned_fork_is_not_dropped() {
    each_size("a_spawn_in_the_place_of_an_abandoned_fork_is_not_dropped", |workers| {
        let pool = pool(workers);
        let (right, spawned) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let others = Stuck::new(&pool, workers - 1);
        let thrown = support::thrown(|| {
            pool.scope(|s| {
                s.spawn(|| spawned.fetch_add(1, SeqCst));
                join(
                    || {
                        assert_eq!(yield_now(), Some(Yield::Executed));
                        s.spawn(|| spawned.fetch_add(1, SeqCst));
                        support::throw("left");
                    },
                    || right.fetch_add(1, SeqCst),
                );
            })
        });
        others.release();
        assert_eq!((thrown, right.load(SeqCst), spawned.load(SeqCst)), ("left", 1, 2));
        support::usable(&pool);
    });
}

/// As above, by waiting for a handle of a closure that another worker runs, at every level.
#[test]
fn branches_that_wait_and_spawn() {
    fn tree<'scope>(
        s: &'scope scheduler::Scope<'scope, '_>,
        depth: usize,
        count: &'scope [AtomicUsize; 3],
    ) {
        let [leaves, waited, detached] = count;
        if depth == 0 {
            leaves.fetch_add(1, SeqCst);
            return;
        }
        join(
            || {
                let handle = s.spawn(|| waited.fetch_add(1, SeqCst));
                tree(s, depth - 1, count);
                assert!(handle.join().is_ok());
                s.spawn(|| detached.fetch_add(1, SeqCst));
            },
            || tree(s, depth - 1, count),
        );
        s.spawn(|| detached.fetch_add(1, SeqCst));
    }
    each_size("branches_that_wait_and_spawn", |workers| {
        let pool = pool(workers);
        for _ in 0..20 {
            let count = [const { AtomicUsize::new(0) }; 3];
            pool.scope(|s| tree(s, 8, &count));
            let inner = (1 << 8) - 1;
            assert_eq!(count.map(|n| n.into_inner()), [1 << 8, inner, 2 * inner]);
        }
    });
}

#[test]
fn detached_spawns_on_top_of_a_fork_run() {
    each_size("detached_spawns_on_top_of_a_fork_run", |workers| {
        let pool = pool(workers);
        let spawned = Arc::new(AtomicUsize::new(0));
        let spawn = || {
            let spawned = Arc::clone(&spawned);
            drop(scheduler::spawn(move || spawned.fetch_add(1, SeqCst)));
        };
        for _ in 0..200 {
            pool.join(|| scheduler::join!(spawn, spawn, spawn), spawn);
        }
        drop(pool);
        assert_eq!(spawned.load(SeqCst), 800);
    });
}

#[test]
fn a_scope_inside_join_and_join_inside_a_scope() {
    each_size("a_scope_inside_join_and_join_inside_a_scope", |workers| {
        let pool = pool(workers);
        for _ in 0..50 {
            let seen = Mutex::new(Vec::new());
            let see = |n: usize| seen.lock().unwrap().push(n);
            let see = &see;
            pool.install(|| {
                join(
                    || {
                        scope(|s| {
                            for n in 0..10 {
                                s.spawn(move || join(|| see(n), || see(100 + n)));
                            }
                        });
                        assert!(seen.lock().unwrap().len() >= 20, "the scope waits");
                    },
                    || {
                        scope(|s| {
                            s.spawn(|| join(|| scope(|t| drop(t.spawn(|| see(200)))), || see(201)));
                            see(202);
                        });
                    },
                )
            });
            let mut seen = seen.into_inner().unwrap();
            seen.sort_unstable();
            let expected: Vec<usize> = (0..10).chain(100..110).chain(200..203).collect();
            assert_eq!(seen, expected);
        }
    });
}
