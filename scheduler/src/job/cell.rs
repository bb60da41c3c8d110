//! A closure on the heap, with its result and a handle: one block of memory for all three.
//!
//! The memory is that of [`state`](super::state), where the protocol is; here is what needs the types.

use super::body::{Body, Slot};
use super::party::{Entry, Handle};
use super::slab::Source;
pub(crate) use super::state::{AbortFlag, Reason};
use super::state::{Core, Found, Operation, QUEUED, Withdrawn};
use super::{Header, JobRef, slab};
use crate::latch::{Latch, Untold};
use crate::sync::fault::{self, Fault};
use crate::unwind::{self, Payload};
use std::cell::Cell as Plain;
use std::mem::{self, offset_of};
use std::ptr::{self, NonNull};

/// What a cell belongs to: a pool, or a scope. Lives at least until [`Owner::ended`].
pub(crate) trait Owner: Copy + Send {
    /// Whether it also lives until the handle is dropped.
    const OUTLIVES_HANDLE: bool;

    /// Whether the closure is to be dropped instead of run. Asked just before it would run.
    fn cancels(self) -> bool;

    /// Runs a claimed closure, whatever else there is to do, and catches its panic.
    fn run<T>(self, closure: impl FnOnce() -> T) -> Result<T, Payload>;

    /// The same, for a closure that somebody can ask to stop by `abort`.
    fn run_abortable<T>(
        self,
        abort: AbortFlag<'_>,
        closure: impl FnOnce() -> T,
    ) -> Result<T, Payload>;

    /// Runs `drop`, which drops a closure that it [cancels](Self::cancels).
    fn cancelling(self, drop: impl FnOnce()) {
        drop();
    }

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
    Value(T),
    /// In a box: rare, and so it does not make every cell larger.
    Panicked(Box<(Payload, Unclaimed)>),
    Cancelled(Reason),
    Taken,
}

/// The part of a cell that a handle knows.
#[repr(C)]
pub(super) struct Front<T> {
    pub(super) core: Core,
    slot: Slot<T>,
}

#[repr(C)]
struct Cell<F, T, O> {
    core: Core,
    /// Begins with the slot of the front.
    body: Body<F, T>,
    /// Read and written by the queue entry; once that has ended, read by the last party.
    owner: Plain<O>,
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
    // SAFETY: the caller's.
    let (entry, front) = unsafe { make(closure, owner, true) };
    (entry, Handle { front })
}

/// Makes a cell without a handle: its queue entry, which will be alone with it.
///
/// # Safety
///
/// As [`new`].
#[inline]
pub(crate) unsafe fn detached<F, T, O>(closure: F, owner: O) -> Entry
where
    F: FnOnce() -> T + Send,
    T: Send,
    O: Owner,
{
    // SAFETY: the caller's.
    unsafe { make(closure, owner, false) }.0
}

/// Sees to it that the next cell of these types is in memory that is there, as [`slab::prepare`] does.
#[inline]
pub(crate) fn prepare<F, T, O>() {
    if Cell::<F, T, O>::SHARES_FRONT {
        slab::prepare::<Cell<F, T, O>>();
    } else {
        slab::prepare::<Cell<Box<F>, T, O>>();
    }
}

/// The same for the next `n`, as far as [`slab::prepare_many`] goes.
pub(crate) fn prepare_many<F, T, O>(n: usize) {
    if Cell::<F, T, O>::SHARES_FRONT {
        slab::prepare_many::<Cell<F, T, O>>(n);
    } else {
        slab::prepare_many::<Cell<Box<F>, T, O>>(n);
    }
}

/// # Safety
///
/// As [`new`].
#[inline]
unsafe fn make<F, T, O>(closure: F, owner: O, handle: bool) -> (Entry, NonNull<Front<T>>)
where
    F: FnOnce() -> T + Send,
    T: Send,
    O: Owner,
{
    if Cell::<F, T, O>::SHARES_FRONT {
        // SAFETY: the caller's.
        return unsafe { allocate(closure, owner, handle) };
    }
    // Aligned to more than a cell is: captured values that are, are rare.
    const { assert!(Cell::<Box<F>, T, O>::SHARES_FRONT) };
    let closure = Box::new(closure);
    // SAFETY: the caller's.
    unsafe { allocate(closure, owner, handle) }
}

/// # Safety
///
/// As [`new`].
#[inline]
unsafe fn allocate<F, T, O>(closure: F, owner: O, handle: bool) -> (Entry, NonNull<Front<T>>)
where
    F: FnOnce() -> T + Send,
    T: Send,
    O: Owner,
{
    // Not in a `const` block: this function is compiled for every closure, and called only for those.
    assert!(Cell::<F, T, O>::SHARES_FRONT, "the slot is where no front has it");
    // A reference to a front must not reach what the queue entry writes.
    const { assert!(size_of::<Front<T>>() <= offset_of!(Cell<F, T, O>, owner)) };
    let (place, source) = slab::allocate::<Cell<F, T, O>>();
    let header = Header { run: Cell::<F, T, O>::run };
    let cell_value = Cell {
        core: Core::new(header, Cell::<F, T, O>::manage, source, handle),
        body: Body::new(closure),
        owner: Plain::new(owner),
    };
    let cell: NonNull<Cell<F, T, O>> = place.cast();
    // SAFETY: the place is new, and made for this type.
    unsafe { cell.write(cell_value) };
    // SAFETY: the cell is freed only after the queue entry has been used; closure and value
    // are `Send`; this is its one `JobRef`; a cell is no fork.
    let entry = unsafe { JobRef::new(cell.cast()) };
    (Entry(entry.into_cell()), cell.cast())
}

impl<F, T, O> Cell<F, T, O> {
    /// Whether the slot is where a front has it, whatever the closure's alignment.
    const SHARES_FRONT: bool = offset_of!(Self, body) == offset_of!(Front<T>, slot);
}

impl<F, T, O> Cell<F, T, O>
where
    F: FnOnce() -> T,
    O: Owner,
{
    fn front(&self) -> &Front<T> {
        let front = ptr::from_ref(self).cast::<Front<T>>();
        // SAFETY: a cell begins with a front, see `SHARES_FRONT`.
        unsafe { &*front }
    }

    /// [`Header::run`] of a cell.
    unsafe fn run(header: NonNull<Header>) {
        let this = header.cast::<Self>();
        // SAFETY: `QUEUED` is set until `release` below, so the cell is alive.
        let cell = unsafe { this.as_ref() };
        let owner = cell.owner.get();
        let fate = match cell.core.look() {
            Found::Alone(source) => {
                // SAFETY: nobody else is left, and nobody has claimed the closure.
                let closure = unsafe { cell.body.take_closure() };
                // SAFETY: the queue entry is this call's: the last party.
                unsafe { Self::free(this, source) };
                run_detached(closure, owner)
            }
            Found::Aborted(source) => {
                // What the aborter has left says that it was one, and needs no drop.
                // SAFETY: the queue entry is this call's: the last party.
                unsafe { Self::free(this, source) };
                Fate::Cancelled
            }
            Found::Shared => {
                let fate = if cell.core.claim() { cell.execute() } else { Fate::Cancelled };
                // From the whole cell, not from its first field: the last party frees the whole.
                // SAFETY: this call is the queue entry's last access.
                unsafe { Core::release(this.cast::<Core>(), QUEUED) };
                fate
            }
        };
        owner.ended(fate);
    }

    /// Runs or cancels the claimed closure, and tells the handle.
    fn execute(&self) -> Fate {
        // SAFETY: the closure is the claimer's.
        let closure = unsafe { self.body.take_closure() };
        let owner = self.owner.get();
        let (outcome, fate) = if owner.cancels() {
            owner.cancelling(|| unwind::drop_quietly(closure));
            (Outcome::Cancelled(Reason::ShutDown), Fate::Cancelled)
        } else {
            let outcome = match owner.run_abortable(self.core.abort_flag(), closure) {
                Ok(value) => Outcome::Value(value),
                Err(payload) => Outcome::Panicked(Box::new((payload, owner.unclaimed()))),
            };
            (outcome, Fate::Ran)
        };
        self.front().complete(outcome);
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
            Operation::Withdraw(reason, withdrawn) => {
                // SAFETY: the caller is a party, so the cell is alive.
                *withdrawn = unsafe { this.as_ref() }.withdraw(reason);
            }
            Operation::Discard(party) => {
                // SAFETY: the caller is a party, so the cell is alive.
                let cell = unsafe { this.as_ref() };
                // SAFETY: the outcome is the caller's.
                let rest = unsafe { cell.front().take() };
                Self::discard_by(party, rest, cell.owner.get());
            }
            Operation::Free(party) => {
                // SAFETY: the caller is the last party.
                let cell = unsafe { this.as_ref() };
                let (owner, source) = (cell.owner.get(), cell.core.source());
                // SAFETY: whoever claimed the closure has written the outcome, and has ended.
                let rest = unsafe { cell.front().take() };
                // SAFETY: as above.
                unsafe { Self::free(this, source) };
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
        if self.core.claim() {
            if !fault::is(Fault::CellOutcomeOverClosure) {
                // SAFETY: the closure is the claimer's.
                unwind::drop_quietly(unsafe { self.body.take_closure() });
            }
            self.front().complete(Outcome::Cancelled(reason));
        } else if reason == Reason::Aborted {
            self.core.ask();
        }
    }

    /// By the queue entry.
    fn withdraw(&self, reason: Reason) -> Option<(Withdrawn, Untold)> {
        if !self.core.claim() {
            return None;
        }
        // SAFETY: the closure is the claimer's.
        let closure = unsafe { self.body.take_closure() };
        // SAFETY: what it borrows is there until the owner is told that the queue entry has ended; see `Withdrawn`.
        let withdrawn = unsafe { Withdrawn::new(closure) };
        Some((withdrawn, self.front().complete_untold(Outcome::Cancelled(reason))))
    }

    /// Frees the cell, in which nothing is left that needs a drop.
    ///
    /// # Safety
    ///
    /// 1. The caller is the last party.
    /// 2. The cell came from `source`.
    unsafe fn free(this: NonNull<Self>, source: Source) {
        // SAFETY: (1): nobody else uses the cell, now or later.
        unsafe { this.drop_in_place() };
        // SAFETY: (2): allocated in `new` for this type.
        unsafe { slab::release::<Self>(this.cast(), source) };
    }
}

/// Runs a closure whose handle is gone, and whose cell as well: the outcome needs no place, and the
/// memory is free for what the closure spawns.
fn run_detached<T, O: Owner>(closure: impl FnOnce() -> T, owner: O) -> Fate {
    if owner.cancels() {
        owner.cancelling(|| unwind::drop_quietly(closure));
        return Fate::Cancelled;
    }
    match owner.run(closure) {
        Ok(value) => discard(Outcome::Value(value), owner),
        Err(payload) => (owner.unclaimed().0)(payload),
    }
    Fate::Ran
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
        Outcome::Value(_) | Outcome::Cancelled(_) | Outcome::Taken => Ok(()),
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

impl<T> Front<T> {
    /// Writes the outcome and tells the handle.
    fn complete(&self, outcome: Outcome<T>) {
        self.complete_untold(outcome).tell();
    }

    /// Writes the outcome, and leaves it to the caller to tell the handle.
    fn complete_untold(&self, outcome: Outcome<T>) -> Untold {
        // SAFETY: the slot is the claimer's until the latch is set, and it has taken the closure.
        unsafe { self.slot.write(outcome) };
        // SAFETY: the caller's party is not released yet, so the latch stays alive.
        unsafe { Latch::set_untold(self.core.latch()) }
    }

    /// Takes the outcome out.
    ///
    /// # Safety
    ///
    /// 1. There is an outcome, and it is the caller's.
    pub(super) unsafe fn take(&self) -> Outcome<T> {
        // SAFETY: (1).
        unsafe { self.slot.take() }
    }

    /// Whether the outcome is a panic.
    ///
    /// # Safety
    ///
    /// 1. As [`take`](Self::take).
    pub(super) unsafe fn has_panicked(&self) -> bool {
        // SAFETY: (1).
        unsafe { self.slot.has_panicked() }
    }
}
