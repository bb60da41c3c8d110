//! Roots: how they are counted out, and where they are said to run.

use super::rig::{join, spawn};
use crate::job::cell::Fate;
use crate::pool::gate::{Gate, Passage, Stripe};
use crate::pool::running::Running;
use crate::sync::{Arc, AtomicBool, Moment, Mutex, Ordering, UnsafeCell};
use std::cell::Cell;
use std::panic::Location;
use std::rc::Rc;

/// A gate through which two roots go, in from outside and out on a worker of its own each, having
/// written something when they leave.
struct Roots {
    gate: Gate,
    entered: [Cell<bool>; 2],
    told: Cell<bool>,
    written: [UnsafeCell<u32>; 2],
}

impl Roots {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            gate: Gate::new(2),
            entered: Default::default(),
            told: Cell::new(false),
            written: [UnsafeCell::new(0), UnsafeCell::new(0)],
        })
    }

    fn enter(&self, root: usize) -> bool {
        self.entered[root].set(self.gate.enter(Stripe::outside()).is_ok());
        self.entered[root].get()
    }

    fn leave(&self, root: usize) {
        // SAFETY: loom fails the model if this access is not exclusive.
        self.written[root].with_mut(|value| unsafe { *value = 1 });
        self.end_if(self.gate.leave(Stripe::of_worker(root), Fate::Ran));
    }

    /// Whoever is to end the workers is the only one, and sees what all roots wrote.
    fn end_if(&self, passage: Passage) {
        if passage == Passage::Done {
            return;
        }
        assert!(!self.told.replace(true), "two are to end the workers");
        for (cell, _) in self.written.iter().zip(&self.entered).filter(|(_, e)| e.get()) {
            // SAFETY: as above.
            cell.with_mut(|value| assert_eq!(unsafe { *value }, 1));
        }
    }
}

/// Of the roots that leave, one of which has still to come in, and the one who closes, one is told
/// to end the workers.
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
    roots.end_if(roots.gate.close().passage);
    threads.into_iter().for_each(join);
    assert!(roots.told.get());
}

/// A root leaves once another one has been refused: it was inside when the gate was closed, whichever
/// stripes were by then.
pub(super) fn leaving_root_after_a_refusal() {
    let roots = Roots::new();
    assert!(roots.enter(0));
    let leaver = Rc::clone(&roots);
    let refused = Rc::new(Cell::new(false));
    let seen = Rc::clone(&refused);
    let leaver = spawn(move || {
        if roots_refuse(&leaver) {
            seen.set(true);
        }
        leaver.leave(0);
    });
    let closing = roots.gate.close();
    roots.end_if(closing.passage);
    join(leaver);
    assert!(!refused.get() || closing.before.roots() == 1);
    assert!(roots.told.get());
}

/// A root leaves once an executor has refused something, which it does a little before the gate: it was inside
/// when that was closed.
pub(super) fn leaving_root_after_an_executors_refusal() {
    let roots = Roots::new();
    assert!(roots.enter(0));
    let refuses = Arc::new(Mutex::new(false));
    let (leaver, its) = (Rc::clone(&roots), Arc::clone(&refuses));
    let refused = Rc::new(Cell::new(false));
    let seen = Rc::clone(&refused);
    let leaver = spawn(move || {
        seen.set(*its.lock().unwrap());
        leaver.leave(0);
    });
    roots.gate.announce();
    *refuses.lock().unwrap() = true;
    let closing = roots.gate.close();
    roots.end_if(closing.passage);
    join(leaver);
    assert!(!refused.get() || closing.before.roots() == 1);
    assert!(roots.told.get());
}

/// Whether another root is refused; else it leaves again.
fn roots_refuse(roots: &Roots) -> bool {
    let refused = !roots.enter(1);
    if !refused {
        roots.leave(1);
    }
    refused
}

/// A root leaves while two close: both find what was inside when they did.
pub(super) fn leaving_root_against_two_closers() {
    let roots = Roots::new();
    assert!(roots.enter(0));
    let (leaver, closer) = (Rc::clone(&roots), Rc::clone(&roots));
    let leaver = spawn(move || leaver.leave(0));
    let closer = spawn(move || closer.end_if(closer.gate.close().passage));
    let closing = roots.gate.close();
    roots.end_if(closing.passage);
    assert!(closing.before.roots() <= 1);
    join(leaver);
    join(closer);
    assert!(roots.told.get());
    assert_eq!(roots.gate.tally().roots(), 0);
}

/// A cancelled root that leaves is in the count of those inside, and then in that of the cancelled.
pub(super) fn cancelled_root_against_close() {
    let roots = Roots::new();
    assert!(roots.enter(0));
    let leaver = Rc::clone(&roots);
    let leaver = spawn(move || {
        let _ = leaver.gate.leave(Stripe::of_worker(0), Fate::Cancelled);
    });
    let closing = roots.gate.close();
    let (tally, inside) = (roots.gate.tally(), closing.before.roots());
    assert_eq!(tally.roots() + tally.cancelled_since(closing.before), inside);
    join(leaver);
    assert_eq!(roots.gate.tally().cancelled_since(closing.before), inside);
}

/// A report that does not count a root as inside does not name it as running either.
pub(super) fn report_against_a_root_that_ends() {
    let shared = Rc::new((Gate::new(1), Running::default()));
    shared.0.enter(Stripe::outside()).expect("it is open");
    shared.1.begin(Location::caller(), Moment::now());
    let worker = Rc::clone(&shared);
    let worker = spawn(move || {
        worker.1.end();
        let _ = worker.0.leave(Stripe::of_worker(0), Fate::Ran);
    });
    let _ = shared.0.close();
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
        runs.begin(first, Moment::now());
        runs.end();
        ends.store(true, Ordering::Release);
        runs.begin(second, Moment::now());
        runs.begin(third, Moment::now());
        runs.end();
    });
    if ended.load(Ordering::Acquire) {
        assert!(running.sites().all(|(site, _)| !std::ptr::eq(site, first)));
    }
    join(worker);
    assert_eq!(running.sites().count(), 1);
}
