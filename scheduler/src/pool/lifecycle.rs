//! From running to gone.
//!
//! # Protocol
//!
//! ```text
//!   Running (open)   --close, by a shutdown-->  Draining (closed, n roots)
//!   Draining         --the last root leaves-->  Stopped  (closed, 0 roots)   final
//! ```
//!
//! The [`Gate`] counts the roots, refuses them once it is closed, and says when the last one has
//! left; who is told so ends the workers.
//!
//! Invariant: the workers end when the gate is closed and nobody is inside, and then no queue holds a
//! job: a root leaves only after its queue entry is used up, and its forks end before it does. (Exit
//! handlers come after that, and may fork: each worker then runs its own deque dry.)
//! Counters of idle workers could not tell this: a thief that has just taken a job still
//! counts as idle.

use super::gate::{Closed, Closing, Gate, Passage, Stripe, Tally};
use crate::job::cell::Fate;
use crate::latch::Latch;
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering, prefetch};
use std::panic::Location;
use std::time::Duration;

/// How a pool ends. See [`ThreadPool::shutdown`](crate::ThreadPool::shutdown).
///
/// In every mode new work is refused from the moment of the call, closures that are running go
/// on to their end (a closure cannot be killed), and so do their forks: `join` and `scope` keep
/// working inside them. A queued closure that is cancelled is dropped, and then its handle is told. But if a
/// destructor among them waits by a function of this crate, such as `join`, the handles of all that are queued behind it
/// are told first: so it may wait for any of those. (A closure of an executor on the pool, a turn of a periodic series
/// and an `install` behind it end when a worker is free, or when the destructor is done.) [`Elastic::shutdown`](crate::Elastic::shutdown) and
/// [`Executor::shutdown`](crate::Executor::shutdown) take the same modes.
///
/// # Examples
///
/// A service that gives its work ten seconds:
///
/// ```
/// use scheduler::{Shutdown, ThreadPool};
/// use std::time::Duration;
///
/// let pool = ThreadPool::new(2)?;
/// drop(pool.spawn(|| "the last request"));
/// let report = pool.shutdown(Shutdown::DrainFor(Duration::from_secs(10)));
/// for straggler in &report.stragglers {
///     eprintln!("gave up on {} after {:?}", straggler.spawned_at, straggler.running_for);
/// }
/// assert!(report.stragglers.is_empty());
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// Run what is queued, then end. Waits as long as that takes.
    Drain,
    /// As `Drain`, up to this long. Then cancel what is still queued, tell running work
    /// through [`task::is_cancelled`](crate::task::is_cancelled), and return without waiting
    /// for it; the report names it.
    DrainFor(Duration),
    /// Cancel what is queued at once, and wait for what is running.
    CancelQueued,
    /// As `CancelQueued`, and tell running work through
    /// [`task::is_cancelled`](crate::task::is_cancelled).
    Abort,
}

/// What became of the work that a pool had when its shutdown began. Closures that an
/// [`Executor`](crate::Executor) has on the pool count as the pool's.
///
/// # Examples
///
/// ```
/// use scheduler::{Shutdown, ThreadPool};
/// use std::sync::mpsc;
///
/// let pool = ThreadPool::new(1)?;
/// let (started, has_started) = mpsc::channel();
/// let running = pool.spawn(move || {
///     started.send(()).unwrap();
///     while !scheduler::task::is_cancelled() {
///         std::thread::yield_now();
///     }
/// });
/// has_started.recv()?;
/// let queued = pool.spawn(|| ());
/// let report = pool.shutdown(Shutdown::Abort);
/// assert_eq!((report.ran, report.cancelled, report.stragglers.len()), (1, 1, 0));
/// assert!(running.join().is_ok() && queued.join().unwrap_err().is_shut_down());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct ShutdownReport {
    /// Spawned, submitted and installed closures, running or queued at the call, that have run to their
    /// end (or panic).
    ///
    /// A worker tells its pool late, and of several at a time, of an [`Executor`](crate::Executor)'s short closures
    /// that have ended: up to fifteen. So in a *pool's* report some of them may be in this number that had ended
    /// just before the call; and after a deadline some may be missing, if their worker has begun one since that
    /// does not end. An executor's own report knows of all of them.
    pub ran: usize,
    /// Those that were dropped unrun. Their handles say so.
    pub cancelled: usize,
    /// Those that still run. Empty unless a deadline has passed, or the call came from one of
    /// the pool's own workers, which cannot wait for itself.
    pub stragglers: Vec<Straggler>,
}

/// A closure that was still running when a shutdown returned.
///
/// # Examples
///
/// ```
/// use scheduler::{Shutdown, ThreadPool};
/// use std::sync::mpsc;
/// use std::time::Duration;
///
/// let pool = ThreadPool::new(1)?;
/// let (started, has_started) = mpsc::channel();
/// let (go, gone) = mpsc::channel::<()>();
/// drop(pool.spawn(move || {
///     started.send(()).unwrap();
///     gone.recv()
/// }));
/// has_started.recv()?;
/// let report = pool.shutdown(Shutdown::DrainFor(Duration::from_millis(1)));
/// let [straggler] = &report.stragglers[..] else { panic!("there is one") };
/// assert_eq!((straggler.worker, straggler.spawned_at.file()), (0, file!()));
/// # drop(go);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Straggler {
    /// The index of the worker that runs it; of an [`Elastic`](crate::Elastic) pool, the number of the
    /// thread.
    pub worker: usize,
    /// The line that spawned or installed it.
    pub spawned_at: &'static Location<'static>,
    /// How long it has been running. Of an elastic pool that is exact; else it may be too long:
    ///
    /// - on Linux by up to a tick of the kernel, which is 1 to 10 ms (or more, in a virtual machine that was stopped);
    /// - by what others before it took, up to fifteen, if its worker took it from a queue together with these. A worker
    ///   that takes several goes by the time of the first as long as those before were done within 100 µs.
    pub running_for: Duration,
}

/// The roots of a pool and the end of its workers.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    gate: Gate,
    /// Queued roots are to be dropped instead of run.
    cancelling: AtomicBool,
    /// Running work is asked to stop.
    aborting: AtomicBool,
    /// A deadline has passed: nobody waits for the workers any more.
    given_up: AtomicBool,
    exit: Mutex<Exit>,
}

/// The workers whose threads have not ended, and who waits for that.
#[derive(Debug)]
struct Exit {
    workers: usize,
    waiters: Vec<Arc<Latch>>,
}

impl Lifecycle {
    pub(crate) fn new(workers: usize) -> Self {
        Self::in_pool(workers, workers)
    }

    /// Of something with so many workers whose end is waited for, and so many that count roots: an executor
    /// has one of the former that stands for all of its closures, and counts no roots here.
    pub(crate) fn in_pool(workers: usize, counted_by: usize) -> Self {
        Self {
            gate: Gate::new(counted_by),
            cancelling: AtomicBool::new(false),
            aborting: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            exit: Mutex::new(Exit { workers, waiters: Vec::new() }),
        }
    }

    /// Counts a root in. On an error the pool is shutting down and the root must not run.
    #[inline]
    pub(crate) fn enter(&self, stripe: Stripe) -> Result<(), Closed> {
        self.gate.enter(stripe)
    }

    /// Counts in so many roots more, while the gate is open.
    pub(crate) fn enter_more(&self, stripe: Stripe, roots: usize) {
        self.gate.enter_more(stripe, roots);
    }

    /// Counts a root out, whose queue entry is used up.
    #[inline]
    pub(crate) fn leave(&self, stripe: Stripe, fate: Fate) -> Passage {
        self.gate.leave(stripe, fate)
    }

    /// A root is about to begin.
    pub(crate) fn prefetch(&self) {
        prefetch(&self.cancelling);
    }

    /// A shutdown begins, and new roots will be refused.
    pub(crate) fn announce_close(&self) {
        self.gate.announce();
    }

    /// Refuses new roots from now on.
    pub(crate) fn close(&self) -> Closing {
        self.gate.close()
    }

    /// Whether a shutdown has begun.
    pub(crate) fn is_closing(&self) -> bool {
        self.gate.is_closing()
    }

    /// A deadline has passed. Relaxed: read by the pool's drop, which comes after.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Workers whose threads have not ended.
    pub(crate) fn workers(&self) -> usize {
        self.exit.lock().unwrap().workers
    }

    /// What is inside, and was cancelled, of a pool that is being shut down.
    pub(crate) fn tally(&self) -> Tally {
        self.gate.tally()
    }

    /// From now on queued roots are dropped; with `abort`, running ones are asked to stop.
    pub(crate) fn cancel(&self, abort: bool) {
        // Relaxed: a root that is picked at the same moment may run or be cancelled; nothing
        // is read through the flags.
        self.cancelling.store(true, Ordering::Relaxed);
        if abort {
            self.abort();
        }
    }

    /// From now on running roots are asked to stop.
    pub(crate) fn abort(&self) {
        // Relaxed: nothing is read through the flag.
        self.aborting.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_cancelling(&self) -> bool {
        self.cancelling.load(Ordering::Relaxed)
    }

    pub(crate) fn is_aborting(&self) -> bool {
        self.aborting.load(Ordering::Relaxed)
    }

    /// By which running roots are asked to stop.
    pub(crate) fn aborting(&self) -> &AtomicBool {
        &self.aborting
    }

    /// A worker's thread ends: its last act in this crate.
    pub(crate) fn worker_exits(&self) {
        let waiters = {
            let mut exit = self.exit.lock().unwrap();
            exit.workers -= 1;
            if exit.workers != 0 || fault::is(Fault::ExitTellsNobody) {
                return;
            }
            std::mem::take(&mut exit.waiters)
        };
        for waiter in waiters {
            // SAFETY: the `Arc` keeps the latch alive during the call.
            unsafe { Latch::set(&raw const *waiter) };
        }
    }

    /// Whoever got that latch from [`on_exit`](Self::on_exit) waits no more.
    pub(crate) fn forget_waiter(&self, latch: &Arc<Latch>) {
        let mut exit = self.exit.lock().unwrap();
        exit.waiters.retain(|waiter| Arc::as_ptr(waiter) != Arc::as_ptr(latch));
    }

    /// A latch of the caller's own that is set when the last worker has ended.
    pub(crate) fn on_exit(&self) -> Arc<Latch> {
        let latch = Arc::new(Latch::new());
        let mut exit = self.exit.lock().unwrap();
        if exit.workers == 0 && !fault::is(Fault::ExitForgets) {
            // SAFETY: `latch` is alive.
            unsafe { Latch::set(&raw const *latch) };
        } else {
            exit.waiters.push(Arc::clone(&latch));
        }
        latch
    }
}

#[cfg(test)]
mod tests {
    use super::Lifecycle;

    #[test]
    fn the_last_exit_is_the_one_that_is_told() {
        let lifecycle = Lifecycle::new(2);
        let before = lifecycle.on_exit();
        lifecycle.worker_exits();
        assert!(!before.is_set(), "one worker is left");
        lifecycle.worker_exits();
        assert!(before.is_set());
        assert!(lifecycle.on_exit().is_set(), "also for who asks later");
    }
}
