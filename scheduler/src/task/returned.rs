//! What a shutdown hands back.

use crate::job::party::Orphan;
use crate::pool::ThreadPool;
use crate::pool::carried;
use std::fmt;

/// A submitted closure that a `shutdown_now` has taken back before it began to run. Its handle waits
/// on: [`run`](Self::run) it, here or on another pool, or drop it.
///
/// Dropping it drops the closure; the handle then says
/// [`is_shut_down`](crate::JoinError::is_shut_down). One that was aborted meanwhile does nothing when
/// it is run.
///
/// # Examples
///
/// ```
/// use scheduler::ThreadPool;
///
/// let pool = ThreadPool::new(1)?;
/// let (go, gone) = std::sync::mpsc::channel::<()>();
/// let (started, is_started) = std::sync::mpsc::channel();
/// drop(pool.spawn(move || {
///     started.send(()).unwrap();
///     gone.recv()
/// }));
/// is_started.recv()?;
/// let handle = pool.spawn(|| "run after all");
/// let queued = pool.shutdown_now();
/// assert_eq!(queued.len(), 1);
/// for task in queued {
///     task.run();
/// }
/// assert_eq!(handle.join()?, "run after all");
/// # drop(go);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it drops the closure unrun"]
pub struct Task(Orphan);

impl Task {
    pub(crate) fn new(orphan: Orphan) -> Self {
        Self(orphan)
    }

    /// Runs the closure on the calling thread. Its value, or its panic, goes to its handle. It is no part
    /// of the caller's task, and does not have its [token](crate::CancellationToken::run).
    ///
    /// # On a worker
    ///
    /// The same. To run it on another pool: `pool.spawn(move || task.run())`.
    ///
    /// # Examples
    ///
    /// Half of the work moves to another pool, with its handles:
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    ///
    /// let (old, new) = (ThreadPool::new(1)?, ThreadPool::new(1)?);
    /// let executor = Executor::builder(&old).build()?;
    /// let handles = executor.submit_all((0..100u64).map(|n| move || n * n))?;
    /// for task in executor.shutdown_now() {
    ///     drop(new.spawn(|| task.run()));
    /// }
    /// let squares: Result<Vec<u64>, _> = handles.into_iter().map(|handle| handle.join()).collect();
    /// assert_eq!(squares?.iter().sum::<u64>(), 328_350);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run(self) {
        carried::run_apart(|| self.0.run());
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

impl ThreadPool {
    /// Ends the pool and hands back the spawned closures that have not begun to run. As Java's
    /// `shutdownNow`.
    ///
    /// New work is refused from now on, and running work is asked to stop, through
    /// [`task::is_cancelled`](crate::task::is_cancelled). Installed closures, whose callers wait, and
    /// forks run on; so do those in the queue of an [`Executor`](crate::Executor), which has a
    /// `shutdown_now` of its own. This does not wait for them: that is for
    /// [`shutdown`](Self::shutdown), or the pool's drop, afterwards.
    ///
    /// Closures that a worker takes (up to sixteen together), or another thread submits, at this very
    /// moment may run instead of being handed back; none is lost.
    ///
    /// # On a worker
    ///
    /// The same; it does not wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Shutdown, ThreadPool};
    /// use std::sync::mpsc;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let (started, has_started) = mpsc::channel();
    /// let (go, gone) = mpsc::channel::<()>();
    /// let running = pool.spawn(move || {
    ///     started.send(()).unwrap();
    ///     gone.recv().is_err()
    /// });
    /// has_started.recv()?;
    /// let queued = pool.spawn(|| "not today");
    ///
    /// drop(pool.shutdown_now()); // drops what had not begun
    /// assert!(queued.join().unwrap_err().is_shut_down());
    /// drop(go);
    /// let _ = pool.shutdown(Shutdown::Drain); // waits for what runs
    /// assert_eq!(running.try_join().ok().unwrap()?, true);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// With the closures run elsewhere: [`Task`].
    #[must_use = "the closures are dropped unrun with it"]
    pub fn shutdown_now(&self) -> Vec<Task> {
        let registry = self.registry();
        registry.close();
        registry.lifecycle().abort();
        registry.take_back().into_iter().map(Task::new).collect()
    }
}
