//! The memory of slabs, some of which is kept when it is free.
//!
//! A thread that is no worker makes a new slab for each hundred tasks or so, and whoever frees the last
//! of them frees the slab. The system's allocator would give such memory back to the kernel and ask for it
//! again, page by page: more than the rest of a task costs.

use super::StaticMutex;
use std::alloc::Layout;
use std::ptr::NonNull;

/// So much is kept: 4 MiB in slabs of 16 KiB, for the process.
const KEEP: usize = 256;

struct Spare(Vec<NonNull<u8>>);

// SAFETY: memory that nobody uses belongs to no thread.
unsafe impl Send for Spare {}

/// All of one layout: there is one kind of slab.
static SPARE: StaticMutex<Spare> = StaticMutex::new(Spare(Vec::new()));

/// As [`std::alloc::alloc`].
///
/// # Safety
///
/// 1. The layout is that of all other calls, and not of size zero.
pub(crate) unsafe fn alloc(layout: Layout) -> *mut u8 {
    match SPARE.lock().unwrap().0.pop() {
        Some(memory) => memory.as_ptr(),
        // SAFETY: (1).
        None => unsafe { std::alloc::alloc(layout) },
    }
}

/// As [`std::alloc::dealloc`].
///
/// # Safety
///
/// 1. The memory comes from [`alloc`] with this layout, and is not used any more.
pub(crate) unsafe fn dealloc(memory: *mut u8, layout: Layout) {
    let mut spare = SPARE.lock().unwrap();
    if spare.0.len() < KEEP {
        return spare.0.extend(NonNull::new(memory));
    }
    drop(spare);
    // SAFETY: (1).
    unsafe { std::alloc::dealloc(memory, layout) };
}
