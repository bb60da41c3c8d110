//! Under the checkers a lock is a lock, whose waiters the checker knows: to try more than once would only be
//! more to search. `brief.rs` has models of its own.

use super::{Mutex, MutexGuard};

pub(crate) type Held<'a, T> = MutexGuard<'a, T>;

#[derive(Debug)]
pub(crate) struct Brief<T>(Mutex<T>);

impl<T> Brief<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> Held<'_, T> {
        self.0.lock().unwrap()
    }

    pub(crate) fn try_lock(&self) -> Option<Held<'_, T>> {
        self.0.try_lock().ok()
    }
}
