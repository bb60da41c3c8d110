//! How a thread waits for a [`Brief`](super::brief::Brief) lock.
//!
//! The holder mostly needs some dozen nanoseconds more. If not, it has lost its core: to the waiter, or another
//! who wants one, who gives way. What runs with a higher priority than the holder has to sleep for that.

use super::{spin_loop, yield_now};
use std::thread::sleep;
use std::time::Duration;

/// Rounds: so many spin, each twice as long as the one before; then so many give way, and the rest sleep.
const SPINS: u32 = 6;
const YIELDS: u32 = 32;
const NAP: Duration = Duration::from_micros(100);

/// Waits for a while.
pub(super) fn wait(round: u32) {
    if round < SPINS {
        (0..1 << round).for_each(|_| spin_loop());
    } else if round < SPINS + YIELDS {
        yield_now();
    } else {
        sleep(NAP);
    }
}
