//! Where there is nothing to do. See `mask.rs`.

/// Notes the calling thread's mask, the first time.
pub(crate) fn remember() {}

/// Gives the calling thread the mask that was noted, if one was.
pub(crate) fn restore() {}
