//! The parker's token.

use super::rig::{join, spawn};
use crate::park::Parker;
use crate::sync::{Arc, AtomicBool, Ordering, UnsafeCell};
use std::rc::Rc;

/// The unpark comes before, during or after the park: it wakes, and what came before it is
/// visible.
pub(super) fn park_against_unpark() {
    let parker = Parker::for_current_thread();
    let note = Rc::new(UnsafeCell::new(0));
    let (theirs, shared) = (Arc::clone(&parker), Rc::clone(&note));
    let other = spawn(move || {
        // SAFETY: the parker reads after the park.
        shared.with_mut(|note| unsafe { *note = 1 });
        theirs.unpark();
    });
    parker.park();
    // SAFETY: the other thread wrote before it unparked.
    assert_eq!(note.with_mut(|note| unsafe { *note }), 1);
    join(other);
}

/// Two unparks leave one token; whoever takes it sees what both did.
pub(super) fn two_unparks_in_one_token() {
    let parker = Parker::for_current_thread();
    let flags = Rc::new([AtomicBool::new(false), AtomicBool::new(false)]);
    let other = |which: usize| {
        let (parker, flags) = (Arc::clone(&parker), Rc::clone(&flags));
        spawn(move || {
            flags[which].store(true, Ordering::Relaxed);
            parker.unpark();
        })
    };
    let others = [other(0), other(1)];
    // Relaxed: only the token orders.
    while !flags.iter().all(|flag| flag.load(Ordering::Relaxed)) {
        parker.park();
    }
    others.into_iter().for_each(join);
}
