//! Where there is nothing to do. See `mask.rs`.

/// The cores that the calling thread may run on, if that is known here.
#[cfg(feature = "affinity")]
pub(crate) fn cores() -> Option<Vec<usize>> {
    None
}

/// The core that the calling thread runs on, if that can be asked here.
pub(crate) fn here() -> Option<usize> {
    None
}

/// The same, of a thread that is likely to block soon.
pub(crate) fn here_before_a_block() -> Option<usize> {
    None
}

/// What gives the calling thread its mask back, if that is known here.
pub(crate) fn saved() -> Option<fn()> {
    None
}

/// Notes the calling thread's mask, the first time.
pub(crate) fn remember() {}

/// Gives the calling thread the mask that was noted, if one was.
pub(crate) fn restore() {}
