//! The same closure on every worker.

use crate::job::StackJob;
use crate::pool::ThreadPool;
use crate::pool::carried::Carried;
use crate::pool::global::global;
use crate::pool::registry::{Registry, wait};
use crate::pool::worker::Worker;
use crate::span;
use crate::unwind;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;

/// Where a closure of [`broadcast`] runs.
///
/// # Examples
///
/// Each worker takes its share of a slice:
///
/// ```
/// let numbers: Vec<u32> = (1..=100).collect();
/// let pool = scheduler::ThreadPool::new(3)?;
/// let sums = pool.broadcast(|worker| {
///     numbers.iter().skip(worker.index()).step_by(worker.num_threads()).sum::<u32>()
/// });
/// assert_eq!(sums.iter().sum::<u32>(), 5050);
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[derive(Clone, Copy)]
pub struct BroadcastContext<'a> {
    index: usize,
    num_threads: usize,
    marker: PhantomData<&'a ()>,
}

impl BroadcastContext<'_> {
    /// The worker's index in the pool.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// assert_eq!(pool.broadcast(|worker| worker.index()), [0, 1]);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn index(&self) -> usize {
        self.index
    }

    /// The number of workers, and so of calls.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// assert_eq!(pool.broadcast(|worker| worker.num_threads()), [2, 2]);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn num_threads(&self) -> usize {
        self.num_threads
    }
}

impl fmt::Debug for BroadcastContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastContext")
            .field("index", &self.index)
            .field("num_threads", &self.num_threads)
            .finish()
    }
}

/// Runs a closure once on every worker of the current pool (the calling worker's, else the
/// global one), and returns the values in the order of the workers' indices.
///
/// Each worker comes to it when it is done with its own deque, before it steals; so a worker
/// that runs a long closure delays the whole. The calls carry the
/// [token](crate::CancellationToken::run) of the caller's task, and an [abort](crate::JoinHandle::abort) of the
/// closure that makes them.
///
/// # Panics
///
/// If a call panics: after all have ended, with the panic of the lowest index. In an exit
/// handler of a pool that is being shut down: the other workers may be gone. Outside any pool, also if
/// the global one cannot be built or has been shut down.
///
/// # On a worker
///
/// Runs its own share, and other jobs until all shares are done. Two closures that broadcast
/// to each other's workers do not deadlock. Any other thread blocks.
///
/// # Examples
///
/// Setting up what each worker keeps for itself:
///
/// ```
/// use std::cell::RefCell;
///
/// thread_local! {
///     static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
/// }
///
/// let capacities = scheduler::broadcast(|_| {
///     BUFFER.with_borrow_mut(|buffer| buffer.reserve(1 << 16));
///     BUFFER.with_borrow(|buffer| buffer.capacity())
/// });
/// assert_eq!(capacities.len(), scheduler::current_num_threads());
/// assert!(capacities.iter().all(|&capacity| capacity >= 1 << 16));
/// ```
#[track_caller]
pub fn broadcast<F, R>(f: F) -> Vec<R>
where
    F: Fn(BroadcastContext<'_>) -> R + Sync,
    R: Send,
{
    match Worker::current() {
        Some(worker) => broadcast_from(worker, &f),
        None => global().broadcast(f),
    }
}

impl ThreadPool {
    /// [`broadcast`] to the workers of this pool.
    ///
    /// # Panics
    ///
    /// As [`broadcast`] and [`install`](Self::install).
    ///
    /// # On a worker
    ///
    /// Of this pool: as [`broadcast`]. Of another pool: the worker runs its own pool's jobs until all
    /// shares are done.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(3)?;
    /// let squares = pool.broadcast(|worker| worker.index() * worker.index());
    /// assert_eq!(squares, [0, 1, 4]);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn broadcast<F, R>(&self, f: F) -> Vec<R>
    where
        F: Fn(BroadcastContext<'_>) -> R + Sync,
        R: Send,
    {
        let run = |worker: &Worker| broadcast_from(worker, &f);
        match self.registry().in_worker(Location::caller(), run) {
            Ok(values) => values,
            Err(refused) => refused.panic(),
        }
    }
}

/// In a hook of the pool, outside any root, the other workers may be gone or about to go: the
/// broadcast is a root itself then, and refused once the pool is shutting down.
#[track_caller]
fn broadcast_from<F, R>(worker: &Worker, f: &F) -> Vec<R>
where
    F: Fn(BroadcastContext<'_>) -> R + Sync,
    R: Send,
{
    let registry = worker.registry();
    if registry.slot(worker.index()).running().any() {
        return broadcast_on(registry, f);
    }
    match registry.hold_root(|| broadcast_on(registry, f)) {
        Ok(values) => values,
        Err(refused) => refused.panic(),
    }
}

fn broadcast_on<F, R>(registry: &Registry, f: &F) -> Vec<R>
where
    F: Fn(BroadcastContext<'_>) -> R + Sync,
    R: Send,
{
    let num_threads = registry.len();
    let (task, span) = (Carried::current(), &span::Context::current());
    let shares: Vec<_> = (0..num_threads)
        .map(|index| {
            let context = BroadcastContext { index, num_threads, marker: PhantomData };
            // SAFETY: (1) this frame waits for every share's latch below.
            StackJob::new(move || span.run(|| unsafe { task.run(|| f(context)) }))
        })
        .collect();
    // SAFETY: this frame waits for every share's latch below; `f` is `Sync` and the values are
    // `Send`; called once for each.
    registry.inject_each(shares.iter().map(|share| unsafe { share.as_job_ref() }));
    shares.iter().for_each(|share| wait(share.latch()));
    // SAFETY: all latches are set, and each result is taken once.
    let results: Vec<_> = shares.iter().map(|share| unsafe { share.take_result() }).collect();
    if results.iter().all(Result::is_ok) {
        return results.into_iter().flatten().collect();
    }
    let mut results = results.into_iter();
    let first = results.find_map(|result| match result {
        Ok(value) => {
            unwind::drop_quietly(value);
            None
        }
        Err(payload) => Some(payload),
    });
    results.for_each(unwind::drop_quietly);
    unwind::resume(first.expect("not all are values"))
}
