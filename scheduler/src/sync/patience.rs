//! How a thread waits for a [`Brief`](super::brief::Brief) lock.
//!
//! The holder mostly needs some dozen nanoseconds more. If not, it has lost its core: to the waiter, or another
//! who wants one, who gives way. What runs with a higher priority than the holder has to sleep for that.

use super::{spin_loop, yield_now};
use std::thread::sleep;
use std::time::Duration;

/// So many rounds spin, each twice as long as the one before; then so many give way; one naps, and it
/// begins anew: who wakes up may find the lock held by somebody who holds it for short.
const SPINS: u32 = 6;
const YIELDS: u32 = 32;
const NAP: Duration = Duration::from_micros(100);

/// Waits for a while. The next round.
pub(super) fn wait(round: u32) -> u32 {
    match round {
        spins if spins < SPINS => (0..1 << spins).for_each(|_| spin_loop()),
        yields if yields < SPINS + YIELDS => yield_now(),
        _ => {
            sleep(NAP);
            return 0;
        }
    }
    round + 1
}
