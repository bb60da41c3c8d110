//! The queue that anybody pushes to and anybody takes from, FIFO: a list of blocks of slots.
//!
//! # Protocol
//!
//! Two indices, of 64 bits so that they never wrap, count what has been pushed (`tail`) and what has been
//! taken (`head`), each with the block that it is in. A block has `CAP` slots, and an index goes on by
//! `CAP + 1` from one block to the next: the index in between says that the next block is just being put
//! in place.
//!
//! | who | does | by |
//! |---|---|---|
//! | pusher | claims the slot at `tail` | an exchange |
//! | the pusher of a block's last slot | puts a new block in place, for the tail and behind the block | stores |
//! | pusher | writes the job into its slot | a store, its last access to the block |
//! | taker | claims the slots at `head .. head + n`, of one block, below `tail` | an exchange |
//! | the taker of a block's last slot | moves the head to the next block | stores |
//! | taker | reads each slot, once it has been written | loads |
//! | taker | counts its slots out of the block; who counts out the last frees it | a subtraction, its last access to the block |
//!
//! Invariants:
//! - an index does not come back, so whoever exchanges it has what it says: the slot, or slots, and that
//!   the block beside it is theirs;
//! - a block is not read or written but by who has claimed slots of it, and its takers have waited for all
//!   its pushers: so the last of the takers is the last of all.
//!
//! Whoever meets the index in between, or a slot that is claimed and not written, waits: for two or three
//! stores of another thread. `seen` is what some taker has read of the tail: as long as it is ahead of the
//! head, a taker leaves the pushers' line alone.
//!
//! The list of blocks is that of crossbeam's `Injector`, whose slots have a state of their own that takers
//! write as well, which moves the slots' lines to and fro where takers keep up with pushers. Here a taker
//! writes to the block once for all that it takes.

use super::Steal;
use crate::job::{Header, JobRef};
use crate::sync::fault::{self, Fault};
use crate::sync::{
    AtomicPtr, AtomicU64, AtomicUsize, INJECTOR_LAP, Ordering, spin_loop, yield_now,
};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::ptr::{self, NonNull};

/// From one block to the next.
const LAP: u64 = INJECTOR_LAP;
/// Slots of a block.
const CAP: u64 = LAP - 1;

/// See the module's protocol.
pub(crate) struct Injector {
    head: CachePadded<Front>,
    tail: CachePadded<End>,
}

struct Front {
    end: End,
    seen: AtomicU64,
}

struct End {
    index: AtomicU64,
    block: AtomicPtr<Block>,
}

struct Block {
    next: AtomicPtr<Block>,
    /// Slots whose taker is not done with them.
    left: AtomicUsize,
    slots: [AtomicPtr<Header>; CAP as usize],
}

impl Block {
    fn new() -> *mut Self {
        let block = Self {
            next: AtomicPtr::new(ptr::null_mut()),
            left: AtomicUsize::new(CAP as usize),
            slots: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        };
        Box::into_raw(Box::new(block))
    }
}

impl End {
    fn new(block: *mut Block) -> Self {
        Self { index: AtomicU64::new(0), block: AtomicPtr::new(block) }
    }

    /// The index, and the block of it if nobody changes it meanwhile.
    #[inline]
    fn look(&self) -> (u64, *mut Block) {
        // Ordering: Acquire, with the Release in `go_on`: the block is not older. The block's own Acquire,
        // with the same: if it is newer than the index, an exchange of the index fails.
        let index = self.index.load(Ordering::Acquire);
        (index, self.block.load(Ordering::Acquire))
    }

    /// By who has claimed the last slot of a block: the index in between.
    fn go_on(&self, index: u64, next: *mut Block) {
        // Ordering: Release, with the Acquire in `look`.
        self.block.store(next, Ordering::Release);
        self.index.store(index + 1, fault::unless(Fault::InjectorNextRelaxed, Ordering::Release));
    }
}

/// Spins for a moment, then lets others run.
struct Patience(u32);

impl Patience {
    fn wait(&mut self) {
        if self.0 < 64 {
            self.0 += 1;
            spin_loop();
        } else {
            yield_now();
        }
    }
}

/// The number of slots before an index.
fn count(index: u64) -> u64 {
    index / LAP * CAP + (index % LAP).min(CAP)
}

impl Injector {
    pub(crate) fn new() -> Self {
        let block = Block::new();
        let front = Front { end: End::new(block), seen: AtomicU64::new(0) };
        Self { head: CachePadded::new(front), tail: CachePadded::new(End::new(block)) }
    }

    /// Puts a job behind all that is there.
    pub(crate) fn push(&self, job: JobRef) {
        let mut patience = Patience(0);
        let mut spare: *mut Block = ptr::null_mut();
        loop {
            let (index, block) = self.tail.look();
            let offset = index % LAP;
            if offset == CAP {
                patience.wait();
                continue;
            }
            let is_last = offset + 1 == CAP;
            if is_last && spare.is_null() {
                // Before the others have to wait for it.
                spare = Block::new();
            }
            // Ordering: AcqRel, with the loads of the tail by takers; the job itself goes by the slot.
            let claim = self.tail.index.compare_exchange_weak(
                index,
                index + 1,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            if claim.is_err() {
                spin_loop();
                continue;
            }
            // SAFETY: a slot of the block is the caller's, so nobody frees it before the slot is written.
            let block = unsafe { &*block };
            if is_last {
                self.tail.go_on(index + 1, spare);
                // Ordering: Release, with the Acquire in `next_of`: what the new block begins with.
                block
                    .next
                    .store(spare, fault::unless(Fault::InjectorLinkRelaxed, Ordering::Release));
                spare = ptr::null_mut();
            }
            let order = fault::unless(Fault::InjectorPushRelaxed, Ordering::Release);
            // Ordering: Release, with the Acquire in `Taken::get`: the job, and all that this thread did
            // to the block.
            block.slots[offset as usize].store(job.into_raw(), order);
            break;
        }
        if !spare.is_null() {
            // SAFETY: made above, and not put in place.
            drop(unsafe { Box::from_raw(spare) });
        }
    }

    /// The oldest job. Not after a look whether there is one.
    pub(crate) fn steal(&self) -> Steal<JobRef> {
        match self.claim(|_| 1) {
            Steal::Success(mut taken) => Steal::Success(taken.get(0)),
            Steal::Empty => Steal::Empty,
            Steal::Retry => Steal::Retry,
        }
    }

    /// The oldest jobs: as many as `wanted` says, at least one, of at least so many that there are; fewer
    /// at the end of a block.
    #[inline]
    pub(crate) fn claim(&self, wanted: impl FnOnce(u64) -> u64) -> Steal<Taken> {
        let mut patience = Patience(0);
        let (index, block) = loop {
            let (index, block) = self.head.end.look();
            if index % LAP != CAP {
                break (index, block);
            }
            patience.wait();
        };
        // Relaxed: some value of the tail; slots are not read before they are written.
        let mut seen = self.head.seen.load(Ordering::Relaxed);
        if seen <= index + 1 {
            // Ordering: Acquire, with the pushers' exchanges.
            seen = self.tail.index.load(Ordering::Acquire);
            self.head.seen.store(seen, Ordering::Relaxed);
        }
        let there = count(seen).saturating_sub(count(index));
        if there == 0 {
            return Steal::Empty;
        }
        let offset = index % LAP;
        let n = wanted(there).clamp(1, there).min(CAP - offset);
        // Ordering: AcqRel: a taker that reads this has what those before it had read of the tail from its own
        // word. (One that went by `seen` has read less; then it finds fewer than there are.)
        let claim = self.head.end.index.compare_exchange(
            index,
            index + n,
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        if claim.is_err() && !fault::is(Fault::InjectorClaimIgnored) {
            return Steal::Retry;
        }
        let Some(block) = NonNull::new(block) else { unreachable!("an end has a block") };
        if offset + n == CAP {
            // SAFETY: slots of the block are the caller's, so it is alive.
            let next = next_of(unsafe { block.as_ref() });
            self.head.end.go_on(index + n, next);
        }
        Steal::Success(Taken { block, offset: offset as usize, len: n as usize })
    }

    /// How many jobs there are, or were a moment ago.
    pub(crate) fn len(&self) -> usize {
        let head = self.head.end.index.load(Ordering::Acquire);
        // Ordering: Acquire, of both, as the exchanges.
        let tail = self.tail.index.load(Ordering::Acquire);
        count(tail).saturating_sub(count(head)) as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        let mut block = self.head.end.block.load(Ordering::Relaxed);
        while !block.is_null() {
            // SAFETY: made from a box; blocks before the head's have been freed by their takers.
            let freed = unsafe { Box::from_raw(block) };
            block = freed.next.load(Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Injector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injector").field("empty", &self.is_empty()).finish()
    }
}

/// The block behind one whose last slot has been claimed by a pusher.
fn next_of(block: &Block) -> *mut Block {
    let mut patience = Patience(0);
    loop {
        // Ordering: Acquire, with the Release in `push`.
        let next = block.next.load(Ordering::Acquire);
        if !next.is_null() {
            return next;
        }
        patience.wait();
    }
}

/// Slots that a taker has claimed. Each must be read, once.
#[must_use]
pub(crate) struct Taken {
    block: NonNull<Block>,
    offset: usize,
    len: usize,
}

impl Taken {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The job that was pushed as that one of the claimed; the caller asks for each one once.
    #[inline]
    pub(crate) fn get(&mut self, index: usize) -> JobRef {
        debug_assert!(index < self.len);
        // SAFETY: slots of the block are the caller's until they are counted out.
        let slot = unsafe { &self.block.as_ref().slots[self.offset + index] };
        let mut patience = Patience(0);
        loop {
            // Ordering: Acquire, with the Release in `push`.
            let job = slot.load(Ordering::Acquire);
            if !job.is_null() {
                // SAFETY: (1) written by `push`, and this is the only taker of the slot.
                return unsafe { JobRef::from_raw(job) };
            }
            patience.wait();
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // SAFETY: as above.
        let left = unsafe { &self.block.as_ref().left };
        // Ordering: Release, so that the reads of the slots come before the free; Acquire, so that the
        // free comes after all of them.
        let order = fault::half(Fault::InjectorNoAcquire, Fault::InjectorNoRelease);
        if left.fetch_sub(self.len, order) == self.len {
            // SAFETY: all slots have been taken, so nobody comes here any more; made from a box.
            drop(unsafe { Box::from_raw(self.block.as_ptr()) });
        }
    }
}

#[cfg(all(test, not(any(scheduler_loom, scheduler_shuttle))))]
mod tests {
    use super::{CAP, Injector};
    use crate::job::StackJob;
    use crate::queue::Steal;

    #[test]
    fn jobs_come_out_in_order_over_several_blocks_by_any_number() {
        let jobs: Vec<_> = (0..4 * CAP as usize).map(|_| StackJob::new(|| ())).collect();
        let queue = Injector::new();
        let (mut pushed, mut taken) = (0, 0);
        for round in 0.. {
            for _ in 0..(round * 7) % 50 {
                if let Some(job) = jobs.get(pushed) {
                    // SAFETY: the jobs outlive the queue, and none runs.
                    queue.push(unsafe { job.as_job_ref() });
                    pushed += 1;
                }
            }
            assert_eq!((queue.len(), queue.is_empty()), (pushed - taken, pushed == taken));
            let wanted = round % 20;
            match queue.claim(|there| wanted.min(there)) {
                Steal::Success(mut claimed) => {
                    assert!(claimed.len() <= wanted.max(1) as usize);
                    for index in 0..claimed.len() {
                        assert!(claimed.get(index).is(jobs[taken].header()));
                        taken += 1;
                    }
                }
                Steal::Empty => assert_eq!(pushed, taken),
                Steal::Retry => panic!("nobody else is there"),
            }
            if taken == jobs.len() {
                break;
            }
        }
        assert!(matches!(queue.steal(), Steal::Empty));
    }

    #[test]
    fn what_is_left_of_its_blocks_is_freed_with_the_queue() {
        let jobs: Vec<_> = (0..3 * CAP as usize).map(|_| StackJob::new(|| ())).collect();
        let queue = Injector::new();
        for job in &jobs {
            // SAFETY: the jobs outlive the queue, and none runs.
            queue.push(unsafe { job.as_job_ref() });
        }
        // As many as the block has, however many are wanted.
        let Steal::Success(mut claimed) = queue.claim(|_| 2 * CAP) else {
            panic!("there are some")
        };
        assert_eq!(claimed.len(), CAP as usize);
        for (index, job) in jobs.iter().take(claimed.len()).enumerate() {
            assert!(claimed.get(index).is(job.header()));
        }
        drop(claimed);
        assert_eq!(queue.len(), 2 * CAP as usize);
    }
}
