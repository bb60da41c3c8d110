//! What an executor does with a closure: each policy, where there is room, where there is none, and where
//! it is shut down; from outside and from a worker.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{
    Executor, JoinHandle, Overflow, Rejected, RejectedReason, RejectionPolicy, Shutdown,
    ThreadPool, Verdict,
};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use support::sync::{Arc, mpsc, thread};
use support::{Drops, Stuck, pool, throw, thrown, usable, wait_until, watchdog, what};

const MS: Duration = Duration::from_millis(1);

fn executor(pool: &ThreadPool, capacity: usize, policy: RejectionPolicy) -> Executor {
    Executor::builder(pool).queue_capacity(capacity).on_full(policy).build().expect("it has room")
}

/// An executor for two, which is full: its pool's one worker is stuck, and the values of what is queued
/// are 0 and 1.
struct Full {
    executor: Executor,
    queued: Vec<JoinHandle<usize>>,
    stuck: Stuck,
    pool: ThreadPool,
}

impl Full {
    fn new(policy: RejectionPolicy) -> Self {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 2, policy);
        let queued = (0..2).map(|n| executor.submit(move || n).unwrap()).collect();
        Self { executor, queued, stuck, pool }
    }

    /// What is queued runs, once; and the pool goes on.
    fn finish(self) -> ThreadPool {
        self.stuck.release();
        for (n, handle) in self.queued.into_iter().enumerate() {
            assert_eq!(handle.join().unwrap(), n);
        }
        usable(&self.pool);
        self.pool
    }
}

/// All policies, each with its name.
fn policies() -> Vec<(&'static str, RejectionPolicy)> {
    vec![
        ("Block", RejectionPolicy::Block),
        ("BlockFor", RejectionPolicy::BlockFor(MS)),
        ("Abort", RejectionPolicy::Abort),
        ("CallerRuns", RejectionPolicy::CallerRuns),
        ("Discard", RejectionPolicy::Discard),
        ("DiscardOldest", RejectionPolicy::DiscardOldest),
        ("Custom", RejectionPolicy::custom(|_| Verdict::Block)),
    ]
}

#[track_caller]
fn reason<T, F>(result: Result<JoinHandle<T>, Rejected<F>>) -> RejectedReason {
    result.expect_err("there should be no handle").reason()
}

#[test]
fn where_there_is_room_every_policy_queues() {
    watchdog("where_there_is_room_every_policy_queues", || {
        for (name, policy) in policies() {
            let pool = pool(2);
            let executor = executor(&pool, 1000, policy);
            let outside: Vec<_> = (0..100).map(|n| executor.submit(move || n).unwrap()).collect();
            let sum: usize = outside.into_iter().map(|handle| handle.join().unwrap()).sum();
            assert_eq!(sum, 99 * 100 / 2, "{name}");
            let inside = executor.clone();
            let sum = pool.install(move || {
                let handles = (0..100).map(|n| inside.submit(move || n).unwrap());
                let handles: Vec<_> = handles.collect();
                handles.into_iter().map(|handle| handle.join().unwrap()).sum::<usize>()
            });
            assert_eq!(sum, 99 * 100 / 2, "{name}");
            let metrics = executor.metrics();
            let exceptions = metrics.blocked
                + metrics.rejected
                + metrics.caller_ran
                + metrics.discarded
                + metrics.discarded_oldest;
            assert_eq!((metrics.submitted, exceptions), (200, 0), "{name}");
        }
    });
}

#[test]
fn a_shut_down_executor_hands_back_under_every_policy() {
    watchdog("a_shut_down_executor_hands_back_under_every_policy", || {
        for (name, policy) in policies() {
            let pool = pool(1);
            let executor = executor(&pool, 1, policy);
            let _ = executor.shutdown(Shutdown::Drain);
            assert_eq!(reason(executor.submit(|| ())), RejectedReason::ShutDown, "{name}");
            assert_eq!(reason(executor.try_submit(|| ())), RejectedReason::ShutDown);
            assert_eq!(reason(executor.submit_timeout(|| (), MS)), RejectedReason::ShutDown);
            let inside = executor.clone();
            let within = pool.install(move || reason(inside.submit(|| ())));
            assert_eq!(within, RejectedReason::ShutDown, "{name}");
            let batch = executor.submit_all([|| 3, || 4]).unwrap_err();
            assert_eq!(batch.reason(), RejectedReason::ShutDown);
            assert_eq!(batch.into_inner().into_iter().map(|f| f()).sum::<i32>(), 7);
            let rejected = executor.execute(|| ()).unwrap_err();
            assert_eq!(rejected.reason(), RejectedReason::ShutDown);
            usable(&pool);
        }
    });
}

#[test]
fn a_pool_that_is_shut_down_refuses_for_its_executors() {
    watchdog("a_pool_that_is_shut_down_refuses_for_its_executors", || {
        for (name, policy) in policies() {
            let pool = pool(1);
            let executor = executor(&pool, 1, policy);
            drop(pool);
            let rejected = executor.submit(|| 5).unwrap_err();
            assert_eq!(rejected.reason(), RejectedReason::ShutDown, "{name}");
            assert_eq!(rejected.into_inner()(), 5);
            assert_eq!(executor.metrics().submitted, 0);
        }
    });
}

#[test]
fn block_waits_for_room() {
    watchdog("block_waits_for_room", || {
        let full = Full::new(RejectionPolicy::Block);
        let executor = full.executor.clone();
        let blocked = thread::spawn(move || executor.submit(|| 2).unwrap().join().unwrap());
        wait_until(|| full.executor.metrics().blocked == 1);
        assert_eq!(full.executor.queue_len(), 2);
        let _pool = full.finish();
        assert_eq!(blocked.join().unwrap(), 2);
    });
}

#[test]
fn block_ends_with_a_shutdown_of_the_executor() {
    watchdog("block_ends_with_a_shutdown_of_the_executor", || {
        let full = Full::new(RejectionPolicy::Block);
        let executor = full.executor.clone();
        let blocked = thread::spawn(move || executor.submit(|| 2).unwrap_err());
        wait_until(|| full.executor.metrics().blocked == 1);
        let executor = full.executor.clone();
        let ender = thread::spawn(move || executor.shutdown(Shutdown::Drain));
        let rejected = blocked.join().unwrap();
        assert_eq!(rejected.reason(), RejectedReason::ShutDown);
        assert_eq!(rejected.into_inner()(), 2);
        full.finish();
        assert_eq!((ender.join().unwrap().ran), 2);
    });
}

#[test]
fn block_ends_with_a_shutdown_of_the_pool() {
    watchdog("block_ends_with_a_shutdown_of_the_pool", || {
        let Full { executor, queued, stuck, pool } = Full::new(RejectionPolicy::Block);
        let blocker = executor.clone();
        let blocked = thread::spawn(move || blocker.submit(|| 2).map(drop).unwrap_err());
        wait_until(|| executor.metrics().blocked == 1);
        let ender = thread::spawn(move || pool.shutdown(Shutdown::CancelQueued));
        // What was queued is dropped although the worker is stuck.
        for handle in queued {
            assert!(handle.join().unwrap_err().is_shut_down());
        }
        assert_eq!(blocked.join().unwrap().reason(), RejectedReason::ShutDown);
        stuck.release();
        let report = ender.join().unwrap();
        assert_eq!((report.ran, report.cancelled), (1, 2));
    });
}

#[test]
fn block_for_gives_up_in_the_end() {
    watchdog("block_for_gives_up_in_the_end", || {
        let patience = 20 * MS;
        let full = Full::new(RejectionPolicy::BlockFor(patience));
        let begun = Instant::now();
        let rejected = full.executor.submit(|| 2).unwrap_err();
        assert!(begun.elapsed() >= patience);
        assert_eq!(rejected.reason(), RejectedReason::TimedOut);
        assert_eq!(rejected.into_inner()(), 2);
        let metrics = full.executor.metrics();
        assert_eq!((metrics.blocked, metrics.timed_out, metrics.queue_len), (1, 1, 2));
        full.finish();
    });
}

#[test]
fn a_time_of_zero_does_not_wait() {
    watchdog("a_time_of_zero_does_not_wait", || {
        let full = Full::new(RejectionPolicy::BlockFor(Duration::ZERO));
        assert_eq!(reason(full.executor.submit(|| 2)), RejectedReason::TimedOut);
        assert_eq!(
            reason(full.executor.submit_timeout(|| 2, Duration::ZERO)),
            RejectedReason::TimedOut
        );
        full.finish();
    });
}

#[test]
fn a_time_without_an_end_waits_for_room() {
    watchdog("a_time_without_an_end_waits_for_room", || {
        let full = Full::new(RejectionPolicy::Abort);
        let executor = full.executor.clone();
        let blocked = thread::spawn(move || {
            executor.submit_timeout(|| 2, Duration::MAX).unwrap().join().unwrap()
        });
        wait_until(|| full.executor.metrics().blocked == 1);
        let _pool = full.finish();
        assert_eq!(blocked.join().unwrap(), 2);
    });
}

#[test]
fn abort_hands_back() {
    watchdog("abort_hands_back", || {
        let full = Full::new(RejectionPolicy::Abort);
        let drops = Drops::default();
        let token = drops.token();
        let rejected = full.executor.submit(move || drop(token)).unwrap_err();
        assert_eq!((rejected.reason(), drops.count()), (RejectedReason::Full, 0));
        rejected.into_inner()();
        assert_eq!(drops.count(), 1);
        assert_eq!(full.executor.metrics().rejected, 1);
        full.finish();
    });
}

#[test]
fn try_submit_never_waits_whatever_the_policy() {
    watchdog("try_submit_never_waits_whatever_the_policy", || {
        for (name, policy) in policies() {
            let full = Full::new(policy);
            assert_eq!(reason(full.executor.try_submit(|| 2)), RejectedReason::Full, "{name}");
            full.finish();
        }
    });
}

#[test]
fn caller_runs_on_the_caller() {
    watchdog("caller_runs_on_the_caller", || {
        let full = Full::new(RejectionPolicy::CallerRuns);
        let here = thread::current().id();
        let handle = full.executor.submit(|| thread::current().id()).unwrap();
        assert!(handle.is_finished());
        assert_eq!(handle.join().unwrap(), here);
        let panics = full.executor.submit(|| -> u8 { throw("by the caller") }).unwrap();
        assert_eq!(what(panics.join().unwrap_err().into_panic()), "by the caller");
        let batch = full.executor.submit_all([|| 1, || 2]).unwrap();
        assert_eq!(batch.into_iter().map(|handle| handle.join().unwrap()).sum::<i32>(), 3);
        assert_eq!(full.executor.metrics().caller_ran, 4);
        full.finish();
    });
}

#[test]
fn a_panic_that_nobody_receives_goes_to_the_pools_handler() {
    watchdog("a_panic_that_nobody_receives_goes_to_the_pools_handler", || {
        let (send, received) = mpsc::channel();
        let pool = ThreadPool::builder()
            .num_threads(1)
            .panic_handler(move |payload| send.send(what(payload)).unwrap())
            .build()
            .unwrap();
        let executor = executor(&pool, 1, RejectionPolicy::CallerRuns);
        executor.execute(|| throw("queued")).unwrap();
        assert_eq!(received.recv().unwrap(), "queued");
        let stuck = Stuck::new(&pool, 1);
        executor.execute(|| ()).unwrap();
        executor.execute(|| throw("by the caller")).unwrap();
        assert_eq!(received.recv().unwrap(), "by the caller");
        stuck.release();
        let _ = executor.shutdown(Shutdown::Drain);
        assert_eq!(executor.metrics().panicked, 1);
        usable(&pool);
    });
}

#[test]
fn discard_drops_the_new_one() {
    watchdog("discard_drops_the_new_one", || {
        let full = Full::new(RejectionPolicy::Discard);
        let drops = Drops::default();
        let token = drops.token();
        let handle = full.executor.submit(move || drop(token)).unwrap();
        assert_eq!(drops.count(), 1);
        assert!(handle.is_finished());
        let error = handle.join().unwrap_err();
        assert!(error.is_discarded() && error.is_cancelled() && !error.is_shut_down());
        // Also if its destructor panics.
        let bomb = support::Bomb("ticks");
        let handle = full.executor.submit(move || drop(bomb)).unwrap();
        assert!(handle.join().unwrap_err().is_discarded());
        assert_eq!(full.executor.metrics().discarded, 2);
        full.finish();
    });
}

#[test]
fn discard_oldest_drops_the_oldest_of_this_executor() {
    watchdog("discard_oldest_drops_the_oldest_of_this_executor", || {
        let Full { executor, queued, stuck, pool } = Full::new(RejectionPolicy::DiscardOldest);
        // Older than all that comes: other work of the pool, and of another executor.
        let other = self::executor(&pool, 1, RejectionPolicy::DiscardOldest);
        let others = [other.submit(|| 10).unwrap(), pool.spawn(|| 11)];
        let drops = Drops::default();
        let new: Vec<_> = (2..5)
            .map(|n| {
                let token = drops.token();
                executor.submit(move || (token, n).1).unwrap()
            })
            .collect();
        for handle in queued {
            assert!(handle.is_finished());
            assert!(handle.join().unwrap_err().is_discarded());
        }
        assert_eq!((executor.queue_len(), executor.metrics().discarded_oldest), (2, 3));
        assert_eq!(drops.count(), 1);
        stuck.release();
        let results: Vec<_> = new.into_iter().map(|handle| handle.join().ok()).collect();
        assert_eq!(results, [None, Some(3), Some(4)]);
        assert_eq!(drops.count(), 3);
        assert_eq!(others.map(|handle| handle.join().unwrap()), [10, 11]);
        usable(&pool);
    });
}

#[test]
fn discard_oldest_spares_forks() {
    watchdog("discard_oldest_spares_forks", || {
        let pool = pool(2);
        let executor = executor(&pool, 1, RejectionPolicy::DiscardOldest);
        let sum = pool.install(|| {
            let branch = || {
                let handles = (0..100).map(|n| executor.submit(move || n).unwrap());
                let ends = handles.map(|handle| handle.join().map_err(|e| e.is_discarded()));
                ends.filter(|end| matches!(end, Ok(_) | Err(true))).count()
            };
            let (a, b) = scheduler::join(branch, || support::fib(12));
            a as u64 + b
        });
        assert_eq!(sum, 100 + 144);
    });
}

#[test]
fn custom_decides_with_what_it_is_told() {
    watchdog("custom_decides_with_what_it_is_told", || {
        let seen = Arc::new(AtomicUsize::new(0));
        let counts = Arc::clone(&seen);
        let full = Full::new(RejectionPolicy::custom(move |overflow: Overflow| {
            assert_eq!((overflow.queue_len(), overflow.capacity()), (2, 2));
            assert!(!overflow.on_worker());
            match counts.fetch_add(1, SeqCst) {
                0 => Verdict::Abort,
                1 => Verdict::CallerRuns,
                2 => Verdict::Discard,
                3 => Verdict::BlockFor(Duration::ZERO),
                _ => throw("no idea"),
            }
        }));
        let submit = || full.executor.submit(|| 2);
        assert_eq!(reason(submit()), RejectedReason::Full);
        assert_eq!(submit().unwrap().join().unwrap(), 2);
        assert!(submit().unwrap().join().unwrap_err().is_discarded());
        assert_eq!(reason(submit()), RejectedReason::TimedOut);
        let drops = Drops::default();
        let token = drops.token();
        assert_eq!(thrown(|| full.executor.execute(move || drop(token))), "no idea");
        assert_eq!((seen.load(SeqCst), drops.count()), (5, 1));
        full.finish();
    });
}

/// The one worker fills the queue and goes on submitting: nobody else can make room.
#[test]
fn a_worker_that_blocks_makes_room_itself() {
    watchdog("a_worker_that_blocks_makes_room_itself", || {
        for policy in [RejectionPolicy::Block, RejectionPolicy::BlockFor(Duration::from_secs(600))]
        {
            for capacity in [1, 3] {
                let pool = pool(1);
                let executor = executor(&pool, capacity, policy.clone());
                let inside = executor.clone();
                let ran = pool.install(move || {
                    let handles: Vec<_> =
                        (0..100).map(|n| inside.submit(move || n).unwrap()).collect();
                    handles.into_iter().map(|handle| handle.join().unwrap()).sum::<u32>()
                });
                assert_eq!(ran, 99 * 100 / 2);
                let metrics = executor.metrics();
                assert!(metrics.high_water <= capacity);
                assert_eq!((metrics.submitted, metrics.completed), (100, 100));
            }
        }
    });
}

#[test]
fn a_worker_that_blocks_runs_the_oldest_of_that_queue_and_nothing_else() {
    watchdog("a_worker_that_blocks_runs_the_oldest_of_that_queue_and_nothing_else", || {
        let pool = pool(1);
        let executor = executor(&pool, 1, RejectionPolicy::Block);
        let inside = executor.clone();
        pool.install(move || {
            let oldest = inside.submit(|| 1).unwrap();
            // The worker's own newest job, which it would take first if it only waited.
            let other = scheduler::spawn(|| 2);
            let new = inside.submit(|| 3).unwrap();
            let finished = [&oldest, &other, &new].map(|handle| handle.is_finished());
            assert_eq!(finished, [true, false, false]);
            assert_eq!([oldest, other, new].map(|handle| handle.join().unwrap()), [1, 2, 3]);
        });
    });
}

/// Tasks that submit tasks, each of which may have to wait for room below others that wait.
#[test]
fn tasks_that_submit_tasks_do_not_deadlock() {
    fn grow(executor: &Executor, depth: usize, ran: &Arc<AtomicUsize>) {
        ran.fetch_add(1, SeqCst);
        if depth == 0 {
            return;
        }
        for _ in 0..3 {
            let (child, ran) = (executor.clone(), Arc::clone(ran));
            executor.execute(move || grow(&child, depth - 1, &ran)).unwrap();
        }
    }
    for workers in [1, 2, 3] {
        for capacity in [1, 2, 5] {
            watchdog("tasks_that_submit_tasks_do_not_deadlock", move || {
                let pool = pool(workers);
                let executor = executor(&pool, capacity, RejectionPolicy::Block);
                let ran = Arc::new(AtomicUsize::new(0));
                let (root, count) = (executor.clone(), Arc::clone(&ran));
                executor.execute(move || grow(&root, 5, &count)).unwrap();
                wait_until(|| ran.load(SeqCst) == (3_usize.pow(6) - 1) / 2);
                let _ = executor.shutdown(Shutdown::Drain);
                assert!(executor.metrics().high_water <= capacity);
            });
        }
    }
}

/// The same with batches, for which no room can be made at a stroke: a worker waits, with others that
/// wait on top of it, and none may have room kept for it that the one on top needs.
#[test]
fn tasks_that_submit_batches_do_not_deadlock() {
    fn grow(executor: &Executor, depth: usize, ran: &Arc<AtomicUsize>) {
        ran.fetch_add(1, SeqCst);
        if depth == 0 {
            return;
        }
        let child = |_| {
            let (child, ran) = (executor.clone(), Arc::clone(ran));
            move || grow(&child, depth - 1, &ran)
        };
        drop(executor.submit_all((0..3).map(child)).unwrap());
    }
    for workers in [1, 2] {
        for capacity in [3, 4, 7] {
            watchdog("tasks_that_submit_batches_do_not_deadlock", move || {
                let pool = pool(workers);
                let executor = executor(&pool, capacity, RejectionPolicy::Block);
                let ran = Arc::new(AtomicUsize::new(0));
                let (root, count) = (executor.clone(), Arc::clone(&ran));
                executor.execute(move || grow(&root, 5, &count)).unwrap();
                wait_until(|| ran.load(SeqCst) == (3_usize.pow(6) - 1) / 2);
                let _ = executor.shutdown(Shutdown::Drain);
                assert!(executor.metrics().high_water <= capacity);
            });
        }
    }
}

/// A worker of one pool waits for room in front of another.
#[test]
fn a_worker_of_another_pool_waits_for_room() {
    watchdog("a_worker_of_another_pool_waits_for_room", || {
        let full = Full::new(RejectionPolicy::Block);
        let others = pool(1);
        let executor = full.executor.clone();
        let blocked = others.spawn(move || executor.submit(|| 2).unwrap().join().unwrap());
        wait_until(|| full.executor.metrics().blocked == 1);
        // Its worker runs other jobs meanwhile.
        assert_eq!(others.spawn(|| 7).join().unwrap(), 7);
        let _pool = full.finish();
        assert_eq!(blocked.join().unwrap(), 2);
    });
}

#[test]
fn caller_runs_on_a_worker() {
    watchdog("caller_runs_on_a_worker", || {
        let pool = pool(1);
        let executor = executor(&pool, 1, RejectionPolicy::CallerRuns);
        let inside = executor.clone();
        let sum = pool.install(move || {
            let handles: Vec<_> = (0..50).map(|n| inside.submit(move || n).unwrap()).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).sum::<u32>()
        });
        assert_eq!((sum, executor.metrics().caller_ran), (49 * 50 / 2, 49));
    });
}

#[test]
fn a_batch_is_decided_on_as_a_whole() {
    watchdog("a_batch_is_decided_on_as_a_whole", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let batch = |n: i32| (0..n).map(|n| move || n);
        for (name, policy) in policies() {
            let executor = executor(&pool, 3, policy);
            assert!(executor.submit_all(batch(0)).unwrap().is_empty());
            let too_many = executor.submit_all(batch(4)).unwrap_err();
            assert_eq!((too_many.reason(), too_many.into_inner().len()), (RejectedReason::Full, 4));
            assert_eq!(executor.queue_len(), 0, "{name}");
            drop(executor.submit_all(batch(2)).unwrap());
            assert_eq!(executor.queue_len(), 2, "{name}");
        }
        let aborts = executor(&pool, 3, RejectionPolicy::Abort);
        let first = aborts.submit_all(batch(2)).unwrap();
        assert_eq!(aborts.submit_all(batch(2)).unwrap_err().reason(), RejectedReason::Full);
        assert_eq!(aborts.queue_len(), 2, "none of them");
        let discards = executor(&pool, 3, RejectionPolicy::DiscardOldest);
        let oldest = discards.submit_all(batch(3)).unwrap();
        let newest = discards.submit_all(batch(2)).unwrap();
        assert_eq!(discards.queue_len(), 3);
        let blocks = executor(&pool, 3, RejectionPolicy::Block);
        drop(blocks.submit_all(batch(2)).unwrap());
        let blocked = {
            let blocks = blocks.clone();
            thread::spawn(move || blocks.submit_all((0..3).map(|n| move || n)).unwrap())
        };
        wait_until(|| blocks.metrics().blocked == 3);
        // It stands in line, so nobody overtakes it.
        assert_eq!(reason(blocks.try_submit(|| 0)), RejectedReason::Full);
        stuck.release();
        let results = |handles: Vec<JoinHandle<i32>>| {
            handles.into_iter().map(|handle| handle.join().ok()).collect::<Vec<_>>()
        };
        assert_eq!(results(first), [Some(0), Some(1)]);
        assert_eq!(results(oldest), [None, None, Some(2)]);
        assert_eq!(results(newest), [Some(0), Some(1)]);
        assert_eq!(results(blocked.join().unwrap()), [Some(0), Some(1), Some(2)]);
    });
}

#[test]
fn a_batch_from_a_worker_waits_for_room() {
    for workers in [1, 2] {
        watchdog("a_batch_from_a_worker_waits_for_room", move || {
            let pool = pool(workers);
            let executor = executor(&pool, 4, RejectionPolicy::Block);
            let inside = executor.clone();
            let sum = pool.install(move || {
                let batches: Vec<_> = (0..20)
                    .map(|_| inside.submit_all((0..4).map(|n| move || n)).unwrap())
                    .collect();
                batches.into_iter().flatten().map(|handle| handle.join().unwrap()).sum::<i32>()
            });
            assert_eq!(sum, 20 * 6);
            assert!(executor.metrics().high_water <= 4);
        });
    }
}

#[test]
fn a_panic_while_a_batch_is_drawn_queues_nothing() {
    watchdog("a_panic_while_a_batch_is_drawn_queues_nothing", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 8, RejectionPolicy::Abort);
        let drops = Drops::default();
        let draw = |n| {
            if n == 3 {
                throw("while it is drawn");
            }
            let token = drops.token();
            move || drop(token)
        };
        let what = thrown(|| executor.submit_all((0..5).map(draw)).map(drop));
        assert_eq!((what, executor.queue_len(), drops.count()), ("while it is drawn", 0, 3));
        stuck.release();
        usable(&pool);
    });
}

#[test]
fn a_capacity_of_zero_is_an_error() {
    let pool = pool(1);
    let error = Executor::builder(&pool).queue_capacity(0).build().unwrap_err();
    assert_eq!(error.to_string(), "a queue with a capacity of 0 has no room for anything");
}
