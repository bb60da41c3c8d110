//! The flag by which a thread that is no worker is asked to stop what it runs.

use crate::sync::{AtomicBool, Ordering, thread_local_const};
use std::cell::Cell;
use std::ptr;

thread_local_const! {
    /// Of the innermost [`with_flag`].
    static FLAG: Cell<*const AtomicBool> = Cell::new(ptr::null())
}

/// Runs `f`, which is asked to stop when `flag` is true.
pub(crate) fn with_flag<R>(flag: &AtomicBool, f: impl FnOnce() -> R) -> R {
    struct Restore(*const AtomicBool);
    impl Drop for Restore {
        fn drop(&mut self) {
            FLAG.with(|flag| flag.set(self.0));
        }
    }
    let _restore = Restore(FLAG.with(|cell| cell.replace(flag)));
    f()
}

/// Whether the calling thread is asked to.
pub(super) fn is_cancelled() -> bool {
    // SAFETY: null, or that of a `with_flag` that has not returned.
    let flag = unsafe { FLAG.with(Cell::get).as_ref() };
    // Relaxed: nothing is read through the flag.
    flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
}
