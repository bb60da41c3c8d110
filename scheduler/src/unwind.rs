//! Panics as values.

use std::any::Any;
use std::mem::{self, ManuallyDrop};
use std::panic::{self, AssertUnwindSafe};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Runs `f`. Whoever calls this must hand the payload on: nothing that `f` half-changed is
/// looked at before the panic goes on in the code that lent it.
#[inline(always)]
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Payload> {
    panic::catch_unwind(AssertUnwindSafe(f))
}

/// Goes on with a caught panic; the panic hook is not called again.
pub(crate) fn resume(payload: Payload) -> ! {
    panic::resume_unwind(payload)
}

/// Runs code of this crate that must not unwind, since other threads use the frames that would go.
/// Nothing in it is known to panic: this is for errors of ours.
pub(crate) fn or_abort<R>(f: impl FnOnce() -> R) -> R {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::process::abort();
        }
    }
    let bomb = Bomb;
    let value = f();
    mem::forget(bomb);
    value
}

/// Drops a value whose destructor may panic, where a second panic must not spread.
pub(crate) fn drop_quietly<T>(value: T) {
    // The payload of that panic may have such a destructor as well: leaking the one after it
    // ends the chain.
    if let Err(second) = catch(|| drop(value))
        && let Err(third) = catch(|| drop(second))
    {
        mem::forget(third);
    }
}

/// A value whose destructor must not panic while another panic goes on: kept so until the code
/// that could start one is over.
pub(crate) struct QuietDrop<T>(ManuallyDrop<T>);

impl<T> QuietDrop<T> {
    #[inline(always)]
    pub(crate) fn new(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }

    #[inline(always)]
    pub(crate) fn into_inner(self) -> T {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: taken once, and `this` is not dropped.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }
}

impl<T> Drop for QuietDrop<T> {
    #[inline(always)]
    fn drop(&mut self) {
        if mem::needs_drop::<T>() {
            // SAFETY: `into_inner` was not called, or this would not be dropped.
            drop_quietly(unsafe { ManuallyDrop::take(&mut self.0) });
        }
    }
}
