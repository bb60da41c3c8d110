//! How much memory of seats is kept. See `kept.rs`.

/// A larger piece goes back to the system; that of fifty workers does not. More: it helps larger pools, whose
/// threads take longer to start in any case. Less: a process that has no pool any more keeps less.
pub(super) const KEEP: usize = 4 * 1024 * 1024;
