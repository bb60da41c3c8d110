//! A closure on its way to an elastic thread.

use super::elastic::Shared;
use super::state::Package;
use crate::job::cell::{self, AbortFlag, Fate, Owner, Unclaimed};
use crate::job::party::Entry;
use crate::pool::carried;
use crate::pool::stops::Stops;
use crate::span;
use crate::sync::{Arc, Ordering};
use crate::task::JoinHandle;
use crate::unwind::{self, Payload};
use std::panic::Location;
use std::ptr::NonNull;

/// A closure that has not been taken yet, and goes back if it is not.
pub(super) struct Closure<'a, F> {
    pub(super) f: F,
    pub(super) shared: &'a Arc<Shared>,
    pub(super) site: &'static Location<'static>,
}

impl<F, T> Package for Closure<'_, F>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Job = Entry;
    type Receipt = JoinHandle<T>;

    fn site(&self) -> &'static Location<'static> {
        self.site
    }

    fn pack(self) -> (Entry, JoinHandle<T>) {
        let f = span::submitted("elastic", Some(&self.shared.name), self.site, self.f);
        let owner = Elastic(Some(NonNull::from(&**self.shared)));
        // SAFETY: closure and value own what they use; whoever uses the queue entry has a reference
        // to the shared part: a thread, or who calls a method of the pool.
        let (entry, handle) = unsafe { cell::new(f, owner) };
        (entry, JoinHandle::submitted(handle))
    }
}

/// The pool of a closure; `None` if the closure has left it, unrun. The pointer stays valid until
/// [`Owner::ended`]: see [`Closure::pack`].
#[derive(Clone, Copy)]
struct Elastic(Option<NonNull<Shared>>);

// SAFETY: `Shared` is `Sync`.
unsafe impl Send for Elastic {}

impl Elastic {
    fn shared(&self) -> Option<&Shared> {
        // SAFETY: see the type.
        self.0.map(|shared| unsafe { shared.as_ref() })
    }
}

impl Owner for Elastic {
    /// A handle can be kept when the pool is gone.
    const OUTLIVES_HANDLE: bool = false;

    /// What is queued is taken out of the queue to be cancelled.
    fn cancels(self) -> bool {
        false
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
        match self.shared() {
            Some(shared) => shared.hooks.unclaimed(),
            // The panic hook has reported it.
            None => Unclaimed(Box::new(unwind::drop_quietly)),
        }
    }

    fn ended(self, fate: Fate) {
        let Some(shared) = self.shared() else { return };
        let count = match fate {
            Fate::Ran => &shared.ran,
            Fate::Cancelled => &shared.cancelled,
        };
        // Relaxed: a thread counts before it takes the lock to look for more work, and a report reads
        // after it has seen, under the lock, that the thread is done.
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn orphan(self) -> Option<Self> {
        self.ended(Fate::Cancelled);
        Some(Self(None))
    }
}
