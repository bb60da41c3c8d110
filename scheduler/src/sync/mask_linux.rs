//! `sched_getaffinity(2)`, `sched_setaffinity(2)` and `sched_getcpu(3)`. See `mask.rs`.

#[path = "habit_linux.rs"]
mod habit;

use crate::sync::StaticOnceLock;
use libc::{cpu_set_t, sched_getaffinity, sched_getcpu, sched_setaffinity};
use std::mem::MaybeUninit;

/// None: the kernel has more cores than `cpu_set_t` can say.
static MASK: StaticOnceLock<Option<cpu_set_t>> = StaticOnceLock::new();

/// What gives the calling thread its mask back, if called there.
pub(crate) fn saved() -> Option<impl FnOnce()> {
    let mask = current()?;
    Some(move || set(&mask))
}

/// That of the calling thread.
fn current() -> Option<cpu_set_t> {
    let mut mask = MaybeUninit::zeroed();
    // SAFETY: the kernel writes at most as many bytes as `mask` has.
    let result = unsafe { sched_getaffinity(0, size_of::<cpu_set_t>(), mask.as_mut_ptr()) };
    // SAFETY: all zeroes is a mask as well.
    let mask = unsafe { mask.assume_init() };
    (result == 0).then_some(mask)
}

/// The cores that the calling thread may run on, lowest first.
///
/// `core_affinity` says the same, but goes through all of the 1,024 that there could be: a third of what a builder's
/// thread runs to start a small pool.
#[cfg(feature = "affinity")]
pub(crate) fn cores() -> Option<Vec<usize>> {
    use libc::{CPU_COUNT, CPU_ISSET, CPU_SETSIZE};
    let mask = current()?;
    // SAFETY: it reads `mask`.
    let count = unsafe { CPU_COUNT(&mask) } as usize;
    // SAFETY: `mask` has a bit for each below CPU_SETSIZE.
    let is_in_mask = |&core: &usize| unsafe { CPU_ISSET(core, &mask) };
    Some((0..CPU_SETSIZE as usize).filter(is_in_mask).take(count).collect())
}

/// The core that the calling thread runs on. It may be on another one when this returns: a hint.
pub(crate) fn here() -> Option<usize> {
    // SAFETY: it has no preconditions. It reads what the kernel keeps for the thread, mostly without a system call.
    let core = unsafe { sched_getcpu() };
    // Negative: the kernel cannot tell.
    core.try_into().ok()
}

/// [`here`], if the calling thread is likely to [block soon](habit::blocks_soon).
pub(crate) fn here_before_a_block() -> Option<usize> {
    habit::blocks_soon().then(here).flatten()
}

/// Notes the calling thread's mask, the first time.
pub(crate) fn remember() {
    MASK.get_or_init(current);
}

/// Gives the calling thread the mask that was noted, if one was.
pub(crate) fn restore() {
    if let Some(Some(mask)) = MASK.get() {
        set(mask);
    }
}

/// Refused if none of the cores is there any more: the thread keeps what it has.
fn set(mask: &cpu_set_t) {
    // SAFETY: the kernel reads as many bytes as `mask` has.
    unsafe { sched_setaffinity(0, size_of::<cpu_set_t>(), mask) };
}
