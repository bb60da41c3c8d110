//! The pool: its threads, and its life.

pub(crate) mod affinity;
pub(crate) mod builder;
pub(crate) mod bundle;
pub(crate) mod carried;
pub(crate) mod error;
pub(crate) mod fronts;
pub(crate) mod gate;
pub(crate) mod global;
pub(crate) mod held;
pub(crate) mod hooks;
pub(crate) mod lifecycle;
pub(crate) mod on_close;
pub(crate) mod registry;
pub(crate) mod running;
pub(crate) mod seat;
pub(crate) mod seats;
pub(crate) mod stamina;
pub(crate) mod start;
pub(crate) mod stops;
pub(crate) mod worker;

use crate::job::hand;
use crate::observe::{Metrics, WorkerMetrics};
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, Instant, Mutex, asymmetric, thread};
use builder::ThreadPoolBuilder;
use error::BuildError;
use lifecycle::{Shutdown, ShutdownReport, Straggler};
use registry::Registry;
use std::fmt;
use std::panic::Location;
use std::time::Duration;
use worker::Worker;

/// The most workers that a pool can have: what the idle word can count.
pub(crate) const MAX_THREADS: usize = 65_535;

/// How long a passed deadline waits for workers that are about to drop what they have picked
/// from a queue. Shorter, and a report could name one of those a straggler; longer only makes
/// the deadline later.
const CANCEL_GRACE: Duration = Duration::from_millis(10);

/// A pool of worker threads.
///
/// Work comes in by [`install`](Self::install) and what is made of it ([`join`](Self::join),
/// [`scope`](Self::scope), [`broadcast`](Self::broadcast)), which wait for it, and by
/// [`spawn`](Self::spawn), [`map`](Self::map), [`schedule`](Self::schedule) and others, which do not.
/// Each method has a free function of the same name for the current pool, where that makes sense; it is
/// described there.
///
/// Dropping it is [`shutdown(Shutdown::Drain)`](Self::shutdown): it returns when all work that
/// the pool has is done and its threads are gone. So it can wait for long, or for ever if a closure
/// does not end; use [`Shutdown::DrainFor`] first where that matters. Dropped by one of its own
/// workers it does not wait. Put it into an `Arc` to share it.
///
/// # Examples
///
/// ```
/// let pool = scheduler::ThreadPool::new(2)?;
/// let mut data = vec![3, 1, 2, 9, 7];
/// let (left, right) = data.split_at_mut(2);
/// pool.join(|| left.sort(), || right.sort());
/// assert_eq!(data, [1, 3, 2, 7, 9]);
/// # Ok::<(), scheduler::BuildError>(())
/// ```
pub struct ThreadPool {
    registry: Arc<Registry>,
    /// Empty once somebody has joined them, or if the caller supplied the threads.
    threads: Arc<Mutex<Vec<thread::JoinHandle<()>>>>,
    /// Whether the drop of this one ends the pool.
    owns: bool,
}

impl ThreadPool {
    pub(crate) fn from_parts(
        registry: Arc<Registry>,
        threads: Vec<thread::JoinHandle<()>>,
    ) -> Self {
        Self { registry, threads: Arc::new(Mutex::new(threads)), owns: true }
    }

    /// The same pool, for somebody who may shut it down but whose end does not.
    #[cfg(all(unix, feature = "signal"))]
    pub(crate) fn share(&self) -> Self {
        let (registry, threads) = (Arc::clone(&self.registry), Arc::clone(&self.threads));
        Self { registry, threads, owns: false }
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }
}

impl ThreadPool {
    /// A pool with that many workers, and otherwise the defaults. 0 means the default number,
    /// see [`ThreadPoolBuilder::num_threads`].
    ///
    /// # Errors
    ///
    /// As [`ThreadPoolBuilder::build`].
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(3)?;
    /// assert_eq!(pool.current_num_threads(), 3);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn new(num_threads: usize) -> Result<Self, BuildError> {
        ThreadPoolBuilder::new().num_threads(num_threads).build()
    }

    /// Options for a pool; the same as [`ThreadPoolBuilder::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::builder()
    ///     .num_threads(2)
    ///     .thread_name(|index| format!("images-{index}"))
    ///     .build()?;
    /// let name = pool.install(|| std::thread::current().name().map(str::to_owned));
    /// assert!(name.unwrap().starts_with("images-"));
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::new()
    }

    /// Runs `f` on one of the workers and returns its value. Inside, the free functions
    /// ([`join`](crate::join()), [`scope`](crate::scope), …) use this pool.
    ///
    /// `f` may borrow, since the caller waits for it. If the caller is a task with a
    /// [token](crate::CancellationToken::run), so is `f`.
    ///
    /// # Panics
    ///
    /// With the panic of `f`, if it panics. On a thread that is no worker of this pool, also if the
    /// pool has been shut down, or a shutdown cancels `f` before it could begin.
    ///
    /// # On a worker
    ///
    /// Of this pool: `f` runs at once, also when the pool is being shut down. Of another pool: the
    /// worker runs its own pool's jobs until `f` has returned. Any other thread blocks, and does not
    /// spin.
    ///
    /// # Examples
    ///
    /// A whole computation on a pool with two workers, without a pool as an argument all the way down:
    ///
    /// ```
    /// fn largest(numbers: &[u32]) -> u32 {
    ///     match numbers {
    ///         [] => 0,
    ///         [number] => *number,
    ///         _ => {
    ///             let (left, right) = numbers.split_at(numbers.len() / 2);
    ///             let (left, right) = scheduler::join(|| largest(left), || largest(right));
    ///             left.max(right)
    ///         }
    ///     }
    /// }
    ///
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let numbers = [3, 1, 4, 1, 5, 9, 2, 6];
    /// assert_eq!(pool.install(|| largest(&numbers)), 9);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn install<F, R>(&self, f: F) -> R
    where
        F: FnOnce() -> R + Send,
        R: Send,
    {
        match self.registry.in_worker(Location::caller(), |_| f()) {
            Ok(value) => value,
            Err(refused) => refused.panic(),
        }
    }

    /// The number of workers. It never changes.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// // So many pieces that each worker gets several of them.
    /// let pieces = 8 * pool.current_num_threads();
    /// assert_eq!(pieces, 16);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn current_num_threads(&self) -> usize {
        self.registry.len()
    }

    /// The index of the calling thread, below [`current_num_threads`](Self::current_num_threads), if
    /// it is a worker of this pool.
    ///
    /// # Examples
    ///
    /// ```
    /// let (pool, other) = (scheduler::ThreadPool::new(1)?, scheduler::ThreadPool::new(1)?);
    /// assert_eq!(pool.install(|| pool.current_thread_index()), Some(0));
    /// assert_eq!(other.install(|| pool.current_thread_index()), None);
    /// assert_eq!(pool.current_thread_index(), None);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn current_thread_index(&self) -> Option<usize> {
        self.registry.own_worker().map(Worker::index)
    }

    /// What the workers have done so far. Stops nobody, takes no lock, and is always on.
    ///
    /// # Examples
    ///
    /// What a piece of work has cost in steals:
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let before = pool.metrics().total();
    /// pool.scope(|s| (0..100).for_each(|_| s.fork(|| ())));
    /// let after = pool.metrics().total();
    /// println!("{} jobs, {} steals", after.jobs - before.jobs, after.steals() - before.steals());
    /// assert!(after.jobs > before.jobs);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn metrics(&self) -> Metrics {
        let worker = |slot: &registry::WorkerSlot| WorkerMetrics {
            counts: slot.counters.snapshot(),
            pinned_to: slot.pinned_to(),
        };
        Metrics {
            workers: self.registry.slots().map(worker).collect(),
            barrier: asymmetric::barrier(),
        }
    }

    /// Ends the pool, in one of the ways of [`Shutdown`], and says what became of its work.
    ///
    /// New work is refused from now on: `install`, `join`, `scope` and `broadcast` on the pool
    /// panic, `spawn` returns a handle that says so, `try_spawn` hands the closure back. Inside
    /// closures that still run, `join` and `scope` go on to work.
    ///
    /// A second call does what its mode adds: `Abort` after `Drain` cancels what the first
    /// still waits for. On a pool that has stopped it does nothing, and its report is empty.
    /// Dropping the pool afterwards does not wait for the stragglers of a deadline. With
    /// `DrainFor(Duration::ZERO)` the deadline has passed at once; it returns some 10 ms later if
    /// anything still runs then.
    ///
    /// To take the queued closures back instead: [`shutdown_now`](Self::shutdown_now). To end the
    /// pool when the process gets a signal: `shutdown_on`, with the feature `signal`.
    ///
    /// # On a worker
    ///
    /// Of this pool, and in the body of an `in_place_scope` on it: returns at once, since the
    /// caller itself is still running, and names the worker among the stragglers; the threads
    /// end by themselves, and nobody watches the deadline of a `DrainFor`. Of another pool: runs
    /// that pool's jobs while it waits (with `DrainFor`, it blocks, up to the deadline).
    ///
    /// Any other thread blocks; but in the destructor of a closure that a shutdown drops unrun it returns at
    /// once, since that closure still counts. In that of one which an abort drops it waits as anywhere.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::Shutdown;
    ///
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let handle = pool.spawn(|| 1 + 1);
    /// let report = pool.shutdown(Shutdown::Drain);
    /// assert!(report.cancelled == 0 && report.stragglers.is_empty());
    /// assert_eq!(handle.join()?, 2);
    /// assert!(pool.try_spawn(|| 3).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(&self, mode: Shutdown) -> ShutdownReport {
        let registry = &self.registry;
        let lifecycle = registry.lifecycle();
        let before = registry.close();
        match mode {
            Shutdown::Drain | Shutdown::DrainFor(_) => {}
            Shutdown::CancelQueued => self.cancel_queued(false),
            Shutdown::Abort => self.cancel_queued(true),
        }
        let stopped = match mode {
            _ if registry.is_inside() => false,
            Shutdown::DrainFor(patience) => self.wait_or_cancel(patience),
            _ => {
                if Worker::current().is_none() {
                    if hand::is_held() {
                        hand::let_go_for(&lifecycle.on_exit());
                    }
                    // The threads' own ends are one wait less, where the pool has them.
                    self.join_threads();
                }
                registry::wait(&lifecycle.on_exit());
                true
            }
        };
        if stopped {
            self.join_threads();
        }
        let tally = lifecycle.tally();
        let cancelled = tally.cancelled_since(before);
        let running = if stopped { 0 } else { tally.roots() };
        ShutdownReport {
            ran: before.roots() - cancelled - running,
            cancelled,
            stragglers: if stopped { Vec::new() } else { self.stragglers() },
        }
    }

    /// `DrainFor`: whether the pool has stopped, within the time or because nothing ran when
    /// it was over.
    fn wait_or_cancel(&self, patience: Duration) -> bool {
        let exit = self.registry.lifecycle().on_exit();
        // A time beyond what the clock can say is no deadline.
        let Some(deadline) = Instant::now().checked_add(patience) else {
            registry::wait(&exit);
            return true;
        };
        if registry::block_until(&exit, deadline) {
            return true;
        }
        self.cancel_queued(true);
        // What is left was running at the deadline, or is just being dropped by a worker.
        let stopped = exit.wait_until(Instant::now() + CANCEL_GRACE);
        if !stopped {
            self.registry.lifecycle().give_up();
        }
        stopped
    }

    /// Drops what is queued. Workers drop what they come across; but all of them may be stuck,
    /// so the caller goes through the queues as a thief would.
    fn cancel_queued(&self, abort: bool) {
        self.registry.lifecycle().cancel(abort);
        if !fault::is(Fault::CancelSkipsQueues) {
            self.registry.drop_queued_roots();
        }
    }

    /// What runs now.
    fn stragglers(&self) -> Vec<Straggler> {
        let mut stragglers = Vec::new();
        for (worker, slot) in self.registry.slots().enumerate() {
            let straggler =
                |(spawned_at, running_for)| Straggler { worker, spawned_at, running_for };
            stragglers.extend(slot.running().sites().map(straggler));
        }
        stragglers
    }

    fn join_threads(&self) {
        // Not under the lock: a thread that ends may run a user's destructor that comes here.
        let threads = std::mem::take(&mut *self.threads.lock().unwrap());
        let current = thread::current().id();
        // That destructor's thread cannot wait for itself.
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != current) {
            // A worker catches what its jobs and hooks throw.
            let _ = thread.join();
        }
    }
}

/// [`ThreadPool::shutdown`] with [`Shutdown::Drain`], unless a deadline has passed already.
impl Drop for ThreadPool {
    fn drop(&mut self) {
        if self.owns && !self.registry.lifecycle().has_given_up() {
            let _ = self.shutdown(Shutdown::Drain);
        }
    }
}

/// Takes no lock, so it can be printed wherever a program hangs. `queued` counts jobs, and a bundle of
/// them as one.
impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let registry = &self.registry;
        let idle = registry.sleep().word().peek();
        let queued = |(index, slot): (usize, &registry::WorkerSlot)| {
            let private =
                registry.head(index).len_for_thief() + registry.batch(index).len_for_thief();
            private + slot.stealer.len() + slot.inbox.len()
        };
        let queued: usize = registry.slots().enumerate().map(queued).sum();
        let queued = registry.injector().len() + queued;
        f.debug_struct("ThreadPool")
            .field("workers", &registry.len())
            .field("sleeping", &idle.sleeping())
            .field("queued", &queued)
            .field("shut_down", &registry.lifecycle().is_closing())
            .finish_non_exhaustive()
    }
}

/// The number of workers of the current pool: the calling worker's, or else the global one, which is
/// built for the answer if it does not exist yet.
///
/// # Panics
///
/// As [`global`](crate::global), outside any pool.
///
/// # Examples
///
/// ```
/// let pool = scheduler::ThreadPool::new(3)?;
/// assert_eq!(pool.install(scheduler::current_num_threads), 3);
/// assert_eq!(scheduler::current_num_threads(), scheduler::global().current_num_threads());
/// # Ok::<(), scheduler::BuildError>(())
/// ```
pub fn current_num_threads() -> usize {
    match Worker::current() {
        Some(worker) => worker.registry().len(),
        None => global::global().current_num_threads(),
    }
}

/// The index of the calling thread in its pool, below [`current_num_threads`]; `None` if it is no
/// worker. Builds no pool.
///
/// A closure runs on one worker from beginning to end; what it forks may run on others.
///
/// # Examples
///
/// Counters that the workers do not take from each other:
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// let pool = scheduler::ThreadPool::new(2)?;
/// let counters = [const { AtomicU64::new(0) }; 2];
/// pool.scope(|s| {
///     for _ in 0..100 {
///         s.fork(|| {
///             let index = scheduler::current_thread_index().expect("parts run on workers");
///             counters[index].fetch_add(1, Ordering::Relaxed);
///         });
///     }
/// });
/// assert_eq!(counters.iter().map(|counter| counter.load(Ordering::Relaxed)).sum::<u64>(), 100);
/// assert_eq!(scheduler::current_thread_index(), None);
/// # Ok::<(), scheduler::BuildError>(())
/// ```
pub fn current_thread_index() -> Option<usize> {
    Worker::current().map(Worker::index)
}
