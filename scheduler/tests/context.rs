//! A fork by a context is a `join`: the same values, panics and waiting, wherever its branches run.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Context, current_thread_index, in_place_scope, join, with_context};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::{each_size, each_size_from_two, pool, wait_until, watchdog};

fn fib(cx: Context<'_>, n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b) = cx.join(|cx| fib(cx, n - 1), |cx| fib(cx, n - 2));
    a + b
}

#[test]
fn it_computes_on_every_pool() {
    each_size("it_computes_on_every_pool", |workers| {
        let pool = pool(workers);
        assert_eq!(pool.with_context(|cx| fib(cx, 18)), 2584);
        assert_eq!(pool.install(|| with_context(|cx| fib(cx, 18))), 2584);
    });
}

#[test]
fn outside_any_pool_it_is_of_the_global_one() {
    watchdog("outside_any_pool_it_is_of_the_global_one", || {
        assert_eq!(current_thread_index(), None);
        let (index, value) = with_context(|cx| (cx.thread_index(), fib(cx, 15)));
        assert!(index < scheduler::global().current_num_threads());
        assert_eq!(value, 610);
    });
}

#[test]
fn another_pools_context_is_that_pools() {
    each_size("another_pools_context_is_that_pools", |workers| {
        let (here, there) = (pool(1), pool(workers));
        let inside = || {
            there.with_context(|cx| {
                assert_eq!(there.current_thread_index(), Some(cx.thread_index()));
                fib(cx, 15)
            })
        };
        assert_eq!(here.install(inside), 610);
    });
}

#[test]
fn each_branch_has_the_context_of_the_worker_that_runs_it() {
    each_size_from_two("each_branch_has_the_context_of_the_worker_that_runs_it", |workers| {
        let pool = pool(workers);
        for _ in 0..50 {
            let started = AtomicUsize::new(0);
            let here = |cx: Context<'_>| {
                assert_eq!(Some(cx.thread_index()), current_thread_index());
                assert_eq!(fib(cx, 10), 55);
                cx.thread_index()
            };
            let (a, b) = pool.with_context(|cx| {
                cx.join(
                    |cx| {
                        wait_until(|| started.load(SeqCst) == 1);
                        here(cx)
                    },
                    |cx| {
                        started.store(1, SeqCst);
                        here(cx)
                    },
                )
            });
            assert_ne!(a, b, "two workers");
        }
    });
}

#[test]
fn what_is_spawned_between_two_forks_is_not_lost() {
    each_size("what_is_spawned_between_two_forks_is_not_lost", |workers| {
        let pool = pool(workers);
        let runs = AtomicUsize::new(0);
        let run = |_: Context<'_>| _ = runs.fetch_add(1, SeqCst);
        pool.with_context(|cx| {
            in_place_scope(|s| {
                for _ in 0..10 {
                    s.spawn(|| runs.fetch_add(1, SeqCst));
                    // The same context as before the spawn.
                    cx.join(run, |cx| {
                        s.spawn(|| runs.fetch_add(1, SeqCst));
                        cx.join(run, run);
                    });
                    // And forks of the other kind between.
                    join(|| runs.fetch_add(1, SeqCst), || runs.fetch_add(1, SeqCst));
                }
            });
        });
        assert_eq!(runs.into_inner(), 10 * 7);
    });
}

#[test]
fn more_forks_than_the_head_has_room_for() {
    fn nest(cx: Context<'_>, depth: usize) -> usize {
        match depth {
            0 => 0,
            _ => {
                let (a, b) = cx.join(|cx| nest(cx, depth - 1), |_| 1);
                a + b
            }
        }
    }
    each_size("more_forks_than_the_head_has_room_for", |workers| {
        let pool =
            scheduler::ThreadPool::builder().num_threads(workers).stack_size(256 << 20).build();
        let pool = pool.expect("threads can be started");
        assert_eq!(pool.with_context(|cx| nest(cx, 10_000)), 10_000);
    });
}

#[test]
fn panics_come_out_after_both_branches() {
    each_size("panics_come_out_after_both_branches", |workers| {
        let pool = pool(workers);
        for (a_panics, b_panics, expected) in
            [(true, false, "a"), (false, true, "b"), (true, true, "a")]
        {
            let branch = |panics, name: &'static str| {
                move |_: Context<'_>| {
                    if panics {
                        resume_unwind(Box::new(name));
                    }
                }
            };
            let forked = AssertUnwindSafe(|| {
                pool.with_context(|cx| cx.join(branch(a_panics, "a"), branch(b_panics, "b")))
            });
            let payload = catch_unwind(forked).expect_err("a branch panics");
            assert_eq!(payload.downcast_ref::<&str>(), Some(&expected));
            assert_eq!(pool.with_context(|cx| fib(cx, 10)), 55, "the pool goes on");
        }
    });
}

#[test]
fn a_panic_can_be_caught_around_a_context() {
    each_size("a_panic_can_be_caught_around_a_context", |workers| {
        let pool = pool(workers);
        let value = pool.with_context(|cx| {
            // No `AssertUnwindSafe`: a context is `UnwindSafe`.
            let caught =
                catch_unwind(|| cx.join(|_| 1, |_| -> u64 { resume_unwind(Box::new(())) }));
            assert!(caught.is_err());
            fib(cx, 10)
        });
        assert_eq!(value, 55);
    });
}

#[test]
fn a_pool_that_was_shut_down_refuses() {
    watchdog("a_pool_that_was_shut_down_refuses", || {
        let pool = pool(1);
        let _ = pool.shutdown(scheduler::Shutdown::Drain);
        let refused = catch_unwind(AssertUnwindSafe(|| pool.with_context(|_| ())));
        assert!(refused.is_err());
    });
}
