//! A cell's two parties: the runner of its queue entry, and its handle.

use super::ledger::{self, Drops};
use super::rig::{join, spawn};
use crate::job::JobRef;
use crate::job::cell::{self, Fate, Handle, Outcome, Owner, Unclaimed};
use crate::unwind::{self, Payload};

/// The ledger's numbers.
const CLOSURE: usize = 0;
const VALUE: usize = 1;

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

    fn unclaimed(self) -> Unclaimed {
        Unclaimed(Box::new(|_| ()))
    }

    fn ended(self, _: Fate) {}
}

/// A cell whose closure and value count their drops.
fn cell() -> (JobRef, Handle<Drops>) {
    let captured = Drops(CLOSURE);
    let closure = move || {
        drop(captured);
        ledger::run(CLOSURE);
        Drops(VALUE)
    };
    // SAFETY: the closure owns what it uses.
    unsafe { cell::new(closure, Anybody) }
}

fn runner(entry: JobRef) -> loom::thread::JoinHandle<()> {
    spawn(move || entry.run())
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
        Outcome::Cancelled => 0,
        _ => panic!("no outcome"),
    };
    drop(handle);
    join(runner);
    assert_eq!((ledger::runs(CLOSURE), ledger::drops(CLOSURE)), (ran, 1));
    assert_eq!(ledger::drops(VALUE), ran);
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
