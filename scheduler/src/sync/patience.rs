//! Locks that are held for some dozen nanoseconds at a time, by many threads in turn.
//!
//! A thread that blocks for such a lock costs whoever unlocks it a call of the system, and then, as `std`'s
//! lock does not know whether others block, one more itself: with four threads on two cores that was a call
//! for every sixth task. So it tries for a while first, and gives way, to the holder if that one has lost its
//! core.

use super::{Mutex, MutexGuard, spin_loop, yield_now};

/// Rounds of trying: so many spin, each twice as long as the one before; so many give way.
const SPINS: u32 = 6;
const YIELDS: u32 = 10;

/// Locks it.
#[inline]
pub(crate) fn lock_patiently<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.try_lock() {
        Ok(guard) => guard,
        Err(_) => lock_contended(mutex),
    }
}

#[cold]
fn lock_contended<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    for round in 0..SPINS + YIELDS {
        if round < SPINS {
            (0..1 << round).for_each(|_| spin_loop());
        } else {
            yield_now();
        }
        if let Ok(guard) = mutex.try_lock() {
            return guard;
        }
    }
    mutex.lock().unwrap()
}
