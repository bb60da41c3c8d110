//! A worker's seat: what its forks touch, side by side, so that one register finds all of it.
//!
//! Others reach the head alone, whose protocol is in `queue/head.rs`. The cells beside it belong to
//! the worker's thread, and there is no protocol: they are read and written through [`Seated`]
//! only, and that never leaves its thread.

use super::worker::Worker;
use crate::job::JobRef;
use crate::latch::Latch;
use crate::queue::Head;
use crate::queue::head::Pop;
use crate::sleep::Word;
use crate::sync::asymmetric::light_owner;
use crate::sync::fault::{self, Fault};
use crate::sync::thread_local_const;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr;

thread_local_const! {
    /// Of the worker whose thread this is. Not the worker itself: that would be one step further.
    static CURRENT: Cell<*const Seat> = Cell::new(ptr::null())
}

/// See the module.
#[repr(C)]
pub(crate) struct Seat {
    /// Who sits here, while its thread is inside [`Seated::enter`].
    worker: Cell<*const Worker>,
    /// Of the pool.
    word: Cell<*const Word>,
    /// The first index that has no room in the head, or had none the last time that somebody looked.
    limit: Cell<u64>,
    head: Head,
}

// SAFETY: the cells are used by the thread of the worker alone (`Seated::new`, 1), the head by
// any.
unsafe impl Sync for Seat {}
// SAFETY: as above; the pointers are followed by that thread only.
unsafe impl Send for Seat {}

/// Not derived: only the worker may read the cells.
impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("head", &self.head).finish_non_exhaustive()
    }
}

impl Seat {
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self {
            worker: Cell::new(ptr::null()),
            word: Cell::new(ptr::null()),
            limit: Cell::new(0),
            head: Head::new(),
        })
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// The seat of this thread's worker, to be compared with another; null if there is none.
    #[inline(always)]
    pub(crate) fn current() -> *const Self {
        CURRENT.with(Cell::get)
    }
}

/// A seat as its worker has it. Neither `Send` nor `Sync`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seated<'w> {
    seat: &'w Seat,
    here: PhantomData<*const ()>,
}

impl<'w> Seated<'w> {
    /// # Safety
    ///
    /// 1. No other thread uses a `Seated` of this seat as long as this one may.
    pub(crate) unsafe fn new(seat: &'w Seat) -> Self {
        Self { seat, here: PhantomData }
    }

    /// The worker takes its seat: `word` is that of its pool.
    pub(crate) fn furnish(self, word: &Word) {
        self.seat.word.set(word);
        self.measure();
    }

    /// Of the worker whose thread this is.
    #[inline(always)]
    pub(crate) fn current() -> Option<Self> {
        // SAFETY: set only in `enter`, to a seat that outlives everything that runs on the thread
        // until it is cleared again.
        let seat = unsafe { Seat::current().as_ref() }?;
        // SAFETY: (1) this is the thread of its worker.
        Some(unsafe { Self::new(seat) })
    }

    /// Makes `worker`, whose seat this is, the thread's worker while `f` runs, and calls `leave`
    /// once it is not any more.
    pub(crate) fn enter(self, worker: &Worker, f: impl FnOnce(), leave: fn()) {
        struct Leave(fn());
        impl Drop for Leave {
            fn drop(&mut self) {
                CURRENT.with(|current| current.set(ptr::null()));
                self.0();
            }
        }
        CURRENT.with(|current| {
            assert!(current.get().is_null(), "the thread is a worker already");
            self.seat.worker.set(worker);
            current.set(self.seat);
        });
        let _leave = Leave(leave);
        f();
    }

    /// To be compared with [`Seat::current`].
    pub(crate) fn as_ptr(self) -> *const Seat {
        self.seat
    }

    /// Who sits here.
    #[inline]
    pub(crate) fn worker(self) -> &'w Worker {
        // SAFETY: set in `enter`, to a worker that outlives everything that runs on the thread until
        // then, as does what `current` returned.
        unsafe { &*self.seat.worker.get() }
    }

    #[inline(always)]
    pub(crate) fn head(self) -> &'w Head {
        &self.seat.head
    }

    #[inline(always)]
    pub(crate) fn word(self) -> &'w Word {
        // SAFETY: `furnish` comes first; the pool outlives its workers.
        unsafe { &*self.seat.word.get() }
    }

    /// Counts anew how many jobs the head has room for.
    pub(crate) fn measure(self) {
        self.seat.limit.set(self.head().next_index() + self.head().room());
    }

    /// Puts a job at the newest end of the head, and returns its index.
    #[inline(always)]
    pub(crate) fn push(self, job: JobRef) -> u64 {
        // Once: the compiler does not make one of two atomic loads.
        let index = self.head().next_index();
        if index >= self.seat.limit.get() {
            make_room(self);
        }
        self.head().push_at(index, job);
        if !fault::is(Fault::PushNoLight) {
            // Pairs with the `heavy` of a worker's last look: either the load below sees that
            // worker, or its forced steal sees the job.
            light_owner();
        }
        if !self.word().is_quiet() {
            answer(self);
        }
        index
    }

    /// Takes back the fork that was pushed at `index` and whose latch this is, if it is the newest
    /// in the head. `Gone` otherwise: it has left, or jobs that were spawned meanwhile lie on
    /// top.
    ///
    /// The index alone would not do. What ran since the push may have waited for something, have
    /// run this very fork meanwhile, and then have spawned another job in its place; but then the
    /// fork has run to its end, and its latch is set. If it left at the other end, `top` is past
    /// the index.
    #[inline(always)]
    pub(crate) fn pop(self, index: u64, latch: &Latch) -> Pop {
        let head = self.head();
        let ran = latch.is_set() && !fault::is(Fault::PopIgnoresLatch);
        if head.next_index().wrapping_sub(1) == index && !ran { head.pop(index) } else { Pop::Gone }
    }
}

/// The head may be full.
#[cold]
#[inline(never)]
fn make_room(seated: Seated<'_>) {
    if seated.head().room() == 0 {
        seated.worker().spill();
    }
    seated.measure();
}

/// Somebody may be hungry.
#[cold]
#[inline(never)]
fn answer(seated: Seated<'_>) {
    seated.worker().answer();
}
