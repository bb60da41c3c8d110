//! What a thread has taken out of a queue and drops unrun, one closure after the other.
//!
//! The destructor of such a closure may wait for the end of another: of one that is in the same hand, say, or of one
//! that runs and waits itself for one that is. Nobody but the thread can get at those, and it waits. So before a thread
//! waits, it *lets go*: it takes the closures of all that it has in hand out of their cells and tells their handles
//! what became of them. The closures themselves are dropped when their turn comes. Who does not wait does not let go:
//! then each handle is told when its closure is gone.
//!
//! The hands of a thread are a list through its frames. All of it belongs to the thread; what others see is the cells,
//! whose protocol is in [`state`](super::state).

use super::JobRef;
use super::party::{Entry, Untold, Withdrawn};
use super::state::Reason;
use crate::sync::fault::{self, Fault};
use crate::sync::thread_local_const;
use crate::unwind;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ptr;

struct Hand {
    left: RefCell<Left>,
    reason: Reason,
    below: *const Hand,
}

struct Left {
    jobs: VecDeque<JobRef>,
    /// Once the thread has let go: for each of the jobs, its closure, if that was still in the cell and somebody may
    /// wait for it.
    withdrawn: Option<VecDeque<Option<Withdrawn>>>,
}

impl Left {
    fn next(&mut self) -> Option<(JobRef, Option<Withdrawn>)> {
        let job = self.jobs.pop_front()?;
        Some((job, self.withdrawn.as_mut().and_then(VecDeque::pop_front).flatten()))
    }
}

thread_local_const! {
    static TOP: Cell<*const Hand> = Cell::new(ptr::null())
}

/// Drops these closures, in this order. `end` is called for each job, and drops its closure if that is still there; it
/// must not panic. `reason` is what a handle is told that is told before.
pub(crate) fn drop_each(
    jobs: impl IntoIterator<Item = JobRef>,
    reason: Reason,
    end: impl Fn(JobRef),
) {
    struct Pop(*const Hand);
    impl Drop for Pop {
        fn drop(&mut self) {
            TOP.with(|top| top.set(self.0));
        }
    }
    let left = Left { jobs: jobs.into_iter().collect(), withdrawn: None };
    let hand = Hand { left: RefCell::new(left), reason, below: TOP.with(Cell::get) };
    TOP.with(|top| top.set(&raw const hand));
    let _pop = Pop(hand.below);
    let next = || hand.left.borrow_mut().next();
    while let Some((job, withdrawn)) = next() {
        unwind::drop_quietly(withdrawn);
        end(job);
    }
}

/// Drops these closures, in this order, unless somebody has claimed them; their handles are told why.
pub(crate) fn cancel_each(entries: impl IntoIterator<Item = Entry>, reason: Reason) {
    let cancel = |job| match Entry::from_job(job) {
        Ok(entry) => entry.cancel(reason),
        Err(_) => unreachable!("each was an entry"),
    };
    drop_each(entries.into_iter().map(Entry::into_job), reason, cancel);
}

/// The thread is about to wait for something that is not its own: see the module.
#[inline]
pub(crate) fn let_go() {
    let top = TOP.with(Cell::get);
    if !top.is_null() && !fault::is(Fault::HandHolds) {
        let_all_go(top);
    }
}

#[cold]
fn let_all_go(mut next: *const Hand) {
    let mut untold: Vec<Untold> = Vec::new();
    // SAFETY: the list goes through frames of this thread that are still there.
    while let Some(hand) = unsafe { next.as_ref() } {
        let left = &mut *hand.left.borrow_mut();
        if left.withdrawn.is_none() {
            let withdraw = |job: &JobRef| {
                let (closure, handle) = Entry::withdraw(job, hand.reason)?;
                untold.push(handle);
                Some(closure)
            };
            left.withdrawn = Some(left.jobs.iter().map(withdraw).collect());
        }
        next = hand.below;
    }
    // What that calls is the user's, and may wait: by now nothing is held.
    untold.into_iter().for_each(Untold::tell);
}
