//! An executor in front of a pool: what its clones share goes with the last closure, however that ends.
//!
//! The queue alone, which decides it, is searched further in `admission.rs`.

use super::ledger::{self, Drops};
use super::pool::sleeping_pool;
use super::rig::{join, spawn};
use crate::{Executor, RejectionPolicy, ThreadPool, Verdict};

/// The ledger's numbers.
const CLOSURE: usize = 0;
const CORE: usize = 1;
const SECOND: usize = 2;

/// An executor whose end the ledger counts.
fn executor(pool: &ThreadPool) -> Executor {
    let core = Drops(CORE);
    let policy = RejectionPolicy::custom(move |_| {
        let _ = &core;
        Verdict::Abort
    });
    Executor::builder(pool).on_full(policy).build().expect("no bound, no error")
}

fn closure(id: usize) -> impl FnOnce() + Send + 'static {
    let captured = Drops(id);
    move || {
        ledger::run(id);
        drop(captured);
    }
}

/// The pool ends, and with it the last ticket.
fn finish(pool: ThreadPool) {
    loom::stop_exploring();
    drop(pool);
    assert_eq!(ledger::drops(CORE), 1);
}

/// The executor goes while its closures run: they keep it, and the last lets go of it.
pub(super) fn executor_dropped_against_its_closure() {
    let pool = sleeping_pool(1);
    let executor = executor(&pool);
    let handle = executor.submit(closure(CLOSURE)).expect("there is room");
    executor.execute(closure(SECOND)).expect("there is room");
    drop(executor);
    handle.join().expect("it runs");
    finish(pool);
    assert_eq!((ledger::runs(CLOSURE), ledger::drops(CLOSURE)), (1, 1));
    assert_eq!((ledger::runs(SECOND), ledger::drops(SECOND)), (1, 1));
}

/// A closure is aborted, queued or taken; nobody but itself and its ticket keeps the executor then.
pub(super) fn executor_aborted_closure_against_a_ticket() {
    let pool = sleeping_pool(1);
    let executor = executor(&pool);
    let handle = executor.submit(closure(CLOSURE)).expect("there is room");
    drop(executor);
    handle.abort();
    assert_eq!(handle.join().is_ok(), ledger::runs(CLOSURE) == 1);
    finish(pool);
    assert_eq!(ledger::drops(CLOSURE), 1);
}

/// A closure is taken back, or taken; the executor is gone when the task is dropped.
pub(super) fn executor_taken_back_against_a_ticket() {
    let pool = sleeping_pool(1);
    let executor = executor(&pool);
    executor.execute(closure(CLOSURE)).expect("there is room");
    let tasks = executor.shutdown_now();
    drop(executor);
    let (left, dropper) = (tasks.len(), spawn(move || drop(tasks)));
    join(dropper);
    finish(pool);
    assert_eq!((ledger::runs(CLOSURE) as usize, ledger::drops(CLOSURE)), (1 - left, 1));
}
