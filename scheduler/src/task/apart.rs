//! A closure with a handle, before it is submitted to anything.

use super::JoinHandle;
use crate::job::cell::{self, AbortFlag, Fate, Owner, Unclaimed};
use crate::job::party::Orphan;
use crate::pool::carried;
use crate::pool::stops::Stops;
use crate::pool::worker::Worker;
use crate::unwind::{self, Payload};

/// Belongs to the pool of the worker that happens to run the closure, if it is one.
#[derive(Clone, Copy)]
struct Apart;

impl Owner for Apart {
    const OUTLIVES_HANDLE: bool = true;

    fn cancels(self) -> bool {
        Worker::current().is_some_and(|worker| worker.registry().lifecycle().is_cancelling())
    }

    fn run<T>(self, closure: impl FnOnce() -> T) -> Result<T, Payload> {
        unwind::catch(closure)
    }

    fn run_abortable<T>(
        self,
        abort: AbortFlag<'_>,
        closure: impl FnOnce() -> T,
    ) -> Result<T, Payload> {
        self.run(|| carried::run_root(&Stops::of_handle(abort), closure))
    }

    fn unclaimed(self) -> Unclaimed {
        match Worker::current() {
            Some(worker) => worker.registry().unclaimed(),
            // The panic hook has reported it.
            None => Unclaimed(Box::new(unwind::drop_quietly)),
        }
    }

    fn ended(self, _: Fate) {}

    fn orphan(self) -> Option<Self> {
        Some(self)
    }
}

/// A closure for whoever runs it, or drops it: then its handle says that it was shut down.
pub(crate) fn apart<F, T>(f: F) -> (Orphan, JoinHandle<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // SAFETY: closure and value own what they use, and the owner is no place in memory.
    let (entry, handle) = unsafe { cell::new(f, Apart) };
    let Ok(orphan) = entry.orphan() else { unreachable!("its owner lets it go") };
    (orphan, JoinHandle::submitted(handle))
}
