//! Where closures can be submitted to.

use super::{JoinHandle, spawn_on};
use crate::admission::{Rejected, RejectedReason};
use crate::job::cell::Reason;
use crate::pool::registry::Registry;
use crate::sync::Arc;
use crate::unwind;
use std::panic::Location;

/// What takes closures and hands out handles to their values: a pool, an executor on it, or an elastic pool.
pub(crate) trait Submit {
    /// Submits a closure, from that line. If it is refused it is dropped, and the handle says why.
    fn submit<F, T>(&self, f: F, site: &'static Location<'static>) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;

    /// How many closures can run at once.
    fn width(&self) -> usize;
}

impl Submit for Arc<Registry> {
    fn submit<F, T>(&self, f: F, site: &'static Location<'static>) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_on(self, f, site).unwrap_or_else(refused)
    }

    fn width(&self) -> usize {
        self.len()
    }
}

/// The handle of a closure that was refused, which is dropped.
#[cold]
pub(crate) fn refused<F, T>(rejected: Rejected<F>) -> JoinHandle<T> {
    let reason = match rejected.reason() {
        RejectedReason::ShutDown => Reason::ShutDown,
        _ => Reason::Discarded,
    };
    unwind::drop_quietly(rejected);
    JoinHandle::refused(reason)
}
