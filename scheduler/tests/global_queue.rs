//! Work from outside begins in the order in which it came, and a worker that takes several closures at a
//! time keeps none of them from the others, or from a shutdown.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{JoinHandle, Shutdown, Task, ThreadPool, spawn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use support::sync::{Arc, Mutex, thread};
use support::{Stuck, each_size, each_size_from_two, pool, usable, wait_until, watchdog};

/// Some blocks of the queue.
const MANY: usize = 1000;

/// A closure that notes its number.
fn notes(order: &Arc<Mutex<Vec<usize>>>, number: usize) -> impl FnOnce() + Send + 'static {
    let order = Arc::clone(order);
    move || order.lock().unwrap().push(number)
}

#[test]
fn one_worker_runs_closures_in_the_order_of_their_submission() {
    watchdog("one_worker_runs_closures_in_the_order_of_their_submission", || {
        let (pool, order) = (pool(1), Arc::default());
        let stuck = Stuck::new(&pool, 1);
        (0..MANY).for_each(|number| pool.execute(notes(&order, number)).unwrap());
        stuck.release();
        let _ = pool.shutdown(Shutdown::Drain);
        assert!(order.lock().unwrap().iter().copied().eq(0..MANY));
    });
}

/// The worker runs the submitted ones before those that it spawns itself, now and then.
#[test]
fn a_worker_that_goes_on_spawning_does_not_keep_closures_waiting() {
    fn go_on(stop: Arc<AtomicBool>) {
        if !stop.load(SeqCst) {
            drop(spawn(move || go_on(stop)));
        }
    }
    watchdog("a_worker_that_goes_on_spawning_does_not_keep_closures_waiting", || {
        let (pool, order, stop) = (pool(1), Arc::default(), Arc::new(AtomicBool::new(false)));
        let stuck = Stuck::new(&pool, 1);
        let goes_on = Arc::clone(&stop);
        pool.execute(move || go_on(goes_on)).unwrap();
        (0..100).for_each(|number| pool.execute(notes(&order, number)).unwrap());
        pool.execute(move || stop.store(true, SeqCst)).unwrap();
        stuck.release();
        let _ = pool.shutdown(Shutdown::Drain);
        assert!(order.lock().unwrap().iter().copied().eq(0..100));
    });
}

/// The first closure waits for all behind it, of which its worker has taken some along.
#[test]
fn what_lies_behind_a_stuck_closure_runs() {
    each_size_from_two("what_lies_behind_a_stuck_closure_runs", |workers| {
        let pool = pool(workers);
        for _ in 0..100 {
            let others = 20 * workers;
            let ran = Arc::new(AtomicUsize::new(0));
            let stuck = Stuck::new(&pool, workers);
            let awaited = Arc::clone(&ran);
            pool.execute(move || wait_until(|| awaited.load(SeqCst) == others)).unwrap();
            for _ in 0..others {
                let ran = Arc::clone(&ran);
                pool.execute(move || _ = ran.fetch_add(1, SeqCst)).unwrap();
            }
            stuck.release();
            wait_until(|| ran.load(SeqCst) == others);
        }
        // Those that a worker took out of another's batch as well.
        let total = pool.metrics().total();
        assert_eq!((total.steals(), total.steals_injected), (total.jobs, total.jobs));
        usable(&pool);
    });
}

/// It waits for them as a worker does, which then runs them itself.
#[test]
fn what_lies_behind_a_waiting_closure_runs() {
    each_size("what_lies_behind_a_waiting_closure_runs", |workers| {
        let pool = pool(workers);
        for _ in 0..100 {
            let stuck = Stuck::new(&pool, workers);
            let behind = Arc::new(Mutex::new(None));
            let awaited = Arc::clone(&behind);
            let first = pool.spawn(move || {
                let handle: scheduler::JoinHandle<usize> = awaited.lock().unwrap().take().unwrap();
                handle.join().unwrap()
            });
            (0..20 * workers).for_each(|_| pool.execute(|| ()).unwrap());
            *behind.lock().unwrap() = Some(pool.spawn(|| 7));
            stuck.release();
            assert_eq!(first.join().unwrap(), 7);
        }
        usable(&pool);
    });
}

/// One worker, stuck in the first of a few closures.
fn stuck_in_the_first(rest: usize) -> (ThreadPool, Stuck, Arc<Mutex<Vec<usize>>>) {
    let (pool, order) = (pool(1), Arc::default());
    let before = Stuck::new(&pool, 1);
    let first = thread::scope(|s| {
        let first = s.spawn(|| Stuck::new(&pool, 1));
        // It is queued before the others are.
        wait_until(|| format!("{pool:?}").contains("queued: 1,"));
        (0..rest).for_each(|number| pool.execute(notes(&order, number)).unwrap());
        before.release();
        first.join().unwrap()
    });
    (pool, first, order)
}

#[test]
fn what_lies_behind_a_stuck_closure_is_cancelled() {
    watchdog("what_lies_behind_a_stuck_closure_is_cancelled", || {
        let (pool, stuck, order) = stuck_in_the_first(10);
        let report = thread::scope(|s| {
            let shutdown = s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
            // By the caller: the worker is stuck.
            wait_until(|| format!("{pool:?}").contains("queued: 0,"));
            stuck.release();
            shutdown.join().unwrap()
        });
        assert_eq!((report.ran, report.cancelled, report.stragglers.len()), (1, 10, 0));
        assert!(order.lock().unwrap().is_empty());
    });
}

#[test]
fn what_lies_behind_a_stuck_closure_is_handed_back_in_order() {
    watchdog("what_lies_behind_a_stuck_closure_is_handed_back_in_order", || {
        let (pool, stuck, order) = stuck_in_the_first(50);
        let queued = pool.shutdown_now();
        assert_eq!(queued.len(), 50);
        queued.into_iter().for_each(Task::run);
        assert!(order.lock().unwrap().iter().copied().eq(0..50));
        stuck.release();
    });
}

/// A closure may hold the handle of an older one, and wait for it when it is dropped: for one that the same worker
/// has taken along.
#[test]
fn a_cancelled_closure_may_wait_for_an_older_one() {
    struct Waits(Option<JoinHandle<()>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            if let Err(error) = self.0.take().unwrap().join() {
                assert!(error.is_shut_down());
            }
        }
    }
    each_size("a_cancelled_closure_may_wait_for_an_older_one", |workers| {
        for round in 0..50 {
            let pool = pool(workers);
            let stuck = Stuck::new(&pool, workers);
            let ran = Arc::new(AtomicUsize::new(0));
            let counts = || {
                let ran = Arc::clone(&ran);
                move || _ = ran.fetch_add(1, SeqCst)
            };
            for _ in 0..20 * workers {
                let waits = Waits(Some(pool.spawn(counts())));
                let newer = counts();
                let closure = move || {
                    newer();
                    drop(waits);
                };
                pool.execute(closure).unwrap();
            }
            let mut others = 0;
            let report = thread::scope(|s| {
                let shutdown = s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
                if round % 2 == 0 {
                    wait_until(|| format!("{pool:?}").contains("queued: 0,"));
                } else {
                    // The workers come for them just then: between close and cancel some may run.
                    while pool.try_spawn(counts()).is_ok() {
                        others += 1;
                    }
                }
                stuck.release();
                shutdown.join().unwrap()
            });
            let ran = ran.load(SeqCst);
            assert_eq!(report.cancelled + ran, 40 * workers + others);
            assert!(round % 2 != 0 || ran == 0);
        }
    });
}

/// The others always find something newer, so nobody becomes idle.
#[test]
fn what_lies_behind_a_stuck_closure_runs_though_nobody_is_idle() {
    each_size_from_two("what_lies_behind_a_stuck_closure_runs_though_nobody_is_idle", |workers| {
        for _ in 0..3 {
            let pool = pool(workers);
            let stop = AtomicBool::new(false);
            let behind = Arc::new(AtomicUsize::new(0));
            let (queued, newer) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let stuck = Stuck::new(&pool, workers);
            let released = Arc::new(AtomicBool::new(false));
            let awaited = Arc::clone(&released);
            pool.execute(move || wait_until(|| awaited.load(SeqCst))).unwrap();
            thread::scope(|s| {
                s.spawn(|| {
                    // Enough for each worker to take sixteen at a time.
                    while !stop.load(SeqCst) {
                        if queued.load(SeqCst) > 200 * workers {
                            thread::yield_now();
                            continue;
                        }
                        let (queued, newer) = (Arc::clone(&queued), Arc::clone(&newer));
                        queued.fetch_add(1, SeqCst);
                        let closure = move || {
                            newer.fetch_add(1, SeqCst);
                            (0..1000).for_each(|_| std::hint::spin_loop());
                            queued.fetch_sub(1, SeqCst);
                        };
                        pool.execute(closure).unwrap();
                    }
                });
                for _ in 0..40 {
                    let behind = Arc::clone(&behind);
                    pool.execute(move || _ = behind.fetch_add(1, SeqCst)).unwrap();
                }
                wait_until(|| queued.load(SeqCst) > 100 * workers);
                stuck.release();
                // It takes some hundred of the newer ones.
                wait_until(|| behind.load(SeqCst) == 40 || newer.load(SeqCst) > 50_000);
                stop.store(true, SeqCst);
            });
            let behind = behind.load(SeqCst);
            released.store(true, SeqCst);
            assert_eq!(behind, 40);
        }
    });
}

/// Several threads push into several blocks while the workers take: none is lost, none runs twice, and those
/// of one thread begin in order where there is one worker.
#[test]
fn many_threads_submit_at_once() {
    each_size("many_threads_submit_at_once", |workers| {
        let (pool, order) = (pool(workers), Arc::default());
        thread::scope(|s| {
            for of in 0..4 {
                let (pool, order) = (&pool, &order);
                s.spawn(move || {
                    let numbers = of * MANY..(of + 1) * MANY;
                    numbers.for_each(|number| pool.execute(notes(order, number)).unwrap());
                });
            }
        });
        let _ = pool.shutdown(Shutdown::Drain);
        let mut order = std::mem::take(&mut *order.lock().unwrap());
        if workers == 1 {
            for of in 0..4 {
                assert!(order.iter().filter(|&&number| number / MANY == of).is_sorted());
            }
        }
        order.sort_unstable();
        assert!(order.into_iter().eq(0..4 * MANY));
    });
}
