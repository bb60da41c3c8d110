//! An abort reaches a closure that runs: it is asked to stop, with what it has forked, and nobody else is.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{
    AbortHandle, CancellationToken, Context, Elastic, Executor, JoinHandle, RejectionPolicy,
    TaskSet, task,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::sync::{Arc, mpsc, thread};
use support::{
    Stuck, Thrown, each_size, each_size_from_two, pool, throw, usable, wait_until, watchdog,
};

/// `f`, which says when it has begun.
fn told<T>(f: impl FnOnce() -> T + Send) -> (impl FnOnce() -> T + Send, mpsc::Receiver<()>) {
    let (begins, has_begun) = mpsc::channel();
    let closure = move || {
        begins.send(()).expect("somebody waits for the beginning");
        f()
    };
    (closure, has_begun)
}

/// Runs until it is asked to stop.
fn until_asked() -> &'static str {
    wait_until(task::is_cancelled);
    assert!(task::checkpoint().is_err());
    assert!(task::token().is_none(), "an abort is no token");
    "stopped"
}

#[track_caller]
fn not_asked() {
    assert!(!task::is_cancelled() && task::checkpoint().is_ok());
}

type Work = Box<dyn FnOnce() -> &'static str + Send>;

/// Submits work that runs until it is asked to stop, aborts it when it runs, and gets its value all the same.
#[track_caller]
fn abort(
    work: impl FnOnce() -> &'static str + Send + 'static,
    submit: impl FnOnce(Work) -> JoinHandle<&'static str>,
) {
    let (work, has_begun) = told(work);
    let handle = submit(Box::new(work));
    has_begun.recv().expect("it begins");
    handle.abort();
    assert_eq!(handle.join().expect("it ran"), "stopped");
}

#[test]
fn a_running_closure_sees_it() {
    each_size("a_running_closure_sees_it", |workers| {
        let pool = pool(workers);
        abort(until_asked, |work| pool.spawn(work));
        pool.install(not_asked);
        usable(&pool);
    });
}

#[test]
fn by_an_abort_handle_without_the_handle() {
    watchdog("by_an_abort_handle_without_the_handle", || {
        let pool = pool(1);
        let (stops, has_stopped) = mpsc::channel();
        let (closure, has_begun) = told(move || stops.send(until_asked()));
        let handle = pool.spawn(closure);
        let aborter = handle.abort_handle();
        drop(handle);
        has_begun.recv().expect("it begins");
        let clone = aborter.clone();
        clone.abort();
        aborter.abort();
        assert_eq!(has_stopped.recv(), Ok("stopped"));
    });
}

#[test]
fn what_was_done_before_the_abort_is_visible() {
    watchdog("what_was_done_before_the_abort_is_visible", || {
        let pool = pool(1);
        let cell = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&cell);
        let (closure, has_begun) = told(move || {
            until_asked();
            seen.load(Ordering::Relaxed)
        });
        let handle = pool.spawn(closure);
        has_begun.recv().expect("it begins");
        cell.store(7, Ordering::Relaxed);
        handle.abort();
        assert_eq!(handle.join().expect("it ran"), 7);
    });
}

/// Asks at every leaf; the recursion asks before it forks.
fn join_tree(depth: u32) -> usize {
    if task::checkpoint().is_err() {
        return 1;
    }
    if depth == 0 {
        until_asked();
        return 1;
    }
    let (a, b) = scheduler::join(|| join_tree(depth - 1), || join_tree(depth - 1));
    // After the wait as before.
    assert!(task::is_cancelled());
    a + b
}

fn context_tree(cx: Context<'_>, depth: u32) -> usize {
    if task::checkpoint().is_err() {
        return 1;
    }
    if depth == 0 {
        until_asked();
        return 1;
    }
    let (a, b) = cx.join(|cx| context_tree(cx, depth - 1), |cx| context_tree(cx, depth - 1));
    assert!(task::is_cancelled());
    a + b
}

/// Every worker gets stuck in a leaf until the abort; without it in the stolen ones they would hang.
#[test]
fn forks_of_a_closure_that_asks_see_it_wherever_they_run() {
    each_size("forks_of_a_closure_that_asks_see_it_wherever_they_run", |workers| {
        let pool = pool(workers);
        for tree in [join_tree, |depth| scheduler::with_context(|cx| context_tree(cx, depth))] {
            let steals = || {
                let total = pool.metrics().total();
                total.steals_tail + total.steals_forced
            };
            let before = steals();
            let (closure, has_begun) = told(move || tree(6));
            let handle = pool.spawn(closure);
            has_begun.recv().expect("it begins");
            // Until a fork has been stolen, if there is somebody.
            if workers > 1 {
                wait_until(|| steals() > before);
            }
            handle.abort();
            assert!((1..=64).contains(&handle.join().expect("it ran")));
            pool.broadcast(|_| not_asked());
        }
    });
}

/// A branch that is forked before anybody has asked, and runs on its closure's own worker as part of it.
#[test]
fn a_branch_that_nobody_stole_sees_it_without_an_earlier_question() {
    watchdog("a_branch_that_nobody_stole_sees_it_without_an_earlier_question", || {
        let pool = pool(1);
        let (go, gone) = mpsc::channel();
        let (closure, has_begun) =
            told(move || scheduler::join(move || gone.recv().is_ok(), until_asked));
        let handle = pool.spawn(closure);
        has_begun.recv().expect("it begins");
        handle.abort();
        go.send(()).expect("it runs");
        assert_eq!(handle.join().expect("it ran"), (true, "stopped"));
    });
}

/// One question is enough, also if a token was in force then and is not any more.
#[test]
fn one_question_is_enough_for_all_later_forks() {
    each_size_from_two("one_question_is_enough_for_all_later_forks", |workers| {
        let pool = pool(workers);
        let (closure, has_begun) = told(|| {
            // Maybe before the abort, maybe after.
            CancellationToken::new().run(|| _ = task::is_cancelled());
            in_a_stolen_branch();
        });
        let handle = pool.spawn(closure);
        has_begun.recv().expect("it begins");
        handle.abort();
        handle.join().expect("it ran");
    });
}

/// The closure itself asks when its scope is there already; then a part asks that began before another part did.
#[test]
fn a_question_counts_for_what_is_forked_after_it() {
    each_size("a_question_counts_for_what_is_forked_after_it", |workers| {
        let pool = pool(workers + 2);
        let ((asks, has_asked), (begins, first_begun)) = (mpsc::channel(), mpsc::channel());
        let (work, has_begun) = told(move || {
            scheduler::scope(move |s| {
                s.fork(move || {
                    begins.send(()).expect("the other part waits");
                    has_asked.recv().expect("it asks");
                    // Not for the first time in all, but here.
                    let _ = task::is_cancelled();
                    in_a_stolen_branch();
                });
                first_begun.recv().expect("another worker begins it");
                let _ = task::is_cancelled();
                asks.send(()).expect("it waits");
                s.fork(in_a_stolen_branch);
            });
            "stopped"
        });
        let handle = pool.spawn(work);
        has_begun.recv().expect("it begins");
        handle.abort();
        assert_eq!(handle.join().expect("it ran"), "stopped");
    });
}

/// The first branch waits for the second: so another worker has to take that.
fn in_a_stolen_branch() {
    let (stops, has_stopped) = mpsc::channel();
    scheduler::join(
        move || assert_eq!(has_stopped.recv(), Ok("stopped")),
        move || stops.send(until_asked()).expect("the other branch waits"),
    );
}

/// Parts and shares have it without an earlier question, as has what is installed into another pool.
#[test]
fn scopes_broadcasts_and_installs_see_it() {
    each_size("scopes_broadcasts_and_installs_see_it", |workers| {
        let inner = pool(workers);
        let in_scope = || {
            scheduler::scope(|s| {
                for _ in 0..4 {
                    s.fork(|| _ = until_asked());
                }
                s.spawn(until_asked).join().expect("no panic")
            })
        };
        abort(in_scope, |work| inner.spawn(work));
        let in_broadcast = || {
            let all = scheduler::broadcast(|_| until_asked());
            assert!(all.iter().all(|one| *one == "stopped"));
            "stopped"
        };
        abort(in_broadcast, |work| inner.spawn(work));
        let in_another_pool = move || {
            let other = pool(1);
            other.install(|| scheduler::join(until_asked, until_asked).0)
        };
        abort(in_another_pool, |work| inner.spawn(work));
        inner.broadcast(|_| not_asked());
    });
}

/// A question in a task with a token is one of the root as well, and both can stop it.
#[test]
fn a_token_does_not_hide_it() {
    watchdog("a_token_does_not_hide_it", || {
        let pool = pool(2);
        let with_token = || {
            let token = CancellationToken::new();
            token.run(|| {
                let wait = || wait_until(task::is_cancelled);
                scheduler::join(wait, wait);
            });
            assert!(!token.is_cancelled() && task::is_cancelled());
            "stopped"
        };
        abort(with_token, |work| pool.spawn(work));
        let handle = pool.spawn(|| {
            let token = CancellationToken::new();
            token.cancel();
            token.run(|| assert!(task::is_cancelled()));
            not_asked();
        });
        handle.join().expect("nobody aborts it");
    });
}

/// Others that the worker runs while the closure waits are not asked, nor what it has spawned.
#[test]
fn strangers_do_not_see_it() {
    watchdog("strangers_do_not_see_it", || {
        let pool = pool(1);
        let (closure, has_begun) = told(|| {
            until_asked();
            // On the one worker, on top of this.
            scheduler::spawn(not_asked).join().expect("it runs");
            scheduler::spawn(|| scheduler::join(not_asked, not_asked)).join().expect("it runs");
            scheduler::spawn(|| scheduler::scope(|s| s.fork(not_asked))).join().expect("it runs");
            assert!(scheduler::yield_now().is_some());
            assert!(task::is_cancelled(), "and after that as before");
        });
        let handle = pool.spawn(closure);
        has_begun.recv().expect("it begins");
        handle.abort();
        handle.join().expect("it ran");
        pool.spawn(not_asked).join().expect("nobody aborts it");
        pool.install(not_asked);
    });
}

/// One root on top of another: each has its own.
#[test]
fn an_inner_abort_is_not_the_outers() {
    watchdog("an_inner_abort_is_not_the_outers", || {
        let pool = pool(1);
        let (hand, aborter) = mpsc::channel::<AbortHandle>();
        let (closure, has_begun) = told(until_asked);
        let outer = pool.spawn(move || {
            let inner = scheduler::spawn(closure);
            hand.send(inner.abort_handle()).expect("somebody aborts it");
            let stopped = inner.join();
            not_asked();
            stopped
        });
        let aborter = aborter.recv().expect("it is spawned");
        has_begun.recv().expect("it begins");
        aborter.abort();
        assert_eq!(outer.join().expect("it ran").expect("it ran"), "stopped");
    });
}

#[test]
fn an_outer_abort_is_not_the_inners() {
    watchdog("an_outer_abort_is_not_the_inners", || {
        let pool = pool(1);
        let (go, gone) = mpsc::channel();
        let (inner, has_begun) = told(move || {
            gone.recv().expect("somebody says when");
            not_asked();
        });
        let outer = pool.spawn(move || {
            not_asked();
            scheduler::spawn(inner).join().expect("it runs");
            assert!(task::is_cancelled());
        });
        has_begun.recv().expect("it begins");
        outer.abort();
        go.send(()).expect("it waits");
        outer.join().expect("it ran");
    });
}

#[test]
fn before_it_begins_it_never_runs() {
    watchdog("before_it_begins_it_never_runs", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let handle = pool.spawn(|| unreachable!("it was aborted"));
        handle.abort();
        assert!(handle.join().expect_err("it never ran").is_aborted());
        stuck.release();
        pool.spawn(not_asked).join().expect("it runs");
    });
}

#[test]
fn after_its_end_nothing_is_asked() {
    each_size("after_its_end_nothing_is_asked", |workers| {
        let pool = pool(workers);
        let handle = pool.spawn(|| 7);
        wait_until(|| handle.is_finished());
        handle.abort();
        pool.broadcast(|_| not_asked());
        assert_eq!(handle.join().expect("it ran"), 7);
    });
}

#[test]
fn by_itself() {
    watchdog("by_itself", || {
        let pool = pool(1);
        let (hand, aborter) = mpsc::channel::<AbortHandle>();
        let handle = pool.spawn(move || {
            not_asked();
            aborter.recv().expect("it is handed in").abort();
            until_asked()
        });
        hand.send(handle.abort_handle()).expect("it waits");
        assert_eq!(handle.join().expect("it ran"), "stopped");
    });
}

#[test]
fn by_another_worker() {
    watchdog("by_another_worker", || {
        let pool = pool(2);
        let (closure, has_begun) = told(until_asked);
        let handle = pool.spawn(closure);
        let stopped = pool.install(move || {
            has_begun.recv().expect("it begins on the other one");
            handle.abort();
            handle.join()
        });
        assert_eq!(stopped.expect("it ran"), "stopped");
    });
}

/// Its panic is not lost, and the worker asks nobody afterwards.
#[test]
fn a_panic_after_it_goes_to_the_handle() {
    watchdog("a_panic_after_it_goes_to_the_handle", || {
        let pool = pool(1);
        let (closure, has_begun) = told(|| {
            until_asked();
            scheduler::join(|| throw("after the abort"), || ());
        });
        let handle = pool.spawn(closure);
        has_begun.recv().expect("it begins");
        handle.abort();
        let payload = handle.join().expect_err("it panics").into_panic();
        assert_eq!(payload.downcast_ref(), Some(&Thrown("after the abort")));
        pool.install(not_asked);
        usable(&pool);
    });
}

#[test]
fn wherever_it_was_submitted() {
    each_size("wherever_it_was_submitted", |workers| {
        let pool = pool(workers);
        let executor = Executor::builder(&pool).build().expect("the defaults are valid");
        abort(until_asked, |work| executor.submit(work).expect("it is open"));
        let tree = || if join_tree(3) > 0 { "stopped" } else { "empty" };
        abort(tree, |work| executor.submit(work).expect("it is open"));
        pool.broadcast(|_| not_asked());

        let elastic = Elastic::builder().max_threads(1).build().expect("valid");
        abort(until_asked, |work| elastic.submit(work).expect("it is open"));
        elastic.submit(not_asked).expect("it is open").join().expect("nobody aborts it");
        abort(until_asked, |work| scheduler::spawn_blocking(work));
        abort(until_asked, |work| pool.schedule(Duration::from_millis(1), work).into_inner());
    });
}

/// From a thread that is no worker: what it installs is a part of it.
#[test]
fn a_pool_that_a_blocking_closure_uses_sees_it() {
    watchdog("a_pool_that_a_blocking_closure_uses_sees_it", || {
        let elastic = Elastic::builder().max_threads(1).build().expect("valid");
        let work = || {
            pool(2).install(|| {
                let _ = task::is_cancelled();
                scheduler::join(until_asked, until_asked).1
            })
        };
        abort(work, |work| elastic.submit(work).expect("it is open"));
    });
}

#[test]
fn a_delayed_closure_by_its_own_handle() {
    watchdog("a_delayed_closure_by_its_own_handle", || {
        let pool = pool(1);
        let (closure, has_begun) = told(until_asked);
        let handle = pool.schedule(Duration::ZERO, closure);
        has_begun.recv().expect("it begins");
        handle.abort();
        assert_eq!(handle.join().expect("it ran"), "stopped");
    });
}

#[test]
fn the_run_of_a_series() {
    watchdog("the_run_of_a_series", || {
        let pool = pool(2);
        let (begins, has_begun) = mpsc::channel();
        let mut number = 0;
        let ms = Duration::from_millis(1);
        let series = pool.schedule_at_fixed_rate(ms, ms, move || {
            number += 1;
            if number < 3 {
                return not_asked();
            }
            begins.send(()).expect("somebody waits");
            let wait = || _ = until_asked();
            // Asked for the first time, so that both branches carry it.
            let _ = task::is_cancelled();
            scheduler::join(wait, wait);
        });
        has_begun.recv().expect("the third run begins");
        series.abort();
        wait_until(|| series.is_finished());
        assert_eq!(series.runs(), 3);
        assert!(series.join().is_aborted());
        pool.broadcast(|_| not_asked());
    });
}

#[test]
fn a_dropped_abort_on_drop() {
    watchdog("a_dropped_abort_on_drop", || {
        let pool = pool(1);
        let (stops, has_stopped) = mpsc::channel();
        let (closure, has_begun) = told(move || stops.send(until_asked()));
        let handle = pool.spawn(closure).abort_on_drop();
        has_begun.recv().expect("it begins");
        drop(handle);
        assert_eq!(has_stopped.recv(), Ok("stopped"));
    });
}

#[test]
fn all_of_a_set() {
    each_size("all_of_a_set", |workers| {
        let pool = pool(workers);
        for limited in [false, true] {
            let mut set = TaskSet::new(&pool);
            if limited {
                set = set.limit(workers);
            }
            let (begins, has_begun) = mpsc::channel();
            for _ in 0..2 * workers {
                let begins = begins.clone();
                set.spawn(move || {
                    begins.send(()).expect("somebody waits");
                    until_asked()
                });
            }
            (0..workers).for_each(|_| has_begun.recv().expect("as many as workers begin"));
            set.abort_all();
            let (ran, aborted): (Vec<_>, Vec<_>) =
                set.join_all().into_iter().partition(Result::is_ok);
            // One that ends makes room for another, which may begin before it is aborted as well.
            assert!(ran.len() >= workers && ran.len() + aborted.len() == 2 * workers);
            assert!(ran.iter().all(|one| matches!(one, Ok("stopped"))));
            pool.broadcast(|_| not_asked());
        }
    });
}

#[test]
fn a_dropped_set() {
    watchdog("a_dropped_set", || {
        let pool = pool(1);
        let (stops, has_stopped) = mpsc::channel();
        let (closure, has_begun) = told(move || stops.send(until_asked()));
        let mut set = TaskSet::new(&pool);
        set.spawn(closure);
        has_begun.recv().expect("it begins");
        drop(set);
        assert_eq!(has_stopped.recv(), Ok("stopped"));
    });
}

/// What its submitter runs is a closure of its own, with a handle of its own.
#[test]
fn what_the_caller_runs_is_not_a_part_of_it() {
    watchdog("what_the_caller_runs_is_not_a_part_of_it", || {
        let pool = pool(1);
        let executor = Executor::builder(&pool)
            .queue_capacity(1)
            .on_full(RejectionPolicy::CallerRuns)
            .build()
            .expect("valid");
        let (closure, has_begun) = told(move || {
            until_asked();
            let queued = executor.submit(not_asked).expect("there is room");
            let here = executor.submit(not_asked).expect("it runs here");
            assert!(here.is_finished() && !queued.is_finished());
            assert!(task::is_cancelled());
            here.join().expect("it ran");
            queued.join().expect("it runs");
        });
        let handle = pool.spawn(closure);
        has_begun.recv().expect("it begins");
        handle.abort();
        handle.join().expect("it ran");
    });
}

/// A closure that was taken back, and runs on some thread.
#[test]
fn a_task_that_was_handed_back() {
    watchdog("a_task_that_was_handed_back", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let (closure, has_begun) = told(until_asked);
        let handle = pool.spawn(closure);
        let tasks = pool.shutdown_now();
        let thread = thread::spawn(move || tasks.into_iter().for_each(scheduler::Task::run));
        has_begun.recv().expect("it begins");
        handle.abort();
        assert_eq!(handle.join().expect("it ran"), "stopped");
        thread.join().expect("it does not panic");
        stuck.release();
    });
}

/// Aborts from everywhere against closures that begin and end: each has one outcome, and nobody else is asked.
#[test]
fn at_any_moment() {
    each_size("at_any_moment", |workers| {
        let pool = pool(workers);
        for round in 0..300 {
            let handle = pool.spawn(move || scheduler::join(|| round, task::is_cancelled).0);
            let aborter = handle.abort_handle();
            let other = pool.spawn(move || {
                aborter.abort();
                task::is_cancelled()
            });
            handle.abort();
            match handle.join() {
                Ok(value) => assert_eq!(value, round),
                Err(error) => assert!(error.is_aborted()),
            }
            assert!(!other.join().expect("nobody aborts it"));
        }
        usable(&pool);
    });
}
