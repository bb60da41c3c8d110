//! A closure in the frame of a caller who waits for it.
//!
//! # Protocol
//!
//! One thread runs the job's [`JobRef`]: it takes the closure, writes the result and sets the latch,
//! which is the last it touches; the owner reads the result after it has seen the latch set.

use super::once::{Once, Plain};
use super::{Header, JobRef};
use crate::latch::Latch;
use crate::unwind::Payload;
use std::ptr::NonNull;

/// A closure, room for its result, and the latch that tells the owner.
#[repr(C)]
pub(crate) struct StackJob<F, R> {
    header: Header,
    latch: Latch,
    once: Once<F, R>,
}

impl<F: FnOnce() -> R, R> StackJob<F, R> {
    pub(crate) fn new(closure: F) -> Self {
        Self { header: Header::new(Self::run), latch: Latch::new(), once: Once::new(closure) }
    }

    /// [`Header::run`] of this job.
    unsafe fn run(header: NonNull<Header>) {
        let this = header.cast::<Self>();
        // SAFETY: the header is the first field of a job that its owner keeps alive until the
        // latch is set, below.
        let job = unsafe { this.as_ref() };
        // SAFETY: (1) this call is the one use of the job's `JobRef`; (2) the owner does not read
        // before the latch is set.
        unsafe { job.once.run::<Plain>() };
        // SAFETY: the owner waits for this latch, so it is alive when the call begins.
        let latch = unsafe { &raw const (*this.as_ptr()).latch };
        // SAFETY: as above.
        unsafe { Latch::set(latch) };
    }
}

impl<F, R> StackJob<F, R> {
    pub(crate) fn header(&self) -> NonNull<Header> {
        // From the whole job, not from its first field: `run` goes back to the whole.
        NonNull::from(self).cast()
    }

    /// The right to run this job.
    ///
    /// # Safety
    ///
    /// 1. The owner keeps the job where it is until the latch is set or until it has the
    ///    `JobRef` back.
    /// 2. The closure may run on any thread, and so may its result be made there.
    /// 3. Called once.
    pub(crate) unsafe fn as_job_ref(&self) -> JobRef {
        // SAFETY: (1), (2) and (3) are the caller's; (4) it is none.
        unsafe { JobRef::new(self.header()) }
    }

    /// Set when the job has run.
    pub(crate) fn latch(&self) -> &Latch {
        &self.latch
    }

    /// Takes the closure out. Nobody does so in a normal build: who waits for such a job never gets it back.
    ///
    /// # Safety
    ///
    /// 1. The caller has the right to run the job, and uses it up with this call.
    #[cfg(scheduler_loom)]
    pub(crate) unsafe fn take_closure(&self) -> F {
        // SAFETY: (1).
        unsafe { self.once.take_closure() }
    }

    /// Takes the result out.
    ///
    /// # Safety
    ///
    /// 1. The latch was seen set, and this is called once.
    pub(crate) unsafe fn take_result(&self) -> Result<R, Payload> {
        // SAFETY: (1): the result was written before the latch was set.
        unsafe { self.once.take_result() }
    }
}
