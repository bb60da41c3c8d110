//! A closure that is called once, in its owner's frame, and room for its result.

use crate::sync::UnsafeCell;
use crate::unwind::{self, Payload};
use std::mem::MaybeUninit;

/// The closure is taken out once: by the owner, or by the one thread that runs the job, which then writes
/// the result.
#[repr(C)]
pub(super) struct Once<F, R> {
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

impl<F, R> Once<F, R> {
    #[inline(always)]
    pub(super) fn new(closure: F) -> Self {
        Self {
            closure: UnsafeCell::new(MaybeUninit::new(closure)),
            result: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Takes the closure out.
    ///
    /// # Safety
    ///
    /// 1. The caller has the right to run the job, and uses it up with this call.
    #[inline(always)]
    pub(super) unsafe fn take_closure(&self) -> F {
        // SAFETY: (1): nobody else reads the closure, and it has not been taken.
        self.closure.with_mut(|closure| unsafe { closure.cast::<F>().read() })
    }

    /// Takes the result out.
    ///
    /// # Safety
    ///
    /// 1. [`run`](Self::run) happened before, and this is called once.
    pub(super) unsafe fn take_result(&self) -> Result<R, Payload> {
        // SAFETY: (1).
        self.result.with_mut(|result| unsafe { result.cast::<Result<R, Payload>>().read() })
    }

    /// Calls the closure, and writes its result.
    ///
    /// # Safety
    ///
    /// 1. As [`take_closure`](Self::take_closure).
    /// 2. Nobody reads the result before this has returned.
    #[inline(always)]
    pub(super) unsafe fn run<K: Call<F, R>>(&self) {
        // SAFETY: (1).
        let closure = unsafe { self.take_closure() };
        let result = unwind::catch(|| K::call(closure));
        // SAFETY: (2).
        self.result.with_mut(|slot| unsafe { slot.write(MaybeUninit::new(result)) });
    }
}
