//! The parties that hold a [cell](super::cell), beside whoever runs it.

use super::JobRef;
use super::cell::{Front, Outcome, Reason};
use super::state::Core;
pub(super) use super::state::Withdrawn;
pub(super) use crate::latch::Untold;
use crate::latch::{Latch, Watcher};
use crate::sync::prefetch;
use std::fmt;
use std::ptr::NonNull;

/// The queue entry of a cell: the right and the duty to run its closure, or to say that it does not
/// run.
#[derive(Debug)]
#[must_use]
pub(crate) struct Entry(pub(super) JobRef);

impl Entry {
    /// To be queued as any other job.
    #[inline]
    pub(crate) fn into_job(self) -> JobRef {
        self.0
    }

    /// It is going to run here soon.
    #[inline]
    pub(crate) fn prefetch(&self) {
        prefetch(self.0.header().as_ptr());
    }

    /// Of a job that came out of a queue, if it is a cell.
    pub(crate) fn from_job(job: JobRef) -> Result<Self, JobRef> {
        if job.is_cell() { Ok(Self(job)) } else { Err(job) }
    }

    /// Takes the closure away from what it was submitted to, if that can be.
    pub(crate) fn orphan(self) -> Result<Orphan, Self> {
        // SAFETY: this is the queue entry.
        if unsafe { Core::orphan(self.0.header().cast()) } {
            Ok(Orphan(Some(self)))
        } else {
            Err(self)
        }
    }

    /// Takes the closure out of a job's cell, undropped, and sets the latch of its handle, which says that it was
    /// dropped. `None`: it is no cell, the closure has been claimed, or there is no handle.
    pub(super) fn withdraw(job: &JobRef, reason: Reason) -> Option<(Withdrawn, Untold)> {
        if !job.is_cell() {
            return None;
        }
        // SAFETY: the job is the queue entry.
        unsafe { Core::withdraw(job.header().cast(), reason) }
    }

    /// Drops the closure, here and now, unless somebody has claimed it; the handle is told why.
    pub(crate) fn cancel(self, reason: Reason) {
        // SAFETY: the queue entry is a party.
        unsafe { Core::cancel(self.0.header().cast(), reason) };
        // Finds the closure claimed.
        self.0.run();
    }
}

/// The queue entry of a cell that belongs to nothing any more. Dropping it cancels the closure.
#[derive(Debug)]
pub(crate) struct Orphan(Option<Entry>);

impl Orphan {
    /// Runs the closure, here and now. Its panic goes to the handle.
    pub(crate) fn run(mut self) {
        if let Some(entry) = self.0.take() {
            entry.into_job().run();
        }
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        if let Some(entry) = self.0.take() {
            entry.cancel(Reason::ShutDown);
        }
    }
}

/// The one handle of a cell. Dropping it detaches the job.
pub(crate) struct Handle<T> {
    pub(super) front: NonNull<Front<T>>,
}

// SAFETY: a handle moves the value to its thread, and touches nothing else of the cell but
// atomics. The closure is `Send` and only dropped here.
unsafe impl<T: Send> Send for Handle<T> {}
// SAFETY: through a shared handle one can look at the latch and cancel, both atomic.
unsafe impl<T: Send> Sync for Handle<T> {}

impl<T> Handle<T> {
    fn core(&self) -> &Core {
        // SAFETY: `HANDLE` is set until this handle is dropped.
        unsafe { &self.front.as_ref().core }
    }

    /// Set when there is an outcome.
    pub(crate) fn latch(&self) -> &Latch {
        self.core().latch()
    }

    /// Drops the closure if it has not begun to run; the outcome then says why.
    pub(crate) fn cancel(&self) {
        // SAFETY: the handle is a party.
        unsafe { Core::cancel(self.front.cast(), Reason::Aborted) };
    }

    /// Another who can drop the closure.
    pub(crate) fn aborter(&self) -> Aborter {
        // SAFETY: the caller is the handle.
        unsafe { Core::aborter(self.front.cast()) }
    }

    /// Takes the outcome out; `Taken` leaves in its place. Call it once the latch is set.
    pub(crate) fn take(&mut self) -> Outcome<T> {
        assert!(self.latch().is_set(), "no outcome yet");
        // SAFETY: `HANDLE` is set.
        let front = unsafe { self.front.as_ref() };
        // SAFETY: the latch is set, so the outcome is the handle's.
        unsafe { front.take() }
    }

    /// Has `watcher` told when there is an outcome, in place of an earlier one. Given back if there
    /// is one already.
    pub(crate) fn subscribe(&mut self, watcher: Watcher) -> Result<(), Watcher> {
        // SAFETY: the exclusive reference to the handle is that to the waiter, and keeps the cell alive.
        unsafe { Latch::subscribe(&raw const *self.latch(), watcher) }
    }

    /// Takes the watcher back.
    pub(crate) fn unsubscribe(&mut self) {
        self.latch().unwatch();
    }

    /// Whether the outcome is a panic. Call it once the latch is set.
    pub(crate) fn has_panicked(&mut self) -> bool {
        assert!(self.latch().is_set(), "no outcome yet");
        // SAFETY: `HANDLE` is set.
        let front = unsafe { self.front.as_ref() };
        // SAFETY: the latch is set, so the outcome is the handle's.
        unsafe { front.has_panicked() }
    }

    /// Calls `then` with the outcome when there is one: on the thread that brings it, or here and now.
    /// `then` must not panic.
    pub(crate) fn on_outcome(self, then: impl FnOnce(Outcome<T>) + Send + 'static)
    where
        T: Send + 'static,
    {
        let latch = &raw const *self.latch();
        let mut this = self;
        let watcher = Watcher::Call(Box::new(move || {
            let outcome = this.take();
            drop(this);
            then(outcome);
        }));
        // SAFETY: the waiter is the handle; it is dropped when the watcher has been told, or is given back.
        if let Err(Watcher::Call(then)) = unsafe { Latch::subscribe(latch, watcher) } {
            then();
        }
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        // A runner that finds no handle tells nobody.
        self.latch().unwatch();
        // SAFETY: the handle's last access.
        unsafe { Core::release_handle(self.front.cast()) };
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("finished", &self.latch().is_set()).finish()
    }
}

/// Can drop the closure of a cell, if it has not begun to run.
pub(crate) struct Aborter {
    core: NonNull<Core>,
}

// SAFETY: an aborter touches nothing of the cell but atomics, and the closure, which is `Send` and
// only dropped; the outcome it writes says that alone.
unsafe impl Send for Aborter {}
// SAFETY: as above.
unsafe impl Sync for Aborter {}

impl Aborter {
    /// For a party that has been counted.
    pub(super) fn new(core: NonNull<Core>) -> Self {
        Self { core }
    }

    /// As [`Handle::cancel`].
    pub(crate) fn cancel(&self) {
        // SAFETY: the aborter is a party.
        unsafe { Core::cancel(self.core, Reason::Aborted) };
    }

    /// Whether there is an outcome, or there was.
    pub(crate) fn is_finished(&self) -> bool {
        // SAFETY: the cell is alive as long as its aborters.
        let core = unsafe { self.core.as_ref() };
        // Not every entry that is used up has set the latch: with no handle left, nobody waits.
        core.latch().is_set() || core.is_used_up()
    }
}

impl Clone for Aborter {
    fn clone(&self) -> Self {
        // SAFETY: the caller is an aborter.
        unsafe { Core::aborter(self.core) }
    }
}

impl Drop for Aborter {
    fn drop(&mut self) {
        // SAFETY: the aborter's last access.
        unsafe { Core::release_aborter(self.core) };
    }
}

impl fmt::Debug for Aborter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aborter").field("finished", &self.is_finished()).finish()
    }
}
