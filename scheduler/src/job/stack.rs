//! A closure in the frame of a caller who waits for it.
//!
//! # Protocol
//!
//! The closure is taken out once: by the owner, if it got the job back unrun, or by the one
//! thread that runs the job's [`JobRef`]. That thread writes the result and sets the latch,
//! which is the last it touches; the owner reads the result after it has seen the latch set.

use super::{Header, JobRef};
use crate::latch::Latch;
use crate::sync::UnsafeCell;
use crate::unwind::{self, Payload};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// A closure, room for its result, and the latch that tells the owner.
#[repr(C)]
pub(crate) struct StackJob<F, R> {
    header: Header,
    latch: Latch,
    closure: UnsafeCell<MaybeUninit<F>>,
    result: UnsafeCell<MaybeUninit<Result<R, Payload>>>,
}

/// How a kind of closure is called by whoever runs its job, when that is not the owner.
pub(crate) trait Call<F, R> {
    fn call(closure: F) -> R;
}

/// Of a closure that takes nothing.
#[derive(Debug)]
pub(crate) enum Plain {}

impl<F: FnOnce() -> R, R> Call<F, R> for Plain {
    #[inline(always)]
    fn call(closure: F) -> R {
        closure()
    }
}

impl<F: FnOnce() -> R, R> StackJob<F, R> {
    #[inline(always)]
    pub(crate) fn new(closure: F) -> Self {
        Self::of::<Plain>(closure)
    }
}

impl<F, R> StackJob<F, R> {
    /// A closure of another kind.
    #[inline(always)]
    pub(crate) fn of<K: Call<F, R>>(closure: F) -> Self {
        Self {
            header: Header { run: Self::run::<K> },
            latch: Latch::new(),
            closure: UnsafeCell::new(MaybeUninit::new(closure)),
            result: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    #[inline(always)]
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
    #[inline(always)]
    pub(crate) unsafe fn as_job_ref(&self) -> JobRef {
        // SAFETY: (1), (2) and (3) are the caller's.
        unsafe { JobRef::new(self.header()) }
    }

    /// Set when the job has run.
    pub(crate) fn latch(&self) -> &Latch {
        &self.latch
    }

    /// Takes the closure out.
    ///
    /// # Safety
    ///
    /// 1. The caller has the right to run the job, and uses it up with this call.
    #[inline(always)]
    pub(crate) unsafe fn take_closure(&self) -> F {
        // SAFETY: (1): nobody else reads the closure, and it has not been taken.
        self.closure.with_mut(|closure| unsafe { closure.cast::<F>().read() })
    }

    /// Takes the result out.
    ///
    /// # Safety
    ///
    /// 1. The latch was seen set, and this is called once.
    pub(crate) unsafe fn take_result(&self) -> Result<R, Payload> {
        // SAFETY: (1): the result was written before the latch was set.
        self.result.with_mut(|result| unsafe { result.cast::<Result<R, Payload>>().read() })
    }

    /// [`Header::run`] of this job.
    unsafe fn run<K: Call<F, R>>(header: NonNull<Header>) {
        let this = header.cast::<Self>();
        // SAFETY: the header is the first field of a job that its owner keeps alive until the
        // latch is set, below.
        let job = unsafe { this.as_ref() };
        // SAFETY: this call is the one use of the job's `JobRef`.
        let closure = unsafe { job.take_closure() };
        let result = unwind::catch(|| K::call(closure));
        job.result.with_mut(|slot| {
            // SAFETY: the owner does not read before the latch is set.
            unsafe { slot.write(MaybeUninit::new(result)) }
        });
        // SAFETY: the owner waits for this latch, so it is alive when the call begins.
        let latch = unsafe { &raw const (*this.as_ptr()).latch };
        // SAFETY: as above.
        unsafe { Latch::set(latch) };
    }
}
