//! A closure on the heap that has no handle: what is left of a [cell](super::cell) if nobody wants
//! its value.
//!
//! It belongs to its queue entry alone, so there is no state and no atomic.

use super::cell::{Fate, Owner};
use super::words::Words;
use super::{Header, JobRef, slab};
use crate::unwind;
use std::ptr::NonNull;

#[repr(C)]
struct Detached<F, O> {
    header: Header,
    owner: O,
    source: slab::Source,
    /// So one of 9 to 15 bytes that need no alignment takes a block of the next size.
    closure: Words<F>,
}

/// Where such a job is going to be.
#[must_use = "only a job that runs gives it back"]
pub(crate) struct Place<F, O> {
    job: NonNull<Detached<F, O>>,
    source: slab::Source,
}

impl<F: FnOnce() + Send, O: Owner> Place<F, O> {
    /// One that takes no call to get, if there is one.
    #[inline(always)]
    pub(crate) fn at_hand() -> Option<Self> {
        let (place, source) = slab::at_hand::<Detached<F, O>>()?;
        Some(Self { job: place.cast(), source })
    }

    #[inline]
    pub(crate) fn new() -> Self {
        let (place, source) = slab::allocate::<Detached<F, O>>();
        Self { job: place.cast(), source }
    }

    /// Makes the queue entry of `closure`.
    ///
    /// # Safety
    ///
    /// 1. `closure` may be used until `owner.ended()` is called, on any thread.
    /// 2. The owner lives until then.
    #[inline(always)]
    pub(crate) unsafe fn write(self, closure: F, owner: O) -> JobRef {
        let job = self.job.as_ptr();
        // Field by field: as a whole it would be made in the frame first.
        // SAFETY: the place is new, and made for this type.
        let header = unsafe { &raw mut (*job).header };
        // SAFETY: as above.
        unsafe { header.write(Header::new(Detached::<F, O>::run)) };
        // SAFETY: as above.
        let its_owner = unsafe { &raw mut (*job).owner };
        // SAFETY: as above.
        unsafe { its_owner.write(owner) };
        // SAFETY: as above.
        let source = unsafe { &raw mut (*job).source };
        // SAFETY: as above.
        unsafe { source.write(self.source) };
        // SAFETY: as above.
        let its_closure = unsafe { &raw mut (*job).closure };
        // SAFETY: (1) as above.
        unsafe { Words::write(its_closure, closure) };
        // SAFETY: the job is freed when this right is used, which is the only one; the closure is
        // `Send`; it is no fork.
        unsafe { JobRef::new(self.job.cast()) }
    }
}

impl<F: FnOnce(), O: Owner> Detached<F, O> {
    /// [`Header::run`] of such a job.
    unsafe fn run(header: NonNull<Header>) {
        let this = header.cast::<Self>();
        // SAFETY: the caller has the one right to the job, which is freed below.
        let job = unsafe { this.as_ref() };
        // From here straight to where it is used. To free the job first, the closure would have to be
        // copied in between.
        // SAFETY: (1) as above; called once.
        let take = || unsafe { Words::take(&raw const job.closure) };
        let fate = if job.owner.cancels() {
            unwind::drop_quietly(take());
            Fate::Cancelled
        } else {
            if let Err(payload) = job.owner.run(|| take()()) {
                (job.owner.unclaimed().0)(payload);
            }
            Fate::Ran
        };
        let (owner, source) = (job.owner, job.source);
        // SAFETY: allocated by `Place` for this type, with this source; the closure is gone.
        unsafe { slab::release::<Self>(this.cast(), source) };
        owner.ended(fate);
    }
}
