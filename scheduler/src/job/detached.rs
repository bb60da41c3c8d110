//! A closure on the heap that has no handle: what is left of a [cell](super::cell) if nobody wants
//! its value.
//!
//! It belongs to its queue entry alone, so there is no state and no atomic.

use super::cell::{Fate, Owner};
use super::{Header, JobRef, slab};
use crate::unwind;
use std::ptr::{self, NonNull};

#[repr(C)]
struct Detached<F, O> {
    header: Header,
    owner: O,
    source: slab::Source,
    closure: F,
}

/// Makes the queue entry of `closure`.
///
/// # Safety
///
/// 1. `closure` may be used until `owner.ended()` is called, on any thread.
/// 2. The owner lives until then.
#[inline]
pub(crate) unsafe fn new<F, O>(closure: F, owner: O) -> JobRef
where
    F: FnOnce() + Send,
    O: Owner,
{
    let (place, source) = slab::allocate::<Detached<F, O>>();
    let header = Header::new(Detached::<F, O>::run);
    let job: NonNull<Detached<F, O>> = place.cast();
    // SAFETY: the place is new, and made for this type.
    unsafe { job.write(Detached { header, owner, source, closure }) };
    // SAFETY: the job is freed when this right is used, which is the only one; the closure is
    // `Send`.
    unsafe { JobRef::new(job.cast()) }
}

impl<F: FnOnce(), O: Owner> Detached<F, O> {
    /// [`Header::run`] of such a job.
    unsafe fn run(header: NonNull<Header>) {
        let this = header.cast::<Self>();
        // SAFETY: the caller has the one right to the job, which is freed below.
        let job = unsafe { this.as_ref() };
        // From here straight to where it is used. To free the job first, the closure would have to be
        // copied in between: a load from what two stores have just written waits for both.
        // SAFETY: as above; called once.
        let take = || unsafe { ptr::read(&raw const job.closure) };
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
        // SAFETY: allocated in `new` for this type, with this source; the closure is gone.
        unsafe { slab::release::<Self>(this.cast(), source) };
        owner.ended(fate);
    }
}
