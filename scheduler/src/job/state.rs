//! What is left of a [cell](super::cell): one word, and the parties that share it.
//!
//! # Protocol
//!
//! Three kinds of parties hold a cell: the *queue entry* (its [`JobRef`](super::JobRef) or
//! [`Entry`](super::party::Entry), used once, by whoever runs or cancels it), the *handle*, and any number
//! of *aborters*, who can drop the closure but never see the outcome. One word says what is left of it:
//!
//! | part | set by | cleared by | means |
//! |---|---|---|---|
//! | `QUEUED` | the maker | the runner, as its last access | the queue entry is outstanding |
//! | `HANDLE` | the maker, if there is one | the handle's drop, as its last access | a handle is outstanding |
//! | `CLAIMED` | whoever runs, cancels or aborts, if first | - | the closure has an owner |
//! | `SLAB` | the maker | - | the memory comes from a slab |
//! | `ASKED` | the handle or an aborter that comes too late to claim | - | the closure that runs is asked to stop |
//! | count of `ABORTER` | the handle, or an aborter that is cloned | that aborter's drop | aborters |
//!
//! - The closure belongs to whoever set `CLAIMED`; that one writes the outcome and sets the
//!   latch.
//! - The outcome belongs to the claimer until the latch is set, then to the handle while
//!   `HANDLE` is set, then to the last of `QUEUED` and `HANDLE`. That party drops what is left of it,
//!   before it clears its bit if there are aborters: they can free the memory the moment after.
//! - Whoever brings `QUEUED`, `HANDLE` and the count to nothing frees the cell.
//!
//! - `ASKED` is read by the closure, and by what it has forked and waits for: so while `QUEUED` is
//!   set. It decides nothing here.
//!
//! Invariant: the memory is freed once, after all parties' last access, and the closure and
//! the outcome are each dropped or taken once.
//!
//! A runner that finds neither handle nor aborter is alone: nobody can abort, wait or free, so it
//! uses no read-modify-write at all.

use super::Header;
use super::party::Aborter;
use super::slab::Source;
use crate::latch::{Latch, Untold};
use crate::sync::fault::{self, Fault};
use crate::sync::{AtomicUsize, Ordering};
use std::fmt;
use std::mem;
use std::ptr::NonNull;

pub(super) const QUEUED: usize = 1;
const HANDLE: usize = 2;
const CLAIMED: usize = 4;
const SLAB: usize = 8;
const ASKED: usize = 16;
/// One aborter.
const ABORTER: usize = 32;
/// All that keep the cell.
const PARTIES: usize = !(CLAIMED | SLAB | ASKED);

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

/// What needs the types of the closure and its value.
pub(super) enum Operation<'a> {
    /// If nobody has claimed the closure.
    Cancel(Reason),
    /// By the queue entry: whether the cell has an owner now that needs nobody.
    Orphan(&'a mut bool),
    /// By the queue entry, if nobody has claimed the closure: takes it out, and writes that it was dropped.
    Withdraw(Reason, &'a mut Option<(Withdrawn, Untold)>),
    /// The outcome, by the party that has it now.
    Discard(usize),
    /// By the party that was last.
    Free(usize),
}

/// A closure out of its cell. Dropping it is all that can be done with it, and must be done before the cell's queue entry
/// is used up.
pub(crate) struct Withdrawn(#[expect(dead_code, reason = "for its destructor")] Box<dyn Anything>);

/// To be dropped.
trait Anything {}

impl<T> Anything for T {}

impl Withdrawn {
    /// # Safety
    ///
    /// 1. It is dropped before anything is gone that `closure` borrows.
    pub(super) unsafe fn new<'a, F: 'a>(closure: F) -> Self {
        let closure: Box<dyn Anything + 'a> = Box::new(closure);
        // SAFETY: the two types differ in the lifetime alone; (1).
        Self(unsafe { mem::transmute::<Box<dyn Anything + 'a>, Box<dyn Anything>>(closure) })
    }
}

/// [`Operation`]s on a cell.
///
/// # Safety
///
/// 1. It is called on the cell that it is in, by a party as the operation says.
pub(super) type Manage = unsafe fn(NonNull<Core>, Operation<'_>);

/// The part of a cell that an aborter knows.
#[repr(C)]
pub(super) struct Core {
    header: Header,
    manage: Manage,
    latch: Latch,
    state: AtomicUsize,
}

/// What the queue entry finds when it is about to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Found {
    /// Other parties: the closure has to be claimed.
    Shared,
    /// The cell is the caller's alone, with the closure.
    Alone(Source),
    /// The cell is the caller's alone; the closure was aborted.
    Aborted(Source),
}

impl Core {
    /// `handle`: whether there is to be one.
    #[inline]
    pub(super) fn new(header: Header, manage: Manage, source: Source, handle: bool) -> Self {
        let slab = if source.is_slab() { SLAB } else { 0 };
        let handle = if handle { HANDLE } else { 0 };
        let state = AtomicUsize::new(QUEUED | handle | slab);
        Self { header, manage, latch: Latch::new(), state }
    }

    /// Where the memory came from.
    pub(super) fn source(&self) -> Source {
        // Relaxed: the bit does not change.
        Self::source_in(self.state.load(Ordering::Relaxed))
    }

    fn source_in(state: usize) -> Source {
        Source::new(state & SLAB != 0)
    }

    /// By the queue entry, which is about to run.
    #[inline]
    pub(super) fn look(&self) -> Found {
        // Ordering: Acquire, with the other parties' Release when they were dropped: if they are gone,
        // the cell is this thread's alone.
        let state = self.state.load(fault::unless(Fault::CellLoadRelaxed, Ordering::Acquire));
        match (state & PARTIES == QUEUED, state & CLAIMED) {
            (false, _) => Found::Shared,
            (true, 0) => Found::Alone(Self::source_in(state)),
            (true, _) => Found::Aborted(Self::source_in(state)),
        }
    }

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
    pub(super) fn claim(&self) -> bool {
        // Relaxed: the closure was written before any party got the cell; the bit only
        // decides between them.
        let before = self.state.fetch_or(CLAIMED, Ordering::Relaxed);
        before & CLAIMED == 0 || fault::is(Fault::CellClaimIgnored)
    }

    /// The closure has been claimed, and may be running: it is asked to stop.
    pub(super) fn ask(&self) {
        if fault::is(Fault::CellAskStores) {
            return self.state.store(self.state.load(Ordering::Relaxed) | ASKED, Ordering::Release);
        }
        // Ordering: Release, with the Acquire in `AbortFlag::is_set`: what its caller did before is
        // visible to the closure. (All later changes are exchanges, which keep that.)
        self.state.fetch_or(ASKED, fault::unless(Fault::CellAskRelaxed, Ordering::Release));
    }

    /// By which the closure can see that it is asked to stop, while it runs.
    pub(super) fn abort_flag(&self) -> AbortFlag<'_> {
        AbortFlag(self)
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

    /// Takes the closure out and sets the latch, unless somebody has claimed the closure, or there is no handle.
    ///
    /// # Safety
    ///
    /// 1. The caller is the queue entry.
    pub(super) unsafe fn withdraw(
        this: NonNull<Self>,
        reason: Reason,
    ) -> Option<(Withdrawn, Untold)> {
        // SAFETY: (1): the cell is alive.
        let core = unsafe { this.as_ref() };
        // Relaxed: a handle that is gone does not come back, and one that is just going waits for nothing.
        if core.state.load(Ordering::Relaxed) & HANDLE == 0 {
            return None;
        }
        let manage = core.manage;
        let mut withdrawn = None;
        // SAFETY: this is the cell's own function; (1).
        unsafe { manage(this, Operation::Withdraw(reason, &mut withdrawn)) };
        withdrawn
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
    pub(super) unsafe fn release(this: NonNull<Self>, party: usize) {
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
                if before & PARTIES == party {
                    // SAFETY: the aborters have ended meanwhile, so this one was the last.
                    unsafe { manage(this, Operation::Free(party)) };
                }
                return;
            }
            match core.state.compare_exchange_weak(state, state & !party, ended, looked) {
                Ok(before) if before & PARTIES == party => {
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
        if before & PARTIES == ABORTER {
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
        let before = core.state.fetch_add(ABORTER, Ordering::Relaxed);
        if before > usize::MAX / 2 {
            // So many have been leaked that the count would wrap: as `Arc` does.
            std::process::abort();
        }
        Aborter::new(this)
    }
}

/// Whether a running closure is asked to stop, by its handle or an aborter.
#[derive(Clone, Copy)]
pub(crate) struct AbortFlag<'a>(&'a Core);

impl AbortFlag<'_> {
    #[inline]
    pub(crate) fn is_set(self) -> bool {
        // Ordering: Acquire, with the Release in `Core::ask`.
        let order = fault::unless(Fault::CellAskedRelaxed, Ordering::Acquire);
        self.0.state.load(order) & ASKED != 0
    }
}

impl fmt::Debug for AbortFlag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AbortFlag").field(&self.is_set()).finish()
    }
}
