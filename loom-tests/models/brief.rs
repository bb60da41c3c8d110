//! The lock of an executor's queue, whose waiters try again: one at a time has the value, and what the last
//! one did is there for the next.
//!
//! The models of the queue have loom's own lock in its place.

use super::rig::{join, spawn};
use crate::sync::brief_itself::Brief;
use std::rc::Rc;

/// Two threads add to the value under the lock.
pub(super) fn brief_lock_against_lock() {
    let sum = Rc::new(Brief::new(0));
    let other = Rc::clone(&sum);
    let other = spawn(move || *other.lock() += 1);
    *sum.lock() += 2;
    join(other);
    assert_eq!(*sum.lock(), 3);
}

/// Who only tries, and finds it held, leaves it to its holder.
pub(super) fn brief_lock_against_try() {
    let sum = Rc::new(Brief::new(0));
    let other = Rc::clone(&sum);
    let other = spawn(move || {
        for _ in 0..2 {
            if let Some(mut sum) = other.try_lock() {
                *sum += 1;
            }
        }
    });
    let before = {
        let mut sum = sum.lock();
        let before = *sum;
        *sum = before + 10;
        before
    };
    join(other);
    let sum = *sum.lock();
    assert!(before <= 2 && (10 + before..=12).contains(&sum), "{before}, then {sum}");
}
