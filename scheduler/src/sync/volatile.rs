//! Volatile accesses under ThreadSanitizer: relaxed atomic operations.
//!
//! A thief of crossbeam-deque reads a slot that the deque's owner may be writing, and throws away
//! what it read if its exchange then fails. The two accesses would have to be relaxed atomic
//! operations, and are volatile only because those do not come in every size. Told to
//! (`-tsan-distinguish-volatile`), the sanitizer calls the functions below ahead of such an access.
//! A race between an atomic and a plain access is still one, and the operations order nothing.
//!
//! Nothing else that is compiled along has volatile accesses, but for `job/slab.rs`, which touches a block of its
//! thread's so; another size would not link.

use std::sync::atomic::{AtomicU64, Ordering};

#[unsafe(no_mangle)]
unsafe extern "C" fn __tsan_volatile_read8(place: *const AtomicU64) {
    // SAFETY: the caller is about to read these eight bytes.
    let _ = unsafe { &*place }.load(Ordering::Relaxed);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __tsan_volatile_write8(place: *const AtomicU64) {
    // SAFETY: the caller is about to write these eight bytes.
    let place = unsafe { &*place };
    // A slot has one writer, which is the caller: this changes nothing.
    place.store(place.load(Ordering::Relaxed), Ordering::Relaxed);
}
