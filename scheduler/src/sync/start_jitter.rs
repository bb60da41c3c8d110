//! As `start.rs`, but close to where a narrower or a signed count would go wrong.
//!
//! The two of 64 bits cannot come to their own end: at 10^9 a second that is 584 years away, and
//! half as much for the signed one.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Below 32 bits, signed and unsigned, and below where 64 signed bits end; in turn.
pub(crate) fn head() -> u64 {
    // Twenty steps.
    const BELOW: u64 = 20 * size_of::<usize>() as u64;
    const STARTS: [u64; 3] = [(1 << 31) - BELOW, (1 << 32) - BELOW, (1 << 63) - BELOW];
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    STARTS[NEXT.fetch_add(1, Ordering::Relaxed) % STARTS.len()]
}

/// This one does wrap.
pub(crate) const PICKS: u32 = u32::MAX - 20;

/// Both ways: the owner's count goes up through half of its bits, the shared one down.
pub(crate) const PARTS: i64 = (1 << 32) - 20;
