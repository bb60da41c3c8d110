//! A closure that is dropped unrun may wait in its destructor for any other closure's end: also for one that is to be
//! dropped with it, later, or that waits for such a one itself.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Elastic, Executor, JoinError, JoinHandle, Shutdown, ShutdownReport, ThreadPool};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use support::sync::{Arc, Mutex, mpsc, thread};
use support::{Drops, Stuck, pool, wait_until, watchdog};

/// What closures are submitted to, each with one thread, and ended by.
#[derive(Clone)]
enum To {
    Pool(Arc<ThreadPool>),
    Executor(Executor),
    Elastic(Arc<Elastic>),
}

impl To {
    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        match self {
            Self::Pool(pool) => pool.spawn(f),
            Self::Executor(executor) => executor.submit(f).expect("it is open"),
            Self::Elastic(elastic) => elastic.submit(f).expect("it is open"),
        }
    }

    fn cancel(&self) -> ShutdownReport {
        match self {
            Self::Pool(pool) => pool.shutdown(Shutdown::CancelQueued),
            Self::Executor(executor) => executor.shutdown(Shutdown::CancelQueued),
            Self::Elastic(elastic) => elastic.shutdown(Shutdown::CancelQueued),
        }
    }
}

/// Each kind, after its one thread has begun with a closure that runs until it is told to end.
fn each(name: &'static str, body: impl Fn(&To, Go) + Clone + Send + 'static) {
    for kind in ["pool", "executor", "elastic"] {
        let body = body.clone();
        watchdog(&format!("{name}, {kind}"), move || {
            let pool = Arc::new(pool(1));
            let to = match kind {
                "pool" => To::Pool(Arc::clone(&pool)),
                "executor" => To::Executor(Executor::builder(&pool).build().expect("an executor")),
                _ => {
                    let elastic = Elastic::builder().core_threads(1).max_threads(1).build();
                    To::Elastic(Arc::new(elastic.expect("a pool")))
                }
            };
            let go = Go::default();
            body(&to, go.clone());
            go.let_go();
            assert!(!FAILED.load(SeqCst), "in a destructor");
        });
    }
}

/// What the closure in front of the queue waits for.
#[derive(Clone, Default)]
struct Go {
    begun: Arc<AtomicBool>,
    gone: Arc<AtomicBool>,
}

impl Go {
    /// To be called by that closure.
    fn wait(&self) {
        self.begun.store(true, SeqCst);
        wait_until(|| self.gone.load(SeqCst));
    }

    /// Keeps the one thread until it is let go.
    fn keeps(&self, to: &To) {
        let front = self.clone();
        drop(to.submit(move || front.wait()));
        self.until_begun();
    }

    fn until_begun(&self) {
        wait_until(|| self.begun.load(SeqCst));
    }

    fn let_go(&self) {
        self.gone.store(true, SeqCst);
    }
}

/// Where a handle is put that comes after who waits for it.
type Later<T> = Arc<Mutex<Option<JoinHandle<T>>>>;

fn join_later<T>(later: &Later<T>) -> Result<T, JoinError> {
    wait_until(|| later.lock().unwrap().is_some());
    let handle = later.lock().unwrap().take();
    handle.expect("it has been put there").join()
}

/// Whether a destructor has panicked, which ends with the destructor.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Calls its function when it is dropped.
struct Then<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for Then<F> {
    fn drop(&mut self) {
        let call = self.0.take().expect("dropped once");
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(call)) {
            FAILED.store(true, SeqCst);
            panic::resume_unwind(payload);
        }
    }
}

/// A closure that must not run, and has `then` called when it is dropped.
fn dropping(then: impl FnOnce() + Send + 'static) -> impl FnOnce() + Send + 'static {
    let then = Then(Some(then));
    move || {
        drop(then);
        unreachable!("it is cancelled");
    }
}

fn is_shut_down<T>(joined: Result<T, JoinError>) {
    assert!(joined.err().expect("it did not run").is_shut_down());
}

/// Cancels while the one thread is kept, which is let go when the one that waits has been dropped. How many were cancelled.
fn cancelled(to: &To, go: &Go, waits: JoinHandle<()>) -> usize {
    thread::scope(|s| {
        let shutdown = s.spawn(|| to.cancel());
        is_shut_down(waits.join());
        go.let_go();
        shutdown.join().unwrap().cancelled
    })
}

/// Nobody but who drops the first has the second.
#[test]
fn for_one_that_is_dropped_after_it() {
    each("for_one_that_is_dropped_after_it", |to, go| {
        let front = go.clone();
        let first = to.submit(move || front.wait());
        go.until_begun();
        let (later, drops) = (Later::default(), Drops::default());
        let (awaited, before) = (Arc::clone(&later), drops.clone());
        let waits = to.submit(dropping(move || {
            is_shut_down(join_later(&awaited));
            // Told first, and dropped when its turn comes.
            assert_eq!(before.count(), 0);
        }));
        let token = drops.token();
        *later.lock().unwrap() = Some(to.submit(move || drop(token)));
        let more = drops.token();
        let unawaited = to.submit(move || drop(more));
        let report = thread::scope(|s| {
            let shutdown = s.spawn(|| to.cancel());
            is_shut_down(waits.join());
            is_shut_down(unawaited.join());
            go.let_go();
            shutdown.join().unwrap()
        });
        assert_eq!((report.ran, report.cancelled, drops.count()), (1, 3, 2));
        assert!(first.join().is_ok());
    });
}

/// The running one waits for what is in the hand of who waits for it.
#[test]
fn for_one_that_runs_and_waits_for_one_that_is_dropped_after_it() {
    each("for_one_that_runs_and_waits_for_one_that_is_dropped_after_it", |to, go| {
        let (later, is_held) = (Later::<()>::default(), Arc::new(AtomicBool::new(false)));
        let (front, awaited, held) = (go.clone(), Arc::clone(&later), Arc::clone(&is_held));
        let runs = to.submit(move || {
            front.wait();
            // On a worker it would run it, were it not in the hand of who cancels.
            wait_until(|| held.load(SeqCst));
            is_shut_down(join_later(&awaited));
        });
        go.until_begun();
        let waits = to.submit(dropping(move || {
            is_held.store(true, SeqCst);
            assert!(runs.join().is_ok());
        }));
        *later.lock().unwrap() = Some(to.submit(|| ()));
        go.let_go();
        let report = thread::scope(|s| {
            let shutdown = s.spawn(|| to.cancel());
            is_shut_down(waits.join());
            shutdown.join().unwrap()
        });
        assert_eq!((report.ran, report.cancelled), (1, 2));
    });
}

/// Not by a handle of its own: the destructor ends another pool, whose closure waits.
#[test]
fn for_another_pool_whose_closure_waits_for_one_that_is_dropped_after_it() {
    for mode in [Shutdown::Drain, Shutdown::DrainFor(Duration::from_secs(3600))] {
        let name = "for_another_pool_whose_closure_waits_for_one_that_is_dropped_after_it";
        each(name, move |to, go| {
            go.keeps(to);
            let (other, later) = (pool(1), Later::<()>::default());
            let awaited = Arc::clone(&later);
            let ends = other.spawn(move || is_shut_down(join_later(&awaited)));
            let waits = to.submit(dropping(move || {
                assert_eq!(other.shutdown(mode).stragglers.len(), 0);
                assert!(ends.join().is_ok());
            }));
            *later.lock().unwrap() = Some(to.submit(|| ()));
            assert_eq!(cancelled(to, &go, waits), 2);
        });
    }
}

/// Who cancels is a worker, which runs other jobs while it waits.
#[test]
fn for_one_that_is_dropped_after_it_by_a_worker() {
    each("for_one_that_is_dropped_after_it_by_a_worker", |to, go| {
        if matches!(to, To::Elastic(_)) {
            return;
        }
        let (front, inner) = (go.clone(), to.clone());
        let first = to.submit(move || {
            front.wait();
            inner.cancel().cancelled
        });
        go.until_begun();
        let later = Later::<()>::default();
        let awaited = Arc::clone(&later);
        let waits = to.submit(dropping(move || is_shut_down(join_later(&awaited))));
        *later.lock().unwrap() = Some(to.submit(|| ()));
        go.let_go();
        is_shut_down(waits.join());
        assert_eq!(first.join().unwrap(), 2);
    });
}

/// A destructor in the hand cancels a second pool, and one of that hand waits for one of the first.
#[test]
fn for_one_in_the_hand_below() {
    each("for_one_in_the_hand_below", |to, go| {
        go.keeps(to);
        let (other, later) = (pool(1), Later::<()>::default());
        let stuck = Stuck::new(&other, 1);
        let awaited = Arc::clone(&later);
        let above = other.spawn(dropping(move || is_shut_down(join_later(&awaited))));
        let waits = to.submit(dropping(move || {
            thread::scope(|s| {
                // On this thread, so that its hand lies on top.
                let released = s.spawn(move || {
                    is_shut_down(above.join());
                    stuck.release();
                });
                assert_eq!(other.shutdown(Shutdown::CancelQueued).cancelled, 1);
                released.join().unwrap();
            });
        }));
        *later.lock().unwrap() = Some(to.submit(|| ()));
        assert_eq!(cancelled(to, &go, waits), 2);
    });
}

/// Where no destructor waits, a handle is told when its closure is gone.
#[test]
fn who_does_not_wait_lets_nobody_know_before() {
    each("who_does_not_wait_lets_nobody_know_before", |to, go| {
        go.keeps(to);
        let order = Arc::new(AtomicUsize::new(0));
        let (told, is_told) = mpsc::channel();
        for number in 0..20 {
            let (dropped, told, after) = (Arc::clone(&order), told.clone(), Arc::clone(&order));
            let dropped = move || assert_eq!(dropped.fetch_add(1, SeqCst), number);
            to.submit(dropping(dropped)).on_done(move |result| {
                is_shut_down(result);
                told.send(after.load(SeqCst)).unwrap();
            });
        }
        thread::scope(|s| {
            let shutdown = s.spawn(|| to.cancel());
            (1..=20).for_each(|count| assert_eq!(is_told.recv(), Ok(count)));
            go.let_go();
            assert_eq!(shutdown.join().unwrap().cancelled, 20);
        });
    });
}

/// What is told before the closures are dropped may wait as well: by then nothing is held.
#[test]
fn who_is_told_may_wait_for_another() {
    each("who_is_told_may_wait_for_another", |to, go| {
        go.keeps(to);
        let (later, last) = (Later::<()>::default(), Later::<()>::default());
        let awaited = Arc::clone(&later);
        let waits = to.submit(dropping(move || is_shut_down(join_later(&awaited))));
        let (told, is_told) = mpsc::channel();
        let (its, after) = (to.submit(|| ()), Arc::clone(&last));
        its.on_done(move |result| {
            is_shut_down(result);
            is_shut_down(join_later(&after));
            told.send(()).unwrap();
        });
        *later.lock().unwrap() = Some(to.submit(|| ()));
        *last.lock().unwrap() = Some(to.submit(|| ()));
        thread::scope(|s| {
            let shutdown = s.spawn(|| to.cancel());
            is_shut_down(waits.join());
            is_told.recv().unwrap();
            go.let_go();
            assert_eq!(shutdown.join().unwrap().cancelled, 4);
        });
    });
}

/// Of those that were aborted, or run, before who drops them lets go, nothing is left to tell.
#[test]
fn what_has_been_aborted_is_left_alone() {
    each("what_has_been_aborted_is_left_alone", |to, go| {
        go.keeps(to);
        let (later, drops) = (Later::<()>::default(), Drops::default());
        let awaited = Arc::clone(&later);
        let (aborted, detached) = (drops.token(), drops.token());
        let hold: Arc<Mutex<Option<JoinHandle<()>>>> = Arc::default();
        let aborts = Arc::clone(&hold);
        let waits = to.submit(dropping(move || {
            let handle = aborts.lock().unwrap().take().unwrap();
            handle.abort();
            assert!(handle.join().unwrap_err().is_aborted());
            is_shut_down(join_later(&awaited));
        }));
        *hold.lock().unwrap() = Some(to.submit(move || drop(aborted)));
        drop(to.submit(move || drop(detached)));
        *later.lock().unwrap() = Some(to.submit(|| ()));
        assert_eq!(cancelled(to, &go, waits), 4);
        assert_eq!(drops.count(), 2);
    });
}

/// A callback waits for a thread that has to be told after it.
#[test]
fn who_is_told_may_wait_for_who_is_told_after_it() {
    each("who_is_told_may_wait_for_who_is_told_after_it", |to, go| {
        go.keeps(to);
        let (later, other) = (Later::<()>::default(), pool(1));
        let awaited = Arc::clone(&later);
        let waits = to.submit(dropping(move || is_shut_down(join_later(&awaited))));
        let (tells, last) = (to.submit(|| ()), to.submit(|| ()));
        let parked = other.spawn(move || is_shut_down(last.join()));
        tells.on_done(move |result| {
            is_shut_down(result);
            assert!(parked.join().is_ok());
        });
        *later.lock().unwrap() = Some(to.submit(|| ()));
        assert_eq!(cancelled(to, &go, waits), 4);
    });
}

/// What stands in a pool's queue for the closures of an executor, or for a thread that waits, has no handle to tell: it
/// goes back there.
#[test]
fn for_one_that_something_else_stands_for() {
    watchdog("for_one_that_something_else_stands_for", || {
        for by_ticket in [true, false] {
            let (pool, go) = (Arc::new(pool(1)), Go::default());
            let executor = Executor::builder(&pool).build().unwrap();
            let (front, inner) = (go.clone(), executor.clone());
            let (sender, receiver) = mpsc::channel();
            let first = pool.spawn(move || {
                // On the worker's own deque, which is looked at after the global queue.
                let handle = by_ticket.then(|| inner.submit(|| ()).unwrap());
                sender.send(handle).unwrap();
                front.wait();
            });
            let handle = receiver.recv().unwrap();
            go.until_begun();
            let (stands, is_there) = mpsc::channel();
            let is_held = Arc::new(AtomicBool::new(false));
            let held = Arc::clone(&is_held);
            let waits = pool.spawn(dropping(move || {
                let handle: JoinHandle<()> = is_there.recv().unwrap();
                held.store(true, SeqCst);
                // Of one that the shutdown of the pool cancels, or of a thread that it has told.
                assert!(handle.join().is_err());
            }));
            let behind = Arc::clone(&pool);
            let elastic = Elastic::builder().build().unwrap();
            stands
                .send(handle.unwrap_or_else(|| {
                    elastic.submit(move || behind.install(|| unreachable!("cancelled"))).unwrap()
                }))
                .unwrap();
            if !by_ticket {
                wait_until(|| format!("{pool:?}").contains("queued: 2,"));
            }
            let report = thread::scope(|s| {
                let shutdown = s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
                wait_until(|| is_held.load(SeqCst));
                go.let_go();
                shutdown.join().unwrap()
            });
            is_shut_down(waits.join());
            assert!(first.join().is_ok());
            assert_eq!((report.ran, report.cancelled), (1, 2));
            assert!(!FAILED.load(SeqCst), "in a destructor");
        }
    });
}

/// What is given back is looked for once more, though the worker is still stuck.
#[test]
fn what_has_no_handle_is_dropped_after_who_waits() {
    watchdog("what_has_no_handle_is_dropped_after_who_waits", || {
        let (pool, later, drops) = (pool(1), Later::<()>::default(), Drops::default());
        let stuck = Stuck::new(&pool, 1);
        let awaited = Arc::clone(&later);
        let waits = pool.spawn(dropping(move || is_shut_down(join_later(&awaited))));
        let token = drops.token();
        assert!(pool.execute(move || drop(token)).is_ok());
        *later.lock().unwrap() = Some(pool.spawn(|| ()));
        let report = pool.shutdown(Shutdown::DrainFor(Duration::ZERO));
        assert_eq!((report.cancelled, report.stragglers.len(), drops.count()), (3, 1, 1));
        is_shut_down(waits.join());
        stuck.release();
        assert!(!FAILED.load(SeqCst), "in a destructor");
    });
}

/// On the deque of the worker that spawned them many closures stand together for one.
#[test]
fn for_one_of_many_that_a_worker_has_spawned() {
    watchdog("for_one_of_many_that_a_worker_has_spawned", || {
        let (pool, go, later) = (pool(1), Go::default(), Later::<()>::default());
        let (front, awaited) = (go.clone(), Arc::clone(&later));
        let first = pool.spawn(move || {
            let waits = scheduler::spawn(dropping(move || is_shut_down(join_later(&awaited))));
            *later.lock().unwrap() = Some(scheduler::spawn(|| ()));
            (0..10_000).for_each(|_| drop(scheduler::spawn(|| ())));
            front.wait();
            waits
        });
        go.until_begun();
        let report = thread::scope(|s| {
            let shutdown = s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
            // The worker has them no more, and so does not come to the second by itself.
            wait_until(|| format!("{pool:?}").contains("queued: 0,"));
            go.let_go();
            shutdown.join().unwrap()
        });
        is_shut_down(first.join().unwrap().join());
        assert_eq!((report.ran, report.cancelled), (1, 10_002));
        assert!(!FAILED.load(SeqCst), "in a destructor");
    });
}

/// Who cancels is a worker of another pool: it lets go before it runs a job of its own, which may wait as well.
#[test]
fn for_a_job_of_the_worker_that_waits_for_one_that_is_dropped_after_it() {
    let name = "for_a_job_of_the_worker_that_waits_for_one_that_is_dropped_after_it";
    each(name, |to, go| {
        go.keeps(to);
        let (later, own) = (Later::<()>::default(), Later::<()>::default());
        let (awaited, puts) = (Arc::clone(&own), Arc::clone(&own));
        let waits = to.submit(dropping(move || assert!(join_later(&awaited).is_ok())));
        *later.lock().unwrap() = Some(to.submit(|| ()));
        let (sender, receiver) = mpsc::channel();
        let (other, inner) = (pool(1), to.clone());
        thread::scope(|s| {
            s.spawn(move || {
                is_shut_down(join_later(&later));
                sender.send(()).unwrap();
            });
            let free = go.clone();
            s.spawn(move || {
                is_shut_down(waits.join());
                free.let_go();
            });
            let cancelled = other.install(move || {
                *puts.lock().unwrap() = Some(scheduler::spawn(move || receiver.recv().unwrap()));
                inner.cancel().cancelled
            });
            assert_eq!(cancelled, 2);
        });
    });
}
