//! `scope` and `in_place_scope` wait for all that is spawned, which may borrow.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Scope, current_num_threads, current_thread_index, in_place_scope, scope};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use support::sync::{Arc, thread};
use support::{Drops, each_size, each_size_from_two, pool, usable, wait_until, watchdog};

/// More than fit into a worker's private ring, of 8192.
const MORE_THAN_THE_RING: usize = 20_000;

#[test]
fn everything_spawned_runs_once() {
    each_size("everything_spawned_runs_once", |workers| {
        let pool = pool(workers);
        for spawns in [0, 1, 2, 63, 64, 65, 1000] {
            let runs: Vec<AtomicUsize> = (0..spawns).map(|_| AtomicUsize::new(0)).collect();
            let value = pool.scope(|s| {
                for runs in &runs {
                    s.spawn(|| runs.fetch_add(1, SeqCst));
                }
                "the body's value"
            });
            assert_eq!(value, "the body's value");
            assert!(runs.iter().all(|runs| runs.load(SeqCst) == 1), "{spawns} spawns");
        }
    });
}

#[test]
fn everything_forked_runs_once_and_forks_on() {
    fn tree<'scope>(s: &'scope Scope<'scope, '_>, depth: u32, runs: &'scope AtomicUsize) {
        runs.fetch_add(1, SeqCst);
        if depth > 0 {
            s.fork(move || tree(s, depth - 1, runs));
            s.fork(move || tree(s, depth - 1, runs));
        }
    }
    each_size("everything_forked_runs_once_and_forks_on", |workers| {
        let pool = pool(workers);
        let runs = AtomicUsize::new(0);
        pool.scope(|s| tree(s, 10, &runs));
        pool.in_place_scope(|s| tree(s, 10, &runs));
        assert_eq!(runs.load(SeqCst), 2 * ((1 << 11) - 1));
    });
}

#[test]
fn what_is_forked_is_dropped_once_and_may_be_large() {
    each_size("what_is_forked_is_dropped_once_and_may_be_large", |workers| {
        let pool = pool(workers);
        let drops = Drops::default();
        let (words, large) = ([1u64; 2], [1u64; 100]);
        let sum = AtomicUsize::new(0);
        pool.scope(|s| {
            for _ in 0..100 {
                let (small, counted) = (drops.token(), drops.token());
                s.fork(|| drop(small));
                s.fork(|| {
                    let _counted = counted;
                    let all: u64 = words.iter().chain(&large).sum();
                    sum.fetch_add(all as usize, SeqCst);
                });
                s.fork(move || _ = sum_of(large));
            }
        });
        assert_eq!((drops.count(), sum.into_inner()), (200, 100 * 102));
    });
}

fn sum_of(numbers: [u64; 100]) -> u64 {
    numbers.iter().sum()
}

#[test]
fn handles_give_the_values() {
    each_size("handles_give_the_values", |workers| {
        let pool = pool(workers);
        let words = ["fork", "join", "steal"];
        let lengths = pool.scope(|s| {
            let handles: Vec<_> =
                words.iter().map(|word| s.spawn(move || (word, word.len()))).collect();
            // Joined oldest first, while the worker's own deque gives the newest.
            handles.into_iter().map(|handle| handle.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(lengths, [(&"fork", 4), (&"join", 4), (&"steal", 5)]);
    });
}

#[test]
fn a_handle_says_when_it_is_finished() {
    each_size_from_two("a_handle_says_when_it_is_finished", |workers| {
        let pool = pool(workers);
        let go = AtomicBool::new(false);
        pool.scope(|s| {
            let handle = s.spawn(|| wait_until(|| go.load(SeqCst)));
            assert!(!handle.is_finished());
            go.store(true, SeqCst);
            wait_until(|| handle.is_finished());
            assert!(handle.join().is_ok());
        });
    });
}

#[test]
fn each_value_is_dropped_once() {
    each_size("each_value_is_dropped_once", |workers| {
        let pool = pool(workers);
        let (captured, returned) = (Drops::default(), Drops::default());
        pool.scope(|s| {
            for n in 0..300 {
                let (token, value) = (captured.token(), returned.token());
                let handle = s.spawn(move || {
                    let _token = token;
                    value
                });
                match n % 3 {
                    0 => drop(handle),
                    1 => drop(handle.join().unwrap()),
                    _ => {
                        thread::yield_now();
                        drop(handle);
                    }
                }
            }
        });
        assert_eq!((captured.count(), returned.count()), (300, 300));
    });
}

#[test]
fn borrows_mutably() {
    each_size("borrows_mutably", |workers| {
        let pool = pool(workers);
        let mut data = vec![0; 10_000];
        let mut total = 0;
        for _ in 0..10 {
            pool.scope(|s| {
                for (index, chunk) in data.chunks_mut(7).enumerate() {
                    s.spawn(move || chunk.iter_mut().for_each(|n| *n += index));
                }
                total += 1;
            });
        }
        assert_eq!(total, 10);
        assert!(data.iter().enumerate().all(|(i, &n)| n == 10 * (i / 7)));
    });
}

#[test]
fn nests_six_deep() {
    fn level(depth: usize, leaves: &AtomicUsize) {
        if depth == 0 {
            leaves.fetch_add(1, SeqCst);
            return;
        }
        let ended = AtomicUsize::new(0);
        scope(|s| {
            for _ in 0..5 {
                s.spawn(|| {
                    level(depth - 1, leaves);
                    ended.fetch_add(1, SeqCst);
                });
            }
        });
        assert_eq!(ended.into_inner(), 5, "each level waits for its own");
    }
    each_size("nests_six_deep", |workers| {
        let pool = pool(workers);
        let leaves = AtomicUsize::new(0);
        pool.install(|| level(6, &leaves));
        assert_eq!(leaves.into_inner(), 5usize.pow(6));
    });
}

/// What is spawned spawns into the same scope.
#[test]
fn spawns_spawn() {
    fn tree<'scope>(s: &'scope Scope<'scope, '_>, depth: u32, nodes: &'scope AtomicUsize) {
        nodes.fetch_add(1, SeqCst);
        if depth > 0 {
            s.spawn(move || tree(s, depth - 1, nodes));
            s.spawn(move || tree(s, depth - 1, nodes));
        }
    }
    each_size("spawns_spawn", |workers| {
        let pool = pool(workers);
        for _ in 0..5 {
            let nodes = AtomicUsize::new(0);
            pool.scope(|s| tree(s, 10, &nodes));
            assert_eq!(nodes.into_inner(), (1 << 11) - 1);
        }
    });
}

#[test]
fn other_threads_spawn_into_it() {
    each_size("other_threads_spawn_into_it", |workers| {
        let pool = pool(workers);
        let (ran, elsewhere) = (AtomicUsize::new(0), AtomicUsize::new(0));
        pool.scope(|s| {
            thread::scope(|threads| {
                for _ in 0..4 {
                    threads.spawn(|| {
                        for _ in 0..200 {
                            s.spawn(|| {
                                ran.fetch_add(1, SeqCst);
                                if pool.current_thread_index().is_none() {
                                    elsewhere.fetch_add(1, SeqCst);
                                }
                            });
                        }
                    });
                }
                (0..200).for_each(|_| drop(s.spawn(|| ran.fetch_add(1, SeqCst))));
            });
        });
        assert_eq!((ran.into_inner(), elsewhere.into_inner()), (1000, 0));
    });
}

#[test]
fn workers_of_another_pool_spawn_into_it() {
    each_size("workers_of_another_pool_spawn_into_it", |workers| {
        let (pool, other) = (pool(workers), pool(2));
        let (ran, elsewhere) = (AtomicUsize::new(0), AtomicUsize::new(0));
        pool.scope(|s| {
            other.scope(|t| {
                for _ in 0..20 {
                    t.spawn(|| {
                        for _ in 0..20 {
                            s.spawn(|| {
                                ran.fetch_add(1, SeqCst);
                                if pool.current_thread_index().is_none() {
                                    elsewhere.fetch_add(1, SeqCst);
                                }
                            });
                        }
                    });
                }
            });
        });
        assert_eq!((ran.into_inner(), elsewhere.into_inner()), (400, 0));
    });
}

#[test]
fn the_body_runs_on_a_worker() {
    each_size("the_body_runs_on_a_worker", |workers| {
        let pool = pool(workers);
        assert!(pool.scope(|_| pool.current_thread_index()).is_some());
        pool.scope(|_| assert_eq!(current_num_threads(), workers));
        assert!(scope(|_| current_thread_index()).is_some(), "of the global pool");
        let caller = thread::current().id();
        assert_ne!(pool.scope(|_| thread::current().id()), caller);
        let (outer, inner) =
            pool.install(|| (thread::current().id(), scope(|_| thread::current().id())));
        assert_eq!(outer, inner, "a worker runs the body itself");
    });
}

#[test]
fn an_in_place_body_stays_on_its_thread_and_needs_no_send() {
    each_size("an_in_place_body_stays_on_its_thread_and_needs_no_send", |workers| {
        let pool = pool(workers);
        let caller = thread::current().id();
        let log = Rc::new(RefCell::new(Vec::new()));
        let squares: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        let value = pool.in_place_scope(|s| {
            assert_eq!(thread::current().id(), caller);
            for (n, square) in squares.iter().enumerate() {
                log.borrow_mut().push(n);
                s.spawn(move || {
                    assert_ne!(thread::current().id(), caller);
                    square.store(n * n, SeqCst);
                });
            }
            let handle = s.spawn(current_num_threads);
            (Rc::clone(&log), handle.join().unwrap())
        });
        assert_eq!((value.0.borrow().len(), value.1), (100, workers));
        assert!(squares.iter().enumerate().all(|(n, square)| square.load(SeqCst) == n * n));
    });
}

#[test]
fn in_place_on_a_worker_and_in_the_global_pool() {
    each_size("in_place_on_a_worker_and_in_the_global_pool", |workers| {
        let pool = pool(workers);
        let ran = AtomicUsize::new(0);
        pool.install(|| {
            let (here, not_send) = (thread::current().id(), Cell::new(0));
            in_place_scope(|s| {
                not_send.set(3);
                assert_eq!(thread::current().id(), here);
                (0..50).for_each(|_| drop(s.spawn(|| ran.fetch_add(1, SeqCst))));
            });
            assert_eq!((not_send.get(), ran.load(SeqCst)), (3, 50));
            pool.in_place_scope(|s| drop(s.spawn(|| ran.fetch_add(1, SeqCst))));
            assert_eq!(ran.load(SeqCst), 51);
        });
        let not_send = Rc::new(2);
        let counter = &ran;
        in_place_scope(|s| {
            let n = *not_send;
            s.spawn(move || counter.fetch_add(n, SeqCst));
        });
        assert_eq!(ran.into_inner(), 53);
    });
}

#[test]
fn in_place_for_another_pool() {
    each_size("in_place_for_another_pool", |workers| {
        let (pool, other) = (pool(workers), pool(1));
        let on = AtomicUsize::new(0);
        other.install(|| {
            let here = Rc::new(thread::current().id());
            pool.in_place_scope(|s| {
                assert_eq!(thread::current().id(), *here);
                for _ in 0..50 {
                    s.spawn(|| {
                        assert_eq!(current_num_threads(), workers);
                        assert!(pool.current_thread_index().is_some());
                        on.fetch_add(1, SeqCst)
                    });
                }
            });
            assert_eq!(on.load(SeqCst), 50, "it waits");
        });
    });
}

/// ThreadSanitizer makes each of them tens of times slower.
const WIDTH: usize = if cfg!(scheduler_tsan) { 100_000 } else { 1_000_000 };

#[test]
fn a_wide_scope() {
    each_size("a_wide_scope", |workers| {
        let pool = pool(workers);
        let ran = AtomicUsize::new(0);
        pool.scope(|s| {
            for _ in 0..WIDTH {
                s.spawn(|| ran.fetch_add(1, SeqCst));
            }
        });
        assert_eq!(ran.into_inner(), WIDTH);
    });
}

#[test]
fn a_wide_in_place_scope() {
    each_size("a_wide_in_place_scope", |workers| {
        let pool = pool(workers);
        let ran = AtomicUsize::new(0);
        pool.in_place_scope(|s| {
            for _ in 0..100_000 {
                s.spawn(|| ran.fetch_add(1, SeqCst));
            }
        });
        assert_eq!(ran.into_inner(), 100_000);
    });
}

/// All are queued before the first can run.
#[test]
fn more_than_the_private_ring_holds() {
    each_size("more_than_the_private_ring_holds", |workers| {
        let pool = pool(workers);
        let runs: Vec<AtomicUsize> = (0..MORE_THAN_THE_RING).map(|_| AtomicUsize::new(0)).collect();
        let sum = AtomicUsize::new(0);
        let others = support::Stuck::new(&pool, workers - 1);
        pool.scope(|s| {
            for (n, runs) in runs.iter().enumerate() {
                let sum = &sum;
                s.spawn(move || {
                    runs.fetch_add(1, SeqCst);
                    sum.fetch_add(n, SeqCst);
                });
            }
            assert_eq!(sum.load(SeqCst), 0, "nobody had the time");
            others.release();
        });
        assert!(runs.iter().all(|runs| runs.load(SeqCst) == 1));
        assert_eq!(sum.into_inner(), MORE_THAN_THE_RING * (MORE_THAN_THE_RING - 1) / 2);
        usable(&pool);
    });
}

/// A full ring inside a full ring, below forks: what has spilled comes back in the right frames.
#[test]
fn overflow_inside_overflow() {
    each_size("overflow_inside_overflow", |workers| {
        let pool = pool(workers);
        let ran = AtomicUsize::new(0);
        let wide = |inner: &(dyn Fn() + Sync)| {
            scope(|s| {
                for n in 0..MORE_THAN_THE_RING {
                    s.spawn(move || {
                        if n % 5000 == 17 {
                            inner()
                        }
                    });
                    if n == MORE_THAN_THE_RING / 2 {
                        let (a, b) = scheduler::join(|| 1, || 2);
                        assert_eq!((a, b), (1, 2));
                    }
                }
            });
        };
        pool.install(|| {
            wide(&|| {
                wide(&|| {
                    ran.fetch_add(1, SeqCst);
                })
            })
        });
        assert_eq!(ran.into_inner(), 16);
    });
}

#[test]
fn many_scopes_at_once_from_outside() {
    watchdog("many_scopes_at_once_from_outside", || {
        let pool = Arc::new(pool(3));
        thread::scope(|threads| {
            for _ in 0..6 {
                threads.spawn(|| {
                    for round in 0..100 {
                        let ran = AtomicUsize::new(0);
                        let ran = &ran;
                        pool.in_place_scope(|s| {
                            (0..round).for_each(|_| drop(s.spawn(|| ran.fetch_add(1, SeqCst))));
                        });
                        assert_eq!(ran.load(SeqCst), round);
                    }
                });
            }
        });
    });
}
