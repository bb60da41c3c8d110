//! What an elastic pool does with a closure for which there is no room: each policy, with and
//! without room, shutting down, from a worker, and from a thread of the pool itself.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{
    Elastic, JoinHandle, RejectedReason, RejectionPolicy, Shutdown, ThreadPool, Verdict,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::sync::{Arc, mpsc, thread};
use support::{Drops, pool, throw, thrown, wait_until, watchdog};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A pool of one thread, which is busy, with one closure queued: full.
struct Full {
    pool: Elastic,
    open: mpsc::Sender<()>,
    running: JoinHandle<()>,
    queued: JoinHandle<&'static str>,
}

fn full(policy: RejectionPolicy) -> Full {
    let builder = Elastic::builder().max_threads(1).queue_capacity(1).on_full(policy);
    let pool = builder.build().expect("a pool");
    let (open, is_open) = mpsc::channel();
    let (started, has_started) = mpsc::channel();
    let running = pool.submit(move || {
        started.send(()).unwrap();
        let _ = is_open.recv();
    });
    has_started.recv().unwrap();
    let queued = pool.submit(|| "queued").unwrap();
    Full { pool, open, running: running.unwrap(), queued }
}

fn policies() -> Vec<RejectionPolicy> {
    vec![
        RejectionPolicy::Block,
        RejectionPolicy::BlockFor(HOUR),
        RejectionPolicy::Abort,
        RejectionPolicy::CallerRuns,
        RejectionPolicy::Discard,
        RejectionPolicy::DiscardOldest,
        RejectionPolicy::custom(|_| Verdict::Discard),
    ]
}

#[test]
fn with_room_every_policy_takes_it() {
    watchdog("room", || {
        for policy in policies() {
            let pool = Elastic::builder().max_threads(1).on_full(policy).build().unwrap();
            let caller = thread::current().id();
            let handles: Vec<_> =
                (0..20).map(|_| pool.submit(|| thread::current().id()).unwrap()).collect();
            for handle in handles {
                assert_ne!(handle.join().unwrap(), caller);
            }
        }
    });
}

#[test]
fn after_the_shutdown_every_policy_hands_it_back() {
    watchdog("shut down", || {
        for policy in policies() {
            let Full { pool, open, .. } = full(policy);
            drop(open);
            let _ = pool.shutdown(Shutdown::Drain);
            let rejected = pool.submit(|| 7).unwrap_err();
            assert_eq!(rejected.reason(), RejectedReason::ShutDown);
            assert_eq!(rejected.into_inner()(), 7);
            assert_eq!(pool.try_submit(|| 7).unwrap_err().reason(), RejectedReason::ShutDown);
        }
    });
}

#[test]
fn try_submit_never_waits_and_asks_no_policy() {
    watchdog("try_submit", || {
        for policy in policies() {
            let full = full(policy);
            let rejected = full.pool.try_submit(|| 7).unwrap_err();
            assert_eq!(rejected.reason(), RejectedReason::Full);
            assert_eq!(rejected.to_string(), "the queue is full");
            assert_eq!(rejected.into_inner()(), 7);
            full.open.send(()).unwrap();
            full.running.join().unwrap();
            assert_eq!(full.queued.join().unwrap(), "queued");
        }
    });
}

#[test]
fn abort_hands_it_back_undropped() {
    watchdog("abort", || {
        let full = full(RejectionPolicy::Abort);
        let drops = Drops::default();
        let token = drops.token();
        let rejected = full.pool.submit(move || drop(token)).unwrap_err();
        assert_eq!((rejected.reason(), drops.count()), (RejectedReason::Full, 0));
        drop(rejected);
        assert_eq!((drops.count(), full.pool.metrics().rejected), (1, 1));
        drop(full.open);
    });
}

#[test]
fn caller_runs_it() {
    watchdog("caller runs", || {
        let full = full(RejectionPolicy::CallerRuns);
        let caller = thread::current().id();
        let handle = full.pool.submit(|| thread::current().id()).unwrap();
        assert!(handle.is_finished());
        assert_eq!(handle.join().unwrap(), caller);
        let error = full.pool.submit(|| throw("on the caller")).unwrap().join().unwrap_err();
        assert_eq!(support::what(error.into_panic()), "on the caller");
        drop(full.open);
    });
}

#[test]
fn discard_drops_it_once_and_says_so() {
    watchdog("discard", || {
        let full = full(RejectionPolicy::Discard);
        let drops = Drops::default();
        let token = drops.token();
        let handle = full.pool.submit(move || drop(token)).unwrap();
        assert_eq!(drops.count(), 1);
        assert!(handle.join().unwrap_err().is_discarded());
        drop(full.open);
        assert_eq!(full.queued.join().unwrap(), "queued");
    });
}

#[test]
fn discard_oldest_drops_the_oldest_once_and_says_so() {
    watchdog("discard oldest", || {
        let full = full(RejectionPolicy::DiscardOldest);
        let drops = Drops::default();
        let token = drops.token();
        let newer = full.pool.submit(move || drop(token)).unwrap();
        assert!(full.queued.join().unwrap_err().is_discarded());
        let newest = full.pool.submit(|| "newest").unwrap();
        assert_eq!(drops.count(), 1);
        assert!(newer.join().unwrap_err().is_discarded());
        drop(full.open);
        assert_eq!(newest.join().unwrap(), "newest");
        full.running.join().unwrap();
    });
}

#[test]
fn discard_oldest_without_a_queue_discards_the_new_one() {
    watchdog("discard oldest, no queue", || {
        let builder = Elastic::builder().max_threads(1).queue_capacity(0);
        let pool = builder.on_full(RejectionPolicy::DiscardOldest).build().unwrap();
        let (open, is_open) = mpsc::channel::<()>();
        let running = pool.submit(move || _ = is_open.recv()).unwrap();
        assert!(pool.submit(|| ()).unwrap().join().unwrap_err().is_discarded());
        drop(open);
        running.join().unwrap();
    });
}

#[test]
fn block_waits_until_there_is_room() {
    watchdog("block", || {
        for policy in [RejectionPolicy::Block, RejectionPolicy::BlockFor(HOUR)] {
            let full = full(policy);
            thread::scope(|scope| {
                let waiter = scope.spawn(|| full.pool.submit(|| "waited").unwrap().join());
                thread::sleep(5 * MS);
                assert_eq!(full.pool.metrics().queue_len, 1, "the bound holds");
                drop(full.open);
                assert_eq!(waiter.join().unwrap().unwrap(), "waited");
            });
            full.running.join().unwrap();
        }
    });
}

#[test]
fn block_for_does_not_end_early() {
    watchdog("block for", || {
        for patience in [Duration::ZERO, 20 * MS] {
            let full = full(RejectionPolicy::BlockFor(patience));
            let begin = Instant::now();
            let rejected = full.pool.submit(|| 7).unwrap_err();
            assert!(begin.elapsed() >= patience);
            assert_eq!(rejected.reason(), RejectedReason::TimedOut);
            assert_eq!(rejected.into_inner()(), 7);
            drop(full.open);
            assert_eq!(full.queued.join().unwrap(), "queued");
            // The place that was given up is nobody's.
            full.pool.submit(|| ()).unwrap().join().unwrap();
        }
    });
}

#[test]
fn waiters_are_served_in_turn_and_none_is_lost() {
    watchdog("waiters", || {
        for capacity in [0, 1, 3] {
            let builder = Elastic::builder().max_threads(2).queue_capacity(capacity);
            let builder = builder.on_full(RejectionPolicy::Block).keep_alive(Duration::ZERO);
            let pool = builder.build().unwrap();
            let ran = Arc::new(AtomicUsize::new(0));
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..200 {
                            let ran = Arc::clone(&ran);
                            drop(pool.submit(move || ran.fetch_add(1, Ordering::SeqCst)).unwrap());
                            assert!(pool.metrics().queue_len <= capacity);
                        }
                    });
                }
            });
            let _ = pool.shutdown(Shutdown::Drain);
            assert_eq!(ran.load(Ordering::SeqCst), 800, "capacity {capacity}");
        }
    });
}

#[test]
fn impatient_waiters_lose_nothing_either() {
    watchdog("impatient", || {
        let builder = Elastic::builder().max_threads(1).queue_capacity(1);
        let pool = builder.on_full(RejectionPolicy::BlockFor(MS / 20)).build().unwrap();
        let (ran, taken) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        let ran = Arc::clone(&ran);
                        let result = pool.submit(move || {
                            thread::yield_now();
                            ran.fetch_add(1, Ordering::SeqCst)
                        });
                        match result {
                            Ok(handle) => {
                                taken.fetch_add(1, Ordering::SeqCst);
                                drop(handle);
                            }
                            Err(rejected) => {
                                assert_eq!(rejected.reason(), RejectedReason::TimedOut);
                            }
                        }
                    }
                });
            }
        });
        let _ = pool.shutdown(Shutdown::Drain);
        assert_eq!(ran.load(Ordering::SeqCst), taken.load(Ordering::SeqCst));
        assert_eq!(pool.metrics().queue_len, 0);
    });
}

#[test]
fn a_shutdown_refuses_who_waits_for_room() {
    watchdog("shutdown against block", || {
        for policy in [RejectionPolicy::Block, RejectionPolicy::BlockFor(HOUR)] {
            let full = full(policy);
            thread::scope(|scope| {
                let waiter = scope.spawn(|| full.pool.submit(|| 7).unwrap_err());
                thread::sleep(2 * MS);
                let shutdown = scope.spawn(|| full.pool.shutdown(Shutdown::Drain));
                let rejected = waiter.join().unwrap();
                assert_eq!(rejected.reason(), RejectedReason::ShutDown);
                assert_eq!(rejected.into_inner()(), 7);
                drop(full.open);
                assert_eq!(shutdown.join().unwrap().cancelled, 0);
            });
            assert_eq!(full.queued.join().unwrap(), "queued");
        }
    });
}

#[test]
fn a_worker_that_waits_for_room_helps() {
    watchdog("block on a worker", || {
        for policy in [RejectionPolicy::Block, RejectionPolicy::BlockFor(HOUR)] {
            let Full { pool: elastic, open, .. } = full(policy);
            let workers = pool(1);
            let value = workers.install(|| {
                // Only this one worker can run it.
                drop(scheduler::spawn(move || drop(open)));
                elastic.submit(|| 7).unwrap().join().unwrap()
            });
            assert_eq!(value, 7);
        }
    });
}

#[test]
fn a_thread_of_the_pool_does_not_wait_for_itself() {
    watchdog("block inside", || {
        for policy in [RejectionPolicy::Block, RejectionPolicy::BlockFor(HOUR)] {
            let builder = Elastic::builder().max_threads(1).queue_capacity(1).on_full(policy);
            let pool = Arc::new(builder.build().unwrap());
            let inside = Arc::clone(&pool);
            let handle = pool.submit(move || {
                drop(inside.submit(|| "queued").unwrap());
                let full = inside.submit(|| thread::current().id()).unwrap();
                (full.join().unwrap(), thread::current().id())
            });
            let (ran_on, here) = handle.unwrap().join().unwrap();
            assert_eq!(ran_on, here);
        }
    });
}

#[test]
fn a_custom_policy_is_told_what_it_needs_and_decides() {
    watchdog("custom", || {
        let (sender, receiver) = mpsc::channel();
        let sender = support::sync::Mutex::new(sender);
        let full = full(RejectionPolicy::custom(move |overflow| {
            let on_worker = overflow.on_worker();
            let told = (overflow.queue_len(), overflow.capacity(), on_worker);
            sender.lock().unwrap().send(told).unwrap();
            if on_worker { Verdict::CallerRuns } else { Verdict::BlockFor(Duration::ZERO) }
        }));
        let rejected = full.pool.submit(|| 7).unwrap_err();
        assert_eq!(rejected.reason(), RejectedReason::TimedOut);
        assert_eq!(receiver.recv().unwrap(), (1, 1, false));
        let workers = ThreadPool::new(1).unwrap();
        let handle = workers.install(|| full.pool.submit(scheduler::current_thread_index));
        assert_eq!(handle.unwrap().join().unwrap(), Some(0));
        assert_eq!(receiver.recv().unwrap(), (1, 1, true));
        drop(full.open);
    });
}

/// What has been handed to a thread that is just waking up is not queued, though it is still in the queue.
#[test]
fn a_custom_policy_sees_no_more_queued_than_may_be() {
    watchdog("custom: no more than may be", || {
        for _ in 0..100 {
            let seen = Arc::new(AtomicUsize::new(usize::MAX));
            let sees = Arc::clone(&seen);
            let policy = RejectionPolicy::custom(move |overflow| {
                sees.store(overflow.queue_len(), Ordering::SeqCst);
                Verdict::Abort
            });
            let builder = Elastic::builder().max_threads(1).queue_capacity(1).on_full(policy);
            let pool = builder.build().unwrap();
            let (open, is_open) = mpsc::channel::<()>();
            // The thread may or may not have come for the first one.
            let busy = pool.submit(move || _ = is_open.recv()).unwrap();
            let queued = pool.submit(|| ()).unwrap();
            assert!(pool.submit(|| ()).is_err());
            assert_eq!(seen.load(Ordering::SeqCst), 1);
            drop(open);
            busy.join().unwrap();
            queued.join().unwrap();
        }
    });
}

#[test]
fn a_custom_policy_that_panics_hurts_the_submitter_alone() {
    watchdog("custom panics", || {
        let full = full(RejectionPolicy::custom(|_| throw("policy")));
        let drops = Drops::default();
        let token = drops.token();
        assert_eq!(thrown(|| full.pool.submit(move || drop(token))), "policy");
        assert_eq!(drops.count(), 1);
        drop(full.open);
        full.running.join().unwrap();
        assert_eq!(full.queued.join().unwrap(), "queued");
        wait_until(|| full.pool.metrics().idle == 1);
        full.pool.submit(|| ()).unwrap().join().unwrap();
    });
}
