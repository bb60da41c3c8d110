//! Options for an executor.

use super::{Core, Executor};
use crate::admission::RejectionPolicy;
use crate::pool::ThreadPool;
use crate::pool::error::{BuildError, Kind};
use crate::sync::Arc;
use std::fmt;

/// Options for an [`Executor`]. Made by [`Executor::builder`].
///
/// # Examples
///
/// ```
/// use scheduler::{Executor, RejectionPolicy, ThreadPool};
///
/// let pool = ThreadPool::new(2)?;
/// let thumbnails = Executor::builder(&pool)
///     .name("thumbnails")
///     .queue_capacity(64)
///     .on_full(RejectionPolicy::CallerRuns)
///     .build()?;
/// assert_eq!(thumbnails.submit(|| 3)?.join()?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct ExecutorBuilder<'pool> {
    pool: &'pool ThreadPool,
    name: String,
    capacity: Option<usize>,
    policy: RejectionPolicy,
    timings: bool,
}

impl<'pool> ExecutorBuilder<'pool> {
    pub(super) fn new(pool: &'pool ThreadPool) -> Self {
        let policy = RejectionPolicy::default();
        Self { pool, name: "executor".to_owned(), capacity: None, policy, timings: false }
    }

    /// What to call it where it is shown; the default is `executor`. The threads are the pool's and have its
    /// names.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).name("thumbnails").build()?;
    /// assert!(format!("{executor:?}").starts_with("Executor { name: \"thumbnails\""));
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// How many closures may wait to start; the default is as many as fit in memory. Those that run do not
    /// count.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, RejectionPolicy, ThreadPool};
    ///
    /// let pool = ThreadPool::new(2)?;
    /// let hashes =
    ///     Executor::builder(&pool).queue_capacity(4).on_full(RejectionPolicy::Block).build()?;
    /// for block in 0..100u8 {
    ///     let block = vec![block; 1 << 16]; // no more than four of them wait, and two are hashed
    ///     hashes.execute(move || _ = block.iter().fold(0u32, |hash, b| hash ^ u32::from(*b)))?;
    /// }
    /// assert!(hashes.metrics().high_water <= 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn queue_capacity(self, capacity: usize) -> Self {
        Self { capacity: Some(capacity), ..self }
    }

    /// What to do with a closure for which there is no room; the default is
    /// [`RejectionPolicy::Abort`]. Without a [capacity](Self::queue_capacity) there is always room.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, RejectionPolicy, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let newest_first = Executor::builder(&pool)
    ///     .queue_capacity(1)
    ///     .on_full(RejectionPolicy::DiscardOldest)
    ///     .build()?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let busy = pool.spawn(move || gone.recv().is_err());
    /// let (old, new) = (newest_first.submit(|| "old")?, newest_first.submit(|| "new")?);
    /// drop(go);
    /// assert!(old.join().unwrap_err().is_discarded());
    /// assert!(new.join()? == "new" && busy.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_full(self, policy: RejectionPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Whether to measure how long each closure waits and runs, for
    /// [`Executor::metrics`]; the default is no. That reads the clock three times for each closure, some
    /// 100 ns in all.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, Shutdown, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).timings(true).build()?;
    /// executor.execute(|| ())?;
    /// let _ = executor.shutdown(Shutdown::Drain);
    /// let waits = executor.metrics().queue_wait.expect("it was asked for");
    /// println!("queue wait: {waits}");
    /// assert_eq!(waits.count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn timings(self, timings: bool) -> Self {
        Self { timings, ..self }
    }

    /// Makes the executor.
    ///
    /// # Errors
    ///
    /// If the [capacity](Self::queue_capacity) is 0: then nothing could ever be queued. For a hand-over
    /// without a queue, let the submitter wait for the handle. On a pool that has been shut down there is an
    /// executor, which refuses all closures.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let error = Executor::builder(&pool).queue_capacity(0).build().unwrap_err();
    /// assert_eq!(error.to_string(), "a queue with a capacity of 0 has no room for anything");
    /// assert!(Executor::builder(&pool).queue_capacity(1).build().is_ok());
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn build(self) -> Result<Executor, BuildError> {
        if self.capacity == Some(0) {
            return Err(Kind::NoCapacity.into());
        }
        let capacity = self.capacity.unwrap_or(usize::MAX);
        let registry = Arc::clone(self.pool.registry());
        let core = Core::new(registry, capacity, self.name, self.policy, self.timings);
        Ok(Executor { core })
    }
}

impl fmt::Debug for ExecutorBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutorBuilder")
            .field("name", &self.name)
            .field("queue_capacity", &self.capacity)
            .field("on_full", &self.policy)
            .field("timings", &self.timings)
            .finish_non_exhaustive()
    }
}
