//! How many parts of a scope are open, counted so that the thread that waits for them pays
//! nothing for those that it spawns and runs itself.
//!
//! # Protocol
//!
//! A scope that runs on a worker, its *owner*, counts in two places: `local`, a plain cell for
//! what the owner begins and ends, and `shared`, an atomic for everybody else. `shared` starts at
//! `BIAS`, so that it never comes near zero while the scope is *unsettled*, and `local` as far below.
//!
//! ```text
//!   open parts = local + shared     unsettled: the owner has not run dry yet
//!   open parts = shared             settled, by the owner, once; local is not used
//! ```
//!
//! - The owner returns at once when it sees that no part is open.
//! - Else it settles when it has no job of its own left: it gives up being the owner, and adds `local` to `shared`.
//!   If that makes it zero, everything has ended; else it waits for the latch.
//! - Whoever brings a settled `shared` to zero sets the latch. Before the settling nobody can:
//!   a scope never has `BIAS` parts, of 64 bits, all told. After it nobody begins a part but from inside an open
//!   one, so zero is final.
//!
//! Invariant: the owner returns when all parts have ended, and what they wrote is visible to
//! it: each end is a Release on `shared` (or was on the owner's thread), and the owner's settling
//! or the latch acquires all of them.
//!
//! A scope outside its pool's workers has no owner and is settled from the start, with one part
//! open for its body.

use crate::latch::Latch;
use crate::pool::seat::{Seat, Seated};
use crate::sync::fault::{self, Fault};
use crate::sync::{AtomicPtr, AtomicU64, Ordering, start};
use crossbeam_utils::CachePadded;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr;

const BIAS: u64 = 1 << 62;

/// No seat is there, nor at null.
const NOBODY: *mut Seat = ptr::dangling_mut();

/// Between what different threads write, so that it lies on different lines. By distance and not by alignment: a frame
/// that is aligned so far takes instructions for it, and more memory.
pub(super) type Apart = MaybeUninit<[u8; size_of::<CachePadded<u8>>()]>;

/// See the module. `shared` or `local` is written for each part, by different threads, and everybody reads the rest.
#[repr(C)]
pub(crate) struct Parts {
    /// The seat of the owner, while unsettled; else it dangles, and is nobody's.
    owner: AtomicPtr<Seat>,
    latch: Latch,
    _before: Apart,
    shared: AtomicU64,
    _behind: Apart,
    /// The owner's, while unsettled. Below zero by `BIAS`, and further where it ends more than it begins.
    local: Cell<i64>,
    /// Others read what the owner's frame holds for inner scopes' parts.
    _end: Apart,
}

// SAFETY: the cell is used on the owner's thread only (`owner`), the rest is atomic; the
// pointer is followed only there, too, where its seat has been found to be the thread's own.
unsafe impl Sync for Parts {}
// SAFETY: as above.
unsafe impl Send for Parts {}

/// Whether anything is left to wait for.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Settled {
    AllEnded,
    /// The latch will be set.
    SomeOpen,
}

impl Parts {
    /// For a scope on `owner`'s thread, or on none of the pool's workers.
    #[inline]
    pub(crate) fn new(owner: Option<Seated<'_>>) -> Self {
        let shared = if owner.is_some() { BIAS.wrapping_sub_signed(start::PARTS) } else { 1 };
        Self {
            owner: AtomicPtr::new(owner.map_or(NOBODY, |owner| owner.as_ptr().as_ptr())),
            latch: Latch::new(),
            _before: MaybeUninit::uninit(),
            shared: AtomicU64::new(shared),
            _behind: MaybeUninit::uninit(),
            local: Cell::new(start::PARTS - BIAS.cast_signed()),
            _end: MaybeUninit::uninit(),
        }
    }

    /// The owner's seat, if this is its thread and it counts in the cell.
    #[inline(always)]
    pub(super) fn owner(&self) -> Option<Seated<'_>> {
        // Relaxed: only the owner changes it, and anybody else finds a seat that is not its own, before and after.
        let owner = self.owner.load(Ordering::Relaxed);
        // SAFETY: (1): a seat, or `NOBODY`.
        unsafe { Seated::current_at(owner) }
    }

    /// One more part, begun by the [`owner`](Self::owner). The caller is the body or an open part.
    #[inline(always)]
    pub(super) fn begin_by(&self, _: Seated<'_>) {
        self.local.set(self.local.get() + 1);
    }

    /// One more part, if the caller is the owner and counts by itself: its seat. The caller is the body
    /// or an open part. `None`: [`begin_elsewhere`](Self::begin_elsewhere) is what to call.
    #[inline(always)]
    #[must_use = "without an owner, nothing has been counted"]
    pub(crate) fn begin(&self) -> Option<Seated<'_>> {
        let owner = self.owner()?;
        self.begin_by(owner);
        Some(owner)
    }

    /// One more part, where [`begin`](Self::begin) says so.
    pub(crate) fn begin_elsewhere(&self) {
        // Relaxed: the caller's own part keeps the count from ending, and whoever runs the
        // new one learns of it through a queue.
        self.shared.fetch_add(1, Ordering::Relaxed);
    }

    /// A part has ended.
    ///
    /// # Safety
    ///
    /// 1. `this` is alive when the call begins, and the part was begun and has not ended. It
    ///    may be freed once all parts have.
    #[inline]
    pub(crate) unsafe fn end(this: *const Self) {
        // SAFETY: (1): this part is open.
        let parts = unsafe { &*this };
        if parts.owner().is_some() {
            parts.local.set(parts.local.get() - 1);
            return;
        }
        let order = fault::half(Fault::PartsEndNoAcquire, Fault::PartsEndNoRelease);
        // Ordering: Release, so that the part's writes reach the owner; Acquire, so that the
        // last one hands on all the others' with the latch.
        if parts.shared.fetch_sub(1, order) == 1 {
            // SAFETY: (1): only this call sets the latch, so the owner still waits.
            let latch = unsafe { &raw const (*this).latch };
            // SAFETY: as above.
            unsafe { Latch::set(latch) };
        }
    }

    /// Owner, unsettled, after the body. Whether all parts have ended; then nobody else comes
    /// here any more, since only an open part begins another.
    #[inline]
    pub(crate) fn none_open(&self) -> bool {
        // Ordering: Acquire, with the Release in `end`.
        let order = fault::unless(Fault::PartsNoneOpenRelaxed, Ordering::Acquire);
        let shared = self.shared.load(order);
        shared.wrapping_add_signed(self.local.get()) == 0
    }

    /// Owner, once, after the body: from now on the count is in one place.
    pub(crate) fn settle(&self) -> Settled {
        if !fault::is(Fault::PartsSettleKeepsOwner) {
            // Relaxed: see `owner`.
            self.owner.store(NOBODY, Ordering::Relaxed);
        }
        let share = if fault::is(Fault::PartsSettleForgetsLocal) {
            -BIAS.cast_signed()
        } else {
            self.local.get()
        };
        // Ordering: Acquire, with the Release in `end` of those that ended before.
        let order = fault::unless(Fault::PartsSettleRelaxed, Ordering::Acquire);
        let before = self.shared.fetch_add(share.cast_unsigned(), order);
        if before.wrapping_add_signed(share) == 0 { Settled::AllEnded } else { Settled::SomeOpen }
    }

    /// Set when a settled scope has no open part.
    pub(crate) fn latch(&self) -> &Latch {
        &self.latch
    }
}
