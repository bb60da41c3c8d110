//! A panic in every position reaches the right place, and leaves the pool usable.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{
    Elastic, Executor, RejectionPolicy, Shutdown, ThreadPool, Yield, join, scope, spawn, yield_now,
};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use support::sync::{Arc, Mutex, thread};
use support::{
    Bomb, Drops, Stuck, Thrown, caught, child_passes, each_size, each_size_from_two, pool,
    silence_thrown, throw, thrown, usable, wait_until, watchdog, what,
};

/// Signals between two branches.
#[derive(Default)]
struct Flag(AtomicBool);

impl Flag {
    fn raise(&self) {
        self.0.store(true, SeqCst);
    }

    fn is_up(&self) -> bool {
        self.0.load(SeqCst)
    }

    fn wait(&self) {
        wait_until(|| self.is_up());
    }
}

/// A pool whose panic handler notes what it gets.
fn noting_pool(workers: usize) -> (ThreadPool, Arc<Mutex<Vec<&'static str>>>) {
    silence_thrown();
    let noted = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&noted);
    let pool = ThreadPool::builder()
        .num_threads(workers)
        .panic_handler(move |payload| note.lock().unwrap().push(what(payload)))
        .build()
        .unwrap();
    (pool, noted)
}

// ---- join: the right branch was not begun

#[test]
fn left_panics_and_right_was_not_begun() {
    watchdog("left_panics_and_right_was_not_begun", || {
        let pool = pool(1);
        let (captured, ran) = (Drops::default(), Flag::default());
        let token = captured.token();
        let seen = thrown(|| {
            pool.join(
                || throw("left"),
                || {
                    let _token = token;
                    ran.raise();
                },
            )
        });
        assert_eq!((seen, captured.count(), ran.is_up()), ("left", 1, false));
        usable(&pool);
    });
}

#[test]
fn right_panics_when_the_caller_runs_it() {
    watchdog("right_panics_when_the_caller_runs_it", || {
        let pool = pool(1);
        let values = Drops::default();
        let seen = thrown(|| pool.join(|| values.token(), || throw("right")));
        assert_eq!((seen, values.count()), ("right", 1));
        usable(&pool);
    });
}

#[test]
fn both_panic_and_right_was_not_begun() {
    watchdog("both_panic_and_right_was_not_begun", || {
        let pool = pool(1);
        assert_eq!(thrown(|| pool.join(|| throw("left"), || throw("right"))), "left");
        usable(&pool);
    });
}

/// The caller runs the right branch on top of the left one.
#[test]
fn both_panic_on_one_worker() {
    watchdog("both_panic_on_one_worker", || {
        let pool = pool(1);
        let seen = thrown(|| {
            pool.join(
                || {
                    assert_eq!(yield_now(), Some(Yield::Executed));
                    throw("left")
                },
                || throw("right"),
            )
        });
        assert_eq!(seen, "left");
        let seen = thrown(|| pool.join(yield_now, || throw("right")));
        assert_eq!(seen, "right");
        usable(&pool);
    });
}

/// What the unrun branch holds panics in its drop.
#[test]
fn the_drop_of_an_unrun_branch_panics() {
    watchdog("the_drop_of_an_unrun_branch_panics", || {
        let pool = pool(1);
        let bomb = Bomb("captured");
        let seen = thrown(|| pool.join(|| throw("left"), move || drop(bomb)));
        assert_eq!(seen, "left", "the second panic does not spread");
        usable(&pool);
    });
}

#[test]
fn a_branchs_own_drop_panics() {
    each_size("a_branchs_own_drop_panics", |workers| {
        let pool = pool(workers);
        let bomb = Bomb("in a");
        let seen = thrown(|| {
            pool.join(
                || {
                    let _bomb = bomb;
                },
                || (),
            )
        });
        assert_eq!(seen, "in a");
        let bomb = Bomb("in b");
        let seen = thrown(|| {
            pool.join(
                || (),
                || {
                    let _bomb = bomb;
                },
            )
        });
        assert_eq!(seen, "in b");
        usable(&pool);
    });
}

// ---- join: another worker has the right branch

/// `a` does not end before `b` has begun; `b` not before `a` panics, and a while after.
#[test]
fn left_panics_while_right_runs_elsewhere() {
    each_size_from_two("left_panics_while_right_runs_elsewhere", |workers| {
        let pool = pool(workers);
        for _ in 0..50 {
            let (begun, panics, ended) = (Flag::default(), Flag::default(), Flag::default());
            let values = Drops::default();
            let seen = thrown(|| {
                pool.join(
                    || {
                        begun.wait();
                        panics.raise();
                        throw("left")
                    },
                    || {
                        begun.raise();
                        panics.wait();
                        (0..20).for_each(|_| thread::yield_now());
                        ended.raise();
                        values.token()
                    },
                )
            });
            assert_eq!((seen, values.count()), ("left", 1));
            assert!(ended.is_up(), "`join` waits for the branch that borrows from its caller");
        }
        usable(&pool);
    });
}

#[test]
fn right_panics_elsewhere() {
    each_size_from_two("right_panics_elsewhere", |workers| {
        let pool = pool(workers);
        for _ in 0..50 {
            let begun = Flag::default();
            let values = Drops::default();
            let seen = thrown(|| {
                pool.join(
                    || {
                        begun.wait();
                        values.token()
                    },
                    || {
                        begun.raise();
                        throw("right")
                    },
                )
            });
            assert_eq!((seen, values.count()), ("right", 1));
        }
        usable(&pool);
    });
}

#[test]
fn both_panic_on_two_workers() {
    each_size_from_two("both_panic_on_two_workers", |workers| {
        let pool = pool(workers);
        for round in 0..50 {
            let (begun, late) = (Flag::default(), Flag::default());
            let seen = thrown(|| {
                pool.join(
                    || {
                        begun.wait();
                        if round % 2 == 0 {
                            late.wait();
                        }
                        late.raise();
                        throw("left")
                    },
                    || {
                        begun.raise();
                        if round % 2 == 1 {
                            late.wait();
                        }
                        late.raise();
                        throw("right")
                    },
                )
            });
            assert_eq!(seen, "left", "whichever was first");
        }
        usable(&pool);
    });
}

#[test]
fn the_drop_of_a_stolen_branchs_value_panics() {
    each_size_from_two("the_drop_of_a_stolen_branchs_value_panics", |workers| {
        let pool = pool(workers);
        let begun = Flag::default();
        let seen = thrown(|| {
            pool.join(
                || {
                    begun.wait();
                    throw("left")
                },
                || {
                    begun.raise();
                    Bomb("value")
                },
            )
        });
        assert_eq!(seen, "left");
        usable(&pool);
    });
}

#[test]
fn the_payload_of_a_stolen_branch_panics_in_its_drop() {
    each_size_from_two("the_payload_of_a_stolen_branch_panics_in_its_drop", |workers| {
        let pool = pool(workers);
        let begun = Flag::default();
        let seen = thrown(|| {
            pool.join(
                || {
                    begun.wait();
                    throw("left")
                },
                || {
                    begun.raise();
                    panic::panic_any(Bomb("payload"))
                },
            )
        });
        assert_eq!(seen, "left");
        usable(&pool);
    });
}

// ---- join: nested

/// The leftmost panic wins, and each branch ends or is dropped before `join` returns.
#[test]
fn nested_joins() {
    const NAMES: [&str; 16] =
        ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"];

    fn tree(leaf: usize, width: usize, bad: u16, captured: &Drops) {
        let _token = captured.token();
        if width == 1 {
            if bad & 1 << leaf != 0 {
                throw(NAMES[leaf]);
            }
            return;
        }
        let half = width / 2;
        let (left, right) = (captured.token(), captured.token());
        join(
            || {
                let _token = left;
                tree(leaf, half, bad, captured)
            },
            || {
                let _token = right;
                tree(leaf + half, half, bad, captured)
            },
        );
    }
    each_size("nested_joins", |workers| {
        let pool = pool(workers);
        for round in 1..400u16 {
            let bad = round.wrapping_mul(40_503) | 1 << (round % 16);
            let captured = Drops::default();
            let seen = thrown(|| pool.install(|| tree(0, 16, bad, &captured)));
            assert_eq!(seen, NAMES[bad.trailing_zeros() as usize], "{bad:b}");
            // Each frame that was entered has dropped its three; none is left running.
            let count = captured.count();
            usable(&pool);
            assert_eq!(captured.count(), count);
        }
        let captured = Drops::default();
        pool.install(|| tree(0, 16, 0, &captured));
        assert_eq!(captured.count(), 31 + 30);
    });
}

#[test]
fn the_macro_shows_the_leftmost() {
    each_size("the_macro_shows_the_leftmost", |workers| {
        let pool = pool(workers);
        let seen = thrown(|| {
            pool.install(|| {
                scheduler::join!(|| 0, || throw("second"), || throw("third"), || 3, || throw(
                    "last"
                ))
            })
        });
        assert_eq!(seen, "second");
        usable(&pool);
    });
}

/// Runs `f` in its drop.
struct InDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for InDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn join_and_scope_work_in_a_drop_during_unwinding() {
    each_size("join_and_scope_work_in_a_drop_during_unwinding", |workers| {
        let pool = pool(workers);
        for on_worker in [true, false] {
            let mut results = Vec::new();
            let body = || {
                let _in_drop = InDrop(|| {
                    assert!(thread::panicking());
                    let (a, b) = join(|| support::fib(10), || support::fib(11));
                    let mut c = 0;
                    scope(|s| drop(s.spawn(|| c = 3)));
                    let d = spawn(|| 4).join().unwrap();
                    results.push((a, b, c, d));
                });
                throw("body")
            };
            let seen = if on_worker { thrown(|| pool.install(body)) } else { thrown(body) };
            assert_eq!((seen, results), ("body", vec![(55, 89, 3, 4)]));
        }
        usable(&pool);
    });
}

/// The fork's other half is stolen, in a drop, while its thread unwinds.
#[test]
fn a_stolen_join_in_a_drop_during_unwinding() {
    each_size_from_two("a_stolen_join_in_a_drop_during_unwinding", |workers| {
        let pool = pool(workers);
        let mut seen = Vec::new();
        let outer = thrown(|| {
            pool.install(|| {
                let _in_drop = InDrop(|| {
                    let begun = Flag::default();
                    seen.push(join(
                        || {
                            begun.wait();
                            "a"
                        },
                        || {
                            begun.raise();
                            "b"
                        },
                    ));
                    // A panic that does not leave the drop.
                    let inner = thrown(|| join(|| (), || throw("inner")));
                    assert_eq!(inner, "inner");
                });
                throw("outer")
            })
        });
        assert_eq!((outer, seen), ("outer", vec![("a", "b")]));
        usable(&pool);
    });
}

/// The left branch panics with jobs of its own on top of the fork.
#[test]
fn a_panic_over_spawned_jobs_loses_none() {
    each_size("a_panic_over_spawned_jobs_loses_none", |workers| {
        let pool = pool(workers);
        for _ in 0..50 {
            let (ran, captured) = (AtomicUsize::new(0), Drops::default());
            let token = captured.token();
            let seen = thrown(|| {
                pool.scope(|s| {
                    join(
                        || {
                            (0..10).for_each(|_| drop(s.spawn(|| ran.fetch_add(1, SeqCst))));
                            throw("left")
                        },
                        move || drop(token),
                    )
                })
            });
            assert_eq!((seen, ran.load(SeqCst), captured.count()), ("left", 10, 1));
        }
        usable(&pool);
    });
}

// ---- scope

#[test]
fn a_scopes_body_panics() {
    each_size("a_scopes_body_panics", |workers| {
        let pool = pool(workers);
        for in_place in [false, true] {
            let ran = AtomicUsize::new(0);
            let spawned = |n: usize| {
                let ran = &ran;
                move || {
                    thread::yield_now();
                    ran.fetch_add(n, SeqCst);
                }
            };
            let seen = thrown(|| {
                if in_place {
                    pool.in_place_scope(|s| {
                        (0..20).for_each(|_| drop(s.spawn(spawned(1))));
                        throw("body")
                    })
                } else {
                    pool.scope(|s| {
                        (0..20).for_each(|_| drop(s.spawn(spawned(1))));
                        throw("body")
                    })
                }
            });
            assert_eq!(seen, "body");
            assert_eq!(ran.load(SeqCst), 20, "the scope waits for what it has spawned");
        }
        usable(&pool);
    });
}

#[test]
fn a_scopes_part_panics() {
    each_size("a_scopes_part_panics", |workers| {
        let pool = pool(workers);
        for bad in [0, 7, 19] {
            let ran = AtomicUsize::new(0);
            let (body_ended, ran) = (Flag::default(), &ran);
            let seen = thrown(|| {
                pool.scope(|s| {
                    for n in 0..20 {
                        s.spawn(move || {
                            if n == bad {
                                throw("part");
                            }
                            ran.fetch_add(1, SeqCst);
                        });
                    }
                    body_ended.raise();
                })
            });
            assert_eq!((seen, ran.load(SeqCst), body_ended.is_up()), ("part", 19, true));
        }
        usable(&pool);
    });
}

#[test]
fn a_forked_part_panics() {
    each_size("a_forked_part_panics", |workers| {
        let pool = pool(workers);
        for bad in [0, 7, 19] {
            let ran = AtomicUsize::new(0);
            let seen = thrown(|| {
                pool.scope(|s| {
                    for n in 0..20 {
                        let ran = &ran;
                        s.fork(move || {
                            if n == bad {
                                throw("part");
                            }
                            ran.fetch_add(1, SeqCst);
                        });
                    }
                })
            });
            assert_eq!((seen, ran.load(SeqCst)), ("part", 19));
        }
        usable(&pool);
    });
}

/// One worker, newest first, so that the order is known.
#[test]
fn the_first_panic_of_a_scope_wins() {
    watchdog("the_first_panic_of_a_scope_wins", || {
        let pool = pool(1);
        let seen = thrown(|| {
            pool.scope(|s| {
                s.spawn(|| throw("second"));
                s.spawn(|| throw("first"));
            })
        });
        assert_eq!(seen, "first");
        let seen = thrown(|| {
            pool.scope(|s| -> () {
                s.spawn(|| throw("part"));
                throw("body")
            })
        });
        assert_eq!(seen, "body");
        let seen = thrown(|| {
            pool.scope(|s| -> () {
                s.spawn(|| throw("part"));
                assert_eq!(yield_now(), Some(Yield::Executed));
                throw("body")
            })
        });
        assert_eq!(seen, "part");
        usable(&pool);
    });
}

/// All payloads but the first are dropped, and panic in that.
#[test]
fn payloads_of_a_scope_that_panic_in_their_drop() {
    each_size("payloads_of_a_scope_that_panic_in_their_drop", |workers| {
        silence_thrown();
        let pool = pool(workers);
        let payload = caught(|| {
            pool.scope(|s| {
                (0..20).for_each(|_| drop(s.spawn(|| panic::panic_any(Bomb("payload")))));
            })
        });
        let Ok(bomb) = payload.downcast::<Bomb>() else { panic!("another payload") };
        assert_eq!(thrown(|| drop(bomb)), "payload");
        usable(&pool);
    });
}

#[test]
fn a_joined_handle_uses_the_panic_up() {
    each_size("a_joined_handle_uses_the_panic_up", |workers| {
        let pool = pool(workers);
        let value = pool.scope(|s| {
            let handles: Vec<_> = (0..10).map(|_| s.spawn(|| -> u8 { throw("part") })).collect();
            for handle in handles {
                let error = handle.join().unwrap_err();
                assert!(error.is_panic() && !error.is_cancelled());
                assert_eq!(what(error.into_panic()), "part");
            }
            "the scope's value"
        });
        assert_eq!(value, "the scope's value");
        usable(&pool);
    });
}

#[test]
fn a_handle_dropped_after_the_panic_does_not_use_it_up() {
    each_size("a_handle_dropped_after_the_panic_does_not_use_it_up", |workers| {
        let pool = pool(workers);
        let seen = thrown(|| {
            pool.in_place_scope(|s| {
                let handle = s.spawn(|| throw("part"));
                wait_until(|| handle.is_finished());
                drop(handle);
            })
        });
        assert_eq!(seen, "part");
        usable(&pool);
    });
}

#[test]
fn the_drop_of_a_parts_value_panics() {
    each_size("the_drop_of_a_parts_value_panics", |workers| {
        let pool = pool(workers);
        let seen = thrown(|| pool.scope(|s| drop(s.spawn(|| Bomb("value")))));
        assert_eq!(seen, "value", "nobody else would see it");
        usable(&pool);
    });
}

#[test]
fn nested_scopes_pass_a_panic_up() {
    each_size("nested_scopes_pass_a_panic_up", |workers| {
        let pool = pool(workers);
        let (inner_ran, outer_ran) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let seen = thrown(|| {
            pool.scope(|s| {
                for n in 0..10 {
                    let (inner_ran, outer_ran) = (&inner_ran, &outer_ran);
                    s.spawn(move || {
                        scope(|t| {
                            for m in 0..10 {
                                t.spawn(move || {
                                    if (n, m) == (4, 5) {
                                        throw("deep");
                                    }
                                    inner_ran.fetch_add(1, SeqCst);
                                });
                            }
                        });
                        outer_ran.fetch_add(1, SeqCst);
                    });
                }
            })
        });
        assert_eq!((seen, inner_ran.load(SeqCst), outer_ran.load(SeqCst)), ("deep", 99, 9));
        usable(&pool);
    });
}

// ---- spawn

#[test]
fn a_spawned_closures_panic_goes_to_its_handle() {
    each_size("a_spawned_closures_panic_goes_to_its_handle", |workers| {
        let (pool, noted) = noting_pool(workers);
        let error = pool.spawn(|| -> u8 { throw("spawned") }).join().unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled() && !error.is_shut_down());
        assert_eq!(error.to_string(), "the closure panicked");
        assert_eq!(what(error.into_panic()), "spawned");
        let inside = pool.install(|| spawn(|| throw("inside")).join().map(drop).unwrap_err());
        assert_eq!(inside.try_into_panic().map(what).unwrap(), "inside");
        usable(&pool);
        drop(pool);
        assert!(noted.lock().unwrap().is_empty(), "the handler gets only what nobody else does");
    });
}

#[test]
fn a_panics_text_is_in_the_error() {
    watchdog("a_panics_text_is_in_the_error", || {
        let pool = pool(1);
        // Resumed, so that the panic hook prints nothing.
        let literal = pool.spawn(|| panic::resume_unwind(Box::new("a literal")));
        let formatted = pool.spawn(|| panic::resume_unwind(Box::new(String::from("a string"))));
        let literal = literal.join().map(drop).unwrap_err();
        let formatted = formatted.join().map(drop).unwrap_err();
        assert_eq!(literal.to_string(), "the closure panicked: a literal");
        assert_eq!(formatted.to_string(), "the closure panicked: a string");
        assert_eq!(format!("{formatted:?}"), "Panicked(\"a string\")");
    });
}

#[test]
fn a_detached_closures_panic_goes_to_the_handler() {
    each_size("a_detached_closures_panic_goes_to_the_handler", |workers| {
        let (pool, noted) = noting_pool(workers);
        let stuck = Stuck::new(&pool, workers);
        drop(pool.spawn(|| throw("handle dropped before")));
        stuck.release();
        wait_until(|| !noted.lock().unwrap().is_empty());
        let handle = pool.spawn(|| throw("handle dropped after"));
        wait_until(|| handle.is_finished());
        assert_eq!(noted.lock().unwrap().len(), 1);
        drop(handle);
        pool.install(|| drop(spawn(|| throw("from inside"))));
        usable(&pool);
        drop(pool);
        // The worker may be the last to let go of the second, after the third.
        let mut noted = noted.lock().unwrap().clone();
        noted.sort_unstable();
        assert_eq!(noted, ["from inside", "handle dropped after", "handle dropped before"]);
    });
}

/// The handle may outlive the pool, and the panic still has its place.
#[test]
fn a_panic_found_by_nobody_after_the_pools_end() {
    each_size("a_panic_found_by_nobody_after_the_pools_end", |workers| {
        let (pool, noted) = noting_pool(workers);
        let handle = pool.spawn(|| throw("late"));
        drop(pool);
        assert!(noted.lock().unwrap().is_empty());
        drop(handle);
        assert_eq!(*noted.lock().unwrap(), ["late"]);
    });
}

#[test]
fn the_drop_of_a_detached_closures_value_panics() {
    each_size("the_drop_of_a_detached_closures_value_panics", |workers| {
        let (pool, noted) = noting_pool(workers);
        let stuck = Stuck::new(&pool, workers);
        drop(pool.spawn(|| Bomb("value")));
        stuck.release();
        wait_until(|| !noted.lock().unwrap().is_empty());
        usable(&pool);
        // With the handle dropped last, the pool may be gone: the panic hook has seen it, and
        // dropping a handle never panics.
        let handle = pool.spawn(|| Bomb("in the caller"));
        drop(pool);
        drop(handle);
        assert_eq!(*noted.lock().unwrap(), ["value"]);
    });
}

#[test]
fn the_drop_of_a_spawned_closures_capture_panics() {
    each_size("the_drop_of_a_spawned_closures_capture_panics", |workers| {
        let (pool, noted) = noting_pool(workers);
        let bomb = Bomb("captured");
        let error = pool.spawn(move || drop(bomb)).join().unwrap_err();
        assert_eq!(what(error.into_panic()), "captured");
        usable(&pool);
        drop(pool);
        assert!(noted.lock().unwrap().is_empty());
    });
}

#[test]
fn without_a_handler_nothing_aborts() {
    each_size("without_a_handler_nothing_aborts", |workers| {
        silence_thrown();
        let pool = pool(workers);
        for _ in 0..50 {
            drop(pool.spawn(|| throw("detached")));
            drop(pool.spawn(|| panic::panic_any(Bomb("payload"))));
            drop(pool.spawn(|| Bomb("value")));
            let bomb = Bomb("captured");
            drop(pool.spawn(move || drop(bomb)));
        }
        usable(&pool);
        let handle = pool.spawn(|| panic::panic_any(Bomb("payload")));
        wait_until(|| handle.is_finished());
        drop(handle);
        usable(&pool);
    });
}

#[test]
fn a_handler_that_panics() {
    each_size("a_handler_that_panics", |workers| {
        silence_thrown();
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let pool = ThreadPool::builder()
            .num_threads(workers)
            .panic_handler(move |payload| {
                let name = what(payload);
                match count.fetch_add(1, SeqCst) % 3 {
                    0 => throw(name),
                    1 => panic::panic_any(Bomb("thrown by the handler")),
                    _ => {}
                }
            })
            .build()
            .unwrap();
        (0..30).for_each(|_| drop(pool.spawn(|| throw("detached"))));
        usable(&pool);
        drop(pool);
        assert_eq!(calls.load(SeqCst), 30);
    });
}

// ---- hooks

#[test]
fn start_and_exit_handlers_that_panic() {
    each_size("start_and_exit_handlers_that_panic", |workers| {
        silence_thrown();
        let noted = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&noted);
        let pool = ThreadPool::builder()
            .num_threads(workers)
            .start_handler(|_| throw("start"))
            .exit_handler(|_| throw("exit"))
            .panic_handler(move |payload| note.lock().unwrap().push(what(payload)))
            .build()
            .unwrap();
        usable(&pool);
        drop(pool);
        let expected: Vec<_> =
            std::iter::repeat_n("start", workers).chain(vec!["exit"; workers]).collect();
        let mut noted = noted.lock().unwrap().clone();
        noted.sort_by_key(|&name| name == "exit");
        assert_eq!(noted, expected);
    });
}

#[test]
fn hooks_that_panic_without_a_handler() {
    each_size("hooks_that_panic_without_a_handler", |workers| {
        silence_thrown();
        let pool = ThreadPool::builder()
            .num_threads(workers)
            .start_handler(|_| throw("start"))
            .exit_handler(|_| panic::panic_any(Bomb("exit")))
            .build()
            .unwrap();
        usable(&pool);
    });
}

// ---- install and broadcast

#[test]
fn an_installed_closure_panics() {
    each_size("an_installed_closure_panics", |workers| {
        let (pool, noted) = noting_pool(workers);
        let captured = Drops::default();
        let token = captured.token();
        let seen = thrown(|| {
            pool.install(|| {
                let _token = token;
                throw("installed")
            })
        });
        assert_eq!((seen, captured.count()), ("installed", 1));
        assert_eq!(pool.install(|| thrown(|| pool.install(|| throw("inner")))), "inner");
        usable(&pool);
        drop(pool);
        assert!(noted.lock().unwrap().is_empty());
    });
}

#[test]
fn a_panic_crosses_pools() {
    each_size("a_panic_crosses_pools", |workers| {
        let (outer, inner) = (pool(workers), pool(1));
        let seen = thrown(|| outer.install(|| inner.install(|| outer.install(|| throw("deep")))));
        assert_eq!(seen, "deep");
        usable(&outer);
        usable(&inner);
    });
}

#[test]
fn broadcast_shows_the_lowest_index_after_all_have_ended() {
    each_size("broadcast_shows_the_lowest_index_after_all_have_ended", |workers| {
        let pool = pool(workers);
        let calls = AtomicUsize::new(0);
        let seen = thrown(|| {
            pool.broadcast(|worker| {
                calls.fetch_add(1, SeqCst);
                match worker.index() {
                    0 if workers > 1 => 0,
                    i if i + 1 == workers.min(2) => throw("lowest"),
                    _ => throw("higher"),
                }
            })
        });
        assert_eq!((seen, calls.load(SeqCst)), ("lowest", workers));
        usable(&pool);
    });
}

// ---- what would end the process: in one of its own

/// The values and payloads that a failed `broadcast` cannot return panic in their drops.
#[test]
fn broadcast_with_values_and_payloads_that_panic_in_their_drop() {
    const NAME: &str = "broadcast_with_values_and_payloads_that_panic_in_their_drop";
    match support::case().as_deref() {
        None => ["payloads", "values"].iter().for_each(|case| child_passes(NAME, case, &[])),
        Some(case) => each_size(NAME, {
            let payloads = case == "payloads";
            move |workers| {
                silence_thrown();
                let pool = pool(workers);
                let payload = caught(|| {
                    pool.broadcast(|worker| match worker.index() {
                        0 => throw("first"),
                        _ if payloads => panic::panic_any(Bomb("payload")),
                        _ => Bomb("value"),
                    })
                });
                assert_eq!(what(payload), "first");
                usable(&pool);
            }
        }),
    }
}

/// A scope's value that nobody gets, since a part has panicked.
#[test]
fn a_scopes_value_that_panics_in_its_drop_after_a_parts_panic() {
    const NAME: &str = "a_scopes_value_that_panics_in_its_drop_after_a_parts_panic";
    match support::case() {
        None => child_passes(NAME, "scope", &[]),
        Some(_) => each_size(NAME, |workers| {
            let pool = pool(workers);
            let seen = thrown(|| {
                pool.scope(|s| {
                    s.spawn(|| throw("part"));
                    Bomb("value")
                })
            });
            assert_eq!(seen, "part");
            usable(&pool);
        }),
    }
}

/// The left branch's value that nobody gets, since the right one has panicked.
#[test]
fn a_left_value_that_panics_in_its_drop_after_the_right_ones_panic() {
    const NAME: &str = "a_left_value_that_panics_in_its_drop_after_the_right_ones_panic";
    match support::case().as_deref() {
        None => ["unrun", "stolen"].iter().for_each(|case| child_passes(NAME, case, &[])),
        Some(case) => {
            let stolen = case == "stolen";
            watchdog(NAME, move || {
                let pool = pool(if stolen { 2 } else { 1 });
                let begun = Flag::default();
                let seen = thrown(|| {
                    pool.join(
                        || {
                            if stolen {
                                begun.wait();
                            }
                            Bomb("left's value")
                        },
                        || {
                            begun.raise();
                            throw("right")
                        },
                    )
                });
                assert_eq!(seen, "right");
                usable(&pool);
            });
        }
    }
}

/// A refused closure that panics in its drop.
#[test]
fn a_refused_closure_that_panics_in_its_drop() {
    const NAME: &str = "a_refused_closure_that_panics_in_its_drop";
    match support::case() {
        None => child_passes(NAME, "refused", &[]),
        Some(_) => each_size(NAME, |workers| {
            silence_thrown();
            let pool = pool(workers);
            assert_eq!(pool.shutdown(Shutdown::Drain).ran, 0);
            let bomb = Bomb("captured");
            let payload = caught(|| pool.install(move || drop(bomb)));
            assert_eq!(support::text(&*payload), Some("the thread pool has been shut down"));
        }),
    }
}

/// The same where nobody panics before: the handle says that it was refused.
#[test]
fn a_closure_that_is_refused_quietly_panics_in_its_drop() {
    watchdog("a_closure_that_is_refused_quietly_panics_in_its_drop", || {
        let bomb = || {
            let bomb = Bomb("captured");
            move || drop(bomb)
        };
        let (ended, other) = (pool(1), pool(1));
        // What runs meanwhile spawns on a pool that is shut down.
        let inside = ended.install(|| {
            assert_eq!(ended.shutdown(Shutdown::Drain).stragglers.len(), 1);
            spawn(bomb())
        });
        let executor = Executor::builder(&other).build().unwrap();
        assert_eq!(executor.shutdown(Shutdown::Drain).ran, 0);
        let mut results = ended.invoke_all([bomb(), bomb()]);
        results.extend(executor.invoke_all([bomb(), bomb()]));
        results.extend([inside.join(), ended.spawn(bomb()).join()]);
        assert_eq!(results.len(), 6);
        assert!(results.into_iter().all(|result| result.unwrap_err().is_shut_down()));
        usable(&other);
    });
}

/// A policy panics, and then so does the closure that it was asked about.
#[test]
fn a_policy_and_the_drop_of_its_closure_panic() {
    const NAME: &str = "a_policy_and_the_drop_of_its_closure_panic";
    match support::case() {
        None => child_passes(NAME, "policy", &[]),
        Some(_) => watchdog(NAME, || {
            silence_thrown();
            let policy = RejectionPolicy::custom(|_| throw("policy"));
            let pool = pool(1);
            let executor = Executor::builder(&pool).queue_capacity(2).on_full(policy.clone());
            let executor = executor.build().unwrap();
            let elastic = Elastic::builder().max_threads(1).queue_capacity(1).on_full(policy);
            let elastic = elastic.build().unwrap();
            let go = Arc::new(Flag::default());
            let stuck = || {
                let go = Arc::clone(&go);
                move || go.wait()
            };
            let running = (pool.spawn(stuck()), elastic.submit(stuck()).unwrap());
            let queued = (executor.submit(|| 1).unwrap(), elastic.submit(|| 2).unwrap());
            let filling = executor.submit(|| 3).unwrap();
            let bomb = || {
                let bomb = Bomb("captured");
                move || drop(bomb)
            };
            let [one, two, three] = [bomb(), bomb(), bomb()];
            assert_eq!(thrown(|| executor.submit_all([bomb(), bomb()])), "policy");
            assert_eq!(thrown(|| executor.submit(one)), "policy");
            assert_eq!(thrown(|| executor.execute(two)), "policy");
            assert_eq!(thrown(|| elastic.submit(three)), "policy");
            go.raise();
            assert!(running.0.join().is_ok() && running.1.join().is_ok());
            assert_eq!((queued.0.join().unwrap(), queued.1.join().unwrap()), (1, 2));
            assert_eq!(filling.join().unwrap(), 3);
            usable(&pool);
        }),
    }
}

#[test]
fn a_thousand_panics_leave_a_pool_as_it_was() {
    each_size("a_thousand_panics_leave_a_pool_as_it_was", |workers| {
        let pool = pool(workers);
        for round in 0..1000 {
            let result = panic::catch_unwind(AssertUnwindSafe(|| match round % 4 {
                0 => pool.join(|| throw("a"), || ()).1,
                1 => pool.join(|| (), || throw("b")).0,
                2 => pool.scope(|s| drop(s.spawn(|| throw("c")))),
                _ => pool.install(|| throw("d")),
            }));
            let payload = result.unwrap_err().downcast::<Thrown>().unwrap();
            assert_eq!(*payload, Thrown(["a", "b", "c", "d"][round % 4]));
        }
        usable(&pool);
    });
}
