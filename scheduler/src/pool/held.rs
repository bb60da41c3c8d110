//! Of what a thread holds a root without being a worker inside it: it cannot wait for that to end. A list through the
//! thread's frames.

use crate::sync::thread_local_const;
use std::cell::Cell;
use std::ptr;

struct Held {
    /// Only ever compared.
    what: *const (),
    below: *const Held,
}

thread_local_const! {
    static TOP: Cell<*const Held> = Cell::new(ptr::null())
}

/// Runs `f` while the calling thread holds a root of `what`: a pool, or an executor.
pub(crate) fn with<W, R>(what: &W, f: impl FnOnce() -> R) -> R {
    struct Pop(*const Held);
    impl Drop for Pop {
        fn drop(&mut self) {
            TOP.with(|top| top.set(self.0));
        }
    }
    let held = Held { what: ptr::from_ref(what).cast(), below: TOP.with(Cell::get) };
    TOP.with(|top| top.set(&raw const held));
    let _pop = Pop(held.below);
    f()
}

/// Whether the calling thread holds a root of `what`.
pub(crate) fn contains<W>(what: &W) -> bool {
    let what: *const () = ptr::from_ref(what).cast();
    let mut next = TOP.with(Cell::get);
    // SAFETY: the list goes through frames of this thread that are still there.
    while let Some(held) = unsafe { next.as_ref() } {
        if ptr::eq(held.what, what) {
            return true;
        }
        next = held.below;
    }
    false
}
