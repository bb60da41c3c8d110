//! Panics as values.

use std::any::Any;
use std::mem;
use std::panic::{self, AssertUnwindSafe};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Runs `f`. Whoever calls this must hand the payload on: nothing that `f` half-changed is
/// looked at before the panic goes on in the code that lent it.
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Payload> {
    panic::catch_unwind(AssertUnwindSafe(f))
}

/// Goes on with a caught panic; the panic hook is not called again.
pub(crate) fn resume(payload: Payload) -> ! {
    panic::resume_unwind(payload)
}

/// Drops a value whose destructor may panic, where a second panic must not spread.
pub(crate) fn drop_quietly<T>(value: T) {
    if let Err(second) = catch(|| drop(value)) {
        // Its destructor may panic too: leaking a few bytes ends the chain.
        mem::forget(second);
    }
}
