//! Tokens: who cancels, against who waits, comes and goes.

use super::rig::{join, spawn};
use crate::CancellationToken;
use crate::sync::UnsafeCell;
use std::rc::Rc;
use std::time::Duration;

/// Who waits for a child is told, however late it comes. (A wake that is lost is a deadlock.)
pub(super) fn cancel_against_wait() {
    let token = CancellationToken::new();
    let child = token.child_token();
    let waiter = spawn(move || child.wait());
    token.cancel();
    join(waiter);
}

/// A child that is made while its parent is cancelled is in the list, or sees that it is late.
pub(super) fn cancel_against_a_child_that_is_made() {
    let token = CancellationToken::new();
    let parent = token.clone();
    let maker = spawn(move || {
        let child = parent.child_token();
        child.wait();
        assert!(child.child_token().is_cancelled());
    });
    token.cancel();
    join(maker);
}

/// The last handle of a child goes, with that of its own child, while the parent is cancelled; what
/// is left of them is taken out of the tree once, by either.
pub(super) fn cancel_against_a_child_that_goes() {
    let token = CancellationToken::new();
    let child = token.child_token();
    let below = child.child_token();
    let (kept, goes) = (token.clone(), spawn(move || drop((child, below))));
    token.cancel();
    join(goes);
    assert_eq!(kept.listed(), (0, 0));
    drop(kept.child_token());
    let other = CancellationToken::new();
    drop(other.child_token().child_token());
    assert_eq!(other.listed(), (0, 0), "a child stays in the list");
}

/// A wait whose time is over takes itself off the list, or has been told.
pub(super) fn cancel_against_a_wait_that_ends() {
    let token = CancellationToken::new();
    let waits = token.clone();
    let waiter = spawn(move || {
        let cancelled = waits.wait_timeout(Duration::ZERO);
        assert!(!cancelled || waits.is_cancelled());
    });
    token.cancel();
    join(waiter);
    assert_eq!(token.listed(), (0, 0));
}

/// Two cancel, one of them further down: when both are back, all is cancelled, and everybody told.
pub(super) fn cancelled_from_two_sides() {
    let token = CancellationToken::new();
    let child = token.child_token();
    let below = child.child_token();
    let canceller = spawn(move || child.cancel());
    let waits = below.clone();
    let waiter = spawn(move || waits.wait());
    token.cancel();
    join(canceller);
    assert!(below.is_cancelled());
    join(waiter);
}

/// Who sees the flag sees what the canceller wrote before.
pub(super) fn what_was_written_before_the_cancel() {
    let token = CancellationToken::new();
    let written = Rc::new(UnsafeCell::new(0));
    let (reads, there) = (token.child_token(), Rc::clone(&written));
    let reader = spawn(move || {
        if reads.is_cancelled() {
            // SAFETY: loom fails the model if this access is not exclusive.
            assert_eq!(there.with_mut(|value| unsafe { *value }), 1);
        }
    });
    // SAFETY: as above.
    written.with_mut(|value| unsafe { *value = 1 });
    token.cancel();
    join(reader);
}
