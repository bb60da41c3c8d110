//! Under loom who waits gives way, so that others come first.

use super::yield_now;

/// Waits for a while.
pub(super) fn wait(_: u32) {
    yield_now();
}
