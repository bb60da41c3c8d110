//! Why a handle has no value.

use super::cell::{Outcome, Reason};
use crate::unwind::Payload;
use std::any::Any;
use std::fmt;

/// Why a [`JoinHandle`](crate::JoinHandle) or a [`ScopedJoinHandle`](crate::ScopedJoinHandle)
/// has no value to give.
///
/// # Examples
///
/// ```
/// let pool = scheduler::ThreadPool::new(1)?;
/// let error = pool.spawn(|| panic!("no such luck")).join().unwrap_err();
/// assert!(error.is_panic() && !error.is_cancelled());
/// assert_eq!(error.to_string(), "the closure panicked: no such luck");
/// # Ok::<(), scheduler::BuildError>(())
/// ```
pub struct JoinError(Kind);

enum Kind {
    Panicked(Payload),
    Dropped(Reason),
}

impl JoinError {
    pub(crate) fn panicked(payload: Payload) -> Self {
        Self(Kind::Panicked(payload))
    }

    /// The closure was dropped unrun.
    pub(crate) fn dropped(reason: Reason) -> Self {
        Self(Kind::Dropped(reason))
    }

    /// Whether the closure panicked.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = scheduler::spawn(|| panic!("no such luck")).join().unwrap_err();
    /// assert!(error.is_panic());
    /// ```
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Kind::Panicked(_))
    }

    /// Whether the closure was dropped unrun, for whichever reason: it was aborted through a handle,
    /// [shut down](Self::is_shut_down) or [discarded](Self::is_discarded). The opposite of
    /// [`is_panic`](Self::is_panic).
    ///
    /// # Examples
    ///
    /// Cancelled work is no failure here, a panic is:
    ///
    /// ```
    /// use scheduler::{JoinHandle, Shutdown, ThreadPool};
    ///
    /// fn outcome(handle: JoinHandle<u32>) -> Option<u32> {
    ///     match handle.join() {
    ///         Ok(value) => Some(value),
    ///         Err(error) if error.is_cancelled() => None,
    ///         Err(error) => std::panic::resume_unwind(error.into_panic()),
    ///     }
    /// }
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let first = pool.spawn(|| 1);
    /// let _ = pool.shutdown(Shutdown::Drain);
    /// let second = pool.spawn(|| 2);
    /// assert_eq!((outcome(first), outcome(second)), (Some(1), None));
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn is_cancelled(&self) -> bool {
        !self.is_panic()
    }

    /// Whether the closure was dropped unrun through [`JoinHandle::abort`](crate::JoinHandle::abort) or
    /// an [`AbortHandle`](crate::AbortHandle).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let handle = scheduler::global().schedule(Duration::from_secs(3600), || "too late");
    /// handle.abort();
    /// assert!(handle.join().unwrap_err().is_aborted());
    /// ```
    pub fn is_aborted(&self) -> bool {
        matches!(self.0, Kind::Dropped(Reason::Aborted))
    }

    /// Whether the closure was dropped unrun by a shutdown: it was still queued when that cancelled it,
    /// or was refused because the shutdown had begun already.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Shutdown, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let _ = pool.shutdown(Shutdown::Drain);
    /// assert!(pool.spawn(|| 1).join().unwrap_err().is_shut_down());
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn is_shut_down(&self) -> bool {
        matches!(self.0, Kind::Dropped(Reason::ShutDown))
    }

    /// Whether the closure was dropped unrun to make room, or for want of room, in a full queue: see
    /// [`RejectionPolicy::Discard`](crate::RejectionPolicy::Discard) and
    /// [`DiscardOldest`](crate::RejectionPolicy::DiscardOldest).
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Elastic, RejectionPolicy};
    ///
    /// let pool = Elastic::builder()
    ///     .max_threads(1)
    ///     .queue_capacity(0)
    ///     .on_full(RejectionPolicy::Discard)
    ///     .build()?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let busy = pool.submit(move || gone.recv().is_err())?;
    /// let spare = pool.submit(|| "if there is room")?;
    /// assert!(spare.join().unwrap_err().is_discarded());
    /// drop(go);
    /// assert!(busy.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_discarded(&self) -> bool {
        matches!(self.0, Kind::Dropped(Reason::Discarded))
    }

    /// The panic's payload, for [`resume_unwind`](std::panic::resume_unwind).
    ///
    /// # Panics
    ///
    /// If the closure did not panic; see [`try_into_panic`](Self::try_into_panic).
    ///
    /// # Examples
    ///
    /// ```
    /// let error = scheduler::spawn(|| std::panic::panic_any(404u16)).join().unwrap_err();
    /// assert_eq!(error.into_panic().downcast_ref(), Some(&404u16));
    /// ```
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        self.try_into_panic().expect("the closure did not panic")
    }

    /// The panic's payload, or the error back if it was no panic.
    ///
    /// # Errors
    ///
    /// The error itself.
    ///
    /// # Examples
    ///
    /// Letting panics go on, and returning all other errors:
    ///
    /// ```
    /// use scheduler::{JoinError, JoinHandle};
    ///
    /// fn join<T>(handle: JoinHandle<T>) -> Result<T, JoinError> {
    ///     handle.join().map_err(|error| match error.try_into_panic() {
    ///         Ok(payload) => std::panic::resume_unwind(payload),
    ///         Err(error) => error,
    ///     })
    /// }
    ///
    /// assert_eq!(join(scheduler::spawn(|| 42))?, 42);
    /// # Ok::<(), JoinError>(())
    /// ```
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match self.0 {
            Kind::Panicked(payload) => Ok(payload),
            kind => Err(Self(kind)),
        }
    }
}

impl<T> Outcome<T> {
    /// For whoever has waited for it.
    pub(crate) fn into_result(self) -> Result<T, JoinError> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Panicked(panic) => Err(JoinError::panicked(panic.0)),
            Self::Cancelled(reason) => Err(JoinError::dropped(reason)),
            Self::Taken => unreachable!("taken once"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Panicked(payload) => {
                f.debug_tuple("Panicked").field(&message(payload).unwrap_or("..")).finish()
            }
            Kind::Dropped(reason) => write!(f, "{reason:?}"),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Panicked(payload) => match message(payload) {
                Some(message) => write!(f, "the closure panicked: {message}"),
                None => f.write_str("the closure panicked"),
            },
            Kind::Dropped(Reason::Aborted) => f.write_str("the closure was aborted before it ran"),
            Kind::Dropped(Reason::ShutDown) => {
                f.write_str("the closure did not run: its pool or executor has been shut down")
            }
            Kind::Dropped(Reason::Discarded) => {
                f.write_str("the closure was discarded from a full queue before it ran")
            }
        }
    }
}

impl std::error::Error for JoinError {}

// What a payload is made of cannot be shared between threads in general; through a shared
// error one can only look at the two string types.
// SAFETY: `&JoinError` gives access to the payload only as `&str` or `&String`, both `Sync`.
unsafe impl Sync for JoinError {}

/// The text of a `panic!`.
fn message(payload: &Payload) -> Option<&str> {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}
