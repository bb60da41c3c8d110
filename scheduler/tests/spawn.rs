//! `spawn` runs a closure once, and its handle gives the value, or says why there is none.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{JoinHandle, Shutdown, ThreadPool, spawn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use support::sync::{Arc, mpsc, thread};
use support::{Drops, Stuck, each_size, pool, usable, wait_until, watchdog};

/// Keeps the one worker of a pool busy; what is spawned meanwhile stays queued.
fn stuck() -> (ThreadPool, Stuck) {
    let pool = pool(1);
    let stuck = Stuck::new(&pool, 1);
    (pool, stuck)
}

#[test]
fn handles_give_the_values_outside() {
    each_size("handles_give_the_values_outside", |workers| {
        let pool = pool(workers);
        let handles: Vec<_> = (0..500).map(|n| pool.spawn(move || vec![n; 2])).collect();
        for (n, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.join().unwrap(), [n, n]);
        }
        let global = spawn(scheduler::current_num_threads);
        assert_eq!(global.join().unwrap(), scheduler::current_num_threads());
    });
}

#[test]
fn handles_give_the_values_inside() {
    each_size("handles_give_the_values_inside", |workers| {
        let pool = pool(workers);
        let sum = pool.install(|| {
            let handles: Vec<_> = (0..500u64).map(|n| spawn(move || n)).collect();
            // The oldest first: the newest are run on the way.
            handles.into_iter().map(|handle| handle.join().unwrap()).sum::<u64>()
        });
        assert_eq!(sum, 499 * 500 / 2);
        assert_eq!(
            pool.spawn(|| spawn(|| spawn(|| 9).join()).join()).join().unwrap().unwrap().unwrap(),
            9
        );
    });
}

#[test]
fn handles_travel_between_threads() {
    each_size("handles_travel_between_threads", |workers| {
        let pool = pool(workers);
        let (send, receive) = mpsc::channel::<JoinHandle<usize>>();
        thread::scope(|s| {
            s.spawn(|| {
                let sum: usize = receive.into_iter().map(|handle| handle.join().unwrap()).sum();
                assert_eq!(sum, 3 * (99 * 100 / 2));
            });
            for send in [send.clone(), send.clone(), send] {
                let pool = &pool;
                s.spawn(move || {
                    (0..100).for_each(|n| send.send(pool.spawn(move || n)).unwrap());
                });
            }
        });
    });
}

#[test]
fn a_dropped_handle_detaches() {
    each_size("a_dropped_handle_detaches", |workers| {
        let pool = pool(workers);
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..500 {
            let ran = Arc::clone(&ran);
            drop(pool.spawn(move || ran.fetch_add(1, SeqCst)));
        }
        pool.install(|| {
            for _ in 0..500 {
                let ran = Arc::clone(&ran);
                drop(spawn(move || ran.fetch_add(1, SeqCst)));
            }
        });
        drop(pool);
        assert_eq!(ran.load(SeqCst), 1000, "the pool has run all before it is gone");
        assert_eq!(Arc::strong_count(&ran), 1, "and has dropped the closures");
    });
}

#[test]
fn is_finished_turns_true_with_the_value() {
    each_size("is_finished_turns_true_with_the_value", |workers| {
        let pool = pool(workers);
        let go = Arc::new(AtomicBool::new(false));
        let handle = pool.spawn({
            let go = Arc::clone(&go);
            move || wait_until(|| go.load(SeqCst))
        });
        assert!(!handle.is_finished());
        assert_eq!(format!("{handle:?}"), "JoinHandle { finished: false }");
        go.store(true, SeqCst);
        wait_until(|| handle.is_finished());
        assert_eq!(format!("{handle:?}"), "JoinHandle { finished: true }");
        assert!(handle.join().is_ok());
    });
}

#[test]
fn abort_of_a_queued_closure_drops_it_at_once() {
    watchdog("abort_of_a_queued_closure_drops_it_at_once", || {
        let (pool, stuck) = stuck();
        let (captured, ran) = (Drops::default(), Arc::new(AtomicBool::new(false)));
        let token = captured.token();
        let handle = pool.spawn({
            let ran = Arc::clone(&ran);
            move || {
                let _token = token;
                ran.store(true, SeqCst);
            }
        });
        assert_eq!((captured.count(), handle.is_finished()), (0, false));
        handle.abort();
        assert_eq!((captured.count(), handle.is_finished()), (1, true));
        handle.abort();
        let error = handle.join().unwrap_err();
        assert!(
            error.is_aborted()
                && error.is_cancelled()
                && !error.is_panic()
                && !error.is_shut_down()
        );
        assert_eq!(error.to_string(), "the closure was aborted before it ran");
        assert_eq!(format!("{error:?}"), "Aborted");
        assert!(error.try_into_panic().is_err());
        stuck.release();
        usable(&pool);
        drop(pool);
        assert_eq!((captured.count(), ran.load(SeqCst)), (1, false));
    });
}

#[test]
fn abort_and_drop_of_the_handle_before_the_worker_comes() {
    watchdog("abort_and_drop_of_the_handle_before_the_worker_comes", || {
        let (pool, stuck) = stuck();
        let captured = Drops::default();
        for _ in 0..100 {
            let token = captured.token();
            let handle = pool.spawn(move || drop(token));
            handle.abort();
            drop(handle);
        }
        assert_eq!(captured.count(), 100);
        stuck.release();
        usable(&pool);
        drop(pool);
        assert_eq!(captured.count(), 100, "the worker found nothing left to drop");
    });
}

#[test]
fn abort_of_a_running_closure_does_nothing() {
    each_size("abort_of_a_running_closure_does_nothing", |workers| {
        let pool = pool(workers);
        let go = Arc::new(AtomicUsize::new(0));
        let captured = Drops::default();
        let token = captured.token();
        let handle = pool.spawn({
            let go = Arc::clone(&go);
            move || {
                let _token = token;
                go.store(1, SeqCst);
                wait_until(|| go.load(SeqCst) == 2);
                "to its end"
            }
        });
        wait_until(|| go.load(SeqCst) == 1);
        handle.abort();
        assert_eq!((captured.count(), handle.is_finished()), (0, false));
        go.store(2, SeqCst);
        assert_eq!(handle.join().unwrap(), "to its end");
        assert_eq!(captured.count(), 1);
    });
}

#[test]
fn abort_of_a_finished_closure_does_nothing() {
    each_size("abort_of_a_finished_closure_does_nothing", |workers| {
        let pool = pool(workers);
        let returned = Drops::default();
        let token = returned.token();
        let handle = pool.spawn(move || token);
        wait_until(|| handle.is_finished());
        handle.abort();
        assert_eq!(returned.count(), 0);
        let token = handle.join().unwrap();
        assert_eq!(returned.count(), 0);
        drop(token);
        assert_eq!(returned.count(), 1);
    });
}

#[test]
fn abort_of_a_closure_whose_drop_panics_is_quiet() {
    watchdog("abort_of_a_closure_whose_drop_panics_is_quiet", || {
        let (pool, stuck) = stuck();
        let bomb = support::Bomb("captured");
        let handle = pool.spawn(move || drop(bomb));
        handle.abort();
        assert!(handle.join().unwrap_err().is_cancelled());
        stuck.release();
        usable(&pool);
    });
}

/// Abort against the worker that is about to run it: one of them has it.
#[test]
fn abort_races_the_run() {
    each_size("abort_races_the_run", |workers| {
        let pool = pool(workers);
        let (ran, captured) = (Arc::new(AtomicUsize::new(0)), Drops::default());
        let (mut values, mut cancelled) = (0, 0);
        for round in 0..2000 {
            let (ran, token) = (Arc::clone(&ran), captured.token());
            let handle = pool.spawn(move || {
                let _token = token;
                ran.fetch_add(1, SeqCst)
            });
            (0..round % 50).for_each(|_| std::hint::spin_loop());
            handle.abort();
            match handle.join() {
                Ok(_) => values += 1,
                Err(error) => {
                    assert!(error.is_cancelled());
                    cancelled += 1;
                }
            }
        }
        drop(pool);
        assert_eq!((values, values + cancelled), (ran.load(SeqCst), 2000));
        assert_eq!(captured.count(), 2000);
    });
}

/// The value of a closure whose handle goes first, goes last, or goes meanwhile.
#[test]
fn a_value_is_dropped_once_in_every_order() {
    each_size("a_value_is_dropped_once_in_every_order", |workers| {
        let pool = pool(workers);
        let (captured, returned) = (Drops::default(), Drops::default());
        let spawn = |go: Option<Arc<AtomicBool>>| {
            let (token, value) = (captured.token(), returned.token());
            pool.spawn(move || {
                let _token = token;
                if let Some(go) = go {
                    wait_until(|| go.load(SeqCst));
                }
                value
            })
        };
        // The handle goes while the closure runs or is queued.
        for _ in 0..50 {
            let go = Arc::new(AtomicBool::new(false));
            drop(spawn(Some(Arc::clone(&go))));
            go.store(true, SeqCst);
        }
        wait_until(|| returned.count() == 50);
        // The handle goes when the value is there: whoever is the last drops it, the caller or
        // the worker.
        for n in 0..50 {
            let handle = spawn(None);
            wait_until(|| handle.is_finished());
            assert_eq!(returned.count(), 50 + n);
            drop(handle);
            wait_until(|| returned.count() == 51 + n);
        }
        // The value is taken.
        for n in 0..50 {
            let value = spawn(None).join().unwrap();
            assert_eq!(returned.count(), 100 + n);
            drop(value);
        }
        // Nobody knows which is first.
        for round in 0..1000 {
            let handle = spawn(None);
            (0..round % 100).for_each(|_| std::hint::spin_loop());
            drop(handle);
        }
        drop(pool);
        assert_eq!((captured.count(), returned.count()), (1150, 1150));
    });
}

/// On a worker, whose own deque has the closure.
#[test]
fn a_value_is_dropped_once_on_a_worker() {
    each_size("a_value_is_dropped_once_on_a_worker", |workers| {
        let pool = pool(workers);
        let (captured, returned) = (Drops::default(), Drops::default());
        pool.install(|| {
            for n in 0..999 {
                let (token, value) = (captured.token(), returned.token());
                let handle = spawn(move || {
                    let _token = token;
                    value
                });
                match n % 3 {
                    0 => drop(handle),
                    1 => drop(handle.join()),
                    _ => {
                        handle.abort();
                        drop(handle.join());
                    }
                }
            }
        });
        drop(pool);
        assert_eq!(captured.count(), 999);
        // An aborted closure drops what it would have returned.
        assert_eq!(returned.count(), 999);
    });
}

#[test]
fn large_and_aligned_values() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(256))]
    struct Aligned([u64; 100]);

    each_size("large_and_aligned_values", |workers| {
        let pool = pool(workers);
        for n in 0..100u64 {
            let value = Aligned([n; 100]);
            let handle = pool.spawn(move || {
                assert_eq!((&raw const value).addr() % 256, 0);
                (value, [n as u8; 10_000])
            });
            let (back, bytes) = handle.join().unwrap();
            assert_eq!((back, bytes), (value, [n as u8; 10_000]));
            let handles: Vec<_> = (0..3).map(|_| pool.install(|| spawn(|| ()))).collect();
            handles.into_iter().for_each(|unit| unit.join().unwrap());
        }
    });
}

#[test]
fn a_handle_outlives_its_pool() {
    each_size("a_handle_outlives_its_pool", |workers| {
        let pool = pool(workers);
        let returned = Drops::default();
        let (kept, dropped) = (returned.token(), returned.token());
        let (kept, dropped) = (pool.spawn(move || kept), pool.spawn(move || dropped));
        drop(pool);
        assert!(kept.is_finished() && dropped.is_finished());
        drop(dropped);
        assert_eq!(returned.count(), 1);
        drop(kept.join().unwrap());
        assert_eq!(returned.count(), 2);
    });
}

/// `execute`: from outside and from a worker, with a panic, and after the end.
#[test]
fn a_closure_without_a_handle_runs_once() {
    watchdog("a_closure_without_a_handle_runs_once", || {
        let (sender, panics) = mpsc::channel();
        let handler = move |payload: Box<dyn std::any::Any + Send>| {
            sender.send(*payload.downcast::<&str>().unwrap()).unwrap();
        };
        let pool = ThreadPool::builder().num_threads(2).panic_handler(handler).build().unwrap();
        let pool = Arc::new(pool);
        let runs = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let (inner, runs) = (Arc::clone(&pool), Arc::clone(&runs));
            let outer = move || {
                let nested = Arc::clone(&runs);
                runs.fetch_add(1, SeqCst);
                inner.execute(move || _ = nested.fetch_add(1, SeqCst)).unwrap();
            };
            pool.install(|| pool.execute(outer.clone())).unwrap();
            pool.execute(outer).unwrap();
        }
        wait_until(|| runs.load(SeqCst) == 400);
        pool.execute(|| panic!("nobody waits")).unwrap();
        assert_eq!(panics.recv().unwrap(), "nobody waits");
        let report = pool.shutdown(Shutdown::Drain);
        assert_eq!((report.cancelled, report.stragglers.len()), (0, 0));
        let late = Arc::clone(&runs);
        let refused = pool.execute(move || _ = late.fetch_add(1, SeqCst));
        refused.unwrap_err().into_inner()();
        assert_eq!(runs.load(SeqCst), 401);
    });
}
