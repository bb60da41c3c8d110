//! `Debug` says in one line what one would look for in a log, and no address or internals.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{
    CancellationToken, Elastic, Executor, RejectionPolicy, Shutdown, TaskSet, ThreadPool, Verdict,
    as_completed, current_thread_index,
};
use std::sync::OnceLock;
use std::time::Duration;
use support::sync::{mpsc, thread};
use support::{pool, wait_until, watchdog};

#[test]
fn a_pool_shows_its_workers_and_what_is_queued() {
    watchdog("a_pool_shows_its_workers_and_what_is_queued", || {
        let pool = pool(1);
        let is = |shown: &str| format!("{pool:?}") == shown;
        wait_until(|| {
            is("ThreadPool { workers: 1, sleeping: 1, queued: 0, shut_down: false, .. }")
        });

        let (go, gone) = mpsc::channel::<()>();
        let busy = pool.spawn(move || gone.recv());
        wait_until(|| pool.metrics().total().steals_injected == 1);
        let queued = pool.spawn(|| ());
        wait_until(|| {
            is("ThreadPool { workers: 1, sleeping: 0, queued: 1, shut_down: false, .. }")
        });

        drop(go);
        let _ = (busy.join(), queued.join());
        let _ = pool.shutdown(Shutdown::Drain);
        assert!(format!("{pool:?}").ends_with("queued: 0, shut_down: true, .. }"));
    });
}

#[test]
fn everything_shows_itself_in_one_line() {
    watchdog("everything_shows_itself_in_one_line", || {
        let pool = pool(2);
        let executor = Executor::builder(&pool).name("thumbnails").queue_capacity(8);
        let elastic = Elastic::builder().thread_name("disk").max_threads(4);
        let token = CancellationToken::new();
        let hour = Duration::from_secs(3600);
        let series = pool.schedule_at_fixed_rate(hour, hour, || ());
        let mut set = TaskSet::new(&pool);
        set.spawn(|| ());
        let broadcast = pool.broadcast(|at| format!("{at:?}"));
        let in_pool = pool.with_context(|cx| (format!("{cx:?}"), current_thread_index()));
        let (context, Some(index)) = in_pool else { panic!("a worker has an index") };
        let (go, gone) = mpsc::channel::<()>();
        let handle = pool.spawn(move || gone.recv().is_err());
        let aborter = handle.abort_handle();

        let shown = [
            (
                format!("{executor:?}"),
                "ExecutorBuilder { name: \"thumbnails\", queue_capacity: Some(8), on_full: Abort, \
                 timings: false, .. }",
            ),
            (
                format!("{:?}", executor.build().unwrap()),
                "Executor { name: \"thumbnails\", capacity: Some(8), on_full: Abort, queue_len: 0, \
                 shut_down: false }",
            ),
            (
                format!("{elastic:?}"),
                "ElasticBuilder { core_threads: 0, max_threads: 4, keep_alive: 10s, \
                 allow_core_timeout: false, queue_capacity: None, on_full: Abort, \
                 growth: GrowFirst, thread_name: \"disk\", stack_size: None, \
                 hooks: Hooks { start: false, exit: false, panic: false } }",
            ),
            (
                format!("{:?}", elastic.build().unwrap()),
                "Elastic { name: \"disk\", max_threads: 4, threads: 0, idle: 0, queue_len: 0, \
                 running: 0, .. }",
            ),
            (broadcast[1].clone(), "BroadcastContext { index: 1, num_threads: 2 }"),
            (context, &format!("Context {{ worker: {index} }}")),
            (pool.scope(|s| format!("{s:?}")), "Scope { .. }"),
            (format!("{handle:?}"), "JoinHandle { finished: false }"),
            (format!("{:?}", handle.abort_on_drop()), "AbortOnDrop { finished: false }"),
            (format!("{set:?}"), "TaskSet { len: 1, .. }"),
            (format!("{:?}", as_completed([pool.spawn(|| ())])), "AsCompleted { left: 1 }"),
            (format!("{:?}", pool.map(0..3, |n| n)), "Map { window: 4, pending: 0, .. }"),
            (format!("{series:?}"), "PeriodicHandle { finished: false, runs: 0 }"),
            (format!("{token:?}"), "CancellationToken { cancelled: false, remaining: None }"),
            (
                format!("{:?}", token.cancelled()),
                "WaitForCancellationFuture { token: \
                 CancellationToken { cancelled: false, remaining: None } }",
            ),
            (
                format!("{:?}", token.clone().drop_guard()),
                "DropGuard { token: CancellationToken { cancelled: false, remaining: None } }",
            ),
            (
                format!("{:?}", RejectionPolicy::custom(|_| Verdict::Abort)),
                "Custom(OverflowHandler { .. })",
            ),
        ];
        for (shown, expected) in shown {
            assert_eq!(shown, expected);
        }
        drop(go);
        wait_until(|| aborter.is_finished());
        assert_eq!(format!("{aborter:?}"), "AbortHandle { finished: true }");
    });
}

/// What a shutdown hands back was printed with the address of its job.
#[test]
fn a_task_shows_no_address() {
    watchdog("a_task_shows_no_address", || {
        let pool = pool(1);
        let (go, gone) = mpsc::channel::<()>();
        let busy = pool.spawn(move || gone.recv());
        wait_until(|| pool.metrics().total().steals_injected == 1);
        let queued = pool.spawn(|| ());
        let tasks = pool.shutdown_now();
        assert_eq!(format!("{tasks:?}"), "[Task { .. }]");
        drop((go, tasks, busy, queued));
    });
}

/// A program that hangs is looked at from where it hangs.
#[test]
fn a_pool_can_be_shown_from_everywhere() {
    struct Shows(mpsc::Sender<String>, &'static ThreadPool);
    impl Drop for Shows {
        fn drop(&mut self) {
            self.0.send(format!("{:?}", self.1)).unwrap();
        }
    }
    watchdog("a_pool_can_be_shown_from_everywhere", || {
        // Not leaked, so that a check for leaks has nothing to say.
        static POOL: OnceLock<ThreadPool> = OnceLock::new();
        let pool = POOL.get_or_init(|| pool(1));
        let (sender, shown) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let busy = pool.spawn(move || gone.recv());
        wait_until(|| pool.metrics().total().steals_injected == 1);
        let shows = Shows(sender, pool);
        let queued = pool.spawn(move || drop(shows));
        let shutdown = thread::spawn(|| pool.shutdown(Shutdown::CancelQueued));
        // Dropped by the shutdown, in the middle of it.
        let shown = shown.recv().unwrap();
        assert!(shown.ends_with("shut_down: true, .. }"), "{shown}");
        drop(go);
        assert_eq!(shutdown.join().unwrap().cancelled, 1);
        let _ = (busy.join(), queued.join());
    });
}
