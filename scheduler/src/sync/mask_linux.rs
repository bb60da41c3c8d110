//! `sched_setaffinity(2)`. See `mask.rs`.

use crate::sync::StaticOnceLock;
use libc::{cpu_set_t, sched_getaffinity, sched_setaffinity};
use std::mem::MaybeUninit;

/// None: the kernel has more cores than `cpu_set_t` can say.
static MASK: StaticOnceLock<Option<cpu_set_t>> = StaticOnceLock::new();

/// Notes the calling thread's mask, the first time.
pub(crate) fn remember() {
    MASK.get_or_init(|| {
        let mut mask = MaybeUninit::zeroed();
        // SAFETY: the kernel writes at most as many bytes as `mask` has.
        let result = unsafe { sched_getaffinity(0, size_of::<cpu_set_t>(), mask.as_mut_ptr()) };
        // SAFETY: all zeroes is a mask as well.
        let mask = unsafe { mask.assume_init() };
        (result == 0).then_some(mask)
    });
}

/// Gives the calling thread the mask that was noted, if one was.
pub(crate) fn restore() {
    if let Some(Some(mask)) = MASK.get() {
        // It is refused if none of the cores is there any more: the thread keeps what it has.
        // SAFETY: the kernel reads as many bytes as `mask` has.
        unsafe { sched_setaffinity(0, size_of::<cpu_set_t>(), mask) };
    }
}
