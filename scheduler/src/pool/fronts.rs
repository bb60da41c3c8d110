//! Queues in front of a pool, which have to be told before it closes.
//!
//! One lock guards the list and whether the pool closes. The call is made under it, so whoever is
//! [removed](Fronts::remove) is not used any more; who comes after the close is not on the list, and
//! sees to itself.

use crate::sync::Mutex;
use std::fmt;
use std::ptr::{self, NonNull};

/// Something that counts as one root of a pool for many closures.
pub(crate) trait Front: Sync {
    /// The pool's gate is about to be closed: from now on each closure is a root.
    fn pool_closes(&self);
}

/// See the module.
#[derive(Default)]
pub(crate) struct Fronts(Mutex<List>);

#[derive(Default)]
struct List {
    closed: bool,
    fronts: Vec<NonNull<dyn Front>>,
}

// SAFETY: a front is `Sync`, and is there until it is removed.
unsafe impl Send for List {}

impl Fronts {
    /// False: the pool closes, or has closed.
    ///
    /// # Safety
    ///
    /// 1. It is removed before it goes, and does not move until then.
    pub(crate) unsafe fn add(&self, front: NonNull<dyn Front>) -> bool {
        let mut list = self.0.lock().unwrap();
        if !list.closed {
            list.fronts.push(front);
        }
        !list.closed
    }

    /// What is there will not be used any more, if it ever was.
    pub(crate) fn remove(&self, front: NonNull<()>) {
        let mut list = self.0.lock().unwrap();
        list.fronts.retain(|other| !ptr::addr_eq(other.as_ptr(), front.as_ptr()));
    }

    /// The pool closes: tells them, the first time.
    pub(crate) fn close(&self) {
        let mut list = self.0.lock().unwrap();
        list.closed = true;
        for front in std::mem::take(&mut list.fronts) {
            // SAFETY: it is not gone: who removes it waits for the lock.
            unsafe { front.as_ref() }.pool_closes();
        }
    }
}

impl fmt::Debug for Fronts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fronts").finish_non_exhaustive()
    }
}
