//! A worker's seat: what its forks touch, in one place, so that one register finds all of it.
//!
//! Others reach the head alone, whose protocol is in `queue/head.rs`. The cells beside it belong to
//! the worker's thread, and there is no protocol: they are read and written through [`Seated`]
//! only, and that never leaves its thread.

use super::carried::Carried;
use super::worker::Worker;
use crate::job::JobRef;
use crate::latch::Latch;
use crate::queue::Head;
use crate::queue::head::Pop;
use crate::sleep::Word;
use crate::span;
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
    own: Own,
    head: Head,
}

/// What the worker alone may touch.
struct Own {
    /// Who sits here, while its thread is inside [`Seated::enter`].
    worker: Cell<*const Worker>,
    /// Of the pool.
    word: Cell<*const Word>,
    /// The first index that has no room in the head, or had none the last time that somebody looked.
    /// 0 while forks carry what the task has, or may have to carry a span: so a fork asks for none of them
    /// by itself.
    limit: Cell<u64>,
    /// Of the task that the worker runs, borrowed from frames below.
    task: Cell<Carried>,
}

// SAFETY: `own` is used by the thread of the worker alone (`Seated::new`, 1), the head by any.
unsafe impl Sync for Seat {}
// SAFETY: as above; the pointers are followed by that thread only.
unsafe impl Send for Seat {}

/// Not derived: only the worker may read `own`.
impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("head", &self.head).finish_non_exhaustive()
    }
}

impl Seat {
    /// Made where it stays: a pool may be built deep in a small stack.
    pub(crate) fn new() -> Box<Self> {
        let mut seat = Box::<Self>::new_uninit();
        let place = seat.as_mut_ptr();
        // SAFETY: inside the box's memory.
        let own = unsafe { &raw mut (*place).own };
        let vacant = Own {
            worker: Cell::new(ptr::null()),
            word: Cell::new(ptr::null()),
            limit: Cell::new(0),
            task: Cell::new(Carried::NOTHING),
        };
        // SAFETY: as above.
        unsafe { own.write(vacant) };
        // SAFETY: as above.
        let head = unsafe { &raw mut (*place).head };
        // SAFETY: (1) as above.
        unsafe { Head::init(head) };
        // SAFETY: both fields have been written.
        unsafe { seat.assume_init() }
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
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
    /// 2. [`furnish`](Self::furnish) is the first that is called, with the word of the pool, which
    ///    outlives every `Seated`.
    /// 3. [`worker`](Self::worker), and a push, are called inside [`enter`](Self::enter) only, which
    ///    is given the worker of this seat.
    pub(crate) unsafe fn new(seat: &'w Seat) -> Self {
        Self { seat, here: PhantomData }
    }

    /// The worker takes its seat: `word` is that of its pool.
    pub(crate) fn furnish(self, word: &Word) {
        self.seat.own.word.set(word);
        self.measure();
    }

    /// Of the worker whose thread this is.
    #[inline(always)]
    pub(crate) fn current() -> Option<Self> {
        let seat = CURRENT.with(Cell::get);
        // SAFETY: set only in `enter`, to a seat that outlives everything that runs on the thread
        // until it is cleared again.
        let seat = unsafe { seat.as_ref() }?;
        // SAFETY: (1) this is the thread of its worker; (2) and (3) it is inside `enter`.
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
            self.seat.own.worker.set(worker);
            current.set(self.seat);
        });
        let _leave = Leave(leave);
        f();
    }

    /// To be compared with another.
    pub(crate) fn as_ptr(self) -> *const Seat {
        self.seat
    }

    /// Who sits here.
    #[inline]
    pub(crate) fn worker(self) -> &'w Worker {
        // SAFETY: `new` (3): set in `enter`, to a worker that outlives all that runs on the thread until
        // it is over.
        unsafe { &*self.seat.own.worker.get() }
    }

    #[inline(always)]
    pub(crate) fn head(self) -> &'w Head {
        &self.seat.head
    }

    #[inline(always)]
    pub(crate) fn word(self) -> &'w Word {
        // SAFETY: `new` (2).
        unsafe { &*self.seat.own.word.get() }
    }

    /// Counts anew how many jobs the head has room for.
    fn measure(self) {
        let full = self.head().next_index() + self.head().room();
        self.seat.own.limit.set(if self.forks() == Forks::Plain { full } else { 0 });
    }

    /// Whether the forks of the running task have something to carry, or may have.
    fn forks(self) -> Forks {
        if self.task().goes_with_joins() || span::is_on() { Forks::Carry } else { Forks::Plain }
    }

    /// The worker is about to run a job, and nobody tells it when somebody begins to listen for spans.
    #[inline(always)]
    pub(super) fn begin_job(self) {
        if span::is_on() && self.seat.own.limit.get() != 0 {
            self.measure();
        }
    }

    /// What the task that the worker runs can be asked to stop by.
    #[inline(always)]
    pub(super) fn task(self) -> Carried {
        self.seat.own.task.get()
    }

    /// Whether the next fork asks what it has to carry.
    #[inline]
    pub(super) fn carries(self) -> bool {
        self.seat.own.limit.get() == 0
    }

    /// The worker goes on to a task with that, or back to one.
    #[inline(always)]
    pub(super) fn set_task(self, task: Carried) {
        self.seat.own.task.set(task);
        // Not only where that differs from before: the root may have asked meanwhile, elsewhere.
        if task.goes_with_joins() || self.carries() {
            self.measure_anew();
        }
    }

    #[cold]
    #[inline(never)]
    fn measure_anew(self) {
        self.measure();
    }

    /// Where the next job goes, for [`push_at`](Self::push_at). `None`: there is room as well, but
    /// the task or a span has to be carried by the job; see [`next_index`](Self::next_index).
    #[inline(always)]
    pub(crate) fn reserve(self) -> Option<u64> {
        // Once: the compiler does not make one of two atomic loads.
        let index = self.head().next_index();
        if index >= self.seat.own.limit.get() && make_room(self) == Forks::Carry {
            return None;
        }
        Some(index)
    }

    /// What [`reserve`](Self::reserve) did not give out just now.
    pub(crate) fn next_index(self) -> u64 {
        self.head().next_index()
    }

    /// Puts a job at the newest end of the head. Whatever it is to carry, it does.
    #[inline(always)]
    pub(crate) fn push(self, job: JobRef) {
        let index = self.head().next_index();
        if index >= self.seat.own.limit.get() {
            make_room(self);
        }
        self.push_at(index, job);
    }

    /// [`push`](Self::push) at an index that was reserved just before.
    #[inline(always)]
    pub(crate) fn push_at(self, index: u64, job: JobRef) {
        self.head().push_at(index, job);
        if !fault::is(Fault::PushNoLight) {
            // Pairs with the `heavy` of a worker's last look: either the load below sees that
            // worker, or its forced steal sees the job.
            light_owner();
        }
        if !self.word().is_quiet() {
            answer(self);
        }
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

/// Whether the forks of the running task must carry what it has, or its span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forks {
    Plain,
    Carry,
}

/// The head may be full, or the task may have something to carry.
#[cold]
#[inline(never)]
fn make_room(seated: Seated<'_>) -> Forks {
    if seated.head().room() == 0 {
        seated.worker().spill();
    }
    seated.measure();
    seated.forks()
}

/// Somebody may be hungry.
#[cold]
#[inline(never)]
fn answer(seated: Seated<'_>) {
    seated.worker().answer();
}
