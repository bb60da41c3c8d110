//! Submitting with a bound: a queue of one's own in front of a pool's workers.

mod builder;
mod closure;
mod completion;
mod core;
mod histogram;
mod lease;
mod leases;
mod line;
mod load;
mod metrics;
mod pace;
pub(crate) mod queue;
mod shutdown;
mod state;
mod steps;
mod submit;
mod submit_async;
mod waiting;

pub use builder::ExecutorBuilder;
pub use histogram::Histogram;
pub use metrics::ExecutorMetrics;
pub use submit_async::SubmitAsync;

use self::core::Core;
use crate::pool::ThreadPool;
use crate::sync::Arc;
use std::fmt;

/// A queue for closures in front of a [`ThreadPool`], first in, first out, with a bound if one is
/// given and a [`RejectionPolicy`](crate::RejectionPolicy) for the closures that it has no room for.
///
/// Closures begin in the order in which they came. With several workers that is nearly so: a worker takes short
/// ones, of some microseconds, several at a time, and begins them one after the other. Those that it has not
/// begun wait as all others do: they count as queued, can be aborted or handed back, and go to
/// whichever worker has nothing else to do.
///
/// Several executors can share a pool, each with its own bound, policy and counts; their closures run
/// on the pool's workers, beside whatever else runs there. Cloning gives another handle to the same
/// executor.
///
/// Dropping the last clone neither waits nor cancels: what is queued runs. To wait for it, see
/// [`shutdown`](Self::shutdown). The pool can be shut down, or dropped, while there are executors on
/// it: it deals with their closures as with its own, and new ones are refused.
///
/// # Examples
///
/// ```
/// use scheduler::{Executor, RejectionPolicy, Shutdown, ThreadPool};
///
/// let pool = ThreadPool::new(2)?;
/// let executor =
///     Executor::builder(&pool).queue_capacity(100).on_full(RejectionPolicy::Block).build()?;
/// // However many these are, no more than 100 wait in memory at a time.
/// let lengths = ["to", "be", "or"].map(|word| executor.submit(move || word.len()));
/// for length in lengths {
///     assert_eq!(length?.join()?, 2);
/// }
/// let report = executor.shutdown(Shutdown::Drain);
/// assert_eq!(report.cancelled, 0);
/// assert!(executor.submit(|| 7).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Executor {
    core: Arc<Core>,
}

impl Executor {
    /// Options for an executor on that pool. For the global pool, give it
    /// [`global()`](crate::global).
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, global};
    ///
    /// let uploads = Executor::builder(global()).name("uploads").queue_capacity(100).build()?;
    /// assert_eq!(uploads.submit(|| "sent")?.join()?, "sent");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(pool: &ThreadPool) -> ExecutorBuilder<'_> {
        ExecutorBuilder::new(pool)
    }

    /// How many closures wait to start, now. Never more than the [`capacity`](Self::capacity).
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    /// use std::sync::mpsc;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let (go, gone) = mpsc::channel::<()>();
    /// let busy = pool.spawn(move || gone.recv().is_err());
    /// let executor = Executor::builder(&pool).build()?;
    /// let handles = executor.submit_all([|| 1, || 2, || 3])?;
    /// assert_eq!(executor.queue_len(), 3);
    /// drop(go);
    /// handles.into_iter().for_each(|handle| _ = handle.join());
    /// assert!(executor.queue_len() == 0 && busy.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn queue_len(&self) -> usize {
        self.core.queue.figures().len
    }

    /// How many closures may wait to start. `None`: as many as fit in memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// assert_eq!(Executor::builder(&pool).build()?.capacity(), None);
    /// assert_eq!(Executor::builder(&pool).queue_capacity(8).build()?.capacity(), Some(8));
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn capacity(&self) -> Option<usize> {
        Some(self.core.queue.capacity()).filter(|&capacity| capacity != usize::MAX)
    }

    fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Executor");
        debug
            .field("name", &self.core.name)
            .field("capacity", &self.capacity())
            .field("on_full", &self.core.policy);
        match self.core.queue.try_look() {
            Some(figures) => {
                debug.field("queue_len", &figures.len).field("shut_down", &figures.closed)
            }
            None => debug.field("queue", &format_args!("<locked>")),
        };
        debug.finish()
    }
}
