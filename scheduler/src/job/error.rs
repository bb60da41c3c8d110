//! Why a handle has no value.

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
    Cancelled,
    ShutDown,
}

impl JoinError {
    pub(crate) fn panicked(payload: Payload) -> Self {
        Self(Kind::Panicked(payload))
    }

    pub(crate) fn cancelled() -> Self {
        Self(Kind::Cancelled)
    }

    pub(crate) fn shut_down() -> Self {
        Self(Kind::ShutDown)
    }

    /// Whether the closure panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Kind::Panicked(_))
    }

    /// Whether the closure was dropped unrun: aborted through its handle, cancelled by a
    /// shutdown, or refused because the pool was shutting down already.
    pub fn is_cancelled(&self) -> bool {
        !self.is_panic()
    }

    /// Whether the closure was refused because the pool was shutting down already.
    pub fn is_shut_down(&self) -> bool {
        matches!(self.0, Kind::ShutDown)
    }

    /// The panic's payload, for [`resume_unwind`](std::panic::resume_unwind).
    ///
    /// # Panics
    ///
    /// If the closure did not panic; see [`try_into_panic`](Self::try_into_panic).
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        self.try_into_panic().expect("the closure did not panic")
    }

    /// The panic's payload, or the error back if it was no panic.
    ///
    /// # Errors
    ///
    /// The error itself.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match self.0 {
            Kind::Panicked(payload) => Ok(payload),
            kind => Err(Self(kind)),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Panicked(payload) => {
                f.debug_tuple("Panicked").field(&message(payload).unwrap_or("..")).finish()
            }
            Kind::Cancelled => f.write_str("Cancelled"),
            Kind::ShutDown => f.write_str("ShutDown"),
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
            Kind::Cancelled => f.write_str("the closure was cancelled before it ran"),
            Kind::ShutDown => f.write_str("the thread pool has been shut down"),
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
