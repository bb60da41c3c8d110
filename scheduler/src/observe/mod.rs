//! Counters of each worker, and the snapshot of them that users get.
//!
//! Each counter has one writer, its worker, and is a relaxed load and store; nothing is
//! counted on the path of a fork that nobody steals.

use crate::sync::Counter;
use crate::sync::asymmetric::Barrier;
use std::fmt;
use std::ops::AddAssign;

/// What one worker counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) jobs: Counter,
    pub(crate) steals_tail: Counter,
    pub(crate) steals_forced: Counter,
    pub(crate) steals_injected: Counter,
    pub(crate) steals_empty: Counter,
    pub(crate) steals_lost: Counter,
    pub(crate) publishes: Counter,
    pub(crate) parks: Counter,
    pub(crate) wakes: Counter,
    pub(crate) spilled: Counter,
}

impl Counters {
    pub(crate) fn snapshot(&self) -> Counts {
        Counts {
            jobs: self.jobs.get(),
            steals_tail: self.steals_tail.get(),
            steals_forced: self.steals_forced.get(),
            steals_injected: self.steals_injected.get(),
            steals_empty: self.steals_empty.get(),
            steals_lost: self.steals_lost.get(),
            publishes: self.publishes.get(),
            parks: self.parks.get(),
            wakes: self.wakes.get(),
            spilled: self.spilled.get(),
        }
    }
}

/// Counts since the pool was built, or [since](Self::since) an earlier look, of one worker or of
/// all together. `+=` adds two up.
///
/// # Examples
///
/// ```
/// let pool = scheduler::ThreadPool::new(2)?;
/// pool.scope(|s| (0..1000).for_each(|_| s.fork(|| ())));
/// let counts = pool.metrics().total();
/// assert!(counts.jobs >= 1000);
/// println!("{} of {} jobs were stolen", counts.stolen(), counts.jobs);
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Jobs taken from a queue and run. A `join` branch that its own caller took back from the
    /// private head is not a job here: it was a function call, and is not counted at all.
    pub jobs: u64,
    /// Jobs stolen from another worker's public tail. Many small ones may lie there as a bundle, which
    /// is stolen as one.
    pub steals_tail: u64,
    /// Jobs taken by force out of another worker's private head, because that stood still, or before going to sleep.
    pub steals_forced: u64,
    /// Jobs taken from the pool's global queue. A worker may take several, and another that has nothing
    /// to do takes of them what is not begun: they are counted once, for the first.
    pub steals_injected: u64,
    /// Looks at another worker's tail or head that found it empty. A worker looks there when it has
    /// nothing of its own, so a busy one counts none.
    pub steals_empty: u64,
    /// Attempts to take a job from another worker or from the global queue that lost it to somebody
    /// quicker.
    pub steals_lost: u64,
    /// Own jobs moved from the private head to the public tail because somebody was idle.
    pub publishes: u64,
    /// Times the worker blocked its thread.
    pub parks: u64,
    /// Times it was woken from that to look for work (and not because what it waited for had
    /// happened).
    pub wakes: u64,
    /// Own jobs moved to the public tail because the private head was full.
    pub spilled: u64,
}

impl Counts {
    /// All steals: from tails, by force, and of injected jobs.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// pool.install(|| ());
    /// let total = pool.metrics().total();
    /// assert_eq!((total.steals(), total.steals_injected), (1, 1));
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn steals(&self) -> u64 {
        self.stolen() + self.steals_injected
    }

    /// Steals from other workers: from tails and by force. What came in from outside is not among
    /// them.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// pool.install(|| scheduler::join(|| 1, || 2));
    /// let total = pool.metrics().total();
    /// assert_eq!((total.stolen(), total.steals()), (0, 1));
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn stolen(&self) -> u64 {
        self.steals_tail + self.steals_forced
    }

    /// Attempts to steal that gave no job. Together with [`steals`](Self::steals) these are all
    /// attempts, but for looks at the global queue while it was empty, which are not counted.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// pool.scope(|s| (0..1000).for_each(|_| s.fork(|| ())));
    /// let total = pool.metrics().total();
    /// let failed = total.failed_steals();
    /// println!("{failed} of {} attempts to steal failed", failed + total.steals());
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn failed_steals(&self) -> u64 {
        self.steals_empty + self.steals_lost
    }

    /// What has been counted since `earlier`, which was taken before this from the same worker or
    /// pool.
    ///
    /// # Panics
    ///
    /// If some count was higher in `earlier`: the two are swapped, or not of the same worker or pool.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// pool.install(|| ());
    /// let before = pool.metrics().total();
    /// pool.install(|| ());
    /// assert_eq!(pool.metrics().total().since(&before).jobs, 1);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn since(&self, earlier: &Self) -> Self {
        assert!(
            self.zip(earlier, u64::max) == *self,
            "counts do not go back: {self:?} was not taken after {earlier:?}"
        );
        self.zip(earlier, |now, then| now - then)
    }

    /// Each count with its like.
    fn zip(&self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            jobs: f(self.jobs, other.jobs),
            steals_tail: f(self.steals_tail, other.steals_tail),
            steals_forced: f(self.steals_forced, other.steals_forced),
            steals_injected: f(self.steals_injected, other.steals_injected),
            steals_empty: f(self.steals_empty, other.steals_empty),
            steals_lost: f(self.steals_lost, other.steals_lost),
            publishes: f(self.publishes, other.publishes),
            parks: f(self.parks, other.parks),
            wakes: f(self.wakes, other.wakes),
            spilled: f(self.spilled, other.spilled),
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = self.zip(&other, |a, b| a + b);
    }
}

/// One worker in a [`Metrics`] snapshot.
///
/// # Examples
///
/// ```
/// let pool = scheduler::ThreadPool::new(2)?;
/// for (index, worker) in pool.metrics().workers.iter().enumerate() {
///     match worker.pinned_to {
///         Some(core) => println!("worker {index} is on core {core}"),
///         None => println!("worker {index} is where the system puts it"),
///     }
/// }
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// What it has counted.
    pub counts: Counts,
    /// The core it is pinned to; `None` if it is not pinned, or has not started yet.
    pub pinned_to: Option<usize>,
}

impl WorkerMetrics {
    /// What this worker has counted since `earlier`, and where it is pinned now.
    ///
    /// # Panics
    ///
    /// As [`Counts::since`].
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let before = pool.metrics().workers[0];
    /// pool.install(|| ());
    /// assert_eq!(pool.metrics().workers[0].since(&before).counts.jobs, 1);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn since(&self, earlier: &Self) -> Self {
        Self { counts: self.counts.since(&earlier.counts), ..*self }
    }
}

/// A snapshot of what a pool's workers have done since it was built, or
/// [since](Self::since) an earlier one.
///
/// Taken without stopping anybody: the figures of a busy pool are each a moment old, and
/// not all of the same moment.
///
/// # Examples
///
/// ```
/// let pool = scheduler::ThreadPool::new(2)?;
/// pool.install(|| scheduler::join(|| 1, || 2));
/// let metrics = pool.metrics();
/// assert_eq!(metrics.workers.len(), 2);
/// assert_eq!(metrics.total().steals_injected, 1); // the closure of `install`
/// println!("{metrics}");
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// One entry for each worker, in the order of their indices.
    pub workers: Vec<WorkerMetrics>,
    /// Which barrier this process uses.
    pub barrier: Barrier,
}

impl Metrics {
    /// The workers' counts, added up.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// pool.broadcast(|_| ());
    /// let metrics = pool.metrics();
    /// let jobs: u64 = metrics.workers.iter().map(|worker| worker.counts.jobs).sum();
    /// assert_eq!(metrics.total().jobs, jobs);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.workers.iter().for_each(|worker| total += worker.counts);
        total
    }

    /// What each worker has done since `earlier`, which was taken before this from the same pool.
    ///
    /// # Panics
    ///
    /// If the two have not as many workers, and as [`Counts::since`].
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let before = pool.metrics();
    /// pool.install(|| scheduler::join(|| 1, || 2));
    /// println!("{}", pool.metrics().since(&before));
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn since(&self, earlier: &Self) -> Self {
        let (now, then) = (self.workers.len(), earlier.workers.len());
        assert!(now == then, "metrics of two pools: one has {now} workers, the earlier one {then}");
        let mut difference = self.clone();
        for (worker, earlier) in difference.workers.iter_mut().zip(&earlier.workers) {
            *worker = worker.since(earlier);
        }
        difference
    }

    /// Whether every worker is pinned to a core. A worker that has not started yet counts as unpinned; after
    /// a [`broadcast`](crate::ThreadPool::broadcast) all of them have.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Pinning, ThreadPool};
    ///
    /// let pool = ThreadPool::builder().num_threads(2).pinning(Pinning::Off).build()?;
    /// pool.broadcast(|_| ());
    /// assert!(!pool.metrics().pinned());
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn pinned(&self) -> bool {
        self.workers.iter().all(|worker| worker.pinned_to.is_some())
    }
}

/// A table with a line for each worker and one for the total.
impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "worker       jobs   tail forced injected    empty   lost publishes  parks  wakes spilled  core"
        )?;
        let line = |f: &mut fmt::Formatter<'_>, name: &str, counts: &Counts, core: &str| {
            writeln!(
                f,
                "{name:>6} {:>10} {:>6} {:>6} {:>8} {:>8} {:>6} {:>9} {:>6} {:>6} {:>7} {core:>5}",
                counts.jobs,
                counts.steals_tail,
                counts.steals_forced,
                counts.steals_injected,
                counts.steals_empty,
                counts.steals_lost,
                counts.publishes,
                counts.parks,
                counts.wakes,
                counts.spilled,
            )
        };
        for (index, worker) in self.workers.iter().enumerate() {
            let core = worker.pinned_to.map_or_else(|| "-".to_owned(), |core| core.to_string());
            line(f, &index.to_string(), &worker.counts, &core)?;
        }
        line(f, "total", &self.total(), "")
    }
}
