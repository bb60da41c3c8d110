//! Whether the running task should stop, and which token says so.

use super::outside;
use crate::cancel::{CancellationToken, Cancelled, Waiter};
use crate::latch::Latch;
use crate::pool::carried;
use crate::pool::registry::{wait, wait_until};
use crate::pool::worker::Worker;
use crate::sync::{Arc, Instant};
use std::time::Duration;

/// Whether the running closure is asked to stop:
///
/// - the token of its task is cancelled ([`CancellationToken::run`]);
/// - or it was submitted, and its handle has been [aborted](crate::JoinHandle::abort), or dropped if that
///   aborts;
/// - or its pool or its [`Executor`](crate::Executor) is being shut down with
///   [`Shutdown::Abort`](crate::Shutdown::Abort) or by `shutdown_now`, or the deadline of a
///   [`Shutdown::DrainFor`](crate::Shutdown::DrainFor) has passed. The pool is that of the calling
///   thread, a [`ThreadPool`](crate::ThreadPool) or an [`Elastic`](crate::Elastic) one.
///
/// Some loads; false outside any task and pool. A closure cannot be stopped from outside: one that may
/// take long should ask now and then. [`checkpoint`] asks the same, for use with `?`.
///
/// # In what it forks
///
/// A token goes with everything that its task forks, and a shutdown of the pool is seen everywhere on it. An
/// abort, and the shutdown of an executor, are seen in what the closure runs in a [`scope`](crate::scope), a
/// [`broadcast`](crate::broadcast) or an [`install`](crate::ThreadPool::install); and in the branches of
/// a [`join`](crate::join()), or of a [`Context`](crate::Context), that are forked after the closure has
/// asked for the first time, itself or in something that it has waited for. So ask once at the beginning. (A branch that is forked before sees it if its own worker
/// comes to it at last, and not if another one has stolen it.) From the first question on, a
/// fork costs some nanoseconds more, as it does in a task with a token; closures that never ask pay
/// nothing.
///
/// # Examples
///
/// ```
/// use scheduler::{Shutdown, ThreadPool, task};
///
/// let pool = ThreadPool::new(1)?;
/// let (started, is_started) = std::sync::mpsc::channel();
/// let endless = pool.spawn(move || {
///     started.send(()).unwrap();
///     while !task::is_cancelled() {
///         std::thread::yield_now();
///     }
///     "stopped"
/// });
/// is_started.recv().unwrap();
/// let report = pool.shutdown(Shutdown::Abort);
/// assert_eq!((report.ran, endless.join().unwrap()), (1, "stopped"));
/// # Ok::<(), scheduler::BuildError>(())
/// ```
pub fn is_cancelled() -> bool {
    let asked = match Worker::current() {
        Some(worker) => worker.registry().lifecycle().is_aborting(),
        None => outside::is_cancelled(),
    };
    asked || carried::is_cancelled()
}

/// [`is_cancelled`] as a result: `task::checkpoint()?` leaves a task that should stop.
///
/// # Errors
///
/// If the task is asked to stop.
///
/// # Examples
///
/// ```
/// use scheduler::{Cancelled, CancellationToken, task};
///
/// fn work(steps: u32, stop: &CancellationToken) -> Result<u32, Cancelled> {
///     for step in 0..steps {
///         task::checkpoint()?;
///         if step == 3 {
///             stop.cancel();
///         }
///     }
///     Ok(steps)
/// }
///
/// let token = CancellationToken::new();
/// assert_eq!(token.run(|| work(3, &token)), Ok(3));
/// assert_eq!(token.run(|| work(10, &token)), Err(Cancelled));
/// ```
pub fn checkpoint() -> Result<(), Cancelled> {
    if is_cancelled() { Err(Cancelled) } else { Ok(()) }
}

/// The token of the running task; `None` if it has none.
///
/// It says nothing of an abort, nor of a shutdown; [`is_cancelled`] does.
///
/// # Examples
///
/// ```
/// use scheduler::{CancellationToken, task};
///
/// assert!(task::token().is_none());
/// let token = CancellationToken::new();
/// token.run(|| {
///     // A part of the task, with a token of its own.
///     let part = task::token().unwrap().child_token();
///     part.run(|| token.cancel());
///     assert!(part.is_cancelled());
/// });
/// ```
pub fn token() -> Option<CancellationToken> {
    carried::current()
}

impl CancellationToken {
    /// Runs `f` at once, as a task with this token: inside, [`task::is_cancelled`](is_cancelled),
    /// [`task::checkpoint`](checkpoint) and [`task::token`](token) speak of it.
    ///
    /// So they do in everything that `f` forks and waits for, on whichever worker it runs:
    /// [`join`](crate::join()), [`scope`](crate::scope), [`broadcast`](crate::broadcast),
    /// [`Context`](crate::Context), and [`install`](crate::ThreadPool::install), also into another
    /// pool. It is not carried into a [`spawn`](crate::spawn), which nobody waits for: hand it a
    /// clone. A fork of such a task costs some nanoseconds more.
    ///
    /// `f` runs even if the token is cancelled already; it is `f` that asks. An inner `run` hides the
    /// token of an outer one: use a [child](Self::child_token) to be cancelled by either. It does not hide an
    /// [abort](crate::JoinHandle::abort) of the closure that calls it.
    ///
    /// # Panics
    ///
    /// If `f` panics, with its payload.
    ///
    /// # On a worker
    ///
    /// Runs on the calling thread, worker or not. Other tasks that the worker runs while it waits
    /// inside `f` do not see the token.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{CancellationToken, task};
    ///
    /// let token = CancellationToken::new();
    /// token.cancel();
    /// let seen = token.run(|| scheduler::join(task::is_cancelled, task::is_cancelled));
    /// assert_eq!(seen, (true, true));
    /// assert!(!task::is_cancelled());
    /// ```
    pub fn run<F, R>(&self, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        carried::run(self, f)
    }

    /// Waits until the token is cancelled.
    ///
    /// # On a worker
    ///
    /// Runs other jobs meanwhile, on top of its stack. Any other thread blocks. If nobody cancels the
    /// token it waits for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// let token = scheduler::CancellationToken::new();
    /// let canceller = token.clone();
    /// let thread = std::thread::spawn(move || canceller.cancel());
    /// token.wait();
    /// assert!(token.is_cancelled());
    /// # thread.join().unwrap();
    /// ```
    pub fn wait(&self) {
        if self.is_cancelled() {
            return;
        }
        let latch = Arc::new(Latch::new());
        if self.add_waiter(Waiter::Latch(Arc::clone(&latch))).is_some() {
            wait(&latch);
        }
    }

    /// As [`wait`](Self::wait), but no longer than `timeout`. Whether the token is cancelled.
    ///
    /// # On a worker
    ///
    /// Runs other jobs meanwhile, each to its end: it returns later if one of them takes longer.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let token = scheduler::CancellationToken::new();
    /// assert!(!token.wait_timeout(Duration::from_millis(1)));
    /// token.cancel();
    /// assert!(token.wait_timeout(Duration::ZERO));
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        if self.is_cancelled() {
            return true;
        }
        let Some(deadline) = Instant::now().checked_add(timeout) else {
            // Beyond what the clock can say.
            self.wait();
            return true;
        };
        let latch = Arc::new(Latch::new());
        let Some(key) = self.add_waiter(Waiter::Latch(Arc::clone(&latch))) else { return true };
        if !wait_until(&latch, deadline) {
            drop(self.remove_waiter(key));
        }
        self.is_cancelled()
    }
}
