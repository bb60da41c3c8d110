//! A closure that was not taken.

use std::error::Error;
use std::{fmt, io};

/// A closure that was not taken. It has not run, and is handed back. As an error it says why, and its
/// [`source`](Error::source) is the system's error where there is one.
///
/// # Examples
///
/// ```
/// use scheduler::{RejectedReason, Shutdown, ThreadPool};
///
/// let pool = ThreadPool::new(1)?;
/// let _ = pool.shutdown(Shutdown::Drain);
/// let rejected = pool.try_spawn(|| 7).unwrap_err();
/// assert_eq!(rejected.reason(), RejectedReason::ShutDown);
/// assert_eq!(rejected.to_string(), "the pool or executor has been shut down");
/// assert_eq!(rejected.into_inner()(), 7);
/// # Ok::<(), scheduler::BuildError>(())
/// ```
pub struct Rejected<F> {
    closure: F,
    reason: RejectedReason,
    error: Option<io::Error>,
}

/// Why a closure was not taken: [`Rejected::reason`].
///
/// # Examples
///
/// Trying again makes sense for some reasons only:
///
/// ```
/// use scheduler::RejectedReason;
///
/// fn worth_another_try(reason: RejectedReason) -> bool {
///     match reason {
///         RejectedReason::Full | RejectedReason::TimedOut | RejectedReason::ThreadSpawn => true,
///         RejectedReason::ShutDown => false,
///         _ => false, // there may be more one day
///     }
/// }
///
/// assert!(worth_another_try(RejectedReason::Full));
/// assert_eq!(RejectedReason::Full.to_string(), "the queue is full");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectedReason {
    /// There was no room.
    Full,
    /// There was no room, and there was none when the time was over.
    TimedOut,
    /// The pool or the executor has been shut down, or is being.
    ShutDown,
    /// It takes a thread to run it, there was none, and the system did not spawn one. The system's
    /// error is the [`source`](Error::source).
    ThreadSpawn,
}

impl<F> Rejected<F> {
    pub(crate) fn new(closure: F, reason: RejectedReason) -> Self {
        Self { closure, reason, error: None }
    }

    pub(crate) fn spawn_failed(closure: F, error: io::Error) -> Self {
        Self { closure, reason: RejectedReason::ThreadSpawn, error: Some(error) }
    }

    /// The closure.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).queue_capacity(1).build()?;
    /// for n in 0..100 {
    ///     // Without room: here, and not there.
    ///     if let Err(rejected) = executor.execute(move || drop(n)) {
    ///         rejected.into_inner()();
    ///     }
    /// }
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn into_inner(self) -> F {
        self.closure
    }

    /// Why it was not taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Elastic, RejectedReason, Shutdown};
    ///
    /// let pool = Elastic::builder().build()?;
    /// let _ = pool.shutdown(Shutdown::Drain);
    /// let rejected = pool.submit(|| 7).unwrap_err();
    /// assert_eq!(rejected.reason(), RejectedReason::ShutDown);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn reason(&self) -> RejectedReason {
        self.reason
    }
}

impl<F> fmt::Debug for Rejected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<F> fmt::Display for Rejected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl fmt::Display for RejectedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the queue is full",
            Self::TimedOut => "the queue was full until the time was over",
            Self::ShutDown => "the pool or executor has been shut down",
            Self::ThreadSpawn => "no thread could be spawned to run the closure",
        })
    }
}

impl<F> Error for Rejected<F> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.as_ref().map(|error| error as &dyn Error)
    }
}
