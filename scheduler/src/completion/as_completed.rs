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
/// place in `handles`.
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
    pub async fn next_async(&mut self) -> Option<Completed<T>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The same for the author of a future: ready when there is a result, or none is left; else the
    /// waker of the last call is woken.
    ///
    /// # Panics
    ///
    /// As [`as_completed`].
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Completed<T>>> {
        self.0.poll_next(context).map(|next| next.map(completed))
    }

    /// [Aborts](JoinHandle::abort) the closures that have not begun to run. Their results say so, in
    /// their turn.
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
