//! What the parts of a [scope](mod@super::scope) share, how they begin and end, and how the scope waits for them.
//!
//! How they are counted is in [`parts`](super::parts), with the protocol. Here is one atomic more, `panic`: null, then
//! the first panic that comes, for good. It needs no order of its own: whoever writes it is in an open part or in the
//! body, and the scope reads it once all these have ended.

use super::parts::{Apart, Parts, Settled};
use crate::job::cell::{AbortFlag, Fate, Owner, Unclaimed};
use crate::job::detached::Place;
use crate::job::words::Words;
use crate::job::{JobRef, hand};
use crate::pool::carried::{Carried, put_away};
use crate::pool::registry::{Registry, wait};
use crate::pool::seat::Seated;
use crate::pool::worker::Role;
use crate::span;
use crate::sync::{AtomicPtr, Ordering};
use crate::unwind::{self, Payload};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

/// Lives in the frame that waits for all parts.
#[repr(C)]
pub(super) struct State {
    _before: Apart,
    registry: NonNull<Registry>,
    /// The task that made the scope, which its parts carry.
    task: Carried,
    /// Whether that is anything.
    carries: bool,
    /// The first panic that no handle showed, in a box; null while there is none.
    panic: AtomicPtr<Payload>,
    parts: Parts,
}

// SAFETY: `registry` is a shared borrow that outlives the scope; `Registry` is `Sync`.
unsafe impl Sync for State {}
// SAFETY: as above.
unsafe impl Send for State {}

/// A part's way to its scope.
#[derive(Clone, Copy)]
pub(super) struct Part(NonNull<State>);

// SAFETY: `State` is `Sync`.
unsafe impl Send for Part {}

impl Part {
    fn record(self, payload: Payload) {
        // SAFETY: the scope waits for this part, or is still in the code that drops the part's
        // handle, which cannot outlive it.
        unsafe { self.0.as_ref() }.record(payload);
    }
}

impl Owner for Part {
    /// A scoped handle cannot leave the scope.
    const OUTLIVES_HANDLE: bool = true;

    fn cancels(self) -> bool {
        false
    }

    #[inline(always)]
    fn run<T>(self, closure: impl FnOnce() -> T) -> Result<T, Payload> {
        // SAFETY: the scope waits for this part.
        let state = unsafe { self.0.as_ref() };
        if state.carries {
            // SAFETY: (1) the scope, which is inside the frames that this is borrowed from, waits for
            // this part; (2) just below.
            unsafe { state.task.begin() };
        }
        // Asked once more, for the answer would take a register meanwhile; and after each outcome, so that which of
        // the two it was need not be asked again.
        let end = || {
            if state.carries {
                Carried::end();
            }
        };
        match unwind::catch(closure) {
            Ok(value) => {
                end();
                Ok(value)
            }
            Err(payload) => {
                end();
                Err(payload)
            }
        }
    }

    /// A scoped handle aborts nothing.
    #[inline]
    fn run_abortable<T>(self, _: AbortFlag<'_>, closure: impl FnOnce() -> T) -> Result<T, Payload> {
        self.run(closure)
    }

    fn unclaimed(self) -> Unclaimed {
        Unclaimed(Box::new(move |payload| self.record(payload)))
    }

    #[inline]
    fn ended(self, _: Fate) {
        // SAFETY: the scope waits for this part, which ends once.
        let parts = unsafe { &raw const (*self.0.as_ptr()).parts };
        // SAFETY: as above.
        unsafe { Parts::end(parts) };
    }
}

impl State {
    /// Of a scope whose body is about to run on `owner`, or on none of the pool's workers.
    #[inline(always)]
    pub(super) fn new(registry: &Registry, owner: Option<Seated<'_>>, task: Carried) -> Self {
        Self {
            _before: MaybeUninit::uninit(),
            registry: NonNull::from(registry),
            task,
            carries: !task.is_nothing(),
            panic: AtomicPtr::new(ptr::null_mut()),
            parts: Parts::new(owner),
        }
    }

    #[inline(always)]
    fn part(&self) -> Part {
        Part(NonNull::from(self))
    }

    /// Begins a part, and queues the job that `make` makes of it, beside its handle.
    #[inline(always)]
    pub(super) fn begin<T>(&self, make: impl FnOnce(Part) -> (JobRef, T)) -> T {
        let Some(owner) = self.parts.begin() else { return self.begin_elsewhere(make) };
        let (job, handle) = make(self.part());
        owner.push(job);
        handle
    }

    /// The same for anybody but the owner, and for that once it has settled. Apart, so that on the path of
    /// the owner nothing is asked twice.
    #[inline(never)]
    fn begin_elsewhere<T>(&self, make: impl FnOnce(Part) -> (JobRef, T)) -> T {
        self.parts.begin_elsewhere();
        let (job, handle) = make(self.part());
        // SAFETY: the frame that runs the scope borrows the registry.
        unsafe { self.registry.as_ref() }.submit(job);
        handle
    }

    /// Begins a part without a handle. What the owner needs it mostly has: then nothing is called here, and the caller
    /// has nothing to save for that.
    ///
    /// # Safety
    ///
    /// 1. `closure` may be used until all parts have ended, on any thread, as may this.
    #[inline(always)]
    pub(super) unsafe fn fork<F: FnOnce() + Send>(&self, closure: F) {
        if let Some(owner) = self.parts.owner()
            && let Some(index) = owner.reserve()
            && let Some(place) = Place::at_hand()
        {
            self.parts.begin_by(owner);
            // SAFETY: (1) and (2): the caller's.
            let job = unsafe { place.write(closure, self.part()) };
            owner.push_at(index, job, ());
        } else {
            // In words of its own: the cold path takes an address, and with that of `closure` the compiler would make it in
            // the frame on the other path, too.
            // SAFETY: (1).
            unsafe { self.fork_anyhow(Words::new(closure)) };
        }
    }

    /// The same on any thread, and for a task with a token or a span: with a call for memory, for room in the head, or
    /// for another's queue.
    ///
    /// # Safety
    ///
    /// As [`fork`](Self::fork).
    #[inline(never)]
    unsafe fn fork_anyhow<F: FnOnce() + Send>(&self, closure: Words<F>) {
        let closure = closure.into_inner();
        self.begin(|part| {
            // SAFETY: (1) and (2): the caller's.
            (unsafe { Place::new().write(closure, part) }, ())
        });
    }

    pub(super) fn record(&self, payload: Payload) {
        let mine = Box::into_raw(Box::new(payload));
        // Relaxed: whoever records is inside an open part or the body, whose end hands it on.
        let (none, relaxed) = (ptr::null_mut(), Ordering::Relaxed);
        let first = self.panic.compare_exchange(none, mine, relaxed, relaxed);
        if first.is_err() {
            // SAFETY: made above, and not stored.
            unwind::drop_quietly(unsafe { Box::from_raw(mine) });
        }
    }

    /// The first panic. Called once, when all parts have ended.
    #[inline]
    pub(super) fn take_panic(&self) -> Option<Payload> {
        // Relaxed: the ends of the parts have been acquired (`parts.rs`).
        let first = NonNull::new(self.panic.load(Ordering::Relaxed))?;
        // SAFETY: stored by `record`, from a box; nobody else takes it.
        Some(*unsafe { Box::from_raw(first.as_ptr()) })
    }

    /// After the body, where there is no owner.
    pub(super) fn wait_outside(&self) {
        // SAFETY: the body is the part that was open from the start; this is alive.
        unsafe { Parts::end(&raw const self.parts) };
        wait(self.parts.latch());
    }

    /// After the body, the owner runs and waits until the parts have ended.
    #[inline(always)]
    pub(super) fn wait_on(&self, owner: Seated<'_>) {
        if self.carries {
            return self.wait_put_away(owner);
        }
        let _spans = span::put_away();
        run_parts(owner, &self.parts);
    }

    /// The same, where the owner's task is something to be put away.
    #[inline(never)]
    fn wait_put_away(&self, owner: Seated<'_>) {
        let _put_away = put_away(owner);
        run_parts(owner, &self.parts);
    }
}

#[inline(always)]
fn run_parts(owner: Seated<'_>, parts: &Parts) {
    if !parts.none_open() {
        hand::let_go();
    }
    // First what lies on top of the own deque: as long as it lasts, nothing is counted.
    while !parts.none_open() {
        if !owner.run_newest() {
            return settle(owner, parts);
        }
    }
}

/// The owner has nothing left to run, and thieves have parts.
#[cold]
#[inline(never)]
fn settle(owner: Seated<'_>, parts: &Parts) {
    if parts.settle() == Settled::SomeOpen {
        owner.worker().run_until(parts.latch(), Role::Waiting);
    }
}
