//! What an executor has done.

use super::Executor;
use super::histogram::{Histogram, Recorder};
use crate::sync::Instant;
use std::fmt;
use std::time::Duration;

/// What does not happen on every submission.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(super) blocked: u64,
    pub(super) timed_out: u64,
    pub(super) rejected: u64,
    pub(super) caller_ran: u64,
    pub(super) discarded: u64,
    pub(super) discarded_oldest: u64,
}

/// What one worker records if it is asked to.
#[derive(Debug, Default)]
pub(crate) struct Timings {
    queue_wait: Recorder,
    run_time: Recorder,
}

impl Timings {
    pub(super) fn record(&self, waited: Duration, ran: Duration) {
        self.queue_wait.record(waited);
        self.run_time.record(ran);
    }
}

/// A snapshot of what an executor has done since it was built. Made by [`Executor::metrics`].
///
/// Taken without stopping anybody: the figures are not all of the same moment. Of an executor at rest,
/// `submitted` is `completed + panicked + cancelled`. `Display` prints a few lines.
///
/// # Examples
///
/// ```
/// use scheduler::{Executor, RejectionPolicy, Shutdown, ThreadPool};
///
/// let pool = ThreadPool::new(1)?;
/// let executor =
///     Executor::builder(&pool).queue_capacity(2).on_full(RejectionPolicy::Discard).build()?;
/// for _ in 0..100 {
///     executor.execute(|| std::thread::yield_now())?;
/// }
/// let _ = executor.shutdown(Shutdown::Drain);
/// let metrics = executor.metrics();
/// assert_eq!(metrics.submitted + metrics.discarded, 100);
/// assert_eq!(metrics.completed, metrics.submitted);
/// assert!(metrics.high_water <= 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecutorMetrics {
    /// Closures that wait to start now.
    pub queue_len: usize,
    /// The most that have waited at a time. Beyond 64 it may leave out those that workers have taken together
    /// with others, and not begun: up to 15 for each worker.
    pub high_water: usize,
    /// Closures that were taken into the queue.
    pub submitted: u64,
    /// Those of them that ran to their end.
    pub completed: u64,
    /// Those of them that panicked.
    pub panicked: u64,
    /// Those of them that were dropped unrun: aborted, shut down, discarded as the oldest, or taken
    /// back by [`Executor::shutdown_now`].
    pub cancelled: u64,
    /// Submissions that had to wait for room. On a worker: that ran something else first.
    pub blocked: u64,
    /// Those of them that gave up when their time was over.
    pub timed_out: u64,
    /// Closures that were handed back at once, for want of room.
    pub rejected: u64,
    /// Closures that their submitter ran itself. Not in `submitted`.
    pub caller_ran: u64,
    /// New closures that were dropped unrun for want of room. Not in `submitted`.
    pub discarded: u64,
    /// Queued closures that were dropped unrun to make room. Part of `cancelled`.
    pub discarded_oldest: u64,
    /// How long closures waited in the queue that have run; `None` without
    /// [`timings`](crate::ExecutorBuilder::timings).
    pub queue_wait: Option<Histogram>,
    /// How long they ran; `None` without [`timings`](crate::ExecutorBuilder::timings).
    pub run_time: Option<Histogram>,
    /// How long ago the executor was built.
    pub age: Duration,
}

impl Executor {
    /// What the executor has done so far. Takes the queue's lock for a moment.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    ///
    /// let pool = ThreadPool::new(2)?;
    /// let executor = Executor::builder(&pool).build()?;
    /// executor.submit(|| 6 * 7)?.join()?;
    /// let metrics = executor.metrics();
    /// assert_eq!((metrics.submitted, metrics.queue_len), (1, 0));
    /// println!("{metrics}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(&self) -> ExecutorMetrics {
        let core = self.core();
        let sum = |count: fn(&super::core::Slot) -> u64| core.slots().map(count).sum();
        let histogram = |part: fn(&Timings) -> &Recorder| {
            let recorders = core.slots().map(|slot| slot.timings.as_deref().map(part));
            recorders.collect::<Option<Vec<_>>>().map(|all| Histogram::of(all.into_iter()))
        };
        let figures = core.queue.figures();
        let counts = core.counts();
        ExecutorMetrics {
            queue_len: figures.len,
            high_water: figures.high_water,
            submitted: figures.pushed,
            completed: sum(|slot| slot.completed.get()),
            panicked: sum(|slot| slot.panicked.get()),
            cancelled: figures.cancelled,
            blocked: counts.blocked,
            timed_out: counts.timed_out,
            rejected: counts.rejected,
            caller_ran: counts.caller_ran,
            discarded: counts.discarded,
            discarded_oldest: counts.discarded_oldest,
            queue_wait: histogram(|timings| &timings.queue_wait),
            run_time: histogram(|timings| &timings.run_time),
            age: Instant::now() - core.built,
        }
    }
}

/// A few lines.
impl fmt::Display for ExecutorMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "submitted {}: completed {}, panicked {}, cancelled {}; queued {}, at most {}",
            self.submitted,
            self.completed,
            self.panicked,
            self.cancelled,
            self.queue_len,
            self.high_water,
        )?;
        write!(
            f,
            "no room: blocked {} (timed out {}), rejected {}, run by the caller {}, discarded {}, \
             discarded as oldest {}",
            self.blocked,
            self.timed_out,
            self.rejected,
            self.caller_ran,
            self.discarded,
            self.discarded_oldest,
        )?;
        if let (Some(queue_wait), Some(run_time)) = (&self.queue_wait, &self.run_time) {
            write!(f, "\nqueue wait: {queue_wait}\nrun time: {run_time}")?;
        }
        Ok(())
    }
}
