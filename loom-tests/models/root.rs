//! Roots: how they are counted out, and where they are said to run.

use super::rig::{join, spawn};
use crate::job::cell::Fate;
use crate::pool::lifecycle::{Lifecycle, Passage};
use crate::pool::registry::Running;
use crate::sync::{AtomicBool, Ordering, UnsafeCell};
use std::cell::Cell;
use std::panic::Location;
use std::rc::Rc;

/// A pool into which two roots go, each of which has written something when it leaves.
struct Roots {
    lifecycle: Lifecycle,
    entered: [Cell<bool>; 2],
    told: Cell<bool>,
    written: [UnsafeCell<u32>; 2],
}

impl Roots {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            lifecycle: Lifecycle::new(1),
            entered: Default::default(),
            told: Cell::new(false),
            written: [UnsafeCell::new(0), UnsafeCell::new(0)],
        })
    }

    fn enter(&self, root: usize) -> bool {
        match self.lifecycle.enter() {
            Ok(()) => self.entered[root].set(true),
            Err(passage) => self.end_if(passage),
        }
        self.entered[root].get()
    }

    fn leave(&self, root: usize) {
        // SAFETY: loom fails the model if this access is not exclusive.
        self.written[root].with_mut(|value| unsafe { *value = 1 });
        self.end_if(self.lifecycle.leave(Fate::Ran));
    }

    /// Whoever is to end the workers, if it is the first, sees what all roots wrote.
    fn end_if(&self, passage: Passage) {
        if passage == Passage::Done || self.told.replace(true) {
            return;
        }
        for (cell, _) in self.written.iter().zip(&self.entered).filter(|(_, e)| e.get()) {
            // SAFETY: as above.
            cell.with_mut(|value| assert_eq!(unsafe { *value }, 1));
        }
    }
}

/// Of the roots that leave, one of which has still to come in, and the one who closes, somebody is
/// told to end the workers. (Who is refused later may be told again.)
pub(super) fn last_root_against_close() {
    let roots = Roots::new();
    assert!(roots.enter(0));
    let root = |root: usize| {
        let roots = Rc::clone(&roots);
        spawn(move || {
            if root == 0 || roots.enter(root) {
                roots.leave(root);
            }
        })
    };
    let threads = [0, 1].map(root);
    roots.end_if(roots.lifecycle.close().passage);
    threads.into_iter().for_each(join);
    assert!(roots.told.get());
}

/// A report that does not count a root as inside does not name it as running either.
pub(super) fn report_against_a_root_that_ends() {
    let shared = Rc::new((Lifecycle::new(1), Running::default()));
    shared.0.enter().expect("it is open");
    shared.1.begin(Location::caller());
    let worker = Rc::clone(&shared);
    let worker = spawn(move || {
        worker.1.end();
        let _ = worker.0.leave(Fate::Ran);
    });
    if shared.0.tally().roots() == 0 {
        assert_eq!(shared.1.sites().count(), 0);
    }
    join(worker);
}

/// Who reads which roots a worker runs names none that it knows to have ended, also while one that
/// waits has another on top of it.
pub(super) fn sites_against_a_root_that_ended() {
    let (first, second, third) = (Location::caller(), Location::caller(), Location::caller());
    assert!(!std::ptr::eq(first, second));
    let running = Rc::new(Running::default());
    let ended = Rc::new(AtomicBool::new(false));
    let (runs, ends) = (Rc::clone(&running), Rc::clone(&ended));
    let worker = spawn(move || {
        runs.begin(first);
        runs.end();
        ends.store(true, Ordering::Release);
        runs.begin(second);
        runs.begin(third);
        runs.end();
    });
    if ended.load(Ordering::Acquire) {
        assert!(running.sites().all(|(site, _)| !std::ptr::eq(site, first)));
    }
    join(worker);
    assert_eq!(running.sites().count(), 1);
}
