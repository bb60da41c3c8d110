//! The threads of an elastic pool: when they start, in which order they take work, when they end.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Elastic, ElasticBuilder, Growth, RejectedReason, spawn_blocking};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::sync::{Arc, Mutex, mpsc, thread};
use support::{Bomb, Drops, pool, silence_thrown, throw, wait_until, watchdog, what};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// `threads` closures that wait, each on a thread of its own.
struct Gate {
    open: Vec<mpsc::Sender<()>>,
    handles: Vec<scheduler::JoinHandle<()>>,
}

impl Gate {
    fn new() -> Self {
        Self { open: Vec::new(), handles: Vec::new() }
    }

    /// One more closure that waits; returns when it runs, if it is to.
    fn occupy(&mut self, pool: &Elastic, runs: bool) {
        let (open, is_open) = mpsc::channel();
        let (started, has_started) = mpsc::channel();
        let handle = pool.submit(move || {
            let _ = started.send(());
            let _ = is_open.recv();
        });
        self.handles.push(handle.expect("there is room"));
        self.open.push(open);
        if runs {
            has_started.recv().expect("it runs");
        }
    }

    fn open(self) {
        drop(self.open);
        for handle in self.handles {
            handle.join().expect("it ran");
        }
    }
}

fn build(options: impl FnOnce(ElasticBuilder) -> ElasticBuilder) -> Elastic {
    options(Elastic::builder()).build().expect("a pool")
}

#[test]
fn no_thread_starts_before_it_is_needed() {
    let pool = build(|options| options.core_threads(4).max_threads(8));
    let metrics = pool.metrics();
    assert_eq!((metrics.threads, metrics.largest, metrics.core, metrics.max), (0, 0, 4, 8));
}

#[test]
fn javas_order_is_core_then_queue_then_max() {
    watchdog("java", || {
        let pool = build(|options| {
            let options = options.growth(Growth::CoreQueueMax).core_threads(2);
            options.max_threads(4).queue_capacity(3)
        });
        let mut gate = Gate::new();
        for threads in 1..=2 {
            gate.occupy(&pool, true);
            assert_eq!(pool.metrics().threads, threads, "below the core number");
        }
        for queued in 1..=3 {
            gate.occupy(&pool, false);
            assert_eq!((pool.metrics().threads, pool.metrics().queue_len), (2, queued));
        }
        for threads in 3..=4 {
            // The new thread takes the oldest, and this one takes its place in the queue.
            gate.occupy(&pool, false);
            wait_until(|| pool.metrics().running == threads);
            assert_eq!((pool.metrics().threads, pool.metrics().queue_len), (threads, 3));
        }
        let rejected = pool.submit(|| ()).unwrap_err();
        assert_eq!(rejected.reason(), RejectedReason::Full);
        gate.open();
        wait_until(|| pool.metrics().completed == 7);
        assert_eq!(pool.metrics().largest, 4);
    });
}

#[test]
fn javas_order_starts_core_threads_although_others_are_idle() {
    watchdog("java, idle", || {
        let pool = build(|options| options.growth(Growth::CoreQueueMax).core_threads(3));
        for threads in [1, 2, 3, 3] {
            pool.submit(|| ()).unwrap().join().unwrap();
            assert_eq!(pool.metrics().threads, threads);
        }
    });
}

#[test]
fn javas_order_with_no_core_and_no_bound_has_one_thread() {
    watchdog("java, no core", || {
        let pool = build(|options| options.growth(Growth::CoreQueueMax));
        let mut gate = Gate::new();
        gate.occupy(&pool, true);
        (0..5).for_each(|_| gate.occupy(&pool, false));
        assert_eq!((pool.metrics().threads, pool.metrics().queue_len), (1, 5));
        gate.open();
    });
}

#[test]
fn growth_first_is_idle_then_max_then_queue() {
    watchdog("grow first", || {
        let pool = build(|options| options.core_threads(1).max_threads(3).queue_capacity(2));
        pool.submit(|| ()).unwrap().join().unwrap();
        wait_until(|| pool.metrics().idle == 1);
        let mut gate = Gate::new();
        for threads in 1..=3 {
            gate.occupy(&pool, true);
            assert_eq!(pool.metrics().threads, threads, "an idle one is taken again");
        }
        for queued in 1..=2 {
            gate.occupy(&pool, false);
            assert_eq!((pool.metrics().threads, pool.metrics().queue_len), (3, queued));
        }
        assert_eq!(pool.try_submit(|| ()).unwrap_err().reason(), RejectedReason::Full);
        gate.open();
    });
}

#[test]
fn without_a_queue_a_closure_needs_a_thread() {
    watchdog("no queue", || {
        for growth in [Growth::GrowFirst, Growth::CoreQueueMax] {
            let pool = build(|options| {
                options.growth(growth).max_threads(2).queue_capacity(0).keep_alive(HOUR)
            });
            let mut gate = Gate::new();
            gate.occupy(&pool, true);
            gate.occupy(&pool, true);
            assert_eq!(pool.submit(|| ()).unwrap_err().reason(), RejectedReason::Full);
            gate.open();
            wait_until(|| pool.metrics().idle == 2);
            pool.submit(|| ()).unwrap().join().unwrap();
            assert_eq!(pool.metrics().threads, 2);
        }
    });
}

#[test]
fn closures_begin_in_the_order_of_their_submission() {
    watchdog("order", || {
        let pool = build(|options| options.max_threads(1));
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut gate = Gate::new();
        gate.occupy(&pool, true);
        let submit = |n| {
            let order = Arc::clone(&order);
            pool.submit(move || order.lock().unwrap().push(n)).unwrap()
        };
        let handles: Vec<_> = (0..50).map(submit).collect();
        gate.open();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        assert_eq!(*order.lock().unwrap(), (0..50).collect::<Vec<_>>());
    });
}

#[test]
fn threads_above_the_core_number_end_after_their_time() {
    watchdog("keep-alive", || {
        let pool = build(|options| options.core_threads(1).max_threads(4).keep_alive(20 * MS));
        let mut gate = Gate::new();
        (0..4).for_each(|_| gate.occupy(&pool, true));
        let begin = Instant::now();
        gate.open();
        wait_until(|| pool.metrics().threads == 1);
        assert!(begin.elapsed() >= 20 * MS);
        thread::sleep(60 * MS);
        assert_eq!(pool.metrics().threads, 1, "the core thread stays");
        assert_eq!(pool.metrics().largest, 4);
        // And they start again.
        let mut gate = Gate::new();
        (0..4).for_each(|_| gate.occupy(&pool, true));
        gate.open();
    });
}

#[test]
fn core_threads_end_too_if_they_may() {
    watchdog("core time-out", || {
        let pool = build(|options| options.core_threads(2).keep_alive(MS).allow_core_timeout(true));
        let mut gate = Gate::new();
        (0..2).for_each(|_| gate.occupy(&pool, true));
        gate.open();
        wait_until(|| pool.metrics().threads == 0);
        pool.submit(|| ()).unwrap().join().unwrap();
    });
}

#[test]
fn a_keep_alive_of_zero_loses_nothing() {
    watchdog("no keep-alive", || {
        for growth in [Growth::GrowFirst, Growth::CoreQueueMax] {
            let pool = build(|options| options.growth(growth).keep_alive(Duration::ZERO));
            for n in 0..500 {
                assert_eq!(pool.submit(move || n).unwrap().join().unwrap(), n);
            }
            wait_until(|| pool.metrics().threads == 0);
            assert_eq!(pool.metrics().completed, 500);
        }
    });
}

#[test]
fn the_longest_keep_alive_is_for_ever() {
    watchdog("for ever", || {
        let pool = build(|options| options.keep_alive(Duration::MAX));
        pool.submit(|| ()).unwrap().join().unwrap();
        wait_until(|| pool.metrics().idle == 1);
    });
}

#[test]
fn there_are_never_more_threads_than_the_maximum() {
    watchdog("maximum", || {
        for growth in [Growth::GrowFirst, Growth::CoreQueueMax] {
            let running = Arc::new(AtomicUsize::new(0));
            let pool = Arc::new(build(|options| {
                options.growth(growth).max_threads(3).queue_capacity(10_000).keep_alive(MS / 4)
            }));
            let submit = |_| {
                let (pool, running) = (Arc::clone(&pool), Arc::clone(&running));
                thread::spawn(move || {
                    let closure = |_| {
                        let running = Arc::clone(&running);
                        pool.submit(move || {
                            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                            thread::yield_now();
                            running.fetch_sub(1, Ordering::SeqCst);
                            now
                        })
                    };
                    let handles: Vec<_> = (0..500).map(closure).collect();
                    let most = handles.into_iter().map(|handle| handle.unwrap().join().unwrap());
                    most.max().unwrap()
                })
            };
            let threads: Vec<_> = (0..3).map(submit).collect();
            for thread in threads {
                assert!(thread.join().unwrap() <= 3);
            }
            assert!(pool.metrics().largest <= 3);
        }
    });
}

#[test]
fn wrong_options_are_errors() {
    let message = |builder: ElasticBuilder| builder.build().unwrap_err().to_string();
    let builder = Elastic::builder;
    assert_eq!(
        message(builder().max_threads(0)),
        "a pool of at most 0 threads cannot run anything"
    );
    assert_eq!(
        message(builder().core_threads(3).max_threads(2)),
        "3 core threads are more than the 2 that there may be at most"
    );
    assert_eq!(
        message(builder().thread_name("a\0b")),
        "the threads' name contains a NUL character"
    );
}

#[test]
fn threads_have_their_names_and_numbers() {
    watchdog("names", || {
        let pool = build(|options| options.thread_name("io"));
        let mut gate = Gate::new();
        gate.occupy(&pool, true);
        let name = || std::thread::current().name().map(str::to_owned);
        assert_eq!(pool.submit(name).unwrap().join().unwrap().as_deref(), Some("io-1"));
        gate.open();
    });
}

#[test]
fn hooks_are_called_once_on_each_thread() {
    watchdog("hooks", || {
        let log = Arc::new(Mutex::new(Vec::new()));
        let note = |what| {
            let log = Arc::clone(&log);
            move |number| log.lock().unwrap().push((what, number))
        };
        let pool = build(|options| {
            options.start_handler(note("start")).exit_handler(note("exit")).keep_alive(MS)
        });
        pool.submit(|| ()).unwrap().join().unwrap();
        wait_until(|| log.lock().unwrap().len() == 2);
        pool.submit(|| ()).unwrap().join().unwrap();
        drop(pool);
        assert_eq!(*log.lock().unwrap(), [("start", 0), ("exit", 0), ("start", 1), ("exit", 1)]);
    });
}

#[test]
fn throwing_hooks_lose_no_thread() {
    watchdog("throwing hooks", || {
        silence_thrown();
        let (sender, receiver) = mpsc::channel();
        let sender = Mutex::new(sender);
        let pool = build(|options| {
            options
                .max_threads(1)
                .start_handler(|_| throw("start"))
                .exit_handler(|_| throw("exit"))
                .panic_handler(move |payload| {
                    sender.lock().unwrap().send(what(payload)).unwrap();
                    throw("panic handler");
                })
        });
        assert_eq!(pool.submit(|| 7).unwrap().join().unwrap(), 7);
        drop(pool.submit(|| throw("detached")).unwrap());
        assert_eq!(pool.submit(|| 8).unwrap().join().unwrap(), 8);
        assert_eq!(pool.metrics().largest, 1);
        drop(pool);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), ["start", "detached", "exit"]);
    });
}

#[test]
fn panics_hurt_nobody() {
    watchdog("panics", || {
        silence_thrown();
        let pool = build(|options| options.max_threads(1));
        let handle = pool.submit(|| throw("held")).unwrap();
        assert_eq!(what(handle.join().unwrap_err().into_panic()), "held");
        drop(pool.submit(|| Bomb("a detached value")).unwrap());
        drop(pool.submit(|| std::panic::panic_any(Bomb("a payload"))).unwrap());
        assert_eq!(pool.submit(|| 7).unwrap().join().unwrap(), 7);
        assert_eq!(pool.metrics().largest, 1);
    });
}

#[test]
fn an_aborted_closure_does_not_run() {
    watchdog("abort", || {
        let pool = build(|options| options.max_threads(1));
        let mut gate = Gate::new();
        gate.occupy(&pool, true);
        let drops = Drops::default();
        let token = drops.token();
        let handle = pool.submit(move || drop(token)).unwrap();
        handle.abort();
        assert_eq!(drops.count(), 1);
        assert!(handle.join().unwrap_err().is_aborted());
        gate.open();
    });
}

#[test]
fn a_worker_that_joins_helps() {
    watchdog("join on a worker", || {
        let (workers, elastic) = (pool(1), Arc::new(build(|options| options)));
        let elastic_of_worker = Arc::clone(&elastic);
        let value = workers.install(move || {
            let (sender, receiver) = mpsc::channel();
            let blocked = elastic_of_worker.submit(move || receiver.recv().unwrap()).unwrap();
            // Runs on this one worker, while it waits.
            drop(scheduler::spawn(move || sender.send(7).unwrap()));
            blocked.join().unwrap()
        });
        assert_eq!(value, 7);
    });
}

#[test]
fn threads_may_run_where_the_process_may() {
    #[cfg(target_os = "linux")]
    watchdog("mask", || {
        let cores = || {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("Cpus_allowed:"));
            line.unwrap().to_owned()
        };
        let all = cores();
        // One worker for each core, each pinned to its own.
        let workers = scheduler::ThreadPool::new(0).unwrap();
        let elastic = build(|options| options);
        let (pinned, handle) = workers.install(|| (cores(), elastic.submit(cores).unwrap()));
        assert_eq!(handle.join().unwrap(), all, "spawned by a worker with {pinned}");
        let (sender, receiver) = mpsc::channel();
        let series = workers.install(|| workers.schedule(MS, move || sender.send(()).unwrap()));
        receiver.recv().unwrap();
        series.join().unwrap();
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let of_timer = tasks.filter_map(|task| {
            let status = std::fs::read_to_string(task.unwrap().path().join("status")).ok()?;
            let line = status.lines().find(|line| line.starts_with("Cpus_allowed:"))?;
            status.starts_with("Name:\tscheduler-timer").then(|| line.to_owned())
        });
        assert_eq!(of_timer.collect::<Vec<_>>(), [all]);
    });
}

#[test]
fn blocking_closures_have_threads_of_their_own() {
    watchdog("spawn_blocking", || {
        let name = || std::thread::current().name().unwrap().to_owned();
        let workers = pool(1);
        // More of them than workers, which all have to run at a time.
        let barrier = Arc::new(support::sync::Barrier::new(8));
        let names = workers.install(|| {
            let spawn = |_| {
                let barrier = Arc::clone(&barrier);
                spawn_blocking(move || {
                    barrier.wait();
                    name()
                })
            };
            let handles: Vec<_> = (0..8).map(spawn).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).collect::<BTreeSet<_>>()
        });
        assert_eq!(names.len(), 8);
        assert!(names.iter().all(|name| name.starts_with("blocking-")), "{names:?}");
        let error = spawn_blocking(|| throw("blocking")).join().unwrap_err();
        assert_eq!(what(error.into_panic()), "blocking");
    });
}
