//! `shutdown_now` hands back what has not begun to run, and loses nothing.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Shutdown, Task, ThreadPool, scope, task};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::sync::{Arc, mpsc, thread};
use support::{Drops, Stuck, each_size, pool, throw, wait_until, watchdog, what};

/// A pool whose workers are all busy.
fn stuck(workers: usize) -> (ThreadPool, Stuck) {
    let pool = pool(workers);
    let stuck = Stuck::new(&pool, workers);
    (pool, stuck)
}

#[test]
fn what_is_queued_comes_back_and_can_run() {
    each_size("what_is_queued_comes_back_and_can_run", |workers| {
        let (pool, stuck) = stuck(workers);
        let handles: Vec<_> = (0..50).map(|n| pool.spawn(move || n)).collect();
        let queued = pool.shutdown_now();
        assert_eq!(queued.len(), 50);
        assert!(handles.iter().all(|handle| !handle.is_finished()));
        assert!(pool.try_spawn(|| ()).is_err(), "it takes no more");
        assert!(pool.shutdown_now().is_empty(), "they come back once");
        // Its own pool can be gone by then.
        stuck.release();
        drop(pool);
        queued.into_iter().for_each(Task::run);
        let values = handles.into_iter().map(|handle| handle.join().unwrap());
        assert!(values.eq(0..50));
    });
}

#[test]
fn another_pool_can_run_it() {
    watchdog("another_pool_can_run_it", || {
        let (pool, stuck) = stuck(1);
        let other = ThreadPool::builder().num_threads(1).thread_name(|_| "other".into());
        let other = other.build().unwrap();
        let name = || thread::current().name().map(str::to_owned);
        let handle = pool.spawn(name);
        for task in pool.shutdown_now() {
            drop(other.spawn(|| task.run()));
        }
        assert_eq!(handle.join().unwrap().as_deref(), Some("other"));
        stuck.release();
    });
}

#[test]
fn a_dropped_task_says_shut_down() {
    watchdog("a_dropped_task_says_shut_down", || {
        let (pool, stuck) = stuck(1);
        let drops = Drops::default();
        let token = drops.token();
        let handle = pool.spawn(move || drop(token));
        let queued = pool.shutdown_now();
        assert_eq!((drops.count(), handle.is_finished()), (0, false));
        drop(queued);
        assert_eq!((drops.count(), handle.is_finished()), (1, true));
        assert!(handle.join().unwrap_err().is_shut_down());
        stuck.release();
    });
}

#[test]
fn a_panic_of_a_task_goes_to_its_handle() {
    watchdog("a_panic_of_a_task_goes_to_its_handle", || {
        let (pool, stuck) = stuck(1);
        let watched = pool.spawn(|| throw("watched"));
        drop(pool.spawn(|| throw("nobody's")));
        let queued = pool.shutdown_now();
        assert_eq!(queued.len(), 2);
        queued.into_iter().for_each(Task::run);
        assert_eq!(what(watched.join().unwrap_err().into_panic()), "watched");
        stuck.release();
    });
}

#[test]
fn an_aborted_task_does_not_run() {
    watchdog("an_aborted_task_does_not_run", || {
        let (pool, stuck) = stuck(1);
        let ran = Arc::new(AtomicUsize::new(0));
        let spawn = || {
            let ran = Arc::clone(&ran);
            pool.spawn(move || ran.fetch_add(1, SeqCst))
        };
        let (before, after) = (spawn(), spawn());
        before.abort();
        let queued = pool.shutdown_now();
        after.abort();
        queued.into_iter().for_each(Task::run);
        assert_eq!(ran.load(SeqCst), 0);
        assert!([before, after].into_iter().all(|handle| handle.join().unwrap_err().is_aborted()));
        stuck.release();
    });
}

#[test]
fn installed_closures_and_forks_run_on() {
    each_size("installed_closures_and_forks_run_on", |workers| {
        let (pool, stuck) = stuck(workers);
        let ran = AtomicUsize::new(0);
        thread::scope(|s| {
            let installing = s.spawn(|| {
                pool.install(|| {
                    assert!(task::is_cancelled(), "running work is asked to stop");
                    scope(|s| {
                        for _ in 0..20 {
                            s.spawn(|| ran.fetch_add(1, SeqCst));
                        }
                    });
                });
            });
            let behind = pool.spawn(|| ());
            // Until the install is queued as well; whether it was seen or not, it runs.
            thread::yield_now();
            let queued = pool.shutdown_now();
            assert_eq!(queued.len(), 1);
            stuck.release();
            // It was refused if it came late.
            if installing.join().is_ok() {
                assert_eq!(ran.load(SeqCst), 20);
            }
            drop(queued);
            assert!(behind.join().unwrap_err().is_shut_down());
        });
    });
}

#[test]
fn from_a_worker() {
    each_size("from_a_worker", |workers| {
        let pool = Arc::new(pool(workers));
        let stuck = Stuck::new(&pool, workers - 1);
        let inner = Arc::clone(&pool);
        let (sender, receiver) = mpsc::channel();
        drop(pool.spawn(move || {
            let own = inner.spawn(|| 1);
            let queued = inner.shutdown_now();
            let count = queued.len();
            queued.into_iter().for_each(Task::run);
            sender.send((count, own.join().unwrap())).unwrap();
        }));
        assert_eq!(receiver.recv(), Ok((1, 1)));
        stuck.release();
        let report = pool.shutdown(Shutdown::Drain);
        assert!(report.stragglers.is_empty());
    });
}

/// Each closure runs once, on the pool or as a task, or was refused.
#[test]
fn nothing_is_lost_between_the_two() {
    each_size("nothing_is_lost_between_the_two", |workers| {
        for round in 0..40 {
            let pool = pool(workers);
            let (ran, accepted) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
            let back = thread::scope(|s| {
                for _ in 0..2 {
                    s.spawn(|| {
                        for _ in 0..100 {
                            let ran = Arc::clone(&ran);
                            if pool.try_spawn(move || ran.fetch_add(1, SeqCst)).is_ok() {
                                accepted.fetch_add(1, SeqCst);
                            }
                        }
                    });
                }
                wait_until(|| accepted.load(SeqCst) >= round);
                pool.shutdown_now()
            });
            drop(pool);
            let on_pool = ran.load(SeqCst);
            assert_eq!(on_pool + back.len(), accepted.load(SeqCst));
            back.into_iter().for_each(Task::run);
            assert_eq!(ran.load(SeqCst), accepted.load(SeqCst));
        }
    });
}
