//! Many closures at once, on an elastic pool.

use super::elastic::{Elastic, Shared};
use crate::completion::{
    InvokeAnyError, Map, MapUnordered, TimedInvocation, invoke_all_on, invoke_all_timeout_on,
    invoke_any_on,
};
use crate::job::error::JoinError;
use crate::sync::Arc;
use crate::task::{JoinHandle, Submit, refused};
use std::panic::Location;
use std::time::Duration;

/// By the pool's policy.
impl Submit for Arc<Shared> {
    fn submit<F, T>(&self, f: F, site: &'static Location<'static>) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Shared::submit(self, f, &self.policy, site).unwrap_or_else(refused)
    }

    fn width(&self) -> usize {
        self.core.limits().max
    }
}

/// # Many closures at once
///
/// Each takes the pool's policy for its closures. What that refuses, or finds no thread, has an error that
/// [`is_discarded`](JoinError::is_discarded), or [`is_shut_down`](JoinError::is_shut_down). They wait as the free
/// functions of the same names do, also on a thread of this pool: that has no other jobs to run meanwhile, so closures of
/// a pool that wait for others of it need more threads than there can be of them.
impl Elastic {
    /// [`map`](crate::map) on this pool's threads: for a function that blocks.
    ///
    /// The window is twice [`max_threads`](crate::ElasticBuilder::max_threads). With a queue that is shorter, a policy
    /// other than `Block` and `CallerRuns` may refuse an item; `next` then panics. The iterator does not keep the pool
    /// from ending.
    ///
    /// # Panics
    ///
    /// As [`map`](crate::map).
    ///
    /// # On a worker
    ///
    /// As [`map`](crate::map).
    ///
    /// # Examples
    ///
    /// ```
    /// let disk = scheduler::Elastic::builder().max_threads(4).build()?;
    /// let sizes = disk.map(["Cargo.toml", "src/lib.rs"], |path| std::fs::metadata(path).map(|file| file.len()));
    /// for size in sizes {
    ///     assert!(size? > 0);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn map<I, F, T>(&self, items: I, f: F) -> Map<I::IntoIter, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        Map::new(Arc::clone(self.shared()), items, f, Location::caller())
    }

    /// [`map_unordered`](crate::map_unordered) on this pool's threads; see [`map`](Self::map).
    ///
    /// # Panics
    ///
    /// As there.
    ///
    /// # On a worker
    ///
    /// As [`map`](crate::map).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{thread, time::Duration};
    ///
    /// let requests = scheduler::Elastic::builder().max_threads(8).build()?;
    /// let answers = requests.map_unordered(1..=20u64, |n| {
    ///     thread::sleep(Duration::from_millis(1));
    ///     n * n
    /// });
    /// assert_eq!(answers.sum::<u64>(), 2870);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn map_unordered<I, F, T>(&self, items: I, f: F) -> MapUnordered<I::IntoIter, T>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        MapUnordered::new(Arc::clone(self.shared()), items, f, Location::caller())
    }

    /// [`invoke_all`](crate::invoke_all) on this pool's threads.
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
    /// # On a worker
    ///
    /// As [`invoke_all`](crate::invoke_all).
    ///
    /// # Examples
    ///
    /// ```
    /// let disk = scheduler::Elastic::builder().max_threads(4).build()?;
    /// let read = |path: &'static str| move || std::fs::read_to_string(path);
    /// for text in disk.invoke_all(["Cargo.toml", "src/lib.rs"].map(read)) {
    ///     assert!(!text??.is_empty());
    /// }
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
        invoke_all_on(self.shared(), closures, Location::caller())
    }

    /// [`invoke_all_timeout`](crate::invoke_all_timeout) on this pool's threads. The time runs from the call,
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
    /// # On a worker
    ///
    /// As [`invoke_all_timeout`](crate::invoke_all_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pool = scheduler::Elastic::builder().max_threads(2).build()?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let slow: Box<dyn FnOnce() -> u32 + Send> = Box::new(move || gone.iter().count() as u32);
    /// let outcomes = pool.invoke_all_timeout([slow], Duration::from_millis(1));
    /// // It still runs; or no thread had begun it by then.
    /// assert!(!matches!(outcomes[0], Ok(Ok(_))));
    /// drop(go);
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
        invoke_all_timeout_on(self.shared(), closures, timeout, Location::caller())
    }

    /// [`invoke_any`](crate::invoke_any) on this pool's threads: the first of several that answers.
    ///
    /// # Errors
    ///
    /// As there; a closure that is refused is a failure.
    ///
    /// # Panics
    ///
    /// As [`invoke_all`](Self::invoke_all).
    ///
    /// # On a worker
    ///
    /// As [`invoke_any`](crate::invoke_any).
    ///
    /// # Examples
    ///
    /// ```
    /// let mirrors = scheduler::Elastic::builder().max_threads(3).build()?;
    /// let fetch = |path: &'static str| move || std::fs::read_to_string(path);
    /// let text = mirrors.invoke_any(["no/such/mirror", "Cargo.toml"].map(fetch))?;
    /// assert!(text.contains("[package]"));
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
        invoke_any_on(self.shared(), closures, Location::caller())
    }
}
