//! The end of an elastic pool: what each mode does with what is queued and with what is stuck, and
//! what the report says.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Elastic, JoinHandle, Shutdown, task};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::sync::{Arc, mpsc, thread};
use support::{Drops, pool, wait_until, watchdog};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A pool of two threads, both stuck in a closure, with three more queued.
struct Stuck {
    pool: Elastic,
    open: Vec<mpsc::Sender<()>>,
    running: Vec<JoinHandle<bool>>,
    /// That submitted them.
    line: u32,
    queued: Vec<JoinHandle<()>>,
    drops: Drops,
}

fn stuck() -> Stuck {
    let pool = Elastic::builder().max_threads(2).build().expect("a pool");
    let drops = Drops::default();
    let mut open = Vec::new();
    let mut running = Vec::new();
    let mut submitted = 0;
    for _ in 0..2 {
        let (sender, receiver) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel();
        open.push(sender);
        let closure = move || {
            started.send(()).unwrap();
            let _ = receiver.recv();
            task::is_cancelled()
        };
        let (line, handle) = (line!(), pool.submit(closure).unwrap());
        submitted = line;
        running.push(handle);
        has_started.recv().unwrap();
    }
    let queued = (0..3).map(|_| {
        let token = drops.token();
        pool.submit(move || drop(token)).unwrap()
    });
    let queued = queued.collect();
    Stuck { pool, open, running, line: submitted, queued, drops }
}

#[test]
fn drain_runs_everything() {
    watchdog("drain", || {
        let Stuck { pool, open, running, queued, .. } = stuck();
        let report = thread::scope(|scope| {
            let shutdown = scope.spawn(|| pool.shutdown(Shutdown::Drain));
            wait_until(|| pool.try_submit(|| ()).is_err());
            drop(open);
            shutdown.join().unwrap()
        });
        // The question whether the shutdown has begun may have been a closure more.
        assert!(report.ran >= 5 && report.cancelled == 0 && report.stragglers.is_empty());
        running.into_iter().for_each(|handle| assert!(!handle.join().unwrap()));
        queued.into_iter().for_each(|handle| handle.join().unwrap());
        assert_eq!(pool.metrics().threads, 0);
    });
}

#[test]
fn cancelling_modes_drop_what_is_queued_and_wait_for_what_runs() {
    watchdog("cancel", || {
        for mode in [Shutdown::CancelQueued, Shutdown::Abort] {
            let Stuck { pool, open, running, queued, drops, .. } = stuck();
            let report = thread::scope(|scope| {
                let shutdown = scope.spawn(|| pool.shutdown(mode));
                for handle in queued {
                    assert!(handle.join().unwrap_err().is_shut_down());
                }
                assert_eq!(drops.count(), 3);
                drop(open);
                shutdown.join().unwrap()
            });
            assert_eq!((report.ran, report.cancelled, report.stragglers.len()), (2, 3, 0));
            for handle in running {
                assert_eq!(handle.join().unwrap(), mode == Shutdown::Abort, "they are told");
            }
        }
    });
}

#[test]
fn a_deadline_is_not_held_up_by_what_is_stuck() {
    watchdog("deadline", || {
        for patience in [Duration::ZERO, 20 * MS] {
            let Stuck { pool, open, running, line, queued, drops } = stuck();
            let begin = Instant::now();
            let report = pool.shutdown(Shutdown::DrainFor(patience));
            assert!(begin.elapsed() >= patience);
            assert_eq!((report.ran, report.cancelled, drops.count()), (0, 3, 3));
            let stragglers: Vec<_> = report.stragglers.iter().map(|one| one.worker).collect();
            assert_eq!(stragglers, [0, 1]);
            for straggler in &report.stragglers {
                assert_eq!(straggler.spawned_at.file(), file!());
                assert_eq!(straggler.spawned_at.line(), line);
                assert!(straggler.running_for >= patience, "it began before the shutdown");
            }
            queued.into_iter().for_each(|h| assert!(h.join().unwrap_err().is_shut_down()));
            // Does not wait for them either.
            drop(pool);
            drop(open);
            running.into_iter().for_each(|handle| assert!(handle.join().unwrap()));
        }
    });
}

#[test]
fn a_deadline_that_is_kept_reports_no_straggler() {
    watchdog("kept", || {
        for patience in [HOUR, Duration::MAX] {
            let Stuck { pool, open, .. } = stuck();
            drop(open);
            let report = pool.shutdown(Shutdown::DrainFor(patience));
            // Those that have ended before it do not count.
            assert!(report.ran <= 5 && report.cancelled == 0 && report.stragglers.is_empty());
            assert_eq!(pool.metrics().completed, 5);
        }
    });
}

#[test]
fn a_second_shutdown_adds_its_mode() {
    watchdog("second", || {
        let Stuck { pool, open, queued, .. } = stuck();
        thread::scope(|scope| {
            let first = scope.spawn(|| pool.shutdown(Shutdown::Drain));
            wait_until(|| pool.try_submit(|| ()).is_err());
            let second = scope.spawn(|| pool.shutdown(Shutdown::CancelQueued));
            queued.into_iter().for_each(|h| assert!(h.join().unwrap_err().is_shut_down()));
            drop(open);
            // As above: or one more.
            assert!(first.join().unwrap().cancelled >= 3);
            let _ = second.join().unwrap();
        });
        let third = pool.shutdown(Shutdown::Abort);
        assert_eq!((third.ran, third.cancelled, third.stragglers.len()), (0, 0, 0));
    });
}

#[test]
fn an_idle_or_unused_pool_ends_at_once() {
    watchdog("idle", || {
        let options = || Elastic::builder().core_threads(2).keep_alive(HOUR);
        let unused = options().build().unwrap();
        let report = unused.shutdown(Shutdown::Drain);
        assert_eq!((report.ran, report.cancelled), (0, 0));
        let idle = options().build().unwrap();
        idle.submit(|| ()).unwrap().join().unwrap();
        wait_until(|| idle.metrics().idle == 1);
        drop(idle);
    });
}

#[test]
fn the_threads_are_gone_when_it_returns() {
    watchdog("gone", || {
        thread_local_counts_its_end();
    });
}

fn thread_local_counts_its_end() {
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    struct AtEnd;
    impl Drop for AtEnd {
        fn drop(&mut self) {
            std::thread::sleep(5 * MS);
            ENDED.fetch_add(1, Ordering::SeqCst);
        }
    }
    std::thread_local! { static AT_END: AtEnd = const { AtEnd } }
    let options = Elastic::builder().max_threads(3).keep_alive(MS);
    let pool = options.build().unwrap();
    let barrier = Arc::new(support::sync::Barrier::new(3));
    let submit = |_| {
        let barrier = Arc::clone(&barrier);
        pool.submit(move || {
            AT_END.with(|_| ());
            barrier.wait();
        })
    };
    let handles: Vec<_> = (0..3).map(submit).collect();
    handles.into_iter().for_each(|handle| handle.unwrap().join().unwrap());
    // Some end by themselves, some by the shutdown.
    thread::sleep(MS);
    let _ = pool.shutdown(Shutdown::Drain);
    assert_eq!(ENDED.load(Ordering::SeqCst), 3);
}

#[test]
fn a_shutdown_from_one_of_its_threads_does_not_wait_for_itself() {
    watchdog("from inside", || {
        let pool = Arc::new(Elastic::builder().build().unwrap());
        let inside = Arc::clone(&pool);
        let report = pool.submit(move || inside.shutdown(Shutdown::Drain)).unwrap();
        let report = report.join().unwrap();
        assert_eq!(report.stragglers.len(), 1);
        assert_eq!(report.stragglers[0].spawned_at.file(), file!());
        let _ = pool.shutdown(Shutdown::Drain);
        assert_eq!(pool.metrics().threads, 0);
    });
}

#[test]
fn the_last_reference_may_go_on_one_of_its_threads() {
    watchdog("dropped inside", || {
        let pool = Arc::new(Elastic::builder().build().unwrap());
        let (open, is_open) = mpsc::channel::<()>();
        let inside = Arc::clone(&pool);
        let handle = pool.submit(move || {
            let _ = is_open.recv();
            drop(inside);
        });
        drop(pool);
        drop(open);
        handle.unwrap().join().unwrap();
    });
}

/// The closure is dropped unrun, by a shutdown that ends only after that.
#[test]
fn a_destructor_does_not_wait_for_its_own_pool() {
    struct ShutsDown(Arc<Elastic>);
    impl Drop for ShutsDown {
        fn drop(&mut self) {
            let _ = self.0.shutdown(Shutdown::Drain);
        }
    }
    watchdog("a_destructor_does_not_wait_for_its_own_pool", || {
        let pool = Arc::new(Elastic::builder().max_threads(1).build().unwrap());
        let (go, gone) = mpsc::channel::<()>();
        let (began, has_begun) = mpsc::channel();
        let running = move || {
            began.send(()).unwrap();
            gone.recv().is_err()
        };
        let running = pool.submit(running).unwrap();
        has_begun.recv().unwrap();
        let shuts_down = ShutsDown(Arc::clone(&pool));
        let queued = pool.submit(move || drop(shuts_down)).unwrap();
        thread::scope(|s| {
            s.spawn(move || {
                assert!(queued.join().unwrap_err().is_shut_down());
                drop(go);
            });
            assert_eq!(pool.shutdown(Shutdown::CancelQueued).cancelled, 1);
        });
        assert!(running.join().unwrap());
    });
}

#[test]
fn a_worker_that_shuts_it_down_helps() {
    watchdog("from a worker", || {
        let workers = pool(1);
        let Stuck { pool: elastic, open, .. } = stuck();
        let report = workers.install(|| {
            // Only this one worker can run it.
            drop(scheduler::spawn(move || drop(open)));
            elastic.shutdown(Shutdown::Drain)
        });
        assert_eq!(report.ran, 5);
    });
}

#[test]
fn submissions_against_a_shutdown_are_run_or_handed_back() {
    watchdog("race", || {
        for round in 0..60 {
            let pool = Elastic::builder().max_threads(2).keep_alive(MS / 10).build().unwrap();
            let drops = Drops::default();
            let stop = AtomicBool::new(false);
            let submitted = thread::scope(|scope| {
                let submitter = scope.spawn(|| {
                    let mut handles = Vec::new();
                    while !stop.load(Ordering::SeqCst) {
                        let token = drops.token();
                        match pool.submit(move || drop(token)) {
                            Ok(handle) => handles.push(handle),
                            Err(rejected) => {
                                let before = drops.count();
                                drop(rejected);
                                assert!(drops.count() > before);
                                drops.uncount();
                                break;
                            }
                        }
                    }
                    handles
                });
                thread::sleep(MS / 4 * (round % 4));
                let modes = [Shutdown::Drain, Shutdown::CancelQueued, Shutdown::Abort];
                let _ = pool.shutdown(modes[round as usize % modes.len()]);
                stop.store(true, Ordering::SeqCst);
                submitter.join().unwrap()
            });
            assert_eq!(drops.count(), submitted.len());
            submitted.into_iter().for_each(|handle| assert!(handle.is_finished()));
        }
    });
}

#[test]
fn shutdown_now_hands_back_what_has_not_begun() {
    watchdog("shutdown_now", || {
        let Stuck { pool, open, running, queued, drops, .. } = stuck();
        let tasks = pool.shutdown_now();
        assert_eq!((tasks.len(), drops.count()), (3, 0));
        assert!(pool.submit(|| ()).is_err());
        let mut tasks = tasks.into_iter();
        tasks.next().unwrap().run();
        // Outlives its pool.
        drop(open);
        running.into_iter().for_each(|handle| assert!(handle.join().unwrap(), "it is told"));
        drop(pool);
        tasks.next().unwrap().run();
        drop(tasks);
        assert_eq!(drops.count(), 3);
        let results = queued.into_iter().map(|handle| handle.join());
        let errors: Vec<_> = results.map(|result| result.map_err(|e| e.is_shut_down())).collect();
        assert_eq!(errors, [Ok(()), Ok(()), Err(true)]);
    });
}
