//! What a thread has taken out of a queue and drops unrun, one closure after the other.
//!
//! The destructor of such a closure may wait for the end of another: of one that is in the same hand, say, or of one
//! that runs and waits itself for one that is. Nobody but the thread can get at those, and it waits. So before a thread
//! waits, it *lets go*. It takes the closures that it has in hand out of their cells, and tells their handles what
//! became of them; the closures are dropped when their turn comes. What has no handle to tell, it gives back to where it
//! came from. And it does both with what is left in the queue, for all who could take that may be stuck. Who does not
//! wait does not let go: then each handle is told when its closure is gone.
//!
//! To tell a handle can be to call a user's function, which may wait as well. So such come after all threads have been
//! told, and before the thread waits it tells all that are still to be told, whoever began with it.
//!
//! The hands of a thread are a list through its frames. All of it belongs to the thread; what others see is the cells,
//! whose protocol is in [`state`](super::state).

use super::JobRef;
use super::party::{Entry, Untold, Withdrawn};
use super::state::Reason;
use crate::latch::Latch;
use crate::sync::fault::{self, Fault};
use crate::sync::thread_local_const;
use crate::unwind;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::iter;
use std::ptr;

/// Where jobs come from that are taken into a hand.
pub(crate) trait Source {
    /// Takes out what is still queued.
    fn take_rest(&self, take: &mut dyn FnMut(JobRef));

    /// Queues a job again.
    fn give_back(&self, job: JobRef);
}

/// A job, and its closure if that has been taken out of its cell.
type Left = (JobRef, Option<Withdrawn>);

struct Hand<'a> {
    /// Taken out, in the order in which they are dropped. Taking the next calls no code of a user's.
    rest: RefCell<&'a mut dyn Iterator<Item = JobRef>>,
    /// Not given back, for there is nowhere to.
    source: Option<&'a dyn Source>,
    reason: Reason,
    has_let_go: Cell<bool>,
    /// What the thread has let go of, before `rest`.
    withdrawn: RefCell<VecDeque<Left>>,
    /// Whose watchers are functions of a user's.
    untold: RefCell<VecDeque<Untold>>,
    below: *const Hand<'a>,
}

thread_local_const! {
    static TOP: Cell<*const ()> = Cell::new(ptr::null())
}

/// Drops these closures, in this order. `end` is called for each job, and drops its closure if that is still there; it
/// must not panic. `reason` is what a handle is told that is told before.
pub(crate) fn drop_each(
    mut jobs: impl Iterator<Item = JobRef>,
    source: Option<&dyn Source>,
    reason: Reason,
    end: impl Fn(JobRef),
) {
    drop_after(|| (), &mut jobs, source, reason, &end);
}

/// Drops these closures, in this order, unless somebody has claimed them; their handles are told why. `first` is called
/// before, when they are in hand.
pub(crate) fn cancel_each(
    entries: impl IntoIterator<Item = Entry>,
    reason: Reason,
    first: impl FnOnce(),
) {
    let end = |job| match Entry::from_job(job) {
        Ok(entry) => entry.cancel(reason),
        Err(_) => unreachable!("each was an entry"),
    };
    let mut jobs = entries.into_iter().map(Entry::into_job);
    drop_after(first, &mut jobs, None, reason, &end);
}

fn drop_after<'a>(
    first: impl FnOnce(),
    jobs: &'a mut dyn Iterator<Item = JobRef>,
    source: Option<&'a dyn Source>,
    reason: Reason,
    end: &dyn Fn(JobRef),
) {
    struct Pop(*const ());
    impl Drop for Pop {
        fn drop(&mut self) {
            TOP.with(|top| top.set(self.0));
        }
    }
    let below = TOP.with(Cell::get);
    let hand = Hand {
        rest: RefCell::new(jobs),
        source,
        reason,
        has_let_go: Cell::new(false),
        withdrawn: RefCell::new(VecDeque::new()),
        untold: RefCell::new(VecDeque::new()),
        below: below.cast(),
    };
    TOP.with(|top| top.set((&raw const hand).cast()));
    let _pop = Pop(below);
    first();
    while let Some((job, closure)) = hand.next() {
        unwind::drop_quietly(closure);
        end(job);
    }
}

impl Hand<'_> {
    fn next(&self) -> Option<Left> {
        let withdrawn = self.withdrawn.borrow_mut().pop_front();
        withdrawn.or_else(|| Some((self.rest.borrow_mut().next()?, None)))
    }

    fn let_go(&self) {
        let (mut withdrawn, mut others) = (VecDeque::new(), Vec::new());
        let mut take = |job: JobRef| match Entry::withdraw(&job, self.reason) {
            Some((closure, untold)) => {
                withdrawn.push_back((job, Some(closure)));
                if untold.calls() {
                    self.untold.borrow_mut().push_back(untold);
                } else {
                    untold.tell();
                }
            }
            None if self.source.is_some() => others.push(job),
            None => withdrawn.push_back((job, None)),
        };
        self.rest.borrow_mut().for_each(&mut take);
        if let Some(source) = self.source {
            source.take_rest(&mut take);
            others.into_iter().for_each(|job| source.give_back(job));
        }
        *self.withdrawn.borrow_mut() = withdrawn;
    }

    fn tell(&self) {
        let next = || self.untold.borrow_mut().pop_front();
        while let Some(untold) = next() {
            untold.tell();
        }
    }
}

/// Whether the thread has anything in hand.
pub(crate) fn is_held() -> bool {
    !TOP.with(Cell::get).is_null()
}

/// [`let_go`] before a wait for this latch.
#[inline]
pub(crate) fn let_go_for(latch: &Latch) {
    if is_held() && !latch.is_set() {
        let_go();
    }
}

/// The thread is about to wait for something that is not its own: see the module.
#[inline]
pub(crate) fn let_go() {
    let top = TOP.with(Cell::get);
    if !top.is_null() && !fault::is(Fault::HandHolds) {
        let_all_go(top.cast());
    }
}

#[cold]
fn let_all_go(top: *const Hand<'_>) {
    let hands = || {
        // SAFETY: the list goes through frames of this thread that are still there.
        iter::successors(unsafe { top.as_ref() }, |hand| unsafe { hand.below.as_ref() })
    };
    let mut is_first = false;
    for hand in hands() {
        if !hand.has_let_go.replace(true) {
            hand.let_go();
            is_first = true;
        }
    }
    if is_first || !fault::is(Fault::HandTellsOnce) {
        hands().for_each(Hand::tell);
    }
}
