//! Latches: the setter against the waiter, who frees the latch.

use super::rig::{join, spawn};
use crate::latch::{Latch, Watch};
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
