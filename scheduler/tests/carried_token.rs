//! A task's token goes where its forks go, and nowhere else.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{CancellationToken, Context, Elastic, Executor, RejectionPolicy, ThreadPool, task};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use support::sync::{Arc, mpsc, thread};
use support::{
    Stuck, each_size, each_size_from_two, pool, silence_thrown, throw, wait_until, watchdog,
};

/// A token that is cancelled: who asks sees whether it has it.
fn cancelled() -> CancellationToken {
    let token = CancellationToken::new();
    token.cancel();
    token
}

#[track_caller]
fn has_token() {
    assert!(task::is_cancelled());
    assert!(task::checkpoint().is_err());
    assert!(task::token().expect("there is one").is_cancelled());
}

#[track_caller]
fn has_none() {
    assert!(!task::is_cancelled());
    assert!(task::checkpoint().is_ok());
    assert!(task::token().is_none());
}

/// Runs `leaf` at each leaf of a tree of joins, which are slow enough to be stolen.
fn join_tree(depth: u32, leaf: &(impl Fn() + Sync)) {
    if depth == 0 {
        thread::yield_now();
        return leaf();
    }
    scheduler::join(|| join_tree(depth - 1, leaf), || join_tree(depth - 1, leaf));
    // After the wait as before.
    leaf();
}

fn context_tree(cx: Context<'_>, depth: u32, leaf: &(impl Fn() + Sync)) {
    if depth == 0 {
        thread::yield_now();
        return leaf();
    }
    cx.join(|cx| context_tree(cx, depth - 1, leaf), |cx| context_tree(cx, depth - 1, leaf));
    leaf();
}

fn scope_tree(depth: u32, leaf: &(impl Fn() + Sync)) {
    scheduler::scope(|s| {
        for _ in 0..depth {
            s.fork(move || scope_tree(depth - 1, leaf));
        }
        let handle = s.spawn(leaf);
        handle.join().expect("no panic");
        leaf();
    });
    leaf();
}

#[test]
fn outside_any_task() {
    has_none();
    cancelled().run(has_token);
    has_none();
    pool(1).install(has_none);
}

#[test]
fn every_leaf_of_joins_has_it() {
    each_size("every_leaf_of_joins_has_it", |workers| {
        let pool = pool(workers);
        pool.install(|| {
            cancelled().run(|| join_tree(8, &has_token));
            has_none();
            join_tree(8, &has_none);
        });
    });
}

#[test]
fn large_closures_have_it() {
    each_size("large_closures_have_it", |workers| {
        let pool = pool(workers);
        let large = [1_u64; 8];
        let sum = move || {
            has_token();
            large.iter().sum::<u64>()
        };
        let sums = pool.install(|| cancelled().run(|| scheduler::join(sum, sum)));
        assert_eq!(sums, (8, 8));
    });
}

#[test]
fn every_branch_of_the_macro_has_it() {
    each_size("every_branch_of_the_macro_has_it", |workers| {
        let pool = pool(workers);
        let five = pool.install(|| {
            cancelled().run(|| {
                scheduler::join!(
                    task::is_cancelled,
                    task::is_cancelled,
                    task::is_cancelled,
                    task::is_cancelled,
                    task::is_cancelled,
                )
            })
        });
        assert_eq!(five, (true, true, true, true, true));
    });
}

#[test]
fn every_leaf_of_a_context_has_it() {
    each_size("every_leaf_of_a_context_has_it", |workers| {
        let pool = pool(workers);
        pool.with_context(|cx| {
            cancelled().run(|| context_tree(cx, 8, &has_token));
            context_tree(cx, 8, &has_none);
        });
    });
}

#[test]
fn every_part_of_a_scope_has_it() {
    each_size("every_part_of_a_scope_has_it", |workers| {
        let pool = pool(workers);
        pool.install(|| {
            cancelled().run(|| scope_tree(5, &has_token));
            has_none();
            scope_tree(5, &has_none);
        });
    });
}

/// The parts carry the token of the task that made the scope, whoever spawns them.
#[test]
fn a_part_spawned_under_another_token() {
    each_size("a_part_spawned_under_another_token", |workers| {
        let pool = pool(workers);
        pool.install(|| {
            scheduler::scope(|s| {
                cancelled().run(|| s.fork(has_none));
                s.fork(move || cancelled().run(|| s.fork(has_none)));
            });
            cancelled().run(|| {
                scheduler::scope(|s| CancellationToken::new().run(|| s.fork(has_token)));
            });
        });
    });
}

#[test]
fn every_share_of_a_broadcast_has_it() {
    each_size("every_share_of_a_broadcast_has_it", |workers| {
        let pool = pool(workers);
        let inside =
            pool.install(|| cancelled().run(|| scheduler::broadcast(|_| task::is_cancelled())));
        let outside = cancelled().run(|| pool.broadcast(|_| task::is_cancelled()));
        assert_eq!((inside, outside), (vec![true; workers], vec![true; workers]));
        assert_eq!(pool.broadcast(|_| task::is_cancelled()), vec![false; workers]);
    });
}

/// From a thread that is no worker into a pool, and from there into another one.
#[test]
fn into_a_pool_and_into_another() {
    each_size("into_a_pool_and_into_another", |workers| {
        let (first, second) = (pool(workers), pool(workers));
        cancelled().run(|| {
            first.install(|| {
                has_token();
                second.install(|| join_tree(5, &has_token));
                has_token();
            });
            first.join(has_token, has_token);
            first.scope(|s| s.fork(has_token));
            first.in_place_scope(|s| {
                s.fork(has_token);
                s.fork(|| join_tree(5, &has_token));
                has_token();
            });
            first.with_context(|cx| context_tree(cx, 5, &has_token));
        });
        first.install(|| second.install(has_none));
    });
}

#[test]
fn a_spawn_does_not_have_it() {
    each_size("a_spawn_does_not_have_it", |workers| {
        let pool = pool(workers);
        let pool = &pool;
        cancelled().run(|| pool.spawn(has_none).join().expect("no panic"));
        pool.install(|| {
            cancelled().run(|| {
                scheduler::spawn(has_none).join().expect("no panic");
                has_token();
            });
        });
    });
}

/// As a task with a token, submits more than an executor on `own` and an elastic pool have room for: nobody
/// else empties their queues meanwhile.
fn overflow(own: &ThreadPool) {
    let here = RejectionPolicy::CallerRuns;
    let executor = Executor::builder(own).queue_capacity(1).on_full(here.clone()).build().unwrap();
    let elastic = Elastic::builder().max_threads(1).queue_capacity(0).on_full(here);
    let elastic = elastic.build().unwrap();
    let (open, is_open) = mpsc::channel::<()>();
    let waits = elastic.submit(move || _ = is_open.recv()).unwrap();
    cancelled().run(|| {
        let thread = || {
            has_none();
            thread::current().id()
        };
        drop(executor.submit(has_none).unwrap());
        let handles = [executor.submit(thread).unwrap(), elastic.submit(thread).unwrap()];
        for handle in handles {
            assert_eq!(handle.join().unwrap(), thread::current().id());
        }
        has_token();
    });
    drop(open);
    waits.join().unwrap();
}

/// Nor does what its submitter has to run, for want of room.
#[test]
fn what_the_caller_runs_does_not_have_it() {
    watchdog("what_the_caller_runs_does_not_have_it", || {
        let (own, other) = (pool(1), pool(1));
        own.install(|| overflow(&own));

        let (go, gone) = mpsc::channel::<()>();
        let (began, has_begun) = mpsc::channel();
        let busy = own.spawn(move || {
            began.send(()).unwrap();
            let _ = gone.recv();
        });
        has_begun.recv().unwrap();
        overflow(&own);
        other.install(|| overflow(&own));
        drop(go);
        busy.join().unwrap();
    });
}

/// Nor does what a blocking submitter runs to make room: the oldest in the queue.
#[test]
fn what_makes_room_does_not_have_it() {
    watchdog("what_makes_room_does_not_have_it", || {
        let own = pool(1);
        let block = RejectionPolicy::Block;
        let executor = Executor::builder(&own).queue_capacity(1).on_full(block).build().unwrap();
        own.install(|| {
            cancelled().run(|| {
                let handles = [(); 3].map(|()| executor.submit(has_none).unwrap());
                has_token();
                handles.into_iter().for_each(|handle| handle.join().unwrap());
            });
        });
    });
}

/// The only worker waits inside a task, in every way that there is, and runs a stranger meanwhile.
#[test]
fn a_stranger_on_top_of_the_task() {
    fn stranger() -> scheduler::JoinHandle<()> {
        scheduler::spawn(|| join_tree(3, &has_none))
    }
    fn waits(how: impl FnOnce() + Send) {
        pool(1).install(|| cancelled().run(|| (how(), has_token())));
    }
    watchdog("a_stranger_on_top_of_the_task", || {
        waits(|| stranger().join().expect("no panic"));
        waits(|| {
            let done = Arc::new(AtomicBool::new(false));
            let (handle, last) = (stranger(), Arc::clone(&done));
            drop(scheduler::spawn(move || last.store(true, Ordering::SeqCst)));
            while !done.load(Ordering::SeqCst) {
                assert_eq!(scheduler::yield_now(), Some(scheduler::Yield::Executed));
                has_token();
            }
            handle.join().expect("no panic");
        });
        // The second branch lies below the stranger in the deque.
        waits(|| {
            scheduler::join(|| drop(stranger()), has_token);
        });
        waits(|| {
            scheduler::scope(|_| drop(stranger()));
        });
        waits(|| {
            drop(stranger());
            pool(1).install(has_token);
        });
        waits(|| {
            let inner = CancellationToken::new();
            let canceller = inner.clone();
            drop(scheduler::spawn(move || {
                has_none();
                canceller.cancel();
            }));
            inner.wait();
        });
        waits(|| {
            drop(stranger());
            CancellationToken::new().wait_timeout(Duration::from_millis(10));
        });
        waits(|| {
            let handle = stranger();
            handle.join_timeout(Duration::from_secs(3600)).expect("in time").expect("no panic");
        });
        waits(|| {
            drop(stranger());
            scheduler::broadcast(|_| has_token());
        });
    });
}

/// A thief runs a branch with a token, and then one without, and the other way round.
#[test]
fn a_thief_has_the_token_of_what_it_runs() {
    each_size_from_two("a_thief_has_the_token_of_what_it_runs", |workers| {
        let pool = pool(workers);
        for _ in 0..100 {
            let stolen = AtomicUsize::new(0);
            let fork = |check: fn()| {
                let branch = || {
                    check();
                    stolen.fetch_add(1, Ordering::SeqCst);
                };
                scheduler::join(|| wait_until(|| stolen.load(Ordering::SeqCst) % 2 == 1), branch);
                stolen.fetch_add(1, Ordering::SeqCst);
                check();
            };
            pool.install(|| {
                cancelled().run(|| fork(has_token));
                fork(has_none);
                cancelled().run(|| fork(has_token));
            });
        }
    });
}

#[test]
fn tokens_inside_tokens() {
    each_size("tokens_inside_tokens", |workers| {
        let pool = pool(workers);
        pool.install(|| {
            let outer = CancellationToken::new();
            outer.run(|| {
                join_tree(3, &|| assert!(!task::is_cancelled()));
                cancelled().run(|| {
                    join_tree(3, &has_token);
                    outer.run(|| join_tree(3, &|| assert!(!task::is_cancelled())));
                    has_token();
                });
                assert!(!task::is_cancelled());
                outer.child_token().run(|| {
                    join_tree(3, &|| assert!(!task::is_cancelled()));
                    outer.cancel();
                    join_tree(3, &has_token);
                });
            });
        });
    });
}

#[test]
fn after_a_panic_as_before() {
    each_size("after_a_panic_as_before", |workers| {
        silence_thrown();
        let pool = pool(workers);
        let throws = |f: &dyn Fn()| {
            assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
        };
        throws(&|| cancelled().run(|| throw("outside")));
        has_none();
        let outer = cancelled();
        let inside = || {
            throws(&|| outer.run(|| throw("inside")));
            has_none();
            outer.run(|| {
                throws(&|| CancellationToken::new().run(|| throw("further inside")));
                has_token();
                throws(&|| {
                    let _ = scheduler::join(|| throw("left"), has_token);
                });
                has_token();
                throws(&|| {
                    let _ = scheduler::join(has_token, || throw("right"));
                });
                has_token();
                throws(&|| scheduler::scope(|s| s.fork(|| throw("a part"))));
                has_token();
                throws(&|| drop(scheduler::broadcast(|_| -> () { throw("a share") })));
                has_token();
            });
            join_tree(5, &has_none);
        };
        pool.install(inside);
        support::usable(&pool);
    });
}

/// Deep enough for the head to be full, where a fork also asks for room.
#[test]
fn in_a_full_head() {
    const WIDE: usize = 20_000;
    each_size("in_a_full_head", |workers| {
        let pool = pool(workers);
        let ran = AtomicUsize::new(0);
        let part = || {
            has_token();
            ran.fetch_add(1, Ordering::Relaxed);
        };
        pool.install(|| {
            cancelled().run(|| {
                scheduler::scope(|s| {
                    (0..WIDE).for_each(|_| s.fork(part));
                    scheduler::join(part, part);
                });
            });
            has_none();
        });
        assert_eq!(ran.into_inner(), WIDE + 2);
    });
}

#[test]
fn a_search_ends_early() {
    fn search(depth: u32, leaves: &AtomicUsize, token: &CancellationToken) {
        if task::is_cancelled() {
            return;
        }
        if depth == 0 {
            if leaves.fetch_add(1, Ordering::SeqCst) == 10 {
                token.cancel();
            }
            return;
        }
        scheduler::join(|| search(depth - 1, leaves, token), || search(depth - 1, leaves, token));
    }
    each_size("a_search_ends_early", |workers| {
        let pool = pool(workers);
        let (token, leaves) = (CancellationToken::new(), AtomicUsize::new(0));
        pool.install(|| token.run(|| search(16, &leaves, &token)));
        assert!(leaves.into_inner() < 1 << 16);
        let token = CancellationToken::new();
        token.run(|| pool.install(|| search(10, &AtomicUsize::new(11), &token)));
        assert!(!token.is_cancelled());
    });
}

/// Cancelled from outside while workers are in the middle of it.
#[test]
fn cancelled_from_outside() {
    each_size("cancelled_from_outside", |workers| {
        let pool = Arc::new(pool(workers));
        let token = CancellationToken::new();
        let (inside, started) = (token.clone(), Arc::new(AtomicUsize::new(0)));
        let runs = {
            let (pool, started) = (Arc::clone(&pool), Arc::clone(&started));
            thread::spawn(move || endless(&pool, &inside, &started))
        };
        // Not on all: a worker may have taken another one's second branch before its own share.
        wait_until(|| started.load(Ordering::SeqCst) > 0);
        token.cancel();
        runs.join().expect("no panic");
    });
}

fn endless(pool: &ThreadPool, token: &CancellationToken, started: &AtomicUsize) {
    token.run(|| {
        pool.broadcast(|_| {
            started.fetch_add(1, Ordering::SeqCst);
            scheduler::join(
                || wait_until(|| task::checkpoint().is_err()),
                || wait_until(task::is_cancelled),
            )
        });
    });
}

/// An abort of the pool is seen beside a token that is not cancelled.
#[test]
fn beside_a_shutdown() {
    watchdog("beside_a_shutdown", || {
        let pool = pool(1);
        let (started, is_started) = mpsc::channel();
        let handle = pool.spawn(move || {
            CancellationToken::new().run(|| {
                started.send(()).expect("it listens");
                wait_until(task::is_cancelled);
                task::token().expect("there is one").is_cancelled()
            })
        });
        is_started.recv().expect("it sends");
        let _ = pool.shutdown(scheduler::Shutdown::Abort);
        assert!(!handle.join().expect("no panic"), "the token itself is not cancelled");
    });
}

/// A submission that makes room for itself runs another closure on top of the task that submits, one that
/// its policy leaves to the caller runs there as well, and so does one that was handed back: none of them is
/// a part of that task.
#[test]
fn what_a_task_runs_for_others_has_none() {
    watchdog("what_a_task_runs_for_others_has_none", || {
        for policy in [RejectionPolicy::Block, RejectionPolicy::CallerRuns] {
            let pool = pool(1);
            let executor = Executor::builder(&pool).queue_capacity(1).on_full(policy.clone());
            let executor = executor.build().unwrap();
            let submit = || {
                cancelled().run(|| {
                    let handles = [(); 4].map(|()| executor.submit(has_none).unwrap());
                    has_token();
                    let tasks = executor.shutdown_now();
                    tasks.into_iter().for_each(|task| task.run());
                    has_token();
                    handles
                })
            };
            pool.install(submit).into_iter().for_each(|handle| handle.join().unwrap());
        }
    });
}

#[test]
fn what_an_outside_thread_runs_for_others_has_none() {
    watchdog("what_an_outside_thread_runs_for_others_has_none", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = Executor::builder(&pool).queue_capacity(1);
        let executor = executor.on_full(RejectionPolicy::CallerRuns).build().unwrap();
        let elastic = Elastic::builder().max_threads(1).queue_capacity(1);
        let elastic = elastic.on_full(RejectionPolicy::CallerRuns).build().unwrap();
        let (go, gone) = mpsc::channel::<()>();
        let busy = elastic.submit(move || gone.recv().is_err()).unwrap();
        let run = || {
            let bounded = [(); 4].map(|()| executor.submit(has_none).unwrap());
            let blocking = [(); 4].map(|()| elastic.submit(has_none).unwrap());
            let spawned = pool.spawn(has_none);
            has_token();
            let tasks = executor.shutdown_now().into_iter().chain(pool.shutdown_now());
            tasks.for_each(|task| task.run());
            has_token();
            bounded.into_iter().chain(blocking).chain([spawned])
        };
        let handles = cancelled().run(run);
        stuck.release();
        drop(go);
        handles.for_each(|handle| handle.join().unwrap());
        assert!(busy.join().unwrap());
    });
}
