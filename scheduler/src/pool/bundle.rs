//! Many jobs as one, for a head that overflows.
//!
//! A push on the public tail and a pop from it cost some thirty times what they cost in the
//! head. So a full head spills in bundles: whoever takes one, its owner or a thief, puts its jobs
//! into its own head, in their order, and they are private jobs again, there to be taken by
//! force.

use super::worker::Worker;
use crate::job::{Header, JobRef};
use std::ptr::NonNull;

#[repr(C)]
struct Bundle {
    header: Header,
    jobs: Vec<JobRef>,
}

/// One job that stands for all of these, oldest first.
pub(crate) fn pack(jobs: Vec<JobRef>) -> JobRef {
    let bundle = Box::new(Bundle { header: Header::new(run), jobs });
    let bundle = NonNull::from(Box::leak(bundle));
    // SAFETY: freed when it is unpacked, which is the one use of this right; its jobs may run
    // on any thread, as any job.
    unsafe { JobRef::new(bundle.cast()) }.into_bundle()
}

/// The jobs of a bundle, oldest first.
pub(crate) fn unpack(bundle: JobRef) -> Vec<JobRef> {
    debug_assert!(bundle.is_bundle());
    // SAFETY: made from a box in `pack`; the right to it is used up here.
    let bundle = unsafe { Box::from_raw(bundle.header().cast::<Bundle>().as_ptr()) };
    bundle.jobs
}

/// [`Header::run`] of a bundle.
unsafe fn run(header: NonNull<Header>) {
    // SAFETY: the caller has the right to the bundle at `header`, and passes it on.
    let bundle = unsafe { JobRef::new(header) }.into_bundle();
    let worker = Worker::current().expect("only workers run bundles");
    for job in unpack(bundle) {
        worker.push(job);
    }
}
