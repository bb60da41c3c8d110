//! A closure on the heap, with its result and a handle: one block of memory for all three.
//!
//! # Protocol
//!
//! Two parties hold a cell: the *queue entry* (its [`JobRef`], used once, by whoever runs it)
//! and the *handle*. Three bits say what is left of it:
//!
//! | bit | set by | cleared by | means |
//! |---|---|---|---|
//! | `QUEUED` | the maker | the runner, as its last access | the queue entry is outstanding |
//! | `HANDLE` | the maker | the handle's drop, as its last access | a handle is outstanding |
//! | `CLAIMED` | the runner or `abort`, whoever is first | - | the closure has an owner |
//!
//! - The closure belongs to whoever set `CLAIMED`; that one writes the outcome and sets the
//!   latch.
//! - The outcome belongs to the claimer until the latch is set, then to the handle while
//!   `HANDLE` is set, then to the last party.
//! - Whoever clears the last of `QUEUED` and `HANDLE` drops what is left and frees the cell.
//!
//! Invariant: the memory is freed once, after both parties' last access, and the closure and
//! the outcome are each dropped or taken once.
//!
//! A runner that finds `HANDLE` clear is alone: nobody can abort, wait or free, so it uses no
//! read-modify-write at all.

use super::{Header, JobRef, slab};
use crate::latch::Latch;
use crate::sync::fault::{self, Fault};
use crate::sync::{AtomicU8, Ordering, UnsafeCell};
use crate::unwind::{self, Payload};
use std::fmt;
use std::mem;
use std::ptr::NonNull;

const QUEUED: u8 = 1;
const HANDLE: u8 = 2;
const CLAIMED: u8 = 4;

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
    Cancelled,
    Taken,
}

enum Operation {
    Cancel,
    /// By the party that was last.
    Free(u8),
}

/// The part of a cell that a handle knows.
#[repr(C)]
struct Core<T> {
    header: Header,
    /// What needs the closure's type.
    manage: unsafe fn(NonNull<Core<T>>, Operation),
    latch: Latch,
    outcome: UnsafeCell<Outcome<T>>,
    state: AtomicU8,
}

#[repr(C)]
struct Cell<F, T, O> {
    core: Core<T>,
    owner: O,
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
pub(crate) unsafe fn new<F, T, O>(closure: F, owner: O) -> (JobRef, Handle<T>)
where
    F: FnOnce() -> T + Send,
    T: Send,
    O: Owner,
{
    let (place, source) = slab::allocate::<Cell<F, T, O>>();
    let cell_value = Cell {
        core: Core {
            header: Header { run: Cell::<F, T, O>::run },
            manage: Cell::<F, T, O>::manage,
            state: AtomicU8::new(QUEUED | HANDLE),
            latch: Latch::new(),
            outcome: UnsafeCell::new(Outcome::Pending),
        },
        owner,
        source,
        closure: UnsafeCell::new(Some(closure)),
    };
    let cell: NonNull<Cell<F, T, O>> = place.cast();
    // SAFETY: the place is new, and made for this type.
    unsafe { cell.write(cell_value) };
    // SAFETY: the cell is freed only after the queue entry has been used; closure and value
    // are `Send`; this is its one `JobRef`.
    let entry = unsafe { JobRef::new(cell.cast()) };
    (entry, Handle { core: cell.cast() })
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
        let owner = cell.owner;
        // Ordering: Acquire, with the handle's Release when it was dropped: if it is gone, the
        // cell is this thread's alone.
        let order = fault::unless(Fault::CellLoadRelaxed, Ordering::Acquire);
        let state = cell.core.state.load(order);
        let fate = if state & HANDLE == 0 {
            // SAFETY: no handle is left and the queue entry is this call's: the last party.
            unsafe { Self::run_detached(this) }
        } else {
            let fate = if cell.claim() { cell.execute() } else { Fate::Cancelled };
            // From the whole cell, not from its first field: the last party frees the whole.
            // SAFETY: this call is the queue entry's last access.
            unsafe { Core::release(this.cast::<Core<T>>(), QUEUED) };
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
        let owner = cell.owner;
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

    /// Whether the closure is the caller's now.
    fn claim(&self) -> bool {
        // Relaxed: the closure was written before either party got the cell; the bit only
        // decides between them.
        let before = self.core.state.fetch_or(CLAIMED, Ordering::Relaxed);
        before & CLAIMED == 0 || fault::is(Fault::CellClaimIgnored)
    }

    /// Runs or cancels the claimed closure, and tells the handle.
    fn execute(&self) -> Fate {
        let Some(closure) = self.take_closure() else { return Fate::Cancelled };
        let (outcome, fate) = if self.owner.cancels() {
            unwind::drop_quietly(closure);
            (Outcome::Cancelled, Fate::Cancelled)
        } else {
            let outcome = match self.owner.run(closure) {
                Ok(value) => Outcome::Value(value),
                Err(payload) => Outcome::Panicked(Box::new((payload, self.owner.unclaimed()))),
            };
            (outcome, Fate::Ran)
        };
        self.core.complete(outcome);
        fate
    }

    /// [`Core::manage`] of a cell.
    unsafe fn manage(core: NonNull<Core<T>>, operation: Operation) {
        let this = core.cast::<Self>();
        match operation {
            Operation::Cancel => {
                // SAFETY: the caller is the handle, so the cell is alive.
                unsafe { this.as_ref() }.cancel();
            }
            Operation::Free(party) => {
                // SAFETY: the caller is the last party.
                let owner = unsafe { this.as_ref() }.owner;
                // SAFETY: as above.
                let rest = unsafe { Self::free(this) };
                if party == QUEUED || O::OUTLIVES_HANDLE {
                    discard(rest, owner);
                } else {
                    discard_without_owner(rest);
                }
            }
        }
    }

    fn cancel(&self) {
        if self.claim() {
            unwind::drop_quietly(self.take_closure());
            self.core.complete(Outcome::Cancelled);
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
        cell.core.outcome.with_mut(|outcome| {
            // SAFETY: the cell is this frame's own now.
            mem::replace(unsafe { &mut *outcome }, Outcome::Taken)
        })
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
        Outcome::Value(_) | Outcome::Pending | Outcome::Cancelled | Outcome::Taken => Ok(()),
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

impl<T> Core<T> {
    /// Writes the outcome and tells the handle.
    fn complete(&self, outcome: Outcome<T>) {
        self.outcome.with_mut(|slot| {
            // SAFETY: the outcome is the claimer's until the latch is set.
            unsafe { *slot = outcome }
        });
        // SAFETY: the caller's party is not released yet, so the latch stays alive.
        unsafe { Latch::set(&raw const self.latch) };
    }

    /// Ends one party; the last one frees the cell and drops what is left in it.
    ///
    /// # Safety
    ///
    /// 1. The caller is that party, and this is its last access.
    unsafe fn release(this: NonNull<Self>, party: u8) {
        let order = fault::half(Fault::CellEndNoAcquire, Fault::CellEndNoRelease);
        let other = (QUEUED | HANDLE) & !party;
        // SAFETY: (1): the party is not released yet.
        let core = unsafe { this.as_ref() };
        let manage = core.manage;
        // Ordering: Release, so that this party's accesses come before the other's free;
        // Acquire, so that the last one frees after them.
        let before = core.state.fetch_and(!party, order);
        if before & other == 0 {
            // SAFETY: the other party has ended before, so this one was the last.
            unsafe { manage(this, Operation::Free(party)) };
        }
    }
}

/// The one handle of a cell. Dropping it detaches the job.
pub(crate) struct Handle<T> {
    core: NonNull<Core<T>>,
}

// SAFETY: a handle moves the value to its thread, and touches nothing else of the cell but
// atomics. The closure is `Send` and only dropped here.
unsafe impl<T: Send> Send for Handle<T> {}
// SAFETY: through a shared handle one can look at the latch and cancel, both atomic.
unsafe impl<T: Send> Sync for Handle<T> {}

impl<T> Handle<T> {
    fn core(&self) -> &Core<T> {
        // SAFETY: `HANDLE` is set until this handle is dropped.
        unsafe { self.core.as_ref() }
    }

    /// Set when there is an outcome.
    pub(crate) fn latch(&self) -> &Latch {
        &self.core().latch
    }

    /// Drops the closure if it has not begun to run; the outcome is then `Cancelled`.
    pub(crate) fn cancel(&self) {
        let manage = self.core().manage;
        // SAFETY: this is the cell's own function, and the handle is alive.
        unsafe { manage(self.core, Operation::Cancel) };
    }

    /// Takes the outcome out; `Taken` leaves in its place. Call it once the latch is set.
    pub(crate) fn take(&mut self) -> Outcome<T> {
        assert!(self.latch().is_set(), "no outcome yet");
        self.core().outcome.with_mut(|outcome| {
            // SAFETY: the latch is set, so the outcome is the handle's.
            mem::replace(unsafe { &mut *outcome }, Outcome::Taken)
        })
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: the handle's last access.
        unsafe { Core::release(self.core, HANDLE) };
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("finished", &self.latch().is_set()).finish()
    }
}
