//! A worker's seat: what its forks touch, in one place, so that one register finds all of it.
//!
//! Others reach the head and the batch alone, whose protocol is in `queue/head.rs`. The cells beside it belong to
//! the worker's thread, and there is no protocol: they are read and written through [`Seated`]
//! only, and that never leaves its thread.

use super::carried::Carried;
use super::worker::Worker;
use crate::job::JobRef;
use crate::observe::Counters;
use crate::queue::Head;
use crate::queue::head::Pop;
use crate::sleep::Word;
use crate::span;
use crate::sync::asymmetric::light_owner;
use crate::sync::fault::{self, Fault};
use crate::sync::{INJECTED_STREAK, prefetch, thread_local_const};
use std::cell::Cell;
use std::fmt;
use std::hint;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

thread_local_const! {
    /// Of the worker whose thread this is. Not the worker itself: that would be one step further.
    static CURRENT: Cell<*const Seat> = Cell::new(ptr::null())
}

/// See the module.
#[repr(C)]
pub(crate) struct Seat {
    own: Own,
    /// Injected jobs that the worker has taken together, the newest first: it takes the oldest of them as the
    /// newest of a head, and who has nothing takes by force.
    batch: Batch,
    /// At the end: most pages of it are never used.
    head: Head,
}

/// See [`Seat`].
pub(crate) type Batch = Head<{ INJECTED_STREAK as usize }>;

/// What the worker alone may touch.
struct Own {
    /// Who sits here, while its thread is inside [`Seated::enter`].
    worker: Cell<*const Worker>,
    /// Of the pool.
    word: Cell<*const Word>,
    /// Of the worker.
    counters: Cell<*const Counters>,
    /// The first index that has no room in the head, or had none the last time that somebody looked.
    /// 0 while forks carry what the task has, or may have to carry a span: so a fork asks for none of them
    /// by itself.
    limit: Cell<u64>,
    /// Of the task that the worker runs, borrowed from frames below.
    task: Cell<Carried>,
}

// SAFETY: `own` is used by the thread of the worker alone (`Seated::new`, 1), head and batch by any.
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
    /// A new seat at `place`.
    ///
    /// # Safety
    ///
    /// 1. `place` can be written, and is aligned.
    /// 2. The memory there is zero, or as another seat was left there.
    pub(super) unsafe fn init(place: *mut Self) {
        let vacant = Own {
            worker: Cell::new(ptr::null()),
            word: Cell::new(ptr::null()),
            counters: Cell::new(ptr::null()),
            limit: Cell::new(0),
            task: Cell::new(Carried::NOTHING),
        };
        // SAFETY: (1).
        let own = unsafe { &raw mut (*place).own };
        // SAFETY: (1).
        unsafe { own.write(vacant) };
        // SAFETY: (1).
        let head = unsafe { &raw mut (*place).head };
        // SAFETY: (1) and (2).
        unsafe { Head::init(head) };
        // SAFETY: (1).
        let batch = unsafe { &raw mut (*place).batch };
        // SAFETY: (1) and (2).
        unsafe { Head::init(batch) };
    }

    /// Its worker is about to run a job.
    pub(crate) fn prefetch(&self) {
        prefetch(&self.own);
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    pub(crate) fn batch(&self) -> &Batch {
        &self.batch
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
    /// 2. [`furnish`](Self::furnish) is the first that is called, with the word of the pool and the
    ///    worker's counters, which outlive every `Seated`.
    /// 3. [`worker`](Self::worker), and a push, are called inside [`enter`](Self::enter) only, which
    ///    is given the worker of this seat.
    pub(crate) unsafe fn new(seat: &'w Seat) -> Self {
        Self { seat, here: PhantomData }
    }

    /// The worker takes its seat: `word` is that of its pool, the counters are its own.
    pub(crate) fn furnish(self, word: &Word, counters: &Counters) {
        self.seat.own.word.set(word);
        self.seat.own.counters.set(counters);
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

    /// The same, if it sits at `place`.
    ///
    /// # Safety
    ///
    /// 1. `place` is not null.
    #[inline(always)]
    pub(crate) unsafe fn current_at(place: *const Seat) -> Option<Self> {
        // No worker, no seat: that is null, and by (1) `place` is not.
        if CURRENT.with(Cell::get) != place {
            return None;
        }
        // SAFETY: as in `current`: it has just been found there.
        let seat = unsafe { &*place };
        // SAFETY: as in `current`.
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
    #[inline(always)]
    pub(crate) fn as_ptr(self) -> NonNull<Seat> {
        NonNull::from(self.seat)
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
    pub(crate) fn batch(self) -> &'w Batch {
        &self.seat.batch
    }

    #[inline(always)]
    pub(crate) fn word(self) -> &'w Word {
        // SAFETY: `new` (2).
        unsafe { &*self.seat.own.word.get() }
    }

    #[inline(always)]
    pub(crate) fn counters(self) -> &'w Counters {
        // SAFETY: `new` (2).
        unsafe { &*self.seat.own.counters.get() }
    }

    /// Counts anew how many jobs the head has room for.
    fn measure(self) {
        let full = self.head().full();
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

    /// Where the next job goes, for [`push_at`](Self::push_at). `None`: [`make_room`] says what is
    /// in the way.
    #[inline(always)]
    pub(crate) fn reserve(self) -> Option<u64> {
        // Once: the compiler does not make one of two atomic loads.
        let index = self.head().next_index();
        (index < self.seat.own.limit.get()).then_some(index)
    }

    /// Whether the head has no room.
    #[inline(always)]
    pub(crate) fn is_full(self) -> bool {
        self.head().room() == 0
    }

    /// Where the next job goes, if there is room.
    pub(crate) fn next_index(self) -> u64 {
        self.head().next_index()
    }

    /// Puts a job at the newest end of the head. Whatever it is to carry, it does.
    #[inline(always)]
    pub(crate) fn push(self, job: JobRef) {
        debug_assert!(!job.is_fork(), "its frame has to know the index");
        let index = self.head().next_index();
        if index >= self.seat.own.limit.get() {
            make_room(self);
        }
        self.push_at(index, job, ());
    }

    /// [`push`](Self::push) at an index that was reserved just before, while the caller holds `held`.
    #[inline(always)]
    pub(crate) fn push_at<T>(self, index: u64, job: JobRef, held: T) -> T {
        self.head().push_at(index, job);
        if !fault::is(Fault::PushNoLight) {
            // Pairs with the `heavy` of a worker's last look: either the load below sees that
            // worker, or its forced steal sees the job.
            light_owner();
        }
        if self.word().is_quiet() { held } else { answer(self, held) }
    }

    /// Runs the newest job of the own deque. False if there is none.
    #[inline(always)]
    pub(crate) fn run_newest(self) -> bool {
        match self.head().pop_expected() {
            // As after a push: a worker that only takes must answer to demand as well.
            Some(job) if !job.is_special() && self.word().is_quiet() => {
                self.run(job);
                true
            }
            popped => run_popped(self, popped),
        }
    }

    /// Runs a job that stands for no others.
    #[inline(always)]
    pub(super) fn run(self, job: JobRef) {
        debug_assert!(self.task().is_nothing(), "a job is begun without a task");
        debug_assert!(!job.is_bundle(), "a bundle is not counted");
        self.counters().jobs.add(1);
        self.begin_job();
        job.run();
    }

    /// Takes back the fork that was pushed at `index`, if it is the newest in the head. `Gone`
    /// otherwise: it has left, or jobs that were spawned meanwhile lie on top.
    ///
    /// The index tells. If the fork left at the oldest end, `top` is past it. If what ran since the
    /// push has waited for something, and run this very fork meanwhile, no other job was pushed in
    /// its place: `top` was moved past it then (`Worker::use_up_index`).
    #[inline(always)]
    pub(crate) fn pop(self, index: u64) -> Pop {
        let head = self.head();
        if head.ends_after(index) { head.pop(index) } else { Pop::Gone }
    }
}

/// Whether the forks of the running task must carry what it has, or its span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forks {
    Plain,
    Carry,
}

/// The head may be full, or the task may have something to carry.
#[cold]
#[inline(never)]
pub(crate) fn make_room(seated: Seated<'_>) -> Forks {
    if seated.head().room() == 0 {
        seated.worker().spill();
    }
    seated.measure();
    seated.forks()
}

/// What was the newest job of the head, if anything was in there.
#[cold]
#[inline(never)]
fn run_popped(seated: Seated<'_>, popped: Option<JobRef>) -> bool {
    seated.worker().run_popped(popped)
}

/// Somebody may be hungry. What the caller holds goes through here, so that it needs no register that
/// the caller would have to save, on every path. The compiler must not see that it comes back as it was: it would
/// save it all the same.
#[cold]
#[inline(never)]
fn answer<T>(seated: Seated<'_>, held: T) -> T {
    seated.worker().answer();
    hint::black_box(held)
}
