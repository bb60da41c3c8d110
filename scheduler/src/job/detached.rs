//! A closure on the heap that has no handle: what is left of a [cell](super::cell) if nobody wants
//! its value.
//!
//! It belongs to its queue entry alone, so there is no state and no atomic.

use super::cell::{Fate, Owner};
use super::{Header, JobRef, slab};
use crate::unwind;
use std::ptr::NonNull;

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
        // SAFETY: the caller has the one right to the job, and uses it up.
        let Self { owner, source, closure, .. } = unsafe { this.read() };
        // Before the closure runs, which may fork on.
        // SAFETY: allocated in `new` for this type, with this source.
        unsafe { slab::release::<Self>(this.cast(), source) };
        let fate = if owner.cancels() {
            unwind::drop_quietly(closure);
            Fate::Cancelled
        } else {
            if let Err(payload) = owner.run(closure) {
                (owner.unclaimed().0)(payload);
            }
            Fate::Ran
        };
        owner.ended(fate);
    }
}
