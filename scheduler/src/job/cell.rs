//! A closure on the heap, with its result and a handle: one block of memory for all three.
//!
//! # Protocol
//!
//! Three kinds of parties hold a cell: the *queue entry* (its [`JobRef`] or [`Entry`], used once, by
//! whoever runs or cancels it), the *handle*, and any number of *aborters*, who can drop the closure
//! but never see the outcome. One word says what is left of it:
//!
//! | part | set by | cleared by | means |
//! |---|---|---|---|
//! | `QUEUED` | the maker | the runner, as its last access | the queue entry is outstanding |
//! | `HANDLE` | the maker | the handle's drop, as its last access | a handle is outstanding |
//! | `CLAIMED` | whoever runs, cancels or aborts, if first | - | the closure has an owner |
//! | count of `ABORTER` | the handle, or an aborter that is cloned | that aborter's drop | aborters |
//!
//! - The closure belongs to whoever set `CLAIMED`; that one writes the outcome and sets the
//!   latch.
//! - The outcome belongs to the claimer until the latch is set, then to the handle while
//!   `HANDLE` is set, then to the last of `QUEUED` and `HANDLE`. That party drops what is left of it,
//!   before it clears its bit if there are aborters: they can free the memory the moment after.
//! - Whoever brings `QUEUED`, `HANDLE` and the count to nothing frees the cell.
//!
//! Invariant: the memory is freed once, after all parties' last access, and the closure and
//! the outcome are each dropped or taken once.
//!
//! A runner that finds neither handle nor aborter is alone: nobody can abort, wait or free, so it
//! uses no read-modify-write at all.

use super::party::{Aborter, Entry, Handle};
use super::{Header, JobRef, slab};
use crate::latch::Latch;
use crate::sync::fault::{self, Fault};
use crate::sync::{AtomicUsize, Ordering, UnsafeCell};
use crate::unwind::{self, Payload};
use std::cell::Cell as Plain;
use std::mem;
use std::ptr::NonNull;

const QUEUED: usize = 1;
const HANDLE: usize = 2;
const CLAIMED: usize = 4;
/// One aborter.
const ABORTER: usize = 8;

/// What a cell belongs to: a pool, or a scope. Lives at least until [`Owner::ended`].
pub(crate) trait Owner: Copy + Send {
    /// Whether it also lives until the handle is dropped.
    const OUTLIVES_HANDLE: bool;

    /// Whether the closure is to be dropped instead of run. Asked just before it would run.
    fn cancels(self) -> bool;

    /// Runs a claimed closure and catches its panic.
    fn run<T>(self, closure: impl FnOnce() -> T) -> Result<T, Payload>;

    /// Where a panic goes that no handle will show.
    fn unclaimed(self) -> Unclaimed;

    /// The queue entry is used up: the owner may be gone after this call.
    fn ended(self, fate: Fate);

    /// An owner for a closure that leaves what it belongs to, unrun, and lives on as an
    /// [`Orphan`](super::party::Orphan): [`ended`](Self::ended) has been called for the former
    /// owner. `None`: it cannot leave.
    fn orphan(self) -> Option<Self> {
        None
    }
}

/// How a queue entry ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its closure ran, to its end or to a panic.
    Ran,
    /// Its closure was dropped unrun.
    Cancelled,
}

/// Takes a panic that no handle will show.
pub(crate) struct Unclaimed(pub(crate) Box<dyn FnOnce(Payload) + Send>);

/// What became of the closure.
pub(crate) enum Outcome<T> {
    Pending,
    Value(T),
    /// In a box: rare, and so it does not make every cell larger.
    Panicked(Box<(Payload, Unclaimed)>),
    Cancelled(Reason),
    Taken,
}

/// Why a closure was dropped unrun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// By its handle, or an aborter.
    Aborted,
    /// By the shutdown of what it was submitted to.
    ShutDown,
    /// By the rejection policy of a full queue.
    Discarded,
}

pub(super) enum Operation<'a> {
    /// If nobody has claimed the closure.
    Cancel(Reason),
    /// By the queue entry: whether the cell has an owner now that needs nobody.
    Orphan(&'a mut bool),
    /// The outcome, by the party that has it now.
    Discard(usize),
    /// By the party that was last.
    Free(usize),
}

/// The part of a cell that an aborter knows.
#[repr(C)]
pub(super) struct Core {
    header: Header,
    /// What needs the types of the closure and its value.
    manage: unsafe fn(NonNull<Core>, Operation<'_>),
    latch: Latch,
    state: AtomicUsize,
}

/// The part of a cell that a handle knows.
#[repr(C)]
pub(super) struct Front<T> {
    pub(super) core: Core,
    outcome: UnsafeCell<Outcome<T>>,
}

#[repr(C)]
struct Cell<F, T, O> {
    front: Front<T>,
    /// Read and written by the queue entry; once that has ended, read by the last party.
    owner: Plain<O>,
    source: slab::Source,
    closure: UnsafeCell<Option<F>>,
}

/// Makes a cell: its queue entry and its handle.
///
/// # Safety
///
/// 1. `closure` and its value may be used until `owner.ended()` is called, on any thread, and
///    the value until the handle is dropped.
/// 2. The owner lives until then.
pub(crate) unsafe fn new<F, T, O>(closure: F, owner: O) -> (Entry, Handle<T>)
where
    F: FnOnce() -> T + Send,
    T: Send,
    O: Owner,
{
    let (place, source) = slab::allocate::<Cell<F, T, O>>();
    let cell_value = Cell {
        front: Front {
            core: Core {
                header: Header { run: Cell::<F, T, O>::run },
                manage: Cell::<F, T, O>::manage,
                latch: Latch::new(),
                state: AtomicUsize::new(QUEUED | HANDLE),
            },
            outcome: UnsafeCell::new(Outcome::Pending),
        },
        owner: Plain::new(owner),
        source,
        closure: UnsafeCell::new(Some(closure)),
    };
    let cell: NonNull<Cell<F, T, O>> = place.cast();
    // SAFETY: the place is new, and made for this type.
    unsafe { cell.write(cell_value) };
    // SAFETY: the cell is freed only after the queue entry has been used; closure and value
    // are `Send`; this is its one `JobRef`.
    let entry = unsafe { JobRef::new(cell.cast()) };
    (Entry(entry.into_cell()), Handle { front: cell.cast() })
}

impl<F, T, O> Cell<F, T, O>
where
    F: FnOnce() -> T,
    O: Owner,
{
    /// [`Header::run`] of a cell.
    unsafe fn run(header: NonNull<Header>) {
        let this = header.cast::<Self>();
        // SAFETY: `QUEUED` is set until `release` below, so the cell is alive.
        let cell = unsafe { this.as_ref() };
        let owner = cell.owner.get();
        // Ordering: Acquire, with the other parties' Release when they were dropped: if they are gone,
        // the cell is this thread's alone.
        let order = fault::unless(Fault::CellLoadRelaxed, Ordering::Acquire);
        let state = cell.front.core.state.load(order);
        let fate = if state & !CLAIMED == QUEUED {
            // SAFETY: nobody else is left and the queue entry is this call's: the last party.
            unsafe { Self::run_detached(this) }
        } else {
            let fate = if cell.front.core.claim() { cell.execute() } else { Fate::Cancelled };
            // From the whole cell, not from its first field: the last party frees the whole.
            // SAFETY: this call is the queue entry's last access.
            unsafe { Core::release(this.cast::<Core>(), QUEUED) };
            fate
        };
        owner.ended(fate);
    }

    /// Runs a closure whose handle is gone: the outcome needs no place, and the memory is free
    /// for what the closure spawns.
    ///
    /// # Safety
    ///
    /// 1. The caller is the last party.
    unsafe fn run_detached(this: NonNull<Self>) -> Fate {
        // SAFETY: (1).
        let cell = unsafe { this.as_ref() };
        let owner = cell.owner.get();
        // An aborted closure is gone already.
        let closure = cell.take_closure();
        // SAFETY: (1).
        let rest = unsafe { Self::free(this) };
        discard(rest, owner);
        let Some(closure) = closure else { return Fate::Cancelled };
        if owner.cancels() {
            unwind::drop_quietly(closure);
            return Fate::Cancelled;
        }
        match owner.run(closure) {
            Ok(value) => discard(Outcome::Value(value), owner),
            Err(payload) => (owner.unclaimed().0)(payload),
        }
        Fate::Ran
    }

    /// Takes the closure, which is the caller's. `None`: it has been taken.
    fn take_closure(&self) -> Option<F> {
        self.closure.with_mut(|closure| {
            // SAFETY: the closure is the claimer's, or the last party's.
            unsafe { &mut *closure }.take()
        })
    }

    /// Runs or cancels the claimed closure, and tells the handle.
    fn execute(&self) -> Fate {
        let Some(closure) = self.take_closure() else { return Fate::Cancelled };
        let owner = self.owner.get();
        let (outcome, fate) = if owner.cancels() {
            unwind::drop_quietly(closure);
            (Outcome::Cancelled(Reason::ShutDown), Fate::Cancelled)
        } else {
            let outcome = match owner.run(closure) {
                Ok(value) => Outcome::Value(value),
                Err(payload) => Outcome::Panicked(Box::new((payload, owner.unclaimed()))),
            };
            (outcome, Fate::Ran)
        };
        self.front.complete(outcome);
        fate
    }

    /// [`Core::manage`] of a cell.
    unsafe fn manage(core: NonNull<Core>, operation: Operation<'_>) {
        let this = core.cast::<Self>();
        match operation {
            Operation::Cancel(reason) => {
                // SAFETY: the caller is a party, so the cell is alive.
                unsafe { this.as_ref() }.cancel(reason);
            }
            Operation::Orphan(is_orphan) => {
                // SAFETY: the caller is a party, so the cell is alive.
                let owner = unsafe { &this.as_ref().owner };
                let orphan = owner.get().orphan();
                *is_orphan = orphan.is_some();
                if let Some(orphan) = orphan {
                    owner.set(orphan);
                }
            }
            Operation::Discard(party) => {
                // SAFETY: the caller is a party, so the cell is alive.
                let cell = unsafe { this.as_ref() };
                // SAFETY: the outcome is the caller's.
                let rest = unsafe { cell.front.take() };
                Self::discard_by(party, rest, cell.owner.get());
            }
            Operation::Free(party) => {
                // SAFETY: the caller is the last party.
                let owner = unsafe { this.as_ref() }.owner.get();
                // SAFETY: as above.
                let rest = unsafe { Self::free(this) };
                Self::discard_by(party, rest, owner);
            }
        }
    }

    /// Drops what a party has left of an outcome. Only the queue entry keeps the owner alive.
    fn discard_by(party: usize, outcome: Outcome<T>, owner: O) {
        if party == QUEUED || O::OUTLIVES_HANDLE {
            discard(outcome, owner);
        } else {
            discard_without_owner(outcome);
        }
    }

    fn cancel(&self, reason: Reason) {
        if self.front.core.claim() {
            unwind::drop_quietly(self.take_closure());
            self.front.complete(Outcome::Cancelled(reason));
        }
    }

    /// Frees the cell and hands out what is left in it.
    ///
    /// # Safety
    ///
    /// 1. The caller is the last party.
    unsafe fn free(this: NonNull<Self>) -> Outcome<T> {
        // SAFETY: (1): nobody else uses the cell, now or later.
        let cell = unsafe { this.read() };
        // SAFETY: allocated in `new` for this type, with this source.
        unsafe { slab::release::<Self>(this.cast(), cell.source) };
        // SAFETY: the cell is this frame's own now.
        unsafe { cell.front.take() }
    }
}

/// Drops what no handle will take. Its panic, or one in its destructor, goes where the owner
/// says.
fn discard<T, O: Owner>(outcome: Outcome<T>, owner: O) {
    let dropped = match outcome {
        Outcome::Value(value) if mem::needs_drop::<T>() => unwind::catch(|| drop(value)),
        Outcome::Panicked(panic) => {
            let (payload, unclaimed) = *panic;
            unwind::catch(|| (unclaimed.0)(payload))
        }
        Outcome::Value(_) | Outcome::Pending | Outcome::Cancelled(_) | Outcome::Taken => Ok(()),
    };
    if let Err(payload) = dropped {
        (owner.unclaimed().0)(payload);
    }
}

/// The same where the owner may be gone: a panic in the value's destructor ends here.
fn discard_without_owner<T>(outcome: Outcome<T>) {
    match outcome {
        Outcome::Panicked(panic) => {
            let (payload, unclaimed) = *panic;
            (unclaimed.0)(payload);
        }
        rest => unwind::drop_quietly(rest),
    }
}

impl Core {
    /// Set when there is an outcome.
    pub(super) fn latch(&self) -> &Latch {
        &self.latch
    }

    /// Whether the queue entry has been used up, whatever came of it.
    pub(super) fn is_used_up(&self) -> bool {
        // Relaxed: nothing is read after it.
        self.state.load(Ordering::Relaxed) & QUEUED == 0
    }

    /// Whether the closure is the caller's now.
    fn claim(&self) -> bool {
        // Relaxed: the closure was written before any party got the cell; the bit only
        // decides between them.
        let before = self.state.fetch_or(CLAIMED, Ordering::Relaxed);
        before & CLAIMED == 0 || fault::is(Fault::CellClaimIgnored)
    }

    /// Drops the closure if nobody has claimed it.
    ///
    /// # Safety
    ///
    /// 1. The caller is a party.
    pub(super) unsafe fn cancel(this: NonNull<Self>, reason: Reason) {
        // SAFETY: (1): the cell is alive.
        let manage = unsafe { this.as_ref() }.manage;
        // SAFETY: this is the cell's own function; (1).
        unsafe { manage(this, Operation::Cancel(reason)) };
    }

    /// Gives the cell an owner that needs nobody. False if there is none for it.
    ///
    /// # Safety
    ///
    /// 1. The caller is the queue entry.
    pub(super) unsafe fn orphan(this: NonNull<Self>) -> bool {
        // SAFETY: (1): the cell is alive.
        let manage = unsafe { this.as_ref() }.manage;
        let mut is_orphan = false;
        // SAFETY: this is the cell's own function; (1).
        unsafe { manage(this, Operation::Orphan(&mut is_orphan)) };
        is_orphan
    }

    /// Ends the handle.
    ///
    /// # Safety
    ///
    /// 1. The caller is the handle, and this is its last access.
    #[inline]
    pub(super) unsafe fn release_handle(this: NonNull<Self>) {
        // SAFETY: (1): the handle is not released yet.
        let core = unsafe { this.as_ref() };
        // Relaxed: only the handle and aborters make aborters, so if there is none, none comes.
        if core.state.load(Ordering::Relaxed) >= ABORTER {
            // SAFETY: (1).
            return unsafe { Self::release(this, HANDLE) };
        }
        let manage = core.manage;
        // Ordering: Release and Acquire, as in `release`.
        let order = fault::half(Fault::CellHandleNoAcquire, Fault::CellHandleNoRelease);
        if core.state.fetch_and(!HANDLE, order) & QUEUED == 0 {
            // SAFETY: the queue entry has ended before, so the handle was the last.
            unsafe { manage(this, Operation::Free(HANDLE)) };
        }
    }

    /// Ends the queue entry or the handle; the last of the two drops what is left of the outcome, and
    /// the last party frees the cell.
    ///
    /// # Safety
    ///
    /// 1. The caller is that party, and this is its last access.
    unsafe fn release(this: NonNull<Self>, party: usize) {
        // SAFETY: (1): the party is not released yet.
        let core = unsafe { this.as_ref() };
        let manage = core.manage;
        let other = (QUEUED | HANDLE) & !party;
        // Ordering: Acquire, with the Release of those that have ended: what they left of the outcome
        // is dropped here, and the last one frees after all of them. (The exchange needs no Acquire of
        // its own: it succeeds on the value that was looked at.)
        let looked = fault::unless(Fault::CellLookRelaxed, Ordering::Acquire);
        // Ordering: Release, so that this party's accesses come before another's free.
        let ended = fault::unless(Fault::CellEndNoRelease, Ordering::Release);
        let mut state = core.state.load(looked);
        loop {
            if state & other == 0 && state >= ABORTER {
                // The other of the two does not come back, so the outcome is this party's. Not so the
                // memory: an aborter could free it, so the bit stays until the outcome is gone. If there
                // is none, an aborter is just writing that the closure was cancelled, which needs no drop.
                if core.latch.is_set() || fault::is(Fault::CellDiscardsUnset) {
                    // SAFETY: the cell's own function; as just said.
                    unsafe { manage(this, Operation::Discard(party)) };
                }
                // Ordering: as both of the above; aborters may have ended since the look.
                let order = fault::half(Fault::CellEndNoAcquire, Fault::CellEndNoRelease);
                let before = core.state.fetch_and(!party, order);
                if before & !CLAIMED == party {
                    // SAFETY: the aborters have ended meanwhile, so this one was the last.
                    unsafe { manage(this, Operation::Free(party)) };
                }
                return;
            }
            match core.state.compare_exchange_weak(state, state & !party, ended, looked) {
                Ok(before) if before & !CLAIMED == party => {
                    // SAFETY: the others have ended before, so this one was the last.
                    unsafe { manage(this, Operation::Free(party)) };
                    return;
                }
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
    }

    /// Ends an aborter; the last party frees the cell.
    ///
    /// # Safety
    ///
    /// 1. The caller is an aborter, and this is its last access.
    pub(super) unsafe fn release_aborter(this: NonNull<Self>) {
        // SAFETY: (1): the aborter is not released yet.
        let core = unsafe { this.as_ref() };
        let manage = core.manage;
        // Ordering: Release and Acquire, as in `release`.
        let order = fault::half(Fault::CellAborterNoAcquire, Fault::CellAborterNoRelease);
        let before = core.state.fetch_sub(ABORTER, order);
        if before & !CLAIMED == ABORTER {
            // SAFETY: the others have ended before; what is left of the outcome they have dropped.
            unsafe { manage(this, Operation::Free(ABORTER)) };
        }
    }

    /// One aborter more.
    ///
    /// # Safety
    ///
    /// 1. The caller is the handle or an aborter.
    pub(super) unsafe fn aborter(this: NonNull<Self>) -> Aborter {
        // SAFETY: (1): the cell is alive.
        let core = unsafe { this.as_ref() };
        // Relaxed: the caller's own party keeps the cell alive, and nothing is handed on.
        core.state.fetch_add(ABORTER, Ordering::Relaxed);
        Aborter::new(this)
    }
}

impl<T> Front<T> {
    /// Writes the outcome and tells the handle.
    fn complete(&self, outcome: Outcome<T>) {
        self.outcome.with_mut(|slot| {
            // SAFETY: the outcome is the claimer's until the latch is set.
            unsafe { *slot = outcome }
        });
        // SAFETY: the caller's party is not released yet, so the latch stays alive.
        unsafe { Latch::set(&raw const self.core.latch) };
    }

    /// Takes the outcome out.
    ///
    /// # Safety
    ///
    /// 1. The outcome is the caller's.
    pub(super) unsafe fn take(&self) -> Outcome<T> {
        self.outcome.with_mut(|outcome| {
            // SAFETY: (1).
            mem::replace(unsafe { &mut *outcome }, Outcome::Taken)
        })
    }

    /// Whether the outcome is a panic.
    ///
    /// # Safety
    ///
    /// 1. The outcome is the caller's.
    pub(super) unsafe fn has_panicked(&self) -> bool {
        self.outcome.with_mut(|outcome| {
            // SAFETY: (1).
            matches!(unsafe { &*outcome }, Outcome::Panicked(_))
        })
    }
}
