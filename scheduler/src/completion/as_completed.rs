//! Results in the order in which they come.

use super::finishing::Finishing;
use super::ready::after;
use super::timed_out::TimedOut;
use crate::job::error::JoinError;
use crate::task::JoinHandle;
use std::fmt;
use std::future::poll_fn;
use std::iter::FusedIterator;
use std::task::{Context, Poll};
use std::time::Duration;

/// The results of these handles in the order in which their closures finish, each with its handle's
/// place in `handles`. As `as_completed` of Python's `concurrent.futures`.
///
/// The handles may be of closures on different pools and executors. To add some while results are
/// taken: [`TaskSet`](crate::TaskSet).
///
/// # Panics
///
/// If taking the handles from the iterator panics. [`next`](Iterator::next) panics on a handle that
/// has been awaited to its end.
///
/// # On a worker
///
/// [`next`](Iterator::next) runs other jobs until the next result is there. Any other thread blocks.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
///
/// let pool = scheduler::ThreadPool::new(2)?;
/// let (go, gone) = mpsc::channel();
/// let slow = pool.spawn(move || gone.recv().map_or(0, |()| 10));
/// let fast = pool.spawn(|| 20);
///
/// let mut results = scheduler::as_completed([slow, fast]);
/// let (index, result) = results.next().unwrap();
/// assert_eq!((index, result?), (1, 20));
/// go.send(())?;
/// let (index, result) = results.next().unwrap();
/// assert_eq!((index, result?), (0, 10));
/// assert!(results.next().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn as_completed<T>(handles: impl IntoIterator<Item = JoinHandle<T>>) -> AsCompleted<T> {
    AsCompleted(handles.into_iter().collect())
}

/// What [`as_completed`] returns. Dropping it detaches the closures that are left.
///
/// It is an iterator that blocks, and can be awaited instead, by [`next_async`](Self::next_async). With
/// the feature `stream` it is a `futures_core::Stream`.
///
/// # Examples
///
/// The first three of ten, whichever they are:
///
/// ```
/// let handles = (0..10).map(|n| scheduler::spawn(move || n * n));
/// let mut results = scheduler::as_completed(handles);
/// for (index, result) in results.by_ref().take(3) {
///     assert_eq!(result.unwrap(), index * index);
/// }
/// assert_eq!(results.len(), 7);
/// results.abort_all();
/// ```
#[must_use = "it detaches the closures when it is dropped"]
pub struct AsCompleted<T>(Finishing<T>);

type Completed<T> = (usize, Result<T, JoinError>);

/// Its outcome is there.
fn completed<T>((index, handle): (usize, JoinHandle<T>)) -> Completed<T> {
    (index, handle.join())
}

impl<T> AsCompleted<T> {
    /// As [`next`](Iterator::next), but waits no longer than `timeout`. With a `timeout` of zero it takes
    /// what is there.
    ///
    /// # Errors
    ///
    /// If nothing has finished by then.
    ///
    /// # Panics
    ///
    /// As [`as_completed`].
    ///
    /// # On a worker
    ///
    /// Runs other jobs meanwhile, each to its end: it returns later if one of them takes longer.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::TimedOut;
    /// use std::time::Duration;
    ///
    /// let (go, gone) = std::sync::mpsc::channel();
    /// let mut results = scheduler::as_completed([scheduler::spawn(move || gone.recv())]);
    /// assert_eq!(results.next_timeout(Duration::from_millis(1)).unwrap_err(), TimedOut);
    /// go.send(7)?;
    /// let (index, result) = results.next().unwrap();
    /// assert_eq!((index, result?), (0, Ok(7)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Completed<T>>, TimedOut> {
        if self.0.len() == 0 {
            return Ok(None);
        }
        let next = self.0.next(after(timeout)).ok_or(TimedOut)?;
        Ok(Some(completed(next)))
    }

    /// As [`next`](Iterator::next), for async code: no thread blocks. Nothing is lost if the future is
    /// dropped.
    ///
    /// # Panics
    ///
    /// As [`as_completed`].
    ///
    /// # On a worker
    ///
    /// As elsewhere: a poll neither waits nor runs other jobs.
    ///
    /// # Examples
    ///
    /// ```
    /// async fn sum(handles: Vec<scheduler::JoinHandle<u64>>) -> Result<u64, scheduler::JoinError> {
    ///     let mut results = scheduler::as_completed(handles);
    ///     let mut sum = 0;
    ///     while let Some((_, result)) = results.next_async().await {
    ///         sum += result?;
    ///     }
    ///     Ok(sum)
    /// }
    ///
    /// let handles: Vec<_> = (1..=3).map(|n| scheduler::spawn(move || n * n)).collect();
    /// # fn block_on<T>(future: impl Future<Output = T>) -> T {
    /// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         match future.as_mut().poll(&mut context) {
    /// #             std::task::Poll::Ready(value) => return value,
    /// #             std::task::Poll::Pending => std::thread::yield_now(),
    /// #         }
    /// #     }
    /// # }
    /// assert_eq!(block_on(sum(handles))?, 14);
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
    pub async fn next_async(&mut self) -> Option<Completed<T>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The same for the author of a future: ready when there is a result, or none is left; else the
    /// waker of the last call is woken.
    ///
    /// # Panics
    ///
    /// As [`as_completed`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::{Context, Poll, Waker};
    ///
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let mut results = scheduler::as_completed([scheduler::spawn(move || gone.recv().is_err())]);
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert!(results.poll_next(&mut context).is_pending());
    /// drop(go);
    /// let (index, result) = loop {
    ///     match results.poll_next(&mut context) {
    ///         Poll::Ready(next) => break next.unwrap(),
    ///         Poll::Pending => std::thread::yield_now(),
    ///     }
    /// };
    /// assert_eq!((index, result?), (0, true));
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Completed<T>>> {
        self.0.poll_next(context).map(|next| next.map(completed))
    }

    /// [Aborts](JoinHandle::abort) the closures: those that have not begun to run are dropped, and their
    /// results say so, in their turn; those that run are asked to stop.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let busy = pool.spawn(move || gone.recv().is_err());
    /// let results = scheduler::as_completed([pool.spawn(|| 1), pool.spawn(|| 2)]);
    /// results.abort_all();
    /// assert!(results.map(|(_, result)| result.unwrap_err()).all(|error| error.is_aborted()));
    /// drop(go);
    /// assert!(busy.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn abort_all(&self) {
        self.0.abort_all();
    }
}

impl<T> Iterator for AsCompleted<T> {
    type Item = Completed<T>;

    fn next(&mut self) -> Option<Completed<T>> {
        self.0.next(None).map(completed)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

/// The number of results that have not been returned.
impl<T> ExactSizeIterator for AsCompleted<T> {}

impl<T> FusedIterator for AsCompleted<T> {}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.0.len()).finish()
    }
}
