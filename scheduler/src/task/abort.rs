//! Aborting what has not begun, and asking what runs to stop.

use super::JoinHandle;
use crate::job::error::JoinError;
use crate::job::party::Aborter;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Aborts a submitted closure from wherever it is; its [`JoinHandle`] can be elsewhere, or gone.
///
/// Made by [`JoinHandle::abort_handle`]; clones abort the same closure. It keeps neither the closure
/// nor its value.
///
/// # Examples
///
/// ```
/// let pool = scheduler::ThreadPool::new(1)?;
/// let (go, gone) = std::sync::mpsc::channel::<()>();
/// let busy = pool.spawn(move || gone.recv());
/// let handle = pool.spawn(|| "waits for a worker");
/// let aborter = handle.abort_handle();
/// // Somebody else gives up on it, while this thread waits.
/// std::thread::spawn(move || aborter.abort());
/// assert!(handle.join().unwrap_err().is_aborted());
/// # drop(go);
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[derive(Clone)]
pub struct AbortHandle(Option<Aborter>);

impl AbortHandle {
    /// `None`: of a closure that was never submitted.
    pub(super) fn new(aborter: Option<Aborter>) -> Self {
        Self(aborter)
    }

    /// As [`JoinHandle::abort`].
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = scheduler::spawn(|| 6 * 7);
    /// let aborter = handle.abort_handle();
    /// assert_eq!(handle.join()?, 42);
    /// aborter.abort(); // too late, which does nothing
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
    pub fn abort(&self) {
        if let Some(aborter) = &self.0 {
            aborter.cancel();
        }
    }

    /// As [`JoinHandle::is_finished`], also when the handle is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = scheduler::spawn(|| ());
    /// let aborter = handle.abort_handle();
    /// drop(handle); // detached, and runs all the same
    /// while !aborter.is_finished() {
    ///     std::thread::yield_now();
    /// }
    /// ```
    pub fn is_finished(&self) -> bool {
        self.0.as_ref().is_none_or(Aborter::is_finished)
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("finished", &self.is_finished()).finish()
    }
}

/// A [`JoinHandle`] that aborts its closure when it is dropped. Made by
/// [`JoinHandle::abort_on_drop`]; a future as well.
///
/// A closure that runs already goes on detached, and is asked to stop, through
/// [`task::is_cancelled`](crate::task::is_cancelled).
///
/// # Examples
///
/// ```
/// let pool = scheduler::ThreadPool::new(1)?;
/// let (go, gone) = std::sync::mpsc::channel::<()>();
/// let busy = pool.spawn(move || gone.recv());
/// let (sender, receiver) = std::sync::mpsc::channel::<()>();
/// drop(pool.spawn(move || sender).abort_on_drop());
/// assert!(receiver.recv().is_err(), "the closure has been dropped, with the sender in it");
/// # drop(go);
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[must_use = "dropping it aborts the closure"]
pub struct AbortOnDrop<T>(Option<JoinHandle<T>>);

/// Until `into_inner`, which takes the whole.
const THERE: &str = "the handle is there";

impl<T> AbortOnDrop<T> {
    pub(super) fn new(handle: JoinHandle<T>) -> Self {
        Self(Some(handle))
    }

    /// The plain handle, which detaches again.
    ///
    /// # Examples
    ///
    /// ```
    /// let guarded = scheduler::spawn(|| 6 * 7).abort_on_drop();
    /// let handle = guarded.into_inner();
    /// assert_eq!(handle.join()?, 42);
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
    pub fn into_inner(mut self) -> JoinHandle<T> {
        self.0.take().expect(THERE)
    }

    /// As [`JoinHandle::join`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// As there.
    ///
    /// # On a worker
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// let checksum = scheduler::spawn(|| b"data".iter().map(|&b| u32::from(b)).sum::<u32>());
    /// let checksum = checksum.abort_on_drop();
    /// // A `return` or a `?` here would also abort it.
    /// assert_eq!(checksum.join()?, 410);
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
    pub fn join(self) -> Result<T, JoinError> {
        self.into_inner().join()
    }
}

impl<T> Deref for AbortOnDrop<T> {
    type Target = JoinHandle<T>;

    fn deref(&self) -> &JoinHandle<T> {
        self.0.as_ref().expect(THERE)
    }
}

impl<T> DerefMut for AbortOnDrop<T> {
    fn deref_mut(&mut self) -> &mut JoinHandle<T> {
        self.0.as_mut().expect(THERE)
    }
}

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut **self).poll(context)
    }
}

impl<T> fmt::Debug for AbortOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortOnDrop").field("finished", &self.is_finished()).finish()
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.abort();
        }
    }
}
