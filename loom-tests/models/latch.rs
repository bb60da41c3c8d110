//! Latches: the setter against the waiter, who frees the latch.

use super::ledger::{self, Drops};
use super::rig::{join, spawn};
use crate::latch::{Latch, Watch, Watcher};
use crate::park::Parker;
use crate::sync::{Arc, Instant, UnsafeCell, spin_loop};
use std::ptr::NonNull;
use std::time::Duration;

/// What a latch announces, and the latch, in one block of memory.
struct Announced {
    latch: Latch,
    value: UnsafeCell<u32>,
}

impl Announced {
    fn new() -> Box<Self> {
        Box::new(Self { latch: Latch::new(), value: UnsafeCell::new(0) })
    }

    fn value(&self) -> u32 {
        // SAFETY: the latch is set, and the setter wrote before it.
        self.value.with_mut(|value| unsafe { *value })
    }
}

/// A thread that writes the value and sets the latch; it keeps nothing alive.
fn setter(of: &Announced) -> loom::thread::JoinHandle<()> {
    let announced = NonNull::from(of);
    spawn(move || {
        // SAFETY: its owner frees it once the latch is set, and not before.
        let value = unsafe { &announced.as_ref().value };
        // SAFETY: the owner reads once the latch is set.
        value.with_mut(|value| unsafe { *value = 7 });
        // SAFETY: as above.
        let latch = unsafe { &raw const (*announced.as_ptr()).latch };
        // SAFETY: alive when the call begins.
        unsafe { Latch::set(latch) };
    })
}

/// The owner sees the latch set, and frees it at once.
pub(super) fn latch_set_against_its_owner_leaving() {
    let announced = Announced::new();
    let setter = setter(&announced);
    while !announced.latch.is_set() {
        spin_loop();
    }
    assert_eq!(announced.value(), 7);
    drop(announced);
    join(setter);
}

/// As above, with an owner who parks.
pub(super) fn latch_set_against_watch() {
    let announced = Announced::new();
    let setter = setter(&announced);
    announced.latch.wait();
    assert_eq!(announced.value(), 7);
    drop(announced);
    join(setter);
}

/// The owner takes its watch back, for another reason to be awake: the reference to its parker
/// is dropped once, by the owner or by the setter. (Loom counts.)
pub(super) fn latch_set_against_unwatch() {
    let announced = Announced::new();
    let setter = setter(&announced);
    let parker = Parker::for_current_thread();
    if announced.latch.watch(&parker) == Watch::Watching {
        announced.latch.unwatch();
    }
    if announced.latch.watch(&parker) == Watch::Watching {
        while !announced.latch.is_set() {
            parker.park();
        }
    }
    assert_eq!(announced.value(), 7);
    drop(announced);
    join(setter);
}

/// The owner gives up at a deadline, which has passed, and then waits on: what it left in the word
/// the first time is taken back once, by it or by the setter.
pub(super) fn latch_set_against_a_deadline() {
    let announced = Announced::new();
    let setter = setter(&announced);
    if !announced.latch.wait_until(Instant::now()) {
        assert!(announced.latch.wait_until(Instant::now() + Duration::from_secs(1)));
    }
    assert_eq!(announced.value(), 7);
    drop(announced);
    join(setter);
}

/// A function that unparks the owner: as its own watch.
fn call(parker: &Arc<Parker>, id: usize) -> Watcher {
    let (parker, dropped) = (Arc::clone(parker), Drops(id));
    Watcher::Call(Box::new(move || {
        ledger::run(id);
        parker.unpark();
        drop(dropped);
    }))
}

/// Has `watcher` told of the latch. False: it is set already.
fn subscribe(announced: &Announced, watcher: Watcher) -> bool {
    // SAFETY: the caller is the waiter, and frees the latch after this.
    unsafe { Latch::subscribe(&raw const announced.latch, watcher) }.is_ok()
}

/// The owner is told by a function, and frees the latch.
pub(super) fn latch_set_against_subscribe() {
    let announced = Announced::new();
    let setter = setter(&announced);
    let parker = Parker::for_current_thread();
    if subscribe(&announced, call(&parker, 0)) {
        while !announced.latch.is_set() {
            parker.park();
        }
    }
    assert_eq!(announced.value(), 7);
    drop(announced);
    join(setter);
    assert_eq!(ledger::drops(0), 1);
}

/// A second watcher takes the place of the first: one of them is told, or the owner sees that the latch
/// is set; both are dropped once. Then it waits as a thread.
pub(super) fn latch_set_against_a_second_subscribe() {
    let announced = Announced::new();
    let setter = setter(&announced);
    let parker = Parker::for_current_thread();
    let (first, second) = (call(&parker, 0), call(&parker, 1));
    // Both are used up, whichever is refused.
    for watcher in [first, second] {
        subscribe(&announced, watcher);
    }
    announced.latch.wait();
    assert_eq!(announced.value(), 7);
    drop(announced);
    join(setter);
    assert!(ledger::runs(0) + ledger::runs(1) <= 1);
    assert_eq!((ledger::drops(0), ledger::drops(1)), (1, 1));
}

/// One parker, two latches, two setters: their tokens may merge.
pub(super) fn two_latches_one_parker() {
    let announced = [Announced::new(), Announced::new()];
    let setters = announced.each_ref().map(|announced| setter(announced));
    let parker = Parker::for_current_thread();
    let watching = announced.each_ref().map(|announced| announced.latch.watch(&parker));
    while !announced.iter().all(|announced| announced.latch.is_set()) {
        parker.park();
    }
    announced.iter().for_each(|announced| assert_eq!(announced.value(), 7));
    drop((announced, watching));
    setters.into_iter().for_each(join);
    drop(Arc::try_unwrap(parker).expect("every reference came back"));
}
