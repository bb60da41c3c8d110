//! Where the counters start that only ever grow, while a pool or a scope lives.

/// The two indices of each head.
#[inline(always)]
pub(crate) const fn head() -> u64 {
    0
}

/// A worker's picks.
pub(crate) const PICKS: u32 = 0;

/// What a scope's owner counts for itself; `shared` starts as far below its bias.
pub(crate) const PARTS: i64 = 0;
