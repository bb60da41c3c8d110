//! Where there is no such instruction, or nothing to gain. See `fetch.rs`.

use std::ptr::NonNull;

/// Does nothing.
#[inline]
pub(super) fn fetch<T>(_: NonNull<T>) {}
