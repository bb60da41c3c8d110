//! Where the counters start that only ever grow, while a pool or a scope lives.

/// The two indices of each head. A step above zero, for an owner looks there for a job that may not be.
#[inline(always)]
pub(crate) const fn head() -> u64 {
    size_of::<usize>() as u64
}

/// A worker's picks.
pub(crate) const PICKS: u32 = 0;

/// What a scope's owner counts for itself; `shared` starts as far below its bias.
pub(crate) const PARTS: i64 = 0;
