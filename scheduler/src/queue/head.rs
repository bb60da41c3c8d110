//! The private end of a worker's deque: a ring that its owner uses without a fence.
//!
//! # Protocol
//!
//! Two indices, of 64 bits so that they never wrap: `top`, the oldest job, and `bottom`, one past
//! the newest, which is a step of [`STEP`]. The jobs are at `top .. bottom`. `top` only ever grows, by one
//! compare-exchange each time; `bottom` is written by the owner alone.
//!
//! | who | does | by |
//! |---|---|---|
//! | owner | [`push_at`](Head::push_at): slot, then `bottom + 1` | stores |
//! | owner | [`pop`](Head::pop): `bottom - 1`, `light`, read `top`; the last job by exchange | stores; an exchange for the last |
//! | owner | [`take_oldest_n`](Head::take_oldest_n), to publish or to spill | an exchange |
//! | owner | [`take_all_and_skip`](Head::take_all_and_skip): `top` to `bottom + 1`, then `bottom + 1` | an exchange, a store |
//! | thief | [`force`](Head::force): read `top`, `heavy`, read `bottom`, then `top + 1` | an exchange |
//!
//! Invariant: a job is taken once. For each index it is either the exchange of `top` past it
//! that takes it, and only one can succeed; or the owner's pop without an exchange, when it
//! reads `top < i` after `bottom = i` and `light`. The second excludes the first: a thief that
//! wants index `i` has read `top = i`, then `heavy`, then `bottom > i`.
//! - If the thief's `heavy` came before the owner's `light`, the owner's read of `top` sees at
//!   least what the thief read, `i`: it goes for the exchange too.
//! - If the owner's `light` came first, the thief reads `bottom = i` or a later value. That of a
//!   later push would be another job at `i`, and the owner's pop of this one is over.
//!
//! That is why a thief must read `top` *before* its `heavy`, and why it takes one job for each
//! `heavy`: for a second one `top` would be newer than the barrier. The owner may take several at
//! once: its own pop is the only thing that does without the exchange, and it is not popping.
//!
//! The slots are atomics only because a thief may read one that the owner is overwriting; its
//! exchange then fails, since `top` has moved on by a whole ring.
//!
//! Where there is no asymmetric barrier ([`Barrier::Fence`](crate::Barrier)) nobody forces,
//! and the owner publishes each job at once: then only the owner touches `top`.
//!
//! The protocol is Chase and Lev's (SPAA 2005) as Lê et al. (PPoPP 2013) have it for C11, with the
//! owner's fence moved to the thief; a thief reads `top` relaxed, since its barrier follows.
//!
//! # Whose index it is
//!
//! A fork is taken back by its index, and by nothing else: its frame asks whether the newest job is at
//! that index. So while the frame is there, no other job may be. A fork that has left at the oldest
//! end has `top` past it. What remains is a fork that its own thread has popped and run, in a wait
//! inside the frame's first branch: then the owner moves `top` past the index, for which all older
//! jobs have to leave as well (`take_all_and_skip`). `top` goes first. A thief that reads the new `bottom`
//! and an old `top` fails in its exchange; with `bottom` first it could take what has been run.
//!
//! Forks are marked ([`JobRef::is_fork`]), and get another mark on their way to another head ([`JobRef::into_moved`]).

use crate::job::{Header, JobRef};
use crate::sync::asymmetric::light_owner;
use crate::sync::fault::{self, Fault};
use crate::sync::{AtomicPtr, AtomicU64, HEAD_CAPACITY, Ordering, ZERO_IS_NULL, start};
use crossbeam_utils::CachePadded;
use std::ops::Range;
use std::{fmt, ptr};

/// From one index to the next: an index counts bytes, so that a slot is found without a shift. In a
/// worker's head its lowest 16 bits say where in the ring that is.
const STEP: u64 = size_of::<usize>() as u64;

/// The ring. What its methods' docs begin with says who may call them.
///
/// The slots are inside, so that a push needs no pointer to them.
#[repr(C)]
pub(crate) struct Head<const CAPACITY: usize = HEAD_CAPACITY> {
    bottom: AtomicU64,
    /// On a line of its own: thieves read it while the owner writes `bottom`.
    top: CachePadded<AtomicU64>,
    slots: [AtomicPtr<Header>; CAPACITY],
}

/// Not derived: thousands of slots.
impl<const CAPACITY: usize> fmt::Debug for Head<CAPACITY> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bottom, top, .. } = self;
        f.debug_struct("Head").field("bottom", bottom).field("top", top).finish_non_exhaustive()
    }
}

/// Whether a job pushed at an index is still the owner's.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Pop {
    Mine,
    Gone,
}

impl<const CAPACITY: usize> Head<CAPACITY> {
    const MASK: u64 = {
        assert!(CAPACITY.is_power_of_two());
        CAPACITY as u64 * STEP - 1
    };

    /// A new head at `place`. Not as a value: with its slots it is too large for a deep stack.
    ///
    /// Where zero is null, the slots are left alone.
    ///
    /// # Safety
    ///
    /// 1. `place` can be written, and is aligned.
    /// 2. The memory there is zero, or as a head like it was left there.
    pub(crate) unsafe fn init(place: *mut Self) {
        let start = start::head();
        // SAFETY: (1).
        let bottom = unsafe { &raw mut (*place).bottom };
        // SAFETY: (1).
        unsafe { bottom.write(AtomicU64::new(start)) };
        // SAFETY: (1).
        let top = unsafe { &raw mut (*place).top };
        // SAFETY: (1).
        unsafe { top.write(CachePadded::new(AtomicU64::new(start))) };
        if ZERO_IS_NULL {
            return; // By (2) they hold something, which nobody takes for a job before the first push there.
        }
        // SAFETY: (1).
        let slots = unsafe { &raw mut (*place).slots }.cast::<AtomicPtr<Header>>();
        for index in 0..CAPACITY {
            // SAFETY: an element of the array.
            let slot = unsafe { slots.add(index) };
            // SAFETY: (1).
            unsafe { slot.write(AtomicPtr::new(ptr::null_mut())) };
        }
    }

    /// A head of its own, for tests and models.
    #[cfg(any(test, scheduler_loom))]
    pub(crate) fn new() -> Box<Self> {
        let mut head = Box::new_zeroed();
        // SAFETY: (1) it is the box's memory; (2) it has just been made so.
        unsafe { Self::init(head.as_mut_ptr()) };
        // SAFETY: `init` has written all of it.
        unsafe { head.assume_init() }
    }

    #[inline(always)]
    fn slot(&self, index: u64) -> &AtomicPtr<Header> {
        let offset = (index & Self::MASK) as usize;
        if const { size_of::<AtomicPtr<Header>>() as u64 == STEP } {
            // SAFETY: inside `slots`, which has CAPACITY elements, a power of two.
            let slot = unsafe { self.slots.as_ptr().byte_add(offset) };
            // SAFETY: an element, since an index is a multiple of STEP.
            unsafe { &*slot }
        } else {
            // A checker's atomics are larger.
            &self.slots[offset / STEP as usize]
        }
    }

    /// Owner. Puts a job at the newest end. `index` is [`next_index`](Self::next_index), and there
    /// must be room.
    #[inline(always)]
    pub(crate) fn push_at(&self, index: u64, job: JobRef) {
        // Relaxed: the slot is read after `bottom`.
        self.slot(index).store(job.into_raw(), Ordering::Relaxed);
        // Ordering: Release, with the Acquire of `bottom` in `force`: the thief then has the
        // slot, and the job behind it.
        self.bottom.store(index + STEP, fault::unless(Fault::HeadPushRelaxed, Ordering::Release));
    }

    /// Owner. Takes the newest job, which is at `index`, unless a thief has.
    #[inline(always)]
    pub(crate) fn pop(&self, index: u64) -> Pop {
        // Ordering: Release, as in `push_at`: a thief that reads this value and not the one that was
        // pushed needs the slots of the older jobs all the same. The `light` orders it before
        // the read of `top`.
        self.bottom.store(index, fault::unless(Fault::HeadPopRelaxed, Ordering::Release));
        if !fault::is(Fault::HeadPopNoLight) {
            // Pairs with the `heavy` of a forced steal, see the module's invariant.
            light_owner();
        }
        // Relaxed: nothing is read through it.
        let top = self.top.load(Ordering::Relaxed);
        if top < index { Pop::Mine } else { self.pop_last(index, top) }
    }

    /// `index` is the oldest job, or has left the ring, or there was none.
    #[cold]
    #[inline(never)]
    fn pop_last(&self, index: u64, top: u64) -> Pop {
        let mine = top == index && (fault::is(Fault::HeadPopNoCas) || self.advance_top(top));
        // The ring is empty now. Without this line `bottom` would stay below `top`, and the
        // next pushes would be lost.
        if !fault::is(Fault::HeadPopKeepsBottom) {
            self.bottom.store(self.top.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        if mine { Pop::Mine } else { Pop::Gone }
    }

    /// Owner. Takes the newest job.
    #[inline]
    pub(crate) fn pop_newest(&self) -> Option<JobRef> {
        let bottom = self.bottom.load(Ordering::Relaxed);
        if self.top.load(Ordering::Relaxed) >= bottom {
            return None;
        }
        self.pop_below(bottom)
    }

    /// Owner. The same, where there mostly is one: it is asked only once whether there is, after `bottom` is one step
    /// less. In an empty ring that is below `top` for a moment, which thieves take for empty as well.
    #[inline(always)]
    pub(crate) fn pop_expected(&self) -> Option<JobRef> {
        self.pop_below(self.bottom.load(Ordering::Relaxed))
    }

    #[inline(always)]
    fn pop_below(&self, bottom: u64) -> Option<JobRef> {
        // Not below zero: indices start above (`start::head`).
        let index = bottom - STEP;
        match self.pop(index) {
            Pop::Mine => {
                // SAFETY: the pop gave the job at `index` to this call alone.
                Some(unsafe { JobRef::from_raw(self.slot(index).load(Ordering::Relaxed)) })
            }
            Pop::Gone => None,
        }
    }

    /// Owner. Takes the oldest job, to publish it.
    pub(crate) fn take_oldest(&self) -> Option<JobRef> {
        self.take_oldest_n(1).next()
    }

    /// Owner. Takes up to `n` of the oldest jobs at once, oldest first. The jobs are the caller's
    /// when this returns, so the iterator must be used up, and before the next push.
    pub(crate) fn take_oldest_n(&self, n: u64) -> impl Iterator<Item = JobRef> {
        let taken = loop {
            let top = self.top.load(Ordering::Relaxed);
            let end = self.bottom.load(Ordering::Relaxed).min(top + n * STEP);
            if top >= end {
                break 0..0;
            }
            if fault::is(Fault::HeadTakeNoCas) {
                self.top.store(end, Ordering::Relaxed);
                break top..end;
            }
            // Fails where a thief took one by force.
            if self.move_top(top, end) {
                break top..end;
            }
        };
        self.taken(taken)
    }

    /// Owner. Takes all jobs, as [`take_oldest_n`](Self::take_oldest_n), and uses up the next index,
    /// which no job will have. There must be room for one.
    pub(crate) fn take_all_and_skip(&self) -> impl Iterator<Item = JobRef> {
        let end = self.bottom.load(Ordering::Relaxed);
        if fault::is(Fault::HeadSkipBottomFirst) {
            self.bottom.store(end + STEP, Ordering::Release);
        }
        let taken = loop {
            let top = self.top.load(Ordering::Relaxed);
            if self.move_top(top, end + STEP) {
                break top..end;
            }
        };
        // Ordering: Release, with the Acquire of `bottom` in `force`: the exchange of a thief that
        // reads this value comes after the one above, and fails.
        self.bottom.store(end + STEP, Ordering::Release);
        self.taken(taken)
    }

    /// Owner, who has just moved `top` past these indices.
    fn taken(&self, indices: Range<u64>) -> impl Iterator<Item = JobRef> {
        indices.step_by(STEP as usize).map(|index| {
            // The owner is here and pushes nothing, so the slots stay as they are.
            let job = self.slot(index).load(Ordering::Relaxed);
            // SAFETY: moving `top` past these jobs gave them to this call alone.
            unsafe { JobRef::from_raw(job) }
        })
    }

    /// Owner. How many jobs there are, at most: thieves may just be taking some.
    pub(crate) fn len(&self) -> u64 {
        // Ordering: Acquire, with the Release of `move_top`: a thief's read of a slot comes before
        // the owner uses the slot again. (Loom cannot show the opposite: it would be a load that
        // reads from a store after it.)
        let order = fault::unless(Fault::HeadLenRelaxed, Ordering::Acquire);
        (self.bottom.load(Ordering::Relaxed) - self.top.load(order)) / STEP
    }

    /// Owner. How many more jobs fit.
    pub(crate) fn room(&self) -> u64 {
        CAPACITY as u64 - self.len()
    }

    /// Owner. The first index that there is no room for.
    pub(crate) fn full(&self) -> u64 {
        self.next_index() + self.room() * STEP
    }

    /// Owner. Whether the job at `index`, if it is there, is the newest.
    #[inline(always)]
    pub(crate) fn ends_after(&self, index: u64) -> bool {
        self.next_index().wrapping_sub(STEP) == index
    }

    /// Owner. The index that the next push gets.
    #[inline(always)]
    pub(crate) fn next_index(&self) -> u64 {
        self.bottom.load(Ordering::Relaxed)
    }

    /// Thief. How many jobs there are, or were a moment ago.
    pub(crate) fn len_for_thief(&self) -> usize {
        let top = self.top.load(Ordering::Relaxed);
        (self.bottom.load(Ordering::Relaxed).saturating_sub(top) / STEP) as usize
    }

    /// Thief. The index that the owner was going to go on at, a moment ago.
    pub(crate) fn next_index_for_thief(&self) -> u64 {
        self.bottom.load(Ordering::Relaxed)
    }

    /// Thief. What [`force`](Self::force) needs, to be read before the thief's `heavy`.
    pub(crate) fn top(&self) -> u64 {
        // Relaxed: the `heavy` that follows orders it before the read of `bottom`.
        self.top.load(Ordering::Relaxed)
    }

    /// Thief. Takes the oldest job: `top` was read before the thief's `heavy`, this call is
    /// after it.
    pub(crate) fn force(&self, top: u64) -> super::Steal<JobRef> {
        let top = if fault::is(Fault::TopAfterHeavy) { self.top() } else { top };
        // Ordering: Acquire, with the Release in `push_at`.
        let bottom = self.bottom.load(fault::unless(Fault::HeadForceRelaxed, Ordering::Acquire));
        if top >= bottom {
            return super::Steal::Empty;
        }
        // May be overwritten meanwhile; then the exchange fails.
        let job = self.slot(top).load(Ordering::Relaxed);
        if self.advance_top(top) {
            // SAFETY: moving `top` past the job gave it to this call alone.
            super::Steal::Success(unsafe { JobRef::from_raw(job) })
        } else {
            super::Steal::Retry
        }
    }

    /// Takes the job at `top`, against the owner and every thief.
    fn advance_top(&self, top: u64) -> bool {
        self.move_top(top, top + STEP)
    }

    fn move_top(&self, top: u64, end: u64) -> bool {
        // Ordering: Release, with the Acquire in `len`: the slots have been read. What orders `top`
        // against `bottom` are `light` and `heavy`; SeqCst as in Lê et al. all the same, since C11, as
        // opposed to C++20, gives fences no hold on a value that a third thread has handed on.
        let order = fault::unless(Fault::HeadMoveTopRelaxed, Ordering::SeqCst);
        self.top.compare_exchange(top, end, order, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, Pop, STEP};
    use crate::job::{ForkJob, JobRef, Plain, StackJob};
    use crate::queue::Steal;
    use crate::sync::HEAD_CAPACITY;

    #[test]
    fn it_counts_what_is_in_it() {
        let jobs: Vec<_> = (0..4).map(|_| StackJob::new(|| ())).collect();
        // SAFETY: the jobs outlive the head, and none runs.
        let job = |index: usize| unsafe { jobs[index].as_job_ref() };
        let is = |found: Option<JobRef>, index: usize| {
            found.is_some_and(|found| found.is(jobs[index].header()))
        };
        let head: Box<Head> = Head::new();
        let start = head.next_index();
        let counts = |n: usize, next: u64| {
            assert_eq!((head.len(), head.len_for_thief()), (n as u64, n));
            assert_eq!(head.room(), (HEAD_CAPACITY - n) as u64);
            assert_eq!(head.next_index(), start + next * STEP);
        };
        counts(0, 0);
        assert!(head.take_oldest().is_none() && head.pop_newest().is_none());
        assert!(head.pop_expected().is_none());
        counts(0, 0);
        for index in 0..4 {
            assert_eq!(head.next_index(), start + index as u64 * STEP);
            head.push_at(head.next_index(), job(index));
        }
        counts(4, 4);
        assert!(is(head.take_oldest(), 0));
        counts(3, 4);
        assert!(is(head.pop_newest(), 3));
        counts(2, 3);
        let Steal::Success(forced) = head.force(head.top()) else { panic!("there are two") };
        assert!(is(Some(forced), 1));
        counts(1, 3);
        assert_eq!(head.pop(start + 2 * STEP), Pop::Mine);
        counts(0, 3);
        assert!(matches!(head.force(head.top()), Steal::Empty));
        assert!(matches!(head.force(head.top() - STEP), Steal::Retry));
        assert!(head.pop_expected().is_none());
        counts(0, 3);
    }

    #[test]
    fn an_index_that_was_used_up_is_nobodys() {
        let jobs: Vec<_> = (0..3).map(|_| ForkJob::of::<Plain>(|| ())).collect();
        // SAFETY: the jobs outlive the head, and none runs.
        let fork = |index: usize| unsafe { jobs[index].as_job_ref() };
        let head: Box<Head> = Head::new();
        let start = head.next_index();
        head.push_at(start, fork(0));
        head.push_at(start + STEP, fork(1));
        assert!(head.pop_newest().is_some_and(|job| job.is_fork()));
        let older: Vec<_> = head.take_all_and_skip().collect();
        assert!(matches!(&older[..], [job] if job.is(jobs[0].header())));
        assert_eq!((head.len(), head.next_index()), (0, start + 2 * STEP));
        head.push_at(head.next_index(), fork(2));
        assert!(!head.ends_after(start + STEP) && head.ends_after(start + 2 * STEP));
        let Steal::Success(forced) = head.force(head.top()) else { panic!("there is one") };
        assert!(forced.is(jobs[2].header()));
        assert!(head.take_all_and_skip().next().is_none());
        assert_eq!((head.len(), head.room()), (0, HEAD_CAPACITY as u64));
    }

    #[test]
    fn it_takes_no_more_than_asked_for() {
        let jobs: Vec<_> = (0..4).map(|_| StackJob::new(|| ())).collect();
        let head: Box<Head> = Head::new();
        for job in &jobs {
            // SAFETY: the jobs outlive the head, and none runs.
            head.push_at(head.next_index(), unsafe { job.as_job_ref() });
        }
        assert_eq!(head.take_oldest_n(3).count(), 3);
        assert_eq!(head.take_oldest_n(3).count(), 1);
        assert_eq!(head.take_oldest_n(3).count(), 0);
    }
}
