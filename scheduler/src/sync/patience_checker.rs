//! Under the checkers a lock is a lock: to try more than once would only be more to search.

use super::{Mutex, MutexGuard};

/// Locks it.
pub(crate) fn lock_patiently<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
