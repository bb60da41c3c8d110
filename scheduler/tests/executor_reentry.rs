//! What an executor calls of its users' may come back to it: destructors, policies, wakers and hooks submit, look,
//! shut down and wait, and nothing is locked or waits for itself.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{
    Executor, RejectedReason, RejectionPolicy, Shutdown, SubmitAsync, ThreadPool, Verdict,
};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake};
use std::time::Duration;
use support::future::kept;
use support::sync::{Arc, Mutex, mpsc, thread};
use support::{Stuck, pool, throw, usable, wait_until, watchdog};

fn executor(pool: &ThreadPool, capacity: usize, policy: RejectionPolicy) -> Executor {
    Executor::builder(pool).queue_capacity(capacity).on_full(policy).build().expect("it has room")
}

/// Calls its function when it is dropped.
struct Then<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Then<F> {
    fn new(f: F) -> Self {
        Self(Some(f))
    }
}

impl<F: FnOnce()> Drop for Then<F> {
    fn drop(&mut self) {
        (self.0.take().expect("dropped once"))();
    }
}

/// A closure that does nothing but have `then` called when it is dropped.
fn dropping(then: impl FnOnce() + Send + 'static) -> impl FnOnce() + Send + 'static {
    let then = Then::new(then);
    move || drop(then)
}

/// A closure is counted until it has been dropped. Who drops it is outside here.
#[test]
fn a_destructor_does_not_wait_for_its_own_executor() {
    watchdog("a_destructor_does_not_wait_for_its_own_executor", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 1, RejectionPolicy::Abort);
        let (inner, (sender, receiver)) = (executor.clone(), mpsc::channel());
        let shut_down = move || {
            let report = inner.shutdown(Shutdown::Drain);
            sender.send((report.ran, report.cancelled, inner.is_terminated())).unwrap();
        };
        let handle = executor.submit(dropping(shut_down)).unwrap();
        let report = executor.shutdown(Shutdown::CancelQueued);
        assert_eq!(receiver.recv(), Ok((0, 0, false)));
        assert_eq!((report.cancelled, report.stragglers.len()), (1, 0));
        assert!(executor.is_terminated());
        assert!(handle.join().unwrap_err().is_shut_down());
        stuck.release();
        usable(&pool);
    });
}

/// As above, where a worker has taken the closure out of the queue, and drops it.
#[test]
fn a_destructor_on_a_worker_does_not_wait_for_its_own_executor() {
    watchdog("a_destructor_on_a_worker_does_not_wait_for_its_own_executor", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 2, RejectionPolicy::Abort);
        let inner = executor.clone();
        let (dropped_on, where_it_was) = mpsc::channel();
        let first = dropping(move || {
            dropped_on.send(scheduler::current_thread_index()).unwrap();
            let _ = inner.shutdown(Shutdown::Drain);
        });
        let first = executor.submit(first).unwrap();
        let (cancels, is_cancelling) = mpsc::channel();
        let second = executor.submit(dropping(move || cancels.send(()).unwrap())).unwrap();
        // Told when the first has been taken out, and before it runs.
        let inner = executor.clone();
        let is_cancelling = Mutex::new(is_cancelling);
        let shutting = Arc::new(Mutex::new(None));
        let shuts = Arc::clone(&shutting);
        let waker = kept(Woken(Box::new(move || {
            let inner = inner.clone();
            let thread = thread::spawn(move || inner.shutdown(Shutdown::CancelQueued).cancelled);
            *shuts.lock().unwrap() = Some(thread);
            is_cancelling.lock().unwrap().recv().unwrap();
        })));
        let mut third = executor.submit_async(|| ());
        assert!(poll(&mut third, &waker).is_none());
        stuck.release();
        assert!(first.join().unwrap_err().is_shut_down());
        assert!(second.join().unwrap_err().is_shut_down());
        assert_eq!(where_it_was.recv(), Ok(Some(0)));
        let thread = shutting.lock().unwrap().take().expect("the waker has been woken");
        assert_eq!(thread.join().unwrap(), 2);
        assert_eq!(
            poll(&mut third, &waker).map(|reason| reason.unwrap_err()),
            Some(RejectedReason::ShutDown)
        );
        usable(&pool);
    });
}

#[test]
fn a_destructor_does_not_wait_for_its_own_pool() {
    watchdog("a_destructor_does_not_wait_for_its_own_pool", || {
        for queue in [false, true] {
            let pool = Arc::new(pool(1));
            let stuck = Stuck::new(&pool, 1);
            let inner = Arc::clone(&pool);
            let closure = dropping(move || _ = inner.shutdown(Shutdown::Drain));
            let executor = executor(&pool, 1, RejectionPolicy::Abort);
            let handle =
                if queue { executor.submit(closure).unwrap() } else { pool.spawn(closure) };
            thread::scope(|s| {
                s.spawn(|| {
                    assert!(handle.join().unwrap_err().is_shut_down());
                    stuck.release();
                });
                assert_eq!(pool.shutdown(Shutdown::CancelQueued).cancelled, 1);
            });
        }
    });
}

/// The value that nobody wants, and the waker of who waits for room, may end the executor, on the worker that is about to
/// tell its queue.
#[test]
fn the_destructor_of_a_value_does_not_wait_for_its_executor() {
    watchdog("the_destructor_of_a_value_does_not_wait_for_its_executor", || {
        for at_once in [1, 3] {
            let pool = pool(1);
            let executor = Arc::new(executor(&pool, 4, RejectionPolicy::Abort));
            let stuck = Stuck::new(&pool, 1);
            let (ended, has_ended) = mpsc::channel();
            for _ in 0..at_once {
                let (inner, ended) = (Arc::clone(&executor), ended.clone());
                let value = dropping(move || {
                    let _ = inner.shutdown(Shutdown::Drain);
                    ended.send(()).unwrap();
                });
                drop(executor.submit(move || value).unwrap());
            }
            stuck.release();
            (0..at_once).for_each(|_| has_ended.recv().unwrap());
            let _ = executor.shutdown(Shutdown::Drain);
        }
    });
}

/// Nor if it is the one who submits that runs it, to make room.
#[test]
fn the_destructor_of_a_value_does_not_wait_below_who_makes_room() {
    watchdog("the_destructor_of_a_value_does_not_wait_below_who_makes_room", || {
        let pool = pool(1);
        let executor = Arc::new(executor(&pool, 1, RejectionPolicy::Block));
        let inner = Arc::clone(&executor);
        let value = dropping(move || _ = inner.shutdown(Shutdown::Drain));
        let in_its_place = pool.install(|| {
            drop(executor.submit(move || value).unwrap());
            executor.submit(|| 2).unwrap()
        });
        assert_eq!(in_its_place.join().unwrap(), 2, "it was queued before the shutdown");
        assert!(executor.submit(|| ()).is_err());
    });
}

/// Nor that of a delayed closure, which is dropped before anything is cancelled.
#[test]
fn the_destructor_of_a_delayed_closure_does_not_wait_for_its_pool() {
    watchdog("the_destructor_of_a_delayed_closure_does_not_wait_for_its_pool", || {
        let pool = Arc::new(pool(1));
        let stuck = Stuck::new(&pool, 1);
        let queued = pool.spawn(|| ());
        let inner = Arc::clone(&pool);
        let closure = dropping(move || _ = inner.shutdown(Shutdown::Drain));
        let delayed = pool.schedule(Duration::from_secs(3600), closure);
        thread::scope(|s| {
            s.spawn(|| {
                assert!(queued.join().unwrap_err().is_shut_down());
                stuck.release();
            });
            let _ = pool.shutdown(Shutdown::CancelQueued);
        });
        assert!(delayed.join().is_err());
    });
}

/// Nor for an executor whose closures come behind it.
#[test]
fn a_destructor_does_not_wait_for_an_executor_of_its_pool() {
    watchdog("a_destructor_does_not_wait_for_an_executor_of_its_pool", || {
        let pool = Arc::new(pool(1));
        let stuck = Stuck::new(&pool, 1);
        let executor = Arc::new(executor(&pool, 1, RejectionPolicy::Abort));
        let inner = Arc::clone(&executor);
        let handle = pool.spawn(dropping(move || _ = inner.shutdown(Shutdown::Drain)));
        let behind = executor.submit(|| ()).unwrap();
        thread::scope(|s| {
            s.spawn(|| {
                assert!(handle.join().unwrap_err().is_shut_down());
                assert!(behind.join().unwrap_err().is_shut_down());
                stuck.release();
            });
            let _ = pool.shutdown(Shutdown::CancelQueued);
        });
    });
}

/// Whoever drops a closure unrun may drop the last handle to its pool with it, and that waits for the pool's roots.
#[test]
fn a_closure_that_is_dropped_unrun_may_own_its_pool() {
    watchdog("a_closure_that_is_dropped_unrun_may_own_its_pool", || {
        let ways: [fn(&Executor); 3] = [
            |executor| _ = executor.shutdown(Shutdown::CancelQueued),
            |executor| _ = executor.shutdown(Shutdown::DrainFor(Duration::ZERO)),
            |executor| drop(executor.submit(|| ()).unwrap()),
        ];
        for way in ways {
            let pool = pool(1);
            let executor = executor(&pool, 1, RejectionPolicy::DiscardOldest);
            let stuck = Stuck::new(&pool, 1);
            let handle = executor.submit(dropping(move || drop(pool))).unwrap();
            thread::scope(|s| {
                s.spawn(|| {
                    assert!(handle.join().is_err());
                    stuck.release();
                });
                way(&executor);
            });
            // It ends as soon as its worker can.
            wait_until(|| executor.submit(|| ()).is_err());
        }
    });
}

/// Each that is dropped submits one more, for which there is no room either.
#[test]
fn a_destructor_may_submit() {
    watchdog("a_destructor_may_submit", || {
        for policy in [RejectionPolicy::Discard, RejectionPolicy::DiscardOldest] {
            let pool = pool(1);
            let stuck = Stuck::new(&pool, 1);
            let executor = executor(&pool, 1, policy);
            let (oldest, newest) = (again(&executor, 3), again(&executor, 3));
            let [oldest, newest] = [oldest, newest].map(|one| executor.submit(one).unwrap());
            let metrics = executor.metrics();
            assert_eq!((metrics.queue_len, metrics.high_water), (1, 1));
            let dropped = metrics.discarded + metrics.discarded_oldest;
            // The newest and three after it; or the oldest, the newest, and three after each.
            assert_eq!(dropped, if oldest.is_finished() { 7 } else { 4 });
            assert!(newest.is_finished());
            stuck.release();
            usable(&pool);
        }
    });
}

#[test]
fn there_is_room_for_what_a_destructor_submits_if_the_closure_was_queued() {
    watchdog("there_is_room_for_what_a_destructor_submits_if_the_closure_was_queued", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 1, RejectionPolicy::Block);
        let (sender, receiver) = mpsc::channel();
        let inner = executor.clone();
        let submits = move || sender.send(inner.submit(|| "room").unwrap()).unwrap();
        let queued = executor.submit(dropping(submits)).unwrap();
        queued.abort();
        stuck.release();
        assert_eq!(receiver.recv().unwrap().join().unwrap(), "room");
        assert!(queued.join().unwrap_err().is_aborted());
        usable(&pool);
    });
}

/// Refused by the shutdown that drops it.
#[test]
fn a_destructor_may_submit_to_what_ends() {
    watchdog("a_destructor_may_submit_to_what_ends", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 1, RejectionPolicy::Block);
        let (sender, receiver) = mpsc::channel();
        let inner = executor.clone();
        let submits = move || sender.send(inner.submit(|| ()).unwrap_err().reason()).unwrap();
        executor.execute(dropping(submits)).unwrap();
        assert_eq!(executor.shutdown(Shutdown::Abort).cancelled, 1);
        assert_eq!(receiver.recv(), Ok(RejectedReason::ShutDown));
        stuck.release();
        usable(&pool);
    });
}

#[test]
fn a_policy_may_come_back() {
    watchdog("a_policy_may_come_back", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let this: Arc<Mutex<Option<Executor>>> = Arc::default();
        let (inner, inside) = (Arc::clone(&this), AtomicBool::new(false));
        let policy = RejectionPolicy::custom(move |overflow| {
            let executor = inner.lock().unwrap().clone().unwrap();
            assert_eq!((executor.queue_len(), overflow.queue_len()), (1, 1));
            assert_eq!(executor.metrics().queue_len, 1);
            assert_eq!(executor.try_submit(|| ()).unwrap_err().reason(), RejectedReason::Full);
            if inside.swap(true, SeqCst) {
                return Verdict::Discard;
            }
            // Asks this policy once more.
            assert!(executor.submit(|| ()).unwrap().join().unwrap_err().is_discarded());
            let waits = executor.submit_timeout(|| (), Duration::ZERO).unwrap_err();
            assert_eq!(waits.reason(), RejectedReason::TimedOut);
            assert!(executor.shutdown_now().len() == 1);
            Verdict::Block
        });
        let executor = executor(&pool, 1, policy);
        *this.lock().unwrap() = Some(executor.clone());
        let queued = executor.submit(|| ()).unwrap();
        assert_eq!(executor.submit(|| ()).unwrap_err().reason(), RejectedReason::ShutDown);
        assert!(queued.join().unwrap_err().is_shut_down());
        stuck.release();
        usable(&pool);
        // The policy has it, and is its own.
        let last = this.lock().unwrap().take();
        drop(last);
    });
}

/// It is woken by the worker that has taken what was queued, and not begun it.
#[test]
fn a_waker_may_submit() {
    watchdog("a_waker_may_submit", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 1, RejectionPolicy::CallerRuns);
        let queued = executor.submit(|| "queued").unwrap();
        let (sender, receiver) = mpsc::channel();
        let (inner, sender) = (executor.clone(), Mutex::new(sender));
        let waker = kept(Woken(Box::new(move || {
            // The room is kept for the future.
            assert!(inner.try_submit(|| ()).is_err());
            let here = inner.submit(scheduler::current_thread_index).unwrap();
            sender.lock().unwrap().send(here.join().unwrap()).unwrap();
        })));
        let mut future = executor.submit_async(|| ());
        assert!(poll(&mut future, &waker).is_none());
        stuck.release();
        assert_eq!(receiver.recv(), Ok(Some(0)));
        assert_eq!(queued.join().unwrap(), "queued");
        assert_eq!(poll(&mut future, &waker), Some(Ok(())));
        usable(&pool);
    });
}

/// The closure that made the room has been taken by the worker that tells, and has not begun: it cannot end before the
/// waker has returned.
#[test]
fn a_waker_does_not_wait_for_its_executor() {
    watchdog("a_waker_does_not_wait_for_its_executor", || {
        for mode in [Shutdown::Drain, Shutdown::CancelQueued] {
            let pool = pool(1);
            let stuck = Stuck::new(&pool, 1);
            let executor = executor(&pool, 1, RejectionPolicy::Abort);
            let queued = executor.submit(|| "taken").unwrap();
            let (sender, receiver) = mpsc::channel();
            let (inner, sender) = (executor.clone(), Mutex::new(sender));
            let waker = kept(Woken(Box::new(move || {
                let report = inner.shutdown(mode);
                let said = (scheduler::current_thread_index(), report.ran, inner.is_terminated());
                sender.lock().unwrap().send(said).unwrap();
            })));
            let mut future = executor.submit_async(|| ());
            assert!(poll(&mut future, &waker).is_none());
            stuck.release();
            assert_eq!(receiver.recv(), Ok((Some(0), 0, false)));
            assert_eq!(queued.join().is_ok(), mode == Shutdown::Drain);
            drop(future);
            let _ = executor.shutdown(Shutdown::Drain);
            assert!(executor.is_terminated());
            usable(&pool);
        }
    });
}

#[test]
fn the_hooks_of_a_pool_may_submit() {
    watchdog("the_hooks_of_a_pool_may_submit", || {
        let this: Arc<Mutex<Option<Executor>>> = Arc::default();
        let (sum, total) = mpsc::channel();
        let (exits, refused) = mpsc::channel();
        let [at_start, at_panic, at_exit] = [(); 3].map(|()| Arc::clone(&this));
        let pool = ThreadPool::builder()
            .num_threads(1)
            .start_handler(move |_| {
                wait_until(|| at_start.lock().unwrap().is_some());
                let executor = at_start.lock().unwrap().clone().unwrap();
                // There is room for one, and the only worker is here.
                let handles: Vec<_> = (0..5).map(|n| executor.submit(move || n).unwrap()).collect();
                sum.send(handles.into_iter().map(|handle| handle.join().unwrap()).sum::<i32>())
                    .unwrap();
            })
            .panic_handler(move |_| {
                let executor = at_panic.lock().unwrap().clone().unwrap();
                (0..5).for_each(|_| executor.execute(|| ()).unwrap());
            })
            .exit_handler(move |_| {
                let executor = at_exit.lock().unwrap().clone().unwrap();
                let reason = executor.submit(|| ()).unwrap_err().reason();
                exits.send(reason).unwrap();
            })
            .build()
            .unwrap();
        let executor = executor(&pool, 1, RejectionPolicy::Block);
        *this.lock().unwrap() = Some(executor.clone());
        assert_eq!(total.recv(), Ok(10));
        executor.execute(|| throw("nobody's")).unwrap();
        wait_until(|| executor.metrics().completed == 10);
        drop(pool);
        assert_eq!(refused.recv(), Ok(RejectedReason::ShutDown));
        // The hooks have it, and it has their pool.
        let last = this.lock().unwrap().take();
        drop(last);
    });
}

/// A closure that submits another, up to so many times, when it is dropped.
fn again(executor: &Executor, times: usize) -> impl FnOnce() + Send + use<> {
    let executor = executor.clone();
    dropping(move || {
        if times != 0 {
            let next: Box<dyn FnOnce() + Send> = Box::new(again(&executor, times - 1));
            drop(executor.submit(next).map_err(drop));
        }
    })
}

/// A waker that calls its function.
struct Woken(Box<dyn Fn() + Send + Sync>);

impl Wake for Woken {
    fn wake(self: std::sync::Arc<Self>) {
        (self.0)();
    }
}

/// Whether the closure is in, or why not. `None`: not yet.
fn poll<F>(
    future: &mut SubmitAsync<F, ()>,
    waker: &std::sync::Arc<Woken>,
) -> Option<Result<(), RejectedReason>>
where
    F: FnOnce() + Send + 'static,
{
    let waker = std::sync::Arc::clone(waker).into();
    match Pin::new(future).poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(result) => Some(result.map(drop).map_err(|rejected| rejected.reason())),
        Poll::Pending => None,
    }
}
