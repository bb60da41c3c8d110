//! Under the checkers and AddressSanitizer cells come from the system: loom and the sanitizer have to
//! see each as new memory, and with shuttle's large atomics none would fit a block of `slab.rs`.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    System,
}

impl Source {
    pub(crate) fn new(_: bool) -> Self {
        Self::System
    }

    pub(crate) fn is_slab(self) -> bool {
        false
    }
}

pub(crate) fn enlist() {}

pub(crate) fn retire() {}

pub(crate) fn allocate<T>() -> (NonNull<MaybeUninit<T>>, Source) {
    (NonNull::from(Box::leak(Box::<T>::new_uninit())), Source::System)
}

pub(crate) fn at_hand<T>() -> Option<(NonNull<MaybeUninit<T>>, Source)> {
    Some(allocate())
}

pub(crate) fn prepare<T>() {}

pub(crate) fn prepare_many<T>(_: usize) {}

/// # Safety
///
/// 1. The place came from `allocate::<T>` or `at_hand::<T>`, and is not used any more.
pub(crate) unsafe fn release<T>(place: NonNull<MaybeUninit<T>>, _: Source) {
    // SAFETY: (1).
    drop(unsafe { Box::from_raw(place.as_ptr()) });
}
