//! Roots: how they are counted out, and where they are said to run.

use super::rig::{join, spawn};
use crate::job::cell::Fate;
use crate::pool::lifecycle::{Lifecycle, Passage};
use crate::pool::registry::Running;
use crate::sync::{Arc, AtomicBool, Ordering, UnsafeCell};
use std::panic::Location;
use std::rc::Rc;

/// A pool of two roots, each of which has written something when it leaves.
struct Roots {
    lifecycle: Lifecycle,
    written: [UnsafeCell<u32>; 2],
}

impl Roots {
    fn new() -> Arc<Self> {
        let lifecycle = Lifecycle::new(1);
        (0..2).for_each(|_| lifecycle.enter().expect("it is open"));
        Arc::new(Self { lifecycle, written: [UnsafeCell::new(0), UnsafeCell::new(0)] })
    }

    /// Whether this one was the last out.
    fn leave(&self, root: usize) -> bool {
        // SAFETY: loom fails the model if this access is not exclusive.
        self.written[root].with_mut(|value| unsafe { *value = 1 });
        self.end_if(self.lifecycle.leave(Fate::Ran))
    }

    fn close(&self) -> bool {
        self.end_if(self.lifecycle.close().passage)
    }

    /// Whoever is to end the workers sees what all roots wrote.
    fn end_if(&self, passage: Passage) -> bool {
        let last = passage == Passage::LastOut;
        if last {
            // SAFETY: as above.
            self.written.iter().for_each(|cell| cell.with_mut(|v| assert_eq!(unsafe { *v }, 1)));
        }
        last
    }
}

/// Of the roots that leave and the one who closes, one is told to end the workers.
pub(super) fn last_root_against_close() {
    let roots = Roots::new();
    let leave = |root| {
        let (roots, told) = (Arc::clone(&roots), Rc::new(AtomicBool::new(false)));
        let tell = Rc::clone(&told);
        (spawn(move || tell.store(roots.leave(root), Ordering::Relaxed)), told)
    };
    let leavers = [0, 1].map(leave);
    let mut last = usize::from(roots.close());
    for (thread, told) in leavers {
        join(thread);
        last += usize::from(told.load(Ordering::Relaxed));
    }
    assert_eq!(last, 1);
}

/// Who reads which roots a worker runs does not name one that it knows to have ended.
pub(super) fn sites_against_a_root_that_ended() {
    let (first, second) = (Location::caller(), Location::caller());
    assert!(!std::ptr::eq(first, second));
    let running = Rc::new(Running::default());
    let ended = Rc::new(AtomicBool::new(false));
    let (runs, ends) = (Rc::clone(&running), Rc::clone(&ended));
    let worker = spawn(move || {
        runs.begin(first);
        runs.end();
        ends.store(true, Ordering::Release);
        runs.begin(second);
    });
    if ended.load(Ordering::Acquire) {
        assert!(running.sites().all(|site| std::ptr::eq(site, second)));
    }
    join(worker);
    assert_eq!(running.sites().count(), 1);
}
