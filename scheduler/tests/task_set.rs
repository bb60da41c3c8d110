//! `TaskSet`: it grows, its results come as they are ready, it aborts what has not begun when it goes; and with a limit
//! only so many of its closures are in the pool at once.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Shutdown, TaskSet, ThreadPool, TimedOut};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Context;
use std::time::{Duration, Instant};
use support::future::{block_on, wakes};
use support::sync::{Arc, Mutex, mpsc, thread};
use support::{
    Drops, Stuck, each_size, inside_and_outside, pool, throw, usable, wait_until, watchdog, what,
};

const SHORT: Duration = Duration::from_millis(2);

/// Without a limit, and with some.
fn sets<T>(pool: &ThreadPool) -> [TaskSet<T>; 4] {
    let set = || TaskSet::new(pool);
    [set(), set().limit(1), set().limit(3), set().limit(1000)]
}

/// One worker, which is busy until the `Stuck` is released.
fn stuck() -> (ThreadPool, Stuck) {
    let pool = pool(1);
    let stuck = Stuck::new(&pool, 1);
    (pool, stuck)
}

#[test]
fn results_come_in_the_order_of_finishing() {
    watchdog("results_come_in_the_order_of_finishing", || {
        let pool = pool(3);
        let mut set = TaskSet::new(&pool);
        let gates: Vec<_> = (0..3)
            .map(|n| {
                let (go, gone) = mpsc::channel::<()>();
                set.spawn(move || gone.recv().map(|()| n));
                go
            })
            .collect();
        for n in [1, 2, 0] {
            assert!(set.try_join_next().is_none());
            gates[n].send(()).unwrap();
            assert_eq!(set.join_next().unwrap().unwrap(), Ok(n));
        }
        assert!(set.join_next().is_none() && set.is_empty());
    });
}

#[test]
fn it_grows_while_results_are_taken() {
    inside_and_outside("it_grows_while_results_are_taken", |pool| {
        for mut set in sets(pool) {
            set.spawn(|| 9u32);
            let mut results = 0;
            while let Some(result) = set.join_next() {
                results += 1;
                let n = result.unwrap();
                if n > 0 {
                    (0..2).for_each(|_| drop(set.spawn(move || n - 1)));
                }
            }
            assert_eq!(results, 1023, "two below each, in ten levels");
        }
    });
}

#[test]
fn join_all_keeps_the_order_of_spawning() {
    inside_and_outside("join_all_keeps_the_order_of_spawning", |pool| {
        for mut set in sets(pool) {
            (0..200).for_each(|n| drop(set.spawn(move || if n == 5 { throw("five") } else { n })));
            assert_eq!(set.len(), 200);
            for (n, result) in set.join_all().into_iter().enumerate() {
                match result {
                    Ok(value) => assert_eq!(value, n),
                    Err(error) => assert_eq!((n, what(error.into_panic())), (5, "five")),
                }
            }
        }
    });
}

#[test]
fn waits_with_a_limit_of_time() {
    watchdog("waits_with_a_limit_of_time", || {
        let (pool, stuck) = stuck();
        for mut set in sets(&pool) {
            assert!(set.join_next_timeout(Duration::MAX).unwrap().is_none());
            set.spawn(|| 7);
            for timeout in [Duration::ZERO, SHORT] {
                let before = Instant::now();
                assert_eq!(set.join_next_timeout(timeout).unwrap_err(), TimedOut);
                assert!(before.elapsed() >= timeout, "it gave up early");
            }
            assert_eq!((set.len(), set.try_join_next().is_none()), (1, true));
        }
        stuck.release();
        let mut set = TaskSet::new(&pool);
        set.spawn(|| 7);
        assert_eq!(set.join_next_timeout(Duration::MAX).unwrap().unwrap().unwrap(), 7);
        set.spawn(|| 8);
        let eight = loop {
            if let Some(result) = set.try_join_next() {
                break result.unwrap();
            }
        };
        assert_eq!(eight, 8);
    });
}

#[test]
fn it_can_be_awaited() {
    each_size("it_can_be_awaited", |workers| {
        let pool = pool(workers);
        for mut set in sets(&pool) {
            (0..50).for_each(|n| drop(set.spawn(move || n)));
            let mut sum = 0;
            while let Some(result) = block_on(set.join_next_async()) {
                sum += result.unwrap();
            }
            assert_eq!(sum, 1225);
            let (_, waker) = wakes();
            assert!(set.poll_join_next(&mut Context::from_waker(&waker)).is_ready());
        }
    });
}

#[test]
fn one_can_be_aborted() {
    watchdog("one_can_be_aborted", || {
        let (pool, stuck) = stuck();
        for mut set in sets(&pool) {
            let drops = Drops::default();
            let aborters: Vec<_> = (0..6)
                .map(|n| {
                    let token = drops.token();
                    set.spawn(move || {
                        drop(token);
                        n
                    })
                })
                .collect();
            for (dropped, n) in [5, 0, 2].into_iter().enumerate() {
                aborters[n].abort();
                assert_eq!(drops.count(), dropped + 1, "at once, here");
                assert!(set.join_next().unwrap().unwrap_err().is_aborted());
                assert!(aborters[n].is_finished());
            }
            set.abort_all();
            assert_eq!(drops.count(), 6);
            while let Some(result) = set.join_next() {
                assert!(result.unwrap_err().is_aborted());
            }
        }
        stuck.release();
    });
}

#[test]
fn dropping_it_aborts_what_has_not_begun() {
    watchdog("dropping_it_aborts_what_has_not_begun", || {
        for kind in 0..4 {
            let pool = pool(1);
            let mut set = sets(&pool).into_iter().nth(kind).unwrap();
            let (go, gone) = mpsc::channel::<()>();
            let (begun, has_begun) = mpsc::channel();
            let (ended, has_ended) = mpsc::channel();
            set.spawn(move || {
                begun.send(()).unwrap();
                let _ = gone.recv();
                ended.send(()).unwrap();
            });
            has_begun.recv().unwrap();
            let drops = Drops::default();
            (0..7).for_each(|_| {
                let token = drops.token();
                set.spawn(move || drop(token));
            });
            drop(set);
            assert_eq!(drops.count(), 7, "at once, here");
            drop(go);
            assert_eq!(has_ended.recv(), Ok(()), "what ran went on");
            usable(&pool);
        }
    });
}

#[test]
fn what_is_detached_runs() {
    watchdog("what_is_detached_runs", || {
        for kind in 0..4 {
            let (pool, stuck) = stuck();
            let mut set = sets(&pool).into_iter().nth(kind).unwrap();
            let ran = Arc::new(AtomicUsize::new(0));
            let spawn = |set: &mut TaskSet<()>| {
                let ran = Arc::clone(&ran);
                set.spawn(move || {
                    ran.fetch_add(1, SeqCst);
                });
            };
            (0..10).for_each(|_| spawn(&mut set));
            set.detach_all();
            assert!(set.is_empty() && set.join_next().is_none());
            // The set can be used further, and is told of its own only.
            spawn(&mut set);
            stuck.release();
            assert_eq!(set.join_next().unwrap().ok(), Some(()));
            assert!(set.join_next().is_none());
            drop(set);
            drop(pool);
            assert_eq!(ran.load(SeqCst), 11);
        }
    });
}

#[test]
fn handles_from_elsewhere_can_be_put_in() {
    watchdog("handles_from_elsewhere_can_be_put_in", || {
        let (one, other) = (pool(1), pool(2));
        let mut set = TaskSet::new(&one);
        set.spawn(|| 0);
        set.insert(other.spawn(|| 1));
        set.extend((2..10).map(|n| other.spawn(move || n)));
        assert!(set.join_all().into_iter().map(Result::unwrap).eq(0..10));
    });
}

#[test]
fn it_uses_the_current_pool() {
    watchdog("it_uses_the_current_pool", || {
        pool(3).install(|| {
            let mut set = TaskSet::on_current();
            set.spawn(scheduler::current_num_threads);
            assert_eq!(set.join_next().unwrap().unwrap(), 3);
        });
    });
}

#[test]
fn it_can_outlive_its_pool() {
    watchdog("it_can_outlive_its_pool", || {
        for kind in 0..4 {
            let pool = pool(2);
            let mut set = sets(&pool).into_iter().nth(kind).unwrap();
            (0..20).for_each(|n| drop(set.spawn(move || n)));
            // Draining runs all, those as well that wait in the set.
            drop(pool);
            let mut sum = 0;
            while let Some(result) = set.try_join_next() {
                sum += result.unwrap();
            }
            assert_eq!((sum, set.len()), (190, 0));
            let drops = Drops::default();
            let token = drops.token();
            let aborter = set.spawn(move || {
                drop(token);
                1
            });
            assert_eq!(drops.count(), 1);
            aborter.abort();
            assert!(set.join_next().unwrap().unwrap_err().is_shut_down());
        }
    });
}

#[test]
fn no_more_than_the_limit_run_at_once() {
    watchdog("no_more_than_the_limit_run_at_once", || {
        for limit in [0, 1, 3] {
            let pool = pool(8);
            let mut set = TaskSet::new(&pool).limit(limit);
            let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            for n in 0..400 {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                set.spawn(move || {
                    most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                    thread::yield_now();
                    running.fetch_sub(1, SeqCst);
                    if n % 5 == 0 {
                        throw("makes room as well")
                    }
                });
            }
            let panics = set.join_all().into_iter().filter(Result::is_err).count();
            assert_eq!(panics, 80);
            assert!(most.load(SeqCst) <= limit.max(1));
        }
    });
}

#[test]
fn what_waits_in_the_set_is_not_in_the_pool() {
    watchdog("what_waits_in_the_set_is_not_in_the_pool", || {
        let (pool, stuck) = stuck();
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |name| {
            let order = Arc::clone(&order);
            move || order.lock().unwrap().push(name)
        };
        let mut set = TaskSet::new(&pool).limit(2);
        for name in ["a", "b", "c", "d"] {
            set.spawn(note(name));
        }
        let others = ["x", "y"].map(|name| pool.spawn(note(name)));
        stuck.release();
        others.into_iter().for_each(|other| other.join().unwrap());
        set.join_all().into_iter().for_each(|result| result.unwrap());
        assert_eq!(order.lock().unwrap().concat(), "abxycd");
    });
}

#[test]
fn an_aborted_one_makes_room() {
    watchdog("an_aborted_one_makes_room", || {
        let pool = pool(1);
        let mut set = TaskSet::new(&pool).limit(1);
        let stuck = Stuck::new(&pool, 1);
        let inside = set.spawn(|| 0);
        let waiting = set.spawn(|| 1);
        set.spawn(|| 2);
        waiting.abort();
        inside.abort();
        inside.abort();
        set.spawn(|| 3);
        stuck.release();
        let results: Vec<_> = set.join_all().into_iter().map(Result::ok).collect();
        assert_eq!(results, [None, None, Some(2), Some(3)]);
    });
}

#[test]
fn a_cancelling_shutdown_drops_what_waits() {
    watchdog("a_cancelling_shutdown_drops_what_waits", || {
        // Many: it is not to be a recursion.
        let many = if cfg!(debug_assertions) { 20_000 } else { 200_000 };
        let (pool, stuck) = stuck();
        let drops = Drops::default();
        let mut set = TaskSet::new(&pool).limit(1);
        for _ in 0..many {
            let token = drops.token();
            set.spawn(move || drop(token));
        }
        thread::scope(|s| {
            let shutdown = s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
            wait_until(|| drops.count() == many);
            stuck.release();
            assert_eq!(shutdown.join().unwrap().cancelled, 1, "the one place in the pool");
        });
        assert!(set.join_all().into_iter().all(|result| result.unwrap_err().is_shut_down()));
        assert_eq!(drops.count(), many);
    });
}

#[test]
fn what_comes_back_from_a_shutdown_runs_what_waits() {
    watchdog("what_comes_back_from_a_shutdown_runs_what_waits", || {
        for runs in [true, false] {
            let (pool, stuck) = stuck();
            let mut set = TaskSet::new(&pool).limit(2);
            (0..50).for_each(|n| drop(set.spawn(move || n)));
            let mut tasks = pool.shutdown_now();
            assert_eq!(tasks.len(), 2);
            stuck.release();
            // It does not wait for what waits in the set.
            drop(pool);
            assert_eq!((set.len(), set.try_join_next().is_none()), (50, true));
            let task = tasks.pop().unwrap();
            if runs {
                task.run();
                assert_eq!(set.join_all().into_iter().map(Result::unwrap).sum::<u32>(), 1225);
            } else {
                drop(task);
                let mut results = set.join_all().into_iter();
                assert!(results.all(|result| result.unwrap_err().is_shut_down()));
            }
        }
    });
}

#[test]
fn a_detached_panic_goes_to_the_panic_handler() {
    watchdog("a_detached_panic_goes_to_the_panic_handler", || {
        let unclaimed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&unclaimed);
        let pool = ThreadPool::builder()
            .num_threads(1)
            .panic_handler(move |_| {
                counter.fetch_add(1, SeqCst);
            })
            .build()
            .unwrap();
        let stuck = Stuck::new(&pool, 1);
        for mut set in sets(&pool) {
            (0..3).for_each(|_| drop(set.spawn(|| throw("nobody looks"))));
            set.detach_all();
        }
        stuck.release();
        drop(pool);
        assert_eq!(unclaimed.load(SeqCst), 12);
    });
}

#[test]
fn many_that_wait_are_aborted() {
    watchdog("many_that_wait_are_aborted", || {
        let (pool, stuck) = stuck();
        let drops = Drops::default();
        let mut set = TaskSet::new(&pool).limit(3);
        for _ in 0..20_000 {
            let token = drops.token();
            set.spawn(move || drop(token));
        }
        set.abort_all();
        assert_eq!(drops.count(), 20_000);
        stuck.release();
        drop(pool);
        assert!(set.join_all().into_iter().all(|result| result.unwrap_err().is_aborted()));
    });
}

#[test]
fn a_closure_of_the_set_spawns_into_another_one() {
    inside_and_outside("a_closure_of_the_set_spawns_into_another_one", |pool| {
        let mut set = TaskSet::new(pool).limit(2);
        for _ in 0..10 {
            set.spawn(|| {
                let mut inner = TaskSet::on_current().limit(1);
                (0..10).for_each(|n| drop(inner.spawn(move || n)));
                inner.join_all().into_iter().map(Result::unwrap).sum::<u32>()
            });
        }
        assert!(set.join_all().into_iter().all(|sum| sum.unwrap() == 45));
    });
}

#[test]
fn aborts_against_starts() {
    watchdog("aborts_against_starts", || {
        for round in 0..200 {
            let pool = pool(2);
            let mut set = TaskSet::new(&pool).limit(1 + round % 3);
            let drops = Drops::default();
            let aborters: Vec<_> = (0..12)
                .map(|_| {
                    let token = drops.token();
                    set.spawn(move || drop(token))
                })
                .collect();
            thread::scope(|s| {
                s.spawn(|| aborters.iter().step_by(2).for_each(scheduler::AbortHandle::abort));
                aborters.iter().skip(1).step_by(3).for_each(scheduler::AbortHandle::abort);
            });
            let results = set.join_all();
            assert_eq!((results.len(), drops.count()), (12, 12));
            assert!(results.into_iter().all(|r| r.map_or_else(|e| e.is_aborted(), |()| true)));
        }
    });
}
