//! Many closures at once, through an executor's queue.

use super::Executor;
use super::load::One;
use crate::blocking::{Elastic, ElasticBuilder};
use crate::completion::{
    InvokeAnyError, Map, MapUnordered, TimedInvocation, invoke_all_on, invoke_all_timeout_on,
    invoke_any_on,
};
use crate::job::error::JoinError;
use crate::task::{JoinHandle, Submit, refused};
use std::panic::Location;
use std::time::Duration;

/// By the executor's policy. What it refuses is dropped, and the handle says why.
impl Submit for Executor {
    fn submit<F, T>(&self, f: F, site: &'static Location<'static>) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let policy = &self.core().policy;
        self.admit(One::Loose(f), policy, site).unwrap_or_else(refused)
    }

    fn width(&self) -> usize {
        self.core().registry.len()
    }
}

/// # Many closures at once
///
/// Each takes the executor's policy for its closures; what that refuses has an error that
/// [`is_discarded`](JoinError::is_discarded), or [`is_shut_down`](JoinError::is_shut_down). On a worker they
/// submit as [`submit`](Executor::submit) does, and then wait as the free functions of the same names do.
impl Executor {
    /// [`map`](crate::map) through this executor.
    ///
    /// The window keeps most of the items out of the queue. A policy other than `Block` and `CallerRuns`
    /// may refuse an item all the same, if others submit as well; `next` then panics.
    ///
    /// # Panics
    ///
    /// As [`map`](crate::map), with a [custom](crate::RejectionPolicy::custom) policy that panics as with an
    /// item that does when it is drawn; the item is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, RejectionPolicy, ThreadPool};
    ///
    /// let pool = ThreadPool::new(2)?;
    /// let executor =
    ///     Executor::builder(&pool).queue_capacity(1).on_full(RejectionPolicy::Block).build()?;
    /// let squares: Vec<u64> = executor.map(1..=4, |n: u64| n * n).collect();
    /// assert_eq!(squares, [1, 4, 9, 16]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn map<I, F, T>(&self, items: I, f: F) -> Map<I::IntoIter, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        Map::new(self.clone(), items, f, Location::caller())
    }

    /// [`map_unordered`](crate::map_unordered) through this executor; see [`map`](Self::map).
    ///
    /// # Panics
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, RejectionPolicy, ThreadPool};
    ///
    /// let pool = ThreadPool::new(2)?;
    /// let executor =
    ///     Executor::builder(&pool).queue_capacity(4).on_full(RejectionPolicy::Block).build()?;
    /// let sum: u64 = executor.map_unordered(1..=100, |n: u64| n * n).sum();
    /// assert_eq!(sum, 338_350);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn map_unordered<I, F, T>(&self, items: I, f: F) -> MapUnordered<I::IntoIter, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        MapUnordered::new(self.clone(), items, f, Location::caller())
    }

    /// [`invoke_all`](crate::invoke_all) through this executor. All or nothing is
    /// [`submit_all`](Self::submit_all).
    ///
    /// # Errors
    ///
    /// As there, for each closure; and as said above for those that are refused.
    ///
    /// # Panics
    ///
    /// If taking the closures from the iterator panics, or a [custom](crate::RejectionPolicy::custom) policy
    /// does; those that have not begun to run are aborted.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, RejectionPolicy, ThreadPool};
    ///
    /// let pool = ThreadPool::new(2)?;
    /// let executor =
    ///     Executor::builder(&pool).queue_capacity(2).on_full(RejectionPolicy::Block).build()?;
    /// let results = executor.invoke_all((1..=100u64).map(|n| move || n * n));
    /// let sum: u64 = results.into_iter().map(Result::unwrap).sum();
    /// assert_eq!(sum, 338_350);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn invoke_all<F, T>(
        &self,
        closures: impl IntoIterator<Item = F>,
    ) -> Vec<Result<T, JoinError>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        invoke_all_on(self, closures, Location::caller())
    }

    /// [`invoke_all_timeout`](crate::invoke_all_timeout) through this executor. The time runs from the call,
    /// but does not cut a submission short that waits for room.
    ///
    /// # Errors
    ///
    /// As there, for each closure; and as said above for those that are refused.
    ///
    /// # Panics
    ///
    /// As [`invoke_all`](Self::invoke_all).
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(2)?;
    /// let executor = Executor::builder(&pool).build()?;
    /// let outcomes = executor.invoke_all_timeout([|| 1, || 2], Duration::from_secs(60));
    /// assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(Ok(_)))));
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn invoke_all_timeout<F, T>(
        &self,
        closures: impl IntoIterator<Item = F>,
        timeout: Duration,
    ) -> Vec<TimedInvocation<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        invoke_all_timeout_on(self, closures, timeout, Location::caller())
    }

    /// [`invoke_any`](crate::invoke_any) through this executor.
    ///
    /// # Errors
    ///
    /// As there; a closure that is refused is a failure.
    ///
    /// # Panics
    ///
    /// As [`invoke_all`](Self::invoke_all).
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    ///
    /// let pool = ThreadPool::new(2)?;
    /// let executor = Executor::builder(&pool).build()?;
    /// let parse = |text: &'static str| move || text.parse::<u32>();
    /// assert_eq!(executor.invoke_any(["two", "2"].map(parse)).unwrap(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn invoke_any<F, T, E>(
        &self,
        closures: impl IntoIterator<Item = F>,
    ) -> Result<T, InvokeAnyError<E>>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        invoke_any_on(self, closures, Location::caller())
    }

    /// Options for an [`Elastic`] pool: not an executor on a pool's workers, but threads of its own, for
    /// closures that block. The same as [`Elastic::builder`].
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::Executor;
    ///
    /// let disk = Executor::elastic().max_threads(4).thread_name("disk").build()?;
    /// let found = disk.submit(|| std::path::Path::new("Cargo.toml").exists())?;
    /// assert!(found.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn elastic() -> ElasticBuilder {
        Elastic::builder()
    }
}
