//! An executor ends alone: its queued closures run, are dropped or come back, as it is told; its pool and
//! other executors go on.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{
    Executor, JoinHandle, RejectedReason, RejectionPolicy, Shutdown, ThreadPool, task,
};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use support::sync::{Arc, mpsc, thread};
use support::{Drops, Stuck, each_size, pool, throw, usable, wait_until, watchdog};

const MS: Duration = Duration::from_millis(1);

fn executor(pool: &ThreadPool) -> Executor {
    Executor::builder(pool).build().expect("no bound, no error")
}

/// A closure of the executor's that runs until it is released.
fn busy(executor: &Executor) -> Arc<AtomicBool> {
    let (began, has_begun) = mpsc::channel();
    let released = Arc::new(AtomicBool::new(false));
    let release = Arc::clone(&released);
    executor
        .execute(move || {
            began.send(()).unwrap();
            wait_until(|| release.load(SeqCst));
        })
        .unwrap();
    has_begun.recv().unwrap();
    released
}

#[test]
fn drain_runs_what_is_queued() {
    each_size("drain_runs_what_is_queued", |workers| {
        let pool = pool(workers);
        let [executor, other] = [executor(&pool), executor(&pool)];
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..500 {
            let ran = Arc::clone(&ran);
            executor.execute(move || _ = ran.fetch_add(1, SeqCst)).unwrap();
        }
        let report = executor.shutdown(Shutdown::Drain);
        assert_eq!((ran.load(SeqCst), report.cancelled), (500, 0));
        assert!(report.stragglers.is_empty() && report.ran <= 500);
        assert!(executor.is_shut_down() && executor.is_terminated());
        assert!(!other.is_shut_down());
        assert_eq!(other.submit(|| 3).unwrap().join().unwrap(), 3);
        // Once more changes nothing.
        let again = executor.shutdown(Shutdown::Abort);
        assert_eq!((again.ran, again.cancelled), (0, 0));
        usable(&pool);
    });
}

#[test]
fn cancel_drops_what_is_queued_and_waits_for_what_runs() {
    for mode in [Shutdown::CancelQueued, Shutdown::Abort] {
        watchdog("cancel_drops_what_is_queued_and_waits_for_what_runs", move || {
            let pool = pool(1);
            let executor = executor(&pool);
            let released = busy(&executor);
            let drops = Drops::default();
            let queued: Vec<_> = (0..10)
                .map(|_| {
                    let token = drops.token();
                    executor.submit(move || drop(token)).unwrap()
                })
                .collect();
            let ender = {
                let executor = executor.clone();
                thread::spawn(move || executor.shutdown(mode))
            };
            // They are told although the worker is busy.
            for handle in queued {
                assert!(handle.join().unwrap_err().is_shut_down());
            }
            assert_eq!(drops.count(), 10);
            assert!(!executor.is_terminated());
            released.store(true, SeqCst);
            let report = ender.join().unwrap();
            assert_eq!((report.ran, report.cancelled), (1, 10));
            assert_eq!(executor.metrics().cancelled, 10);
            usable(&pool);
        });
    }
}

/// A closure of the executor's that runs, and a fork of it on another worker, until both are asked to stop.
fn until_asked(executor: &Executor) -> JoinHandle<()> {
    let (began, has_begun) = mpsc::channel();
    let closure = move || {
        assert!(task::checkpoint().is_ok() && task::token().is_none());
        began.send(()).unwrap();
        let wait = || wait_until(task::is_cancelled);
        scheduler::join(wait, wait);
    };
    let handle = executor.submit(closure).unwrap();
    has_begun.recv().unwrap();
    handle
}

/// Not so the closures of others, and the pool's own.
#[test]
fn abort_asks_what_runs_to_stop() {
    each_size("abort_asks_what_runs_to_stop", |workers| {
        let pool = pool(workers + 1);
        let [executor, other] = [executor(&pool), executor(&pool)];
        let released = Arc::new(AtomicBool::new(false));
        let release = Arc::clone(&released);
        let stranger = other.submit(move || {
            wait_until(|| release.load(SeqCst));
            task::is_cancelled()
        });
        let handle = until_asked(&executor);
        let report = executor.shutdown(Shutdown::Abort);
        assert_eq!((report.ran, report.cancelled, report.stragglers.len()), (1, 0, 0));
        handle.join().unwrap();
        assert!(!pool.install(task::is_cancelled));
        released.store(true, SeqCst);
        assert!(!stranger.unwrap().join().unwrap(), "it is another executor's");
        usable(&pool);
    });
}

#[test]
fn abort_asks_what_has_no_handle() {
    watchdog("abort_asks_what_has_no_handle", || {
        let pool = pool(1);
        let executor = executor(&pool);
        let (began, has_begun) = mpsc::channel();
        let closure = move || {
            began.send(()).unwrap();
            wait_until(task::is_cancelled);
        };
        executor.execute(closure).unwrap();
        has_begun.recv().unwrap();
        assert_eq!(executor.shutdown(Shutdown::Abort).ran, 1);
        assert!(!pool.install(task::is_cancelled));
    });
}

/// A second shutdown, which aborts, adds to it.
#[test]
fn to_cancel_what_is_queued_asks_nobody() {
    watchdog("to_cancel_what_is_queued_asks_nobody", || {
        let pool = pool(1);
        let executor = executor(&pool);
        let (began, has_begun) = mpsc::channel();
        let (go, gone) = mpsc::channel();
        let (looks, has_looked) = mpsc::channel();
        let closure = move || {
            began.send(()).unwrap();
            gone.recv().unwrap();
            looks.send(task::is_cancelled()).unwrap();
            wait_until(task::is_cancelled);
        };
        let handle = executor.submit(closure).unwrap();
        has_begun.recv().unwrap();
        let queued = executor.submit(|| ()).unwrap();
        let same = executor.clone();
        let canceller = thread::spawn(move || same.shutdown(Shutdown::CancelQueued));
        // So it has cancelled.
        assert!(queued.join().unwrap_err().is_shut_down());
        go.send(()).unwrap();
        assert_eq!(has_looked.recv(), Ok(false));
        let _ = executor.shutdown(Shutdown::Abort);
        handle.join().unwrap();
        assert_eq!(canceller.join().unwrap().cancelled, 1);
    });
}

#[test]
fn a_deadline_that_has_passed_asks_what_runs_to_stop() {
    watchdog("a_deadline_that_has_passed_asks_what_runs_to_stop", || {
        let pool = pool(2);
        let executor = executor(&pool);
        let handle = until_asked(&executor);
        let report = executor.shutdown(Shutdown::DrainFor(MS));
        assert_eq!((report.cancelled, report.ran + report.stragglers.len()), (0, 1));
        handle.join().unwrap();
        assert!(executor.await_termination(Duration::MAX));
        usable(&pool);
    });
}

#[test]
fn now_asks_what_runs_to_stop() {
    watchdog("now_asks_what_runs_to_stop", || {
        let pool = pool(2);
        let executor = executor(&pool);
        let handle = until_asked(&executor);
        assert!(executor.shutdown_now().is_empty());
        handle.join().unwrap();
        usable(&pool);
    });
}

/// What its submitter runs is the executor's as well.
#[test]
fn abort_asks_what_the_caller_runs_to_stop() {
    watchdog("abort_asks_what_the_caller_runs_to_stop", || {
        let pool = pool(1);
        let policy = RejectionPolicy::CallerRuns;
        let executor = Executor::builder(&pool).queue_capacity(1).on_full(policy).build().unwrap();
        let stuck = Stuck::new(&pool, 1);
        let queued = executor.submit(|| ()).unwrap();
        let (began, has_begun) = mpsc::channel();
        let same = executor.clone();
        let caller = thread::spawn(move || {
            let closure = move || {
                began.send(()).unwrap();
                wait_until(task::is_cancelled);
            };
            same.execute(closure).unwrap();
            assert!(!task::is_cancelled());
        });
        has_begun.recv().unwrap();
        assert_eq!(executor.shutdown(Shutdown::Abort).cancelled, 1);
        caller.join().unwrap();
        assert!(queued.join().unwrap_err().is_shut_down());
        stuck.release();
    });
}

#[test]
fn a_deadline_names_who_still_runs() {
    watchdog("a_deadline_names_who_still_runs", || {
        let pool = pool(1);
        let executor = executor(&pool);
        let released = busy(&executor);
        let begun = Instant::now();
        let queued = executor.submit(|| ()).unwrap();
        thread::sleep(30 * MS);
        let least = begun.elapsed() + 5 * MS;
        let report = executor.shutdown(Shutdown::DrainFor(5 * MS));
        assert_eq!((report.ran, report.cancelled, report.stragglers.len()), (0, 1, 1));
        assert_eq!(report.stragglers[0].worker, 0);
        assert!(report.stragglers[0].spawned_at.file().ends_with("executor_shutdown.rs"));
        assert!(report.stragglers[0].running_for >= least, "it began before the shutdown");
        assert!(queued.join().unwrap_err().is_shut_down());
        assert!(!executor.await_termination(MS));
        released.store(true, SeqCst);
        assert!(executor.await_termination(Duration::MAX));
        assert!(executor.await_termination(Duration::ZERO));
        usable(&pool);
    });
}

#[test]
fn a_deadline_that_is_met_cancels_nothing() {
    watchdog("a_deadline_that_is_met_cancels_nothing", || {
        let pool = pool(2);
        for patience in [Duration::from_secs(600), Duration::MAX] {
            let executor = executor(&pool);
            let handle = executor.submit(|| 3).unwrap();
            let report = executor.shutdown(Shutdown::DrainFor(patience));
            assert_eq!((report.cancelled, handle.join().unwrap()), (0, 3));
        }
    });
}

#[test]
fn from_inside_it_returns_at_once() {
    watchdog("from_inside_it_returns_at_once", || {
        let pool = pool(1);
        let executor = executor(&pool);
        let inside = executor.clone();
        let report = executor.submit(move || inside.shutdown(Shutdown::Drain)).unwrap();
        let report = report.join().unwrap();
        assert_eq!((report.ran, report.stragglers.len()), (0, 1));
        assert!(executor.await_termination(Duration::MAX));
        // On a worker, but in none of its closures: it waits.
        let other = self::executor(&pool);
        let handle = other.submit(|| 3).unwrap();
        let report = pool.install(|| other.shutdown(Shutdown::Drain));
        assert!(report.stragglers.is_empty() && handle.is_finished());
        usable(&pool);
    });
}

#[test]
fn now_hands_back_what_has_not_begun() {
    watchdog("now_hands_back_what_has_not_begun", || {
        let pool = pool(1);
        let executor = executor(&pool);
        let released = busy(&executor);
        let drops = Drops::default();
        let mut queued: Vec<_> = (0..6)
            .map(|n| {
                let token = drops.token();
                executor.submit(move || (token, n).1).unwrap()
            })
            .collect();
        let panics = executor.submit(|| -> u32 { throw("in a task") }).unwrap();
        queued[1].abort();
        let mut tasks = executor.shutdown_now();
        assert_eq!((tasks.len(), executor.queue_len(), drops.count()), (6, 0, 1));
        assert!(executor.is_shut_down() && !executor.is_terminated());
        assert_eq!(executor.submit(|| ()).unwrap_err().reason(), RejectedReason::ShutDown);
        assert!(executor.shutdown_now().is_empty());
        // Aborted after it was handed back.
        queued[2].abort();
        tasks.remove(1).run();
        tasks.remove(0).run();
        tasks.pop().unwrap().run();
        assert_eq!(support::what(panics.join().unwrap_err().into_panic()), "in a task");
        released.store(true, SeqCst);
        assert!(
            executor.await_termination(Duration::MAX),
            "what was handed back is not waited for"
        );
        drop(pool);
        drop(executor);
        // The pool and the executor are gone.
        tasks.remove(0).run();
        drop(tasks);
        let results: Vec<_> = queued.drain(..).map(|handle| handle.join()).collect();
        assert!(matches!(results[0], Ok(0)) && matches!(results[3], Ok(3)));
        assert!(results[1].as_ref().unwrap_err().is_aborted());
        assert!(results[2].as_ref().unwrap_err().is_aborted());
        assert!(results[4..].iter().all(|r| r.as_ref().unwrap_err().is_shut_down()));
        assert_eq!(drops.count(), 6);
    });
}

#[test]
fn the_pools_drain_runs_what_executors_have_queued() {
    each_size("the_pools_drain_runs_what_executors_have_queued", |workers| {
        let pool = pool(workers);
        let executor = executor(&pool);
        let stuck = Stuck::new(&pool, workers);
        let ran = Arc::new(AtomicUsize::new(0));
        let mut handles = Vec::new();
        for _ in 0..300 {
            let ran = Arc::clone(&ran);
            handles.push(executor.submit(move || _ = ran.fetch_add(1, SeqCst)).unwrap());
        }
        // Their tickets outnumber what is left.
        handles.drain(20..).for_each(|handle| handle.abort());
        stuck.release();
        let report = pool.shutdown(Shutdown::Drain);
        assert_eq!(ran.load(SeqCst), 20);
        assert_eq!(report.cancelled, 0);
        assert_eq!(executor.submit(|| ()).unwrap_err().reason(), RejectedReason::ShutDown);
        assert!(!executor.is_shut_down(), "only its pool is");
    });
}

#[test]
fn the_pools_cancel_drops_all_that_executors_have_queued() {
    each_size("the_pools_cancel_drops_all_that_executors_have_queued", |workers| {
        let pool = pool(workers);
        let executors = [executor(&pool), executor(&pool)];
        let stuck = Stuck::new(&pool, workers);
        let drops = Drops::default();
        let mut handles = Vec::new();
        for executor in &executors {
            for _ in 0..100 {
                let token = drops.token();
                handles.push(executor.submit(move || drop(token)).unwrap());
            }
        }
        let pool = Arc::new(pool);
        let ender = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.shutdown(Shutdown::CancelQueued))
        };
        for handle in handles {
            assert!(handle.join().unwrap_err().is_shut_down());
        }
        assert_eq!(drops.count(), 200);
        stuck.release();
        let report = ender.join().unwrap();
        assert_eq!((report.ran, report.cancelled), (workers, 200));
    });
}

#[test]
fn aborting_everything_leaves_nothing_behind() {
    each_size("aborting_everything_leaves_nothing_behind", |workers| {
        for _ in 0..20 {
            let pool = pool(workers);
            let [drops, cores] = [Drops::default(), Drops::default()];
            // Goes when the executor does.
            let token = cores.token();
            let policy = RejectionPolicy::custom(move |_| {
                let _ = &token;
                scheduler::Verdict::Abort
            });
            let executor = Executor::builder(&pool).on_full(policy).build().unwrap();
            let stuck = Stuck::new(&pool, workers);
            for _ in 0..10 {
                let token = drops.token();
                drop(executor.submit(move || drop(token)).unwrap().abort_on_drop());
            }
            assert_eq!((executor.queue_len(), drops.count()), (0, 10));
            stuck.release();
            // Returns when the workers are gone, and with them the tickets of what was aborted, which keep
            // the executor.
            drop(pool);
            drop(executor);
            assert_eq!(cores.count(), 1);
        }
    });
}

#[test]
fn the_last_clones_drop_lets_the_queue_run() {
    each_size("the_last_clones_drop_lets_the_queue_run", |workers| {
        let pool = pool(workers);
        let executor = executor(&pool);
        let handles: Vec<_> = (0..100).map(|n| executor.submit(move || n).unwrap()).collect();
        drop(executor);
        assert_eq!(handles.into_iter().map(|h| h.join().unwrap()).sum::<i32>(), 4950);
        // Also inside its own last closure.
        let executor = self::executor(&pool);
        let own = executor.clone();
        let handle = executor.submit(move || drop(own)).unwrap();
        drop(executor);
        handle.join().unwrap();
        usable(&pool);
    });
}

#[test]
fn submitters_race_with_shutdowns() {
    each_size("submitters_race_with_shutdowns", |workers| {
        let pool = pool(workers);
        let modes = [Shutdown::Drain, Shutdown::CancelQueued, Shutdown::DrainFor(MS)];
        for (round, mode) in modes.into_iter().cycle().take(60).enumerate() {
            let executor = Executor::builder(&pool)
                .queue_capacity(2)
                .on_full(RejectionPolicy::Block)
                .build()
                .unwrap();
            let drops = Drops::default();
            let submitted = thread::scope(|s| {
                let submit = || {
                    for n in 0..50 {
                        let token = drops.token();
                        if let Err(rejected) = executor.execute(move || drop(token)) {
                            assert_eq!(rejected.reason(), RejectedReason::ShutDown);
                            return n;
                        }
                    }
                    50
                };
                let submitters = [s.spawn(submit), s.spawn(submit)];
                let tasks = if round % 2 == 0 {
                    let _ = executor.shutdown(mode);
                    Vec::new()
                } else {
                    executor.shutdown_now()
                };
                drop(tasks);
                submitters.map(|submitter| submitter.join().unwrap()).iter().sum::<u64>()
            });
            assert!(executor.await_termination(Duration::MAX));
            let metrics = executor.metrics();
            assert_eq!(metrics.submitted, submitted);
            assert_eq!(metrics.submitted, metrics.completed + metrics.cancelled);
            // What was refused is dropped as well: at most one of each submitter.
            let dropped = drops.count() as u64;
            assert!((submitted..=submitted + 2).contains(&dropped));
        }
        usable(&pool);
    });
}

#[test]
fn timings_are_kept_if_they_are_asked_for() {
    watchdog("timings_are_kept_if_they_are_asked_for", || {
        let pool = pool(1);
        let executor = Executor::builder(&pool).timings(true).name("timed").build().unwrap();
        assert!(format!("{executor:?}").contains("timed"));
        let stuck = Stuck::new(&pool, 1);
        let handle = executor.submit(|| thread::sleep(2 * MS)).unwrap();
        thread::sleep(2 * MS);
        stuck.release();
        handle.join().unwrap();
        let _ = executor.shutdown(Shutdown::Drain);
        let metrics = executor.metrics();
        let size = scheduler::sizing::measured(&metrics).unwrap();
        assert!(size.threads == 1 && size.mean_run >= 2 * MS && size.rate_per_second > 0.0);
        assert!(size.to_string().contains("at least 1 thread;"), "{size}");
        let [waited, ran] = [metrics.queue_wait, metrics.run_time].map(Option::unwrap);
        assert_eq!((waited.count(), ran.count()), (1, 1));
        assert!(waited.max() >= Some(2 * MS) && ran.quantile(0.5) >= Some(2 * MS));
        let untimed = self::executor(&pool).metrics();
        assert_eq!(scheduler::sizing::measured(&untimed), None);
        assert_eq!((untimed.queue_wait, untimed.run_time), (None, None));
    });
}

/// Closures of an executor on one worker, which takes the short ones several at a time.
const N: usize = 30;

/// Queues `N` closures, each of which does what `run` says for its number.
fn queue(pool: &ThreadPool, executor: &Executor, run: impl Fn(usize) + Send + Sync + 'static) {
    let stuck = Stuck::new(pool, 1);
    let run = Arc::new(run);
    for number in 0..N {
        let run = Arc::clone(&run);
        executor.execute(move || run(number)).unwrap();
    }
    stuck.release();
}

/// Whenever the worker tells the queue of it.
#[test]
fn what_had_ended_is_not_in_the_report() {
    watchdog("what_had_ended_is_not_in_the_report", || {
        for place in 0..N {
            let pool = pool(1);
            let executor = executor(&pool);
            let (began, has_begun) = mpsc::channel();
            let of_closure = executor.clone();
            queue(&pool, &executor, move |number| {
                if number == place {
                    began.send(()).unwrap();
                    wait_until(|| of_closure.is_shut_down());
                }
            });
            has_begun.recv().unwrap();
            let report = executor.shutdown(Shutdown::Drain);
            assert_eq!((report.ran, report.cancelled), (N - place, 0));
        }
    });
}

/// Even if their worker is stuck, and has not told the queue of it.
#[test]
fn what_has_ended_since_is_in_the_report() {
    watchdog("what_has_ended_since_is_in_the_report", || {
        for place in (1..N / 2).step_by(3) {
            let pool = pool(1);
            let executor = executor(&pool);
            let released = Arc::new(AtomicBool::new(false));
            let (began, has_begun) = mpsc::channel();
            let (of_closure, release) = (executor.clone(), Arc::clone(&released));
            queue(&pool, &executor, move |number| {
                if number == 0 {
                    began.send(()).unwrap();
                    wait_until(|| of_closure.is_shut_down());
                } else if number == place {
                    wait_until(|| release.load(SeqCst));
                }
            });
            has_begun.recv().unwrap();
            // Whatever has ended by then, none is forgotten.
            let report = executor.shutdown(Shutdown::DrainFor(100 * MS));
            released.store(true, SeqCst);
            assert_eq!(report.ran + report.cancelled + report.stragglers.len(), N, "{report:?}");
            usable(&pool);
        }
    });
}

/// A closure that submits to its full executor runs others on top of it, which have ended when it goes on.
#[test]
fn what_ran_on_top_of_a_closure_is_not_in_the_pools_report() {
    watchdog("what_ran_on_top_of_a_closure_is_not_in_the_pools_report", || {
        let pool = pool(1);
        let executor = Executor::builder(&pool)
            .queue_capacity(1)
            .on_full(RejectionPolicy::Block)
            .build()
            .unwrap();
        let (many, has_run_many) = mpsc::channel();
        let of_closure = executor.clone();
        let closure = move || {
            for number in 0.. {
                if number == 100 {
                    many.send(()).unwrap();
                }
                if let Err(rejected) = of_closure.execute(|| ()) {
                    assert_eq!(rejected.reason(), RejectedReason::ShutDown);
                    return;
                }
            }
        };
        executor.execute(closure).unwrap();
        has_run_many.recv().unwrap();
        let report = pool.shutdown(Shutdown::Drain);
        // It, what is queued, and perhaps what was about to run on top of it.
        assert!((2..=3).contains(&report.ran) && report.cancelled == 0, "{report:?}");
    });
}
