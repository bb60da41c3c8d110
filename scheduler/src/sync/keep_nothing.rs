//! Where nothing is kept, so that a use after the end of a pool is one of memory that is gone. See `kept.rs`.

/// As in `keep.rs`.
pub(super) const KEEP: usize = 0;
