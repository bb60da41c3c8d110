//! The clock of the standard library, or of the checkers, in nanoseconds since the first look. See `coarse.rs`.

use crate::sync::{Instant, StaticOnceLock};

static START: StaticOnceLock<Instant> = StaticOnceLock::new();

pub(super) fn now() -> u64 {
    let start = *START.get_or_init(Instant::now);
    (Instant::now() - start).as_nanos() as u64
}

pub(super) fn exactly_now() -> u64 {
    now()
}
