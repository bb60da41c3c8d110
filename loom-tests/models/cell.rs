//! A cell's two parties: the runner of its queue entry, and its handle.

use super::ledger::{self, Drops};
use super::rig::{join, spawn};
use crate::job::cell::{self, AbortFlag, Fate, Outcome, Owner, Reason, Unclaimed};
use crate::job::hand;
use crate::job::party::{Entry, Handle};
use crate::latch::{Latch, Watcher};
use crate::pool::registry;
use crate::sync::{Arc, UnsafeCell};
use crate::unwind::{self, Payload};
use std::rc::Rc;

/// The ledger's numbers.
const CLOSURE: usize = 0;
const VALUE: usize = 1;
const WATCHER: usize = 2;
const ASKED: usize = 3;
const WAITING: usize = 4;
const ABORTED: usize = 5;

/// A pool that never cancels.
#[derive(Clone, Copy)]
struct Anybody;

impl Owner for Anybody {
    const OUTLIVES_HANDLE: bool = false;

    fn cancels(self) -> bool {
        false
    }

    fn run<T>(self, closure: impl FnOnce() -> T) -> Result<T, Payload> {
        unwind::catch(closure)
    }

    fn run_abortable<T>(self, _: AbortFlag<'_>, closure: impl FnOnce() -> T) -> Result<T, Payload> {
        self.run(closure)
    }

    fn unclaimed(self) -> Unclaimed {
        Unclaimed(Box::new(|_| ()))
    }

    fn ended(self, _: Fate) {}
}

/// A cell whose closure and value count their drops.
fn cell() -> (Entry, Handle<Drops>) {
    let captured = Drops(CLOSURE);
    let closure = move || {
        drop(captured);
        ledger::run(CLOSURE);
        Drops(VALUE)
    };
    // SAFETY: the closure owns what it uses.
    unsafe { cell::new(closure, Anybody) }
}

fn runner(entry: Entry) -> loom::thread::JoinHandle<()> {
    spawn(move || entry.into_job().run())
}

pub(super) fn cell_join_against_completion() {
    let (entry, mut handle) = cell();
    let runner = runner(entry);
    handle.latch().wait();
    assert!(matches!(handle.take(), Outcome::Value(Drops(VALUE))));
    drop(handle);
    join(runner);
    assert_eq!((ledger::drops(CLOSURE), ledger::drops(VALUE)), (1, 1));
}

/// The handle goes away at any moment: the closure runs, and its value is dropped once.
pub(super) fn cell_handle_dropped_against_completion() {
    let (entry, handle) = cell();
    let runner = runner(entry);
    drop(handle);
    join(runner);
    assert_eq!((ledger::runs(CLOSURE), ledger::drops(CLOSURE)), (1, 1));
    assert_eq!(ledger::drops(VALUE), 1);
}

/// The closure either runs or is dropped unrun, and the handle says which.
pub(super) fn cell_abort_against_start() {
    let (entry, mut handle) = cell();
    let runner = runner(entry);
    handle.cancel();
    handle.latch().wait();
    let ran = match handle.take() {
        Outcome::Value(_) => 1,
        Outcome::Cancelled(Reason::Aborted) => 0,
        _ => panic!("no outcome"),
    };
    drop(handle);
    join(runner);
    assert_eq!((ledger::runs(CLOSURE), ledger::drops(CLOSURE)), (ran, 1));
    assert_eq!(ledger::drops(VALUE), ran);
}

/// A pool in which a running closure looks whether it is asked to stop.
#[derive(Clone, Copy)]
struct Looks<'a>(&'a UnsafeCell<u32>);

// SAFETY: the model orders the accesses; that is what it is about.
unsafe impl Send for Looks<'_> {}

impl Owner for Looks<'_> {
    const OUTLIVES_HANDLE: bool = false;

    fn cancels(self) -> bool {
        false
    }

    fn run<T>(self, closure: impl FnOnce() -> T) -> Result<T, Payload> {
        Ok(closure())
    }

    fn run_abortable<T>(
        self,
        abort: AbortFlag<'_>,
        closure: impl FnOnce() -> T,
    ) -> Result<T, Payload> {
        let value = closure();
        if abort.is_set() {
            // SAFETY: loom fails the model if this access is not exclusive.
            assert_eq!(self.0.with_mut(|written| unsafe { *written }), 1);
            ledger::run(ASKED);
        }
        Ok(value)
    }

    fn unclaimed(self) -> Unclaimed {
        Unclaimed(Box::new(|_| ()))
    }

    fn ended(self, _: Fate) {}
}

/// Who asks a running closure to stop does not take its value away; and a closure that sees it sees as
/// well what was written before.
pub(super) fn cell_abort_against_a_closure_that_looks() {
    let written = Rc::new(UnsafeCell::new(0));
    let looks = Looks(&written);
    let closure = || {
        ledger::run(CLOSURE);
        Drops(VALUE)
    };
    // SAFETY: the runner is joined below, while `written` is there.
    let (entry, mut handle) = unsafe { cell::new(closure, looks) };
    let runner = runner(entry);
    // SAFETY: as above.
    written.with_mut(|written| unsafe { *written = 1 });
    handle.cancel();
    handle.latch().wait();
    let ran = match handle.take() {
        Outcome::Value(_) => 1,
        Outcome::Cancelled(Reason::Aborted) => 0,
        _ => panic!("no outcome"),
    };
    drop(handle);
    join(runner);
    assert_eq!((ledger::runs(CLOSURE), ledger::drops(VALUE)), (ran, ran));
    assert!(ledger::runs(ASKED) <= ran);
}

/// As above, with the handle dropped at once.
pub(super) fn cell_abort_and_drop_against_start() {
    let (entry, handle) = cell();
    let runner = runner(entry);
    handle.cancel();
    drop(handle);
    join(runner);
    assert_eq!(ledger::drops(CLOSURE), 1);
    assert_eq!(ledger::drops(VALUE), ledger::runs(CLOSURE));
}

/// The handle is gone; an aborter comes at any moment, and may be the last to leave.
pub(super) fn cell_aborter_against_completion() {
    let (entry, handle) = cell();
    let aborter = handle.aborter();
    drop(handle);
    let runner = runner(entry);
    aborter.cancel();
    drop(aborter);
    join(runner);
    assert_eq!(ledger::drops(CLOSURE), 1);
    assert_eq!(ledger::drops(VALUE), ledger::runs(CLOSURE));
}

/// The handle leaves while a runner and an aborter are at it: what there is of an outcome is dropped by
/// one of them, once it is whole.
pub(super) fn cell_handle_dropped_against_an_aborter() {
    let (entry, handle) = cell();
    let aborter = handle.aborter();
    let runner = runner(entry);
    let abort = spawn(move || aborter.cancel());
    drop(handle);
    join(abort);
    join(runner);
    assert_eq!(ledger::drops(CLOSURE), 1);
    assert_eq!(ledger::drops(VALUE), ledger::runs(CLOSURE));
}

/// The handle has taken the value; the runner, which comes after it, must not drop it once more.
pub(super) fn cell_value_taken_beside_an_aborter() {
    let (entry, mut handle) = cell();
    let aborter = handle.aborter();
    let runner = runner(entry);
    handle.latch().wait();
    let value = handle.take();
    drop(handle);
    join(runner);
    assert_eq!(ledger::drops(VALUE), 0, "it is here");
    drop((value, aborter));
    assert_eq!((ledger::drops(CLOSURE), ledger::drops(VALUE)), (1, 1));
}

/// The outcome goes to a function, which is called once, by whoever comes second.
pub(super) fn cell_on_outcome_against_completion() {
    let (entry, handle) = cell();
    let runner = runner(entry);
    handle.on_outcome(|outcome| {
        assert!(matches!(outcome, Outcome::Value(Drops(VALUE))));
        ledger::run(VALUE);
    });
    join(runner);
    assert_eq!((ledger::runs(CLOSURE), ledger::runs(VALUE)), (1, 1));
    assert_eq!((ledger::drops(CLOSURE), ledger::drops(VALUE)), (1, 1));
}

/// A handle that somebody was to be told of is dropped: its watcher goes, told or untold, and nothing of
/// it stays behind.
pub(super) fn cell_watched_handle_dropped_against_completion() {
    let (entry, mut handle) = cell();
    let told = Drops(WATCHER);
    let runner = runner(entry);
    if handle.subscribe(Watcher::Call(Box::new(move || drop(told)))).is_err() {
        assert!(handle.latch().is_set());
    }
    drop(handle);
    join(runner);
    assert_eq!(ledger::drops(WATCHER), 1);
    assert_eq!((ledger::drops(CLOSURE), ledger::drops(VALUE)), (1, 1));
}

/// Whoever takes the entry out of its queue drops the closure unrun; the handle says why.
pub(super) fn cell_discarded_against_abort() {
    let (entry, mut handle) = cell();
    let discard = spawn(move || entry.cancel(Reason::Discarded));
    handle.cancel();
    handle.latch().wait();
    assert!(matches!(handle.take(), Outcome::Cancelled(Reason::Discarded | Reason::Aborted)));
    drop(handle);
    join(discard);
    assert_eq!((ledger::runs(CLOSURE), ledger::drops(CLOSURE)), (0, 1));
}

/// Waits, when it is dropped, for a closure that did not run, or for one that did.
struct Waits<T>(Option<Handle<T>>);

impl<T> Drop for Waits<T> {
    fn drop(&mut self) {
        let mut handle = self.0.take().expect("dropped once");
        registry::wait(handle.latch());
        drop(handle.take());
    }
}

/// A cell whose closure is not to run, and waits for that one when it is dropped.
fn waiting<T: Send + 'static>(handle: Handle<T>) -> (Entry, Handle<()>) {
    let (captured, waits) = (Drops(WAITING), Waits(Some(handle)));
    let closure = move || {
        drop((captured, waits));
        unreachable!("it is dropped unrun");
    };
    // SAFETY: the closure owns what it uses.
    unsafe { cell::new(closure, Anybody) }
}

/// The first of a hand waits for a closure that runs, and that one for the second of the hand.
pub(super) fn hand_of_who_waits_for_a_waiter() {
    let (second, handle) = cell();
    let closure = move || {
        let mut handle = handle;
        registry::wait(handle.latch());
        assert!(matches!(handle.take(), Outcome::Cancelled(Reason::ShutDown)));
    };
    // SAFETY: the closure owns what it uses.
    let (runs, handle) = unsafe { cell::new(closure, Anybody) };
    let runner = runner(runs);
    let (first, unwanted) = waiting(handle);
    drop(unwanted);
    hand::cancel_each([first, second], Reason::ShutDown, || ());
    join(runner);
    assert_eq!(ledger::runs(CLOSURE), 0);
    assert_eq!([WAITING, CLOSURE].map(ledger::drops), [1; 2]);
}

/// Who has a hand lets go of a closure that somebody else is about to abort, and to forget.
pub(super) fn hand_let_go_against_an_abort() {
    let captured = Drops(ABORTED);
    // SAFETY: the closure owns what it uses.
    let (second, aborts) = unsafe { cell::new(move || drop(captured), Anybody) };
    let (third, handle) = cell();
    let (first, unwanted) = waiting(handle);
    drop(unwanted);
    let aborter = spawn(move || {
        aborts.cancel();
        aborts.latch().wait();
    });
    hand::cancel_each([first, second, third], Reason::ShutDown, || ());
    join(aborter);
    assert_eq!(ledger::runs(CLOSURE), 0);
    assert_eq!([WAITING, ABORTED, CLOSURE].map(ledger::drops), [1; 3]);
}

/// As above, by an aborter: the handle is gone, or not, when its closure is taken out.
pub(super) fn hand_let_go_against_an_aborter() {
    let captured = Drops(ABORTED);
    // SAFETY: the closure owns what it uses.
    let (second, handle) = unsafe { cell::new(move || drop(captured), Anybody) };
    let aborts = handle.aborter();
    let (third, awaited) = cell();
    let (first, unwanted) = waiting(awaited);
    drop(unwanted);
    let aborter = spawn(move || {
        drop(handle);
        aborts.cancel();
        drop(aborts);
    });
    hand::cancel_each([first, second, third], Reason::ShutDown, || ());
    join(aborter);
    assert_eq!(ledger::runs(CLOSURE), 0);
    assert_eq!([WAITING, ABORTED, CLOSURE].map(ledger::drops), [1; 3]);
}

/// A function that is called as the hand lets go waits for one that is called after it.
pub(super) fn hand_that_tells_a_waiter() {
    let [(second, waits), (third, sets)] = [(); 2].map(|()| {
        // SAFETY: the closure owns nothing.
        unsafe { cell::new(|| (), Anybody) }
    });
    let (fourth, awaited) = cell();
    let (first, unwanted) = waiting(awaited);
    drop(unwanted);
    let latch = Arc::new(Latch::new());
    let is_set = Arc::clone(&latch);
    waits.on_outcome(move |_| registry::wait(&is_set));
    sets.on_outcome(move |_| Latch::set_shared(&latch));
    hand::cancel_each([first, second, third, fourth], Reason::ShutDown, || ());
    assert_eq!([WAITING, CLOSURE].map(ledger::drops), [1; 2]);
}
