//! Many jobs as one, for a head that overflows.
//!
//! A push on the public tail and a pop from it cost some thirty times what they cost in the
//! head. So a full head spills in bundles: whoever takes one, its owner or a thief, puts its jobs
//! into its own head, in their order, and they are private jobs again, there to be taken by
//! force.

use super::worker::Worker;
use crate::job::{Header, JobRef, slab};
use crate::sync::BUNDLE_SIZE;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

#[repr(C)]
struct Bundle {
    header: Header,
    source: slab::Source,
    /// The first so many are there.
    len: usize,
    jobs: [MaybeUninit<JobRef>; BUNDLE_SIZE],
}

/// One job that stands for the next of `jobs`, oldest first, at most [`BUNDLE_SIZE`]; and how many
/// these are. `None` if there is none.
pub(crate) fn pack(mut jobs: impl Iterator<Item = JobRef>) -> Option<(JobRef, usize)> {
    let first = jobs.next()?;
    let (place, source) = slab::allocate::<Bundle>();
    let mut bundle: NonNull<Bundle> = place.cast();
    let empty = Bundle {
        header: Header::new(run),
        source,
        len: 0,
        jobs: [const { MaybeUninit::uninit() }; BUNDLE_SIZE],
    };
    // SAFETY: the place is new, and made for this type.
    unsafe { bundle.write(empty) };
    // SAFETY: written above, and nobody else's yet.
    let Bundle { len, jobs: places, .. } = unsafe { bundle.as_mut() };
    places[0].write(first);
    *len = 1;
    for (place, job) in places[1..].iter_mut().zip(jobs) {
        place.write(job);
        *len += 1;
    }
    let len = *len;
    // SAFETY: freed when it is unpacked, which is the one use of this right; its jobs may run
    // on any thread, as any job; a bundle is no fork.
    let entry = unsafe { JobRef::new(bundle.cast()) };
    Some((entry.into_bundle(), len))
}

/// Hands the jobs of a bundle to `each`, oldest first.
pub(crate) fn unpack(bundle: JobRef, mut each: impl FnMut(JobRef)) {
    debug_assert!(bundle.is_bundle());
    let bundle = bundle.header().cast::<Bundle>();
    // SAFETY: made in `pack`, and freed below.
    let Bundle { source, len, jobs, .. } = unsafe { bundle.as_ref() };
    for job in &jobs[..*len] {
        // SAFETY: the first `len` were written, and each is taken once: the right to the bundle is
        // used up here.
        each(unsafe { job.assume_init_read() });
    }
    // SAFETY: allocated in `pack` for this type, with this source.
    unsafe { slab::release::<Bundle>(bundle.cast(), *source) };
}

/// [`Header::run`] of a bundle.
unsafe fn run(header: NonNull<Header>) {
    // SAFETY: the caller has the right to the bundle at `header`, and passes it on; (4) no fork is there.
    let bundle = unsafe { JobRef::new(header) }.into_bundle();
    let worker = Worker::current().expect("only workers run bundles");
    unpack(bundle, |job| worker.push(job.into_moved()));
}
