//! Each way to end a pool does what it says with what is queued and what runs, and reports it.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{
    Shutdown, ShutdownReport, ThreadPool, current_thread_index, in_place_scope, spawn, task,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use support::sync::{Arc, Mutex, mpsc, thread};
use support::{Drops, Stuck, caught, each_size, fib, pool, text, throw, wait_until, watchdog};

/// A deadline that never comes.
const NEVER: Duration = Duration::from_secs(3600);
/// A deadline that is past.
const AT_ONCE: Duration = Duration::ZERO;

const MODES: [Shutdown; 5] = [
    Shutdown::Drain,
    Shutdown::DrainFor(NEVER),
    Shutdown::DrainFor(AT_ONCE),
    Shutdown::CancelQueued,
    Shutdown::Abort,
];

/// Runs `shutdown` on another thread; `meanwhile` is called once the pool refuses new work, with
/// how many closures it has taken until then, over those that it had.
fn shutdown_while(
    pool: &ThreadPool,
    mode: Shutdown,
    drops: &Drops,
    meanwhile: impl FnOnce(usize),
) -> (ShutdownReport, usize) {
    thread::scope(|s| {
        let shutdown = s.spawn(|| pool.shutdown(mode));
        let mut accepted = 0;
        loop {
            let token = drops.token();
            match pool.try_spawn(move || drop(token)) {
                Ok(_) => accepted += 1,
                Err(rejected) => {
                    drop(rejected.into_inner());
                    drops.uncount();
                    break;
                }
            }
            thread::yield_now();
        }
        meanwhile(accepted);
        (shutdown.join().unwrap(), accepted)
    })
}

// ---- exact reports

#[test]
fn an_idle_pool() {
    each_size("an_idle_pool", |workers| {
        for mode in MODES {
            let pool = pool(workers);
            assert_eq!(pool.shutdown(mode), ShutdownReport::default(), "{mode:?}, unused");
            assert_eq!(pool.shutdown(mode), ShutdownReport::default(), "{mode:?}, again");
            let pool = support::pool(workers);
            assert_eq!(pool.install(|| fib(12)), 144);
            if mode != Shutdown::DrainFor(AT_ONCE) {
                assert_eq!(pool.shutdown(mode), ShutdownReport::default(), "{mode:?}, used");
            }
        }
    });
}

/// All workers run something, `queued` closures wait in the global queue, and as many in each
/// worker's own deque.
fn occupied(
    pool: &ThreadPool,
    queued: usize,
    inside: usize,
    drops: &Drops,
    ran: &Arc<AtomicUsize>,
) -> Arc<AtomicBool> {
    let workers = pool.current_num_threads();
    let (go, started) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let small = |drops: &Drops, ran: &Arc<AtomicUsize>| {
        let (token, ran) = (drops.token(), Arc::clone(ran));
        move || {
            let _token = token;
            ran.fetch_add(1, SeqCst);
        }
    };
    for _ in 0..workers {
        let (go, started, token) = (Arc::clone(&go), Arc::clone(&started), drops.token());
        let own: Vec<_> = (0..inside).map(|_| small(drops, ran)).collect();
        let ran = Arc::clone(ran);
        drop(pool.spawn(move || {
            let _token = token;
            started.fetch_add(1, SeqCst);
            // Once nobody is idle, what is spawned stays in the own deque.
            wait_until(|| started.load(SeqCst) >= workers);
            own.into_iter().for_each(|own| drop(spawn(own)));
            started.fetch_add(1, SeqCst);
            wait_until(|| go.load(SeqCst) || task::is_cancelled());
            ran.fetch_add(1, SeqCst);
        }));
    }
    wait_until(|| started.load(SeqCst) == 2 * workers);
    (0..queued).for_each(|_| drop(pool.spawn(small(drops, ran))));
    go
}

#[test]
fn drain_runs_all() {
    each_size("drain_runs_all", |workers| {
        for mode in [Shutdown::Drain, Shutdown::DrainFor(NEVER), Shutdown::DrainFor(Duration::MAX)]
        {
            for (queued, inside) in [(0, 0), (20, 0), (0, 20), (20, 20)] {
                let (pool, drops, ran) = (pool(workers), Drops::default(), Arc::default());
                let go = occupied(&pool, queued, inside, &drops, &ran);
                let (report, accepted) =
                    shutdown_while(&pool, mode, &drops, |_| go.store(true, SeqCst));
                let all = workers + queued + workers * inside;
                assert_eq!((report.ran, report.cancelled), (all + accepted, 0), "{mode:?}");
                assert!(report.stragglers.is_empty());
                assert_eq!((drops.count(), ran.load(SeqCst)), (all + accepted, all));
                drop(pool);
                assert_eq!(drops.count(), all + accepted);
            }
        }
    });
}

/// All workers are stuck, so nobody but the caller can drop what is queued: in the global queue
/// and in the private part of each deque.
#[test]
fn cancel_queued_drops_what_is_queued_and_waits_for_what_runs() {
    each_size("cancel_queued_drops_what_is_queued_and_waits_for_what_runs", |workers| {
        for (queued, inside) in [(0, 0), (20, 0), (0, 20), (20, 20), (0, 10_000)] {
            let (pool, drops, ran) = (pool(workers), Drops::default(), Arc::default());
            let go = occupied(&pool, queued, inside, &drops, &ran);
            let waiting = queued + workers * inside;
            let (report, accepted) =
                shutdown_while(&pool, Shutdown::CancelQueued, &drops, |accepted| {
                    // The workers are still stuck.
                    wait_until(|| drops.count() == waiting + accepted);
                    assert_eq!(ran.load(SeqCst), 0);
                    go.store(true, SeqCst);
                });
            assert_eq!((report.ran, report.cancelled), (workers, waiting + accepted));
            assert!(report.stragglers.is_empty());
            assert_eq!(ran.load(SeqCst), workers);
            assert_eq!(drops.count(), workers + waiting + accepted);
        }
    });
}

/// What runs is asked to stop, and does.
#[test]
fn abort_drops_what_is_queued_and_stops_what_runs() {
    each_size("abort_drops_what_is_queued_and_stops_what_runs", |workers| {
        for (queued, inside) in [(0, 0), (20, 0), (0, 20), (20, 20)] {
            let (pool, drops, ran) = (pool(workers), Drops::default(), Arc::default());
            let _never = occupied(&pool, queued, inside, &drops, &ran);
            let report = pool.shutdown(Shutdown::Abort);
            // A worker may come to a queued closure before it is cancelled, but runs none after.
            let all = workers + queued + workers * inside;
            assert_eq!(report.ran + report.cancelled, all);
            assert_eq!(report.ran, ran.load(SeqCst));
            assert_eq!((report.ran, report.cancelled), (workers, all - workers));
            assert!(report.stragglers.is_empty());
            assert_eq!(drops.count(), all);
        }
    });
}

#[test]
fn queued_work_alone_with_the_handles_answers() {
    for mode in MODES {
        each_size("queued_work_alone_with_the_handles_answers", move |workers| {
            let pool = pool(workers);
            let stuck = Stuck::new(&pool, workers);
            let drops = Drops::default();
            let handles: Vec<_> = (0..100)
                .map(|n| {
                    let token = drops.token();
                    pool.spawn(move || {
                        let _token = token;
                        n
                    })
                })
                .collect();
            let (report, accepted) = shutdown_while(&pool, mode, &drops, |accepted| {
                if !matches!(mode, Shutdown::Drain | Shutdown::DrainFor(NEVER)) {
                    wait_until(|| drops.count() == 100 + accepted);
                }
                stuck.release();
            });
            let runs = matches!(mode, Shutdown::Drain | Shutdown::DrainFor(NEVER));
            let cancelled = if runs { 0 } else { 100 + accepted };
            assert_eq!(report.cancelled, cancelled, "{mode:?}");
            assert_eq!(drops.count(), 100 + accepted);
            for (n, handle) in handles.into_iter().enumerate() {
                match handle.join() {
                    Ok(value) => assert!(runs && value == n),
                    Err(error) => {
                        assert!(!runs && error.is_cancelled() && error.is_shut_down());
                    }
                }
            }
        });
    }
}

/// The deadline passes: what is queued is dropped, and what runs is named.
#[test]
fn drain_for_names_the_stragglers() {
    each_size("drain_for_names_the_stragglers", |workers| {
        let pool = pool(workers);
        let drops = Drops::default();
        let (go, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (send, indices) = mpsc::channel();
        let mut lines = Vec::new();
        let stuck = || {
            let (go, asked, send) = (Arc::clone(&go), Arc::clone(&asked), send.clone());
            let token = drops.token();
            move || {
                let _token = token;
                send.send(current_thread_index().unwrap()).unwrap();
                wait_until(task::is_cancelled);
                asked.fetch_add(1, SeqCst);
                wait_until(|| go.load(SeqCst));
                "to its end"
            }
        };
        // The first and the others, from two lines.
        let first = stuck();
        let (handle, line) = (pool.spawn(first), line!());
        lines.push((indices.recv().unwrap(), line));
        let mut handles = vec![handle];
        for _ in 1..workers {
            let other = stuck();
            let (handle, line) = (pool.spawn(other), line!());
            lines.push((indices.recv().unwrap(), line));
            handles.push(handle);
        }
        lines.sort_unstable();
        let queued: Vec<_> = (0..10)
            .map(|_| {
                let token = drops.token();
                pool.spawn(move || drop(token))
            })
            .collect();
        let report = pool.shutdown(Shutdown::DrainFor(Duration::from_millis(20)));
        assert_eq!((report.ran, report.cancelled, drops.count()), (0, 10, 10));
        let named: Vec<_> =
            report.stragglers.iter().map(|s| (s.worker, s.spawned_at.line())).collect();
        assert_eq!(named, lines, "in the order of the workers");
        assert!(report.stragglers.iter().all(|s| s.spawned_at.file().ends_with("shutdown.rs")));
        assert!(report.stragglers.iter().all(|s| s.running_for >= Duration::from_millis(20)));
        assert!(queued.into_iter().all(|handle| handle.join().unwrap_err().is_cancelled()));
        // This does not wait for them.
        drop(pool);
        wait_until(|| asked.load(SeqCst) == workers);
        assert!(handles.iter().all(|handle| !handle.is_finished()));
        go.store(true, SeqCst);
        for handle in handles {
            assert_eq!(handle.join().unwrap(), "to its end");
        }
        wait_until(|| drops.count() == 10 + workers);
    });
}

/// The time since the closure began, and not since the shutdown did.
#[test]
fn a_straggler_may_be_older_than_the_shutdown() {
    watchdog("a_straggler_may_be_older_than_the_shutdown", || {
        let pool = pool(2);
        let go = Arc::new(AtomicBool::new(false));
        let stuck = |pool: &ThreadPool| {
            let (send, started) = mpsc::channel();
            let go = Arc::clone(&go);
            let handle = pool.spawn(move || {
                send.send(()).unwrap();
                wait_until(|| go.load(SeqCst));
            });
            started.recv().unwrap();
            (handle, Instant::now())
        };
        let (older, older_began) = stuck(&pool);
        thread::sleep(Duration::from_millis(60));
        let (younger, younger_began) = stuck(&pool);
        thread::sleep(Duration::from_millis(30));
        let least = [older_began.elapsed(), younger_began.elapsed()];
        let report = pool.shutdown(Shutdown::DrainFor(AT_ONCE));
        let mut times: Vec<_> = report.stragglers.iter().map(|s| s.running_for).collect();
        times.sort_unstable_by_key(|&time| std::cmp::Reverse(time));
        let [older_time, younger_time] = times[..] else { panic!("two: {report:?}") };
        assert!(older_time >= least[0] && younger_time >= least[1], "{least:?}: {times:?}");
        go.store(true, SeqCst);
        assert!([older, younger].into_iter().all(|handle| handle.join().is_ok()));
    });
}

/// Of a closure that began in the middle of the shutdown, the time since it began.
#[test]
fn a_straggler_may_be_younger_than_the_shutdown() {
    watchdog("a_straggler_may_be_younger_than_the_shutdown", || {
        let pool = pool(1);
        let [early, late] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let (send, started) = mpsc::channel();
        let stuck = |go: &Arc<AtomicBool>| {
            let (go, send) = (Arc::clone(go), send.clone());
            move || {
                send.send(()).unwrap();
                wait_until(|| go.load(SeqCst));
            }
        };
        let handles = [&early, &late].map(|go| pool.spawn(stuck(go)));
        started.recv().unwrap();
        thread::scope(|s| {
            let report = |patience| pool.shutdown(Shutdown::DrainFor(patience));
            let long = s.spawn(move || report(Duration::from_secs(3600)));
            wait_until(|| pool.try_spawn(|| ()).is_err());
            thread::sleep(Duration::from_millis(1000));
            let begin = Instant::now();
            early.store(true, SeqCst);
            started.recv().unwrap();
            let [straggler] = &report(AT_ONCE).stragglers[..] else { panic!("the late one") };
            // Less than since the shutdown began; and the last tick of a machine that is not its own may be long ago.
            let most = begin.elapsed() + Duration::from_millis(900);
            assert!(straggler.running_for <= most, "{straggler:?}");
            late.store(true, SeqCst);
            assert!(long.join().unwrap().stragglers.is_empty());
        });
        assert!(handles.into_iter().all(|handle| handle.join().is_ok()));
    });
}

/// A closure that waits for another on its own worker runs as well.
#[test]
fn drain_for_names_a_straggler_below_a_straggler() {
    watchdog("drain_for_names_a_straggler_below_a_straggler", || {
        let pool = pool(1);
        let go = Arc::new(AtomicBool::new(false));
        let (send, started) = mpsc::channel();
        let inner = {
            let go = Arc::clone(&go);
            move || {
                send.send(()).unwrap();
                wait_until(|| go.load(SeqCst));
                line!()
            }
        };
        let (outer, line) = (pool.spawn(move || spawn(inner).join().unwrap()), line!());
        started.recv().unwrap();
        let report = pool.shutdown(Shutdown::DrainFor(AT_ONCE));
        assert_eq!((report.ran, report.cancelled), (0, 0));
        let lines: Vec<_> = report.stragglers.iter().map(|s| s.spawned_at.line()).collect();
        assert_eq!(lines.len(), 2, "two closures still run: {report:?}");
        assert!(lines.contains(&line));
        go.store(true, SeqCst);
        drop(outer.join());
    });
}

#[test]
fn what_ends_before_the_deadline_is_no_straggler() {
    each_size("what_ends_before_the_deadline_is_no_straggler", |workers| {
        let pool = pool(workers);
        let handles: Vec<_> = (0..50).map(|_| pool.spawn(|| fib(10))).collect();
        let report = pool.shutdown(Shutdown::DrainFor(NEVER));
        assert_eq!((report.cancelled, report.stragglers.len()), (0, 0));
        assert!(report.ran <= 50);
        assert!(handles.into_iter().all(|handle| handle.join().unwrap() == 55));
    });
}

/// A panic is an end.
#[test]
fn closures_that_panic_count_as_run() {
    each_size("closures_that_panic_count_as_run", |workers| {
        let pool = pool(workers);
        let stuck = Stuck::new(&pool, workers);
        (0..10).for_each(|_| drop(pool.spawn(|| throw("detached"))));
        let drops = Drops::default();
        let (report, accepted) =
            shutdown_while(&pool, Shutdown::Drain, &drops, |_| stuck.release());
        assert_eq!((report.ran, report.cancelled), (workers + 10 + accepted, 0));
    });
}

/// Forks of what runs are not cancelled, in whichever queue they are.
#[test]
fn forks_of_what_runs_go_on() {
    for mode in [Shutdown::Drain, Shutdown::CancelQueued, Shutdown::Abort] {
        each_size("forks_of_what_runs_go_on", move |workers| {
            let pool = pool(workers);
            let (running, is_running) = mpsc::channel();
            let go = Arc::new(AtomicBool::new(false));
            let (ran, drops) = (Arc::new(AtomicUsize::new(0)), Drops::default());
            let handle = pool.spawn({
                let (go, ran) = (Arc::clone(&go), Arc::clone(&ran));
                move || {
                    scheduler::scope(|s| {
                        (0..10_000).for_each(|_| drop(s.spawn(|| ran.fetch_add(1, SeqCst))));
                        running.send(()).unwrap();
                        let (a, b) = scheduler::join(
                            || {
                                wait_until(|| go.load(SeqCst));
                                fib(12)
                            },
                            || fib(13),
                        );
                        assert_eq!(scheduler::broadcast(|_| 1).len(), workers);
                        a + b
                    })
                }
            });
            is_running.recv().unwrap();
            let (report, accepted) =
                shutdown_while(&pool, mode, &drops, |_| go.store(true, SeqCst));
            // An idle worker may have run some of the accepted before the call.
            let seen = report.ran + report.cancelled;
            assert!(report.ran >= 1 && seen <= 1 + accepted, "{mode:?}: {report:?}");
            assert_eq!((handle.join().unwrap(), ran.load(SeqCst)), (144 + 233, 10_000));
            assert_eq!(drops.count(), accepted);
        });
    }
}

// ---- a second call

#[test]
fn a_second_call_on_a_stopped_pool_does_nothing() {
    each_size("a_second_call_on_a_stopped_pool_does_nothing", |workers| {
        for first in MODES {
            for second in MODES {
                let pool = pool(workers);
                drop(pool.spawn(|| fib(5)));
                assert!(
                    pool.shutdown(first).stragglers.is_empty()
                        || first == Shutdown::DrainFor(AT_ONCE)
                );
                assert!(pool.shutdown(Shutdown::Drain).stragglers.is_empty());
                assert_eq!(pool.shutdown(second), ShutdownReport::default(), "{second:?}");
            }
        }
    });
}

#[test]
fn abort_escalates_a_drain_of_another_thread() {
    each_size("abort_escalates_a_drain_of_another_thread", |workers| {
        let (pool, drops, ran) = (pool(workers), Drops::default(), Arc::default());
        let _never = occupied(&pool, 20, 20, &drops, &ran);
        let waiting = 20 + 20 * workers;
        let mut aborted = ShutdownReport::default();
        let (drained, accepted) = shutdown_while(&pool, Shutdown::Drain, &drops, |_| {
            assert_eq!(drops.count(), 0, "a drain cancels nothing");
            aborted = pool.shutdown(Shutdown::Abort);
        });
        for report in [&drained, &aborted] {
            assert_eq!((report.ran, report.cancelled), (workers, waiting + accepted));
            assert!(report.stragglers.is_empty());
        }
        assert_eq!(drops.count(), workers + waiting + accepted);
    });
}

#[test]
fn a_drain_after_a_deadline_waits_for_the_stragglers() {
    each_size("a_drain_after_a_deadline_waits_for_the_stragglers", |workers| {
        let pool = pool(workers);
        let stuck = Stuck::new(&pool, workers);
        let report = pool.shutdown(Shutdown::DrainFor(AT_ONCE));
        assert_eq!((report.ran, report.stragglers.len()), (0, workers));
        thread::scope(|s| {
            let second = s.spawn(|| pool.shutdown(Shutdown::Drain));
            stuck.release();
            let second = second.join().unwrap();
            assert!(second.ran <= workers);
            assert_eq!((second.cancelled, second.stragglers.len()), (0, 0));
        });
        assert!(stuck.handles().into_iter().all(|handle| handle.join().is_ok()));
    });
}

#[test]
fn many_shutdowns_at_once() {
    each_size("many_shutdowns_at_once", |workers| {
        for round in 0..20 {
            let pool = pool(workers);
            let drops = Drops::default();
            for _ in 0..50 {
                let token = drops.token();
                drop(pool.spawn(move || drop(token)));
            }
            thread::scope(|s| {
                for n in 0..5 {
                    let pool = &pool;
                    s.spawn(move || pool.shutdown(MODES[(n + round) % 5]));
                }
            });
            let _ = pool.shutdown(Shutdown::Drain);
            assert_eq!(drops.count(), 50);
        }
    });
}

// ---- from a worker of the same pool

#[test]
fn from_its_own_worker_it_returns_and_names_itself() {
    for mode in MODES {
        each_size("from_its_own_worker_it_returns_and_names_itself", move |workers| {
            let exits = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&exits);
            let pool = ThreadPool::builder()
                .num_threads(workers)
                .exit_handler(move |_| {
                    count.fetch_add(1, SeqCst);
                })
                .build()
                .unwrap();
            let (seen, line) =
                (pool.install(|| (pool.shutdown(mode), current_thread_index())), line!());
            let (report, index) = seen;
            assert_eq!((report.ran, report.cancelled), (0, 0), "{mode:?}");
            let [straggler] = &report.stragglers[..] else { panic!("{report:?}") };
            assert_eq!((Some(straggler.worker), straggler.spawned_at.line()), (index, line));
            // The threads end by themselves.
            wait_until(|| exits.load(SeqCst) == workers);
            assert_eq!(pool.shutdown(mode), ShutdownReport::default());
        });
    }
}

#[test]
fn from_its_own_worker_with_work_queued() {
    watchdog("from_its_own_worker_with_work_queued", || {
        for (mode, cancelled) in
            [(Shutdown::Drain, 0), (Shutdown::CancelQueued, 30), (Shutdown::Abort, 30)]
        {
            let pool = Arc::new(pool(1));
            let ran = Arc::new(AtomicUsize::new(0));
            let report = pool.spawn({
                let (pool, ran) = (Arc::clone(&pool), Arc::clone(&ran));
                move || {
                    for _ in 0..30 {
                        let ran = Arc::clone(&ran);
                        drop(spawn(move || ran.fetch_add(1, SeqCst)));
                    }
                    let report = pool.shutdown(mode);
                    assert_eq!(support::fib(8), 21, "join goes on inside");
                    assert!(spawn(|| ()).join().unwrap_err().is_shut_down());
                    report
                }
            });
            let report = report.join().unwrap();
            assert_eq!((report.ran, report.cancelled), (0, cancelled), "{mode:?}");
            assert_eq!(report.stragglers.len(), 1);
            let _ = pool.shutdown(Shutdown::Drain);
            assert_eq!(ran.load(SeqCst), 30 - cancelled);
        }
    });
}

#[test]
fn the_last_arc_dropped_on_its_own_worker() {
    each_size("the_last_arc_dropped_on_its_own_worker", |workers| {
        for queued in [0, 20] {
            let exits = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&exits);
            let pool = ThreadPool::builder()
                .num_threads(workers)
                .exit_handler(move |_| {
                    count.fetch_add(1, SeqCst);
                })
                .build()
                .unwrap();
            let (pool, go) = (Arc::new(pool), Arc::new(AtomicBool::new(false)));
            let ran = Arc::new(AtomicUsize::new(0));
            let handle = pool.spawn({
                let (pool, go) = (Arc::clone(&pool), Arc::clone(&go));
                move || {
                    wait_until(|| go.load(SeqCst));
                    assert_eq!(Arc::strong_count(&pool), 1);
                    drop(pool);
                    support::fib(10)
                }
            });
            for _ in 0..queued {
                let ran = Arc::clone(&ran);
                drop(pool.spawn(move || ran.fetch_add(1, SeqCst)));
            }
            drop(pool);
            go.store(true, SeqCst);
            assert_eq!(handle.join().unwrap(), 55);
            wait_until(|| exits.load(SeqCst) == workers);
            assert_eq!(ran.load(SeqCst), queued, "a drop is a drain");
        }
    });
}

// ---- new work is refused

#[test]
fn what_comes_after_is_refused() {
    each_size("what_comes_after_is_refused", |workers| {
        for mode in MODES {
            let pool = pool(workers);
            let _ = pool.shutdown(mode);
            let drops = Drops::default();
            let token = drops.token();
            let handle = pool.spawn(move || drop(token));
            assert_eq!((drops.count(), handle.is_finished()), (1, true));
            handle.abort();
            let error = handle.join().unwrap_err();
            assert!(error.is_cancelled() && error.is_shut_down() && !error.is_panic());
            assert_eq!(
                error.to_string(),
                "the closure did not run: its pool or executor has been shut down"
            );

            let token = drops.token();
            let rejected = pool.try_spawn(move || token).unwrap_err();
            assert_eq!(rejected.to_string(), "the pool or executor has been shut down");
            assert_eq!(drops.count(), 1, "it comes back unrun");
            drop(rejected.into_inner()());
            assert_eq!(drops.count(), 2);

            let said = |payload: Box<dyn std::any::Any + Send>| {
                assert_eq!(text(&*payload), Some("the thread pool has been shut down"));
            };
            said(caught(|| pool.install(|| unreachable!())));
            said(caught(|| pool.join(|| unreachable!(), || ())));
            said(caught(|| pool.scope(|_| unreachable!())));
            said(caught(|| pool.in_place_scope(|_| unreachable!())));
            said(caught(|| pool.broadcast(|_| unreachable!())));
            assert_eq!(pool.current_num_threads(), workers);
            assert_eq!(pool.metrics().workers.len(), workers);
        }
    });
}

/// `install` was queued when the pool was shut down.
#[test]
fn a_queued_install_is_cancelled() {
    each_size("a_queued_install_is_cancelled", |workers| {
        for mode in [Shutdown::CancelQueued, Shutdown::Abort, Shutdown::DrainFor(AT_ONCE)] {
            let pool = pool(workers);
            let stuck = Stuck::new(&pool, workers);
            let drops = Drops::default();
            thread::scope(|s| {
                let token = drops.token();
                let install = s.spawn(|| {
                    let payload = caught(|| pool.install(move || drop(token)));
                    text(&*payload).unwrap().to_owned()
                });
                // Refused or cancelled: the thread may not have come far enough.
                thread::yield_now();
                s.spawn(|| pool.shutdown(mode));
                let text = install.join().unwrap();
                let expected = [
                    "the thread pool was shut down before the closure could run",
                    "the thread pool has been shut down",
                ];
                assert!(expected.contains(&&*text), "{text}");
                assert_eq!(drops.count(), 1);
                stuck.release();
            });
        }
    });
}

/// What became of a closure.
const RAN: u8 = 1;
const REJECTED: u8 = 2;
const CANCELLED: u8 = 4;

/// Each closure runs, or comes back, or its handle says that it was cancelled: exactly one.
#[test]
fn submissions_race_the_shutdown() {
    each_size("submissions_race_the_shutdown", |workers| {
        for round in 0..25 {
            let mode = MODES[round % 5];
            let pool = pool(workers);
            let ledger: Arc<Vec<AtomicU8>> =
                Arc::new((0..4 * 300).map(|_| AtomicU8::new(0)).collect());
            let drops = Drops::default();
            let made = AtomicUsize::new(0);
            let closure = |n: usize| {
                made.fetch_add(1, SeqCst);
                let (ledger, token) = (Arc::clone(&ledger), drops.token());
                move || {
                    let _token = token;
                    ledger[n].fetch_add(RAN, SeqCst);
                }
            };
            let note = |n: usize, fate: u8| {
                ledger[n].fetch_add(fate, SeqCst);
            };
            thread::scope(|s| {
                for t in 0..4 {
                    let (pool, closure, note) = (&pool, &closure, &note);
                    s.spawn(move || {
                        for n in t * 300..(t + 1) * 300 {
                            match t {
                                // By install, which says it by a panic.
                                0 => {
                                    let run = closure(n);
                                    let result =
                                        catch_unwind(AssertUnwindSafe(|| pool.install(run)));
                                    if let Err(payload) = result {
                                        let text = text(&*payload).unwrap();
                                        note(
                                            n,
                                            if text.contains("before") {
                                                CANCELLED
                                            } else {
                                                REJECTED
                                            },
                                        );
                                        // One refusal is like the other, and prints a line.
                                        (n + 1..300).for_each(|n| note(n, REJECTED));
                                        break;
                                    }
                                }
                                _ => match pool.try_spawn(closure(n)) {
                                    Ok(handle) => {
                                        if let Err(error) = handle.join() {
                                            assert!(error.is_cancelled() && error.is_shut_down());
                                            note(n, CANCELLED);
                                        }
                                    }
                                    Err(rejected) => {
                                        drop(rejected.into_inner());
                                        note(n, REJECTED);
                                    }
                                },
                            }
                        }
                    });
                }
                wait_until(|| made.load(SeqCst) >= round * 40);
                let report = pool.shutdown(mode);
                if mode != Shutdown::DrainFor(AT_ONCE) {
                    assert!(report.stragglers.is_empty());
                }
            });
            let _ = pool.shutdown(Shutdown::Drain);
            for (n, fate) in ledger.iter().enumerate() {
                let fate = fate.load(SeqCst);
                assert!([RAN, REJECTED, CANCELLED].contains(&fate), "{mode:?}: {n}: {fate}");
            }
            assert_eq!(drops.count(), made.load(SeqCst));
        }
    });
}

/// Handles are dropped, so that only the report and the drops tell.
#[test]
fn detached_submissions_race_the_shutdown() {
    each_size("detached_submissions_race_the_shutdown", |workers| {
        for round in 0..50 {
            let pool = pool(workers);
            let (drops, ran) = (Drops::default(), Arc::new(AtomicUsize::new(0)));
            let (accepted, rejected) = (AtomicUsize::new(0), AtomicUsize::new(0));
            thread::scope(|s| {
                for _ in 0..3 {
                    s.spawn(|| {
                        for _ in 0..200 {
                            let (token, ran) = (drops.token(), Arc::clone(&ran));
                            let spawned = pool.try_spawn(move || {
                                let _token = token;
                                ran.fetch_add(1, SeqCst);
                            });
                            let count = if spawned.is_ok() { &accepted } else { &rejected };
                            count.fetch_add(1, SeqCst);
                        }
                    });
                }
                wait_until(|| accepted.load(SeqCst) >= round * 10);
                let report = pool.shutdown(MODES[round % 5]);
                let _ = pool.shutdown(Shutdown::Drain);
                let ran = ran.load(SeqCst);
                assert!(report.ran <= ran, "{report:?}");
            });
            assert_eq!((drops.count(), accepted.load(SeqCst) + rejected.load(SeqCst)), (600, 600));
            assert!(ran.load(SeqCst) <= accepted.load(SeqCst));
            if MODES[round % 5] == Shutdown::Drain {
                assert_eq!(ran.load(SeqCst), accepted.load(SeqCst));
            }
        }
    });
}

// ---- the threads

#[test]
fn two_thousand_lifetimes() {
    watchdog("two_thousand_lifetimes", || {
        let ran = Arc::new(AtomicUsize::new(0));
        for round in 0..2000 {
            let pool = pool(1 + round % 3);
            for _ in 0..round % 4 {
                let ran = Arc::clone(&ran);
                drop(pool.spawn(move || ran.fetch_add(1, SeqCst)));
            }
        }
        assert_eq!((ran.load(SeqCst), Arc::strong_count(&ran)), (500 * 6, 1));
    });
}

/// A value of each worker's thread, dropped when the thread ends.
#[test]
fn the_threads_are_gone_after_the_drop() {
    thread_local! {
        static LAST: Mutex<Option<support::Token>> = const { Mutex::new(None) };
    }
    each_size("the_threads_are_gone_after_the_drop", |workers| {
        let drops = Drops::default();
        let pool = ThreadPool::builder()
            .num_threads(workers)
            .thread_name(|_| "is-gone".to_owned())
            .build()
            .unwrap();
        pool.broadcast(|_| LAST.with(|last| *last.lock().unwrap() = Some(drops.token())));
        assert_eq!(drops.count(), 0);
        if cfg!(target_os = "linux") {
            // The kernel may leave some out while other threads end.
            wait_until(|| threads_named("is-gone") >= workers);
        }
        drop(pool);
        assert_eq!(drops.count(), workers, "joined, with their locals dropped");
        if cfg!(target_os = "linux") {
            // The kernel lists a thread for a moment after it can be joined.
            wait_until(|| threads_named("is-gone") == 0);
        }
    });
}

/// The threads of this process with that name.
fn threads_named(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    // A thread may end while this reads.
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|comm| comm.trim_end() == name).count()
}

#[test]
fn exit_handlers_may_fork() {
    watchdog("exit_handlers_may_fork", || {
        const PARTS: usize = 200;
        for _ in 0..500 {
            let runs = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&runs);
            let pool = ThreadPool::builder()
                .num_threads(3)
                .exit_handler(move |_| {
                    in_place_scope(|s| {
                        for _ in 0..PARTS {
                            s.fork(|| s.fork(|| _ = count.fetch_add(1, SeqCst)));
                        }
                    });
                })
                .build()
                .expect("threads can be started");
            drop(pool);
            assert_eq!(runs.load(SeqCst), 3 * PARTS);
        }
    });
}
