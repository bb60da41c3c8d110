//! The second closure of a `join`, in the frame of its owner, who takes it back or waits for it.
//!
//! # Protocol
//!
//! What a [`StackJob`](super::StackJob) has as two words, a header and a latch, is one here, so that
//! a fork that nobody steals stores one word less: its latch begins with a pointer to the header, which is
//! a constant elsewhere. Whoever runs the job needs the header, and may come for it after the owner has begun to
//! wait, and has put itself as the watcher into that word. So the owner keeps the header before, in the job's second
//! word:
//!
//! ```text
//!   latch                          kept
//!   header          at the fork    nothing
//!   header          owner: wait    header
//!   watcher, UNSET  owner: watch   header
//!   SET             runner         of no use any more
//! ```
//!
//! Invariant: as long as the latch is not set, its word holds the header, or the header is kept and whoever
//! reads the word sees that: the owner wrote it before its first watch (Release), and the runner reads the word by Acquire; an
//! unwatch in between is an exchange, and continues the release sequence of the watch.
//!
//! The closure is taken out once: by the owner, if it got the job back unrun, or by the one
//! thread that runs the job's [`JobRef`]. That thread writes the result and sets the latch,
//! which is the last it touches; the owner reads the result after it has seen the latch set.

use super::once::{Call, Once};
use super::{Header, JobRef};
use crate::latch::Latch;
use crate::sync::UnsafeCell;
use crate::unwind::Payload;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// What a fork begins with, whatever its closure. Of a [`Header`]'s alignment, for the tags of a [`JobRef`].
#[repr(C, align(8))]
struct Start {
    latch: Latch,
    /// The header, from the time that the owner waits.
    kept: UnsafeCell<MaybeUninit<&'static Header>>,
}

/// A closure, room for its result, and the latch that tells the owner.
#[repr(C)]
pub(crate) struct ForkJob<F, R> {
    start: Start,
    once: Once<F, R>,
}

const _: () = assert!(align_of::<Start>() >= align_of::<Header>());

/// The function that runs the fork at `header`.
///
/// # Safety
///
/// 1. A [`ForkJob`] is there; it is alive, and has not run.
pub(super) unsafe fn function(header: NonNull<Header>) -> unsafe fn(NonNull<Header>) {
    // SAFETY: (1): that is how it begins.
    let Start { latch, kept } = unsafe { header.cast::<Start>().as_ref() };
    let apart = match latch.held() {
        Some(held) => {
            let held = held.cast::<Header>();
            debug_assert!(held.is_aligned(), "a watcher is no header");
            // SAFETY: by (1) the latch is not set, so that is what `of` made it hold.
            unsafe { &*held }
        }
        // SAFETY: its owner, which waits, wrote that before it watched the latch.
        None => kept.with_mut(|kept| unsafe { kept.cast::<&'static Header>().read() }),
    };
    apart.run
}

impl<F, R> ForkJob<F, R> {
    /// Of a closure that `K` calls.
    #[inline(always)]
    pub(crate) fn of<K: Call<F, R>>(closure: F) -> Self {
        let latch = Latch::holding(Self::apart::<K>());
        let start = Start { latch, kept: UnsafeCell::new(MaybeUninit::uninit()) };
        Self { start, once: Once::new(closure) }
    }

    /// The header.
    #[inline(always)]
    fn apart<K: Call<F, R>>() -> &'static Header {
        const { &Header { run: Self::run::<K> } }
    }

    /// Where the job is, to be compared with a [`JobRef`].
    #[inline(always)]
    pub(crate) fn header(&self) -> NonNull<Header> {
        // From the whole job, not from its first field: `run` goes back to the whole.
        NonNull::from(self).cast()
    }

    /// The right to run this job.
    ///
    /// # Safety
    ///
    /// 1. The owner keeps the job where it is until the latch is set or until it has the
    ///    `JobRef` back.
    /// 2. The closure may run on any thread, and so may its result be made there.
    /// 3. Called once.
    #[inline(always)]
    pub(crate) unsafe fn as_job_ref(&self) -> JobRef {
        // SAFETY: (1), (2) and (3) are the caller's.
        unsafe { JobRef::of_fork(self.header()) }
    }

    /// The latch that is set when the job has run.
    ///
    /// # Safety
    ///
    /// 1. The caller is the owner, and asks once.
    /// 2. `K` is as in [`of`](Self::of).
    #[inline(always)]
    pub(crate) unsafe fn latch<K: Call<F, R>>(&self) -> &Latch {
        let kept = MaybeUninit::new(Self::apart::<K>());
        // SAFETY: (1): others read it only after a watch, and nobody has this latch yet.
        self.start.kept.with_mut(|place| unsafe { place.write(kept) });
        &self.start.latch
    }

    /// Takes the closure out.
    ///
    /// # Safety
    ///
    /// 1. The caller has the right to run the job, and uses it up with this call.
    #[inline(always)]
    pub(crate) unsafe fn take_closure(&self) -> F {
        // SAFETY: (1).
        unsafe { self.once.take_closure() }
    }

    /// Takes the result out.
    ///
    /// # Safety
    ///
    /// 1. The latch was seen set, and this is called once.
    pub(crate) unsafe fn take_result(&self) -> Result<R, Payload> {
        // SAFETY: (1): the result was written before the latch was set.
        unsafe { self.once.take_result() }
    }

    /// [`Header::run`] of this job.
    unsafe fn run<K: Call<F, R>>(header: NonNull<Header>) {
        let this = header.cast::<Self>();
        // SAFETY: the owner of the job there keeps it alive until the latch is set, below.
        let job = unsafe { this.as_ref() };
        // SAFETY: (1) this call is the one use of the job's `JobRef`; (2) the owner does not read
        // before the latch is set.
        unsafe { job.once.run::<K>() };
        // SAFETY: the owner waits for this latch, so it is alive when the call begins.
        let latch = unsafe { &raw const (*this.as_ptr()).start.latch };
        // SAFETY: as above.
        unsafe { Latch::set(latch) };
    }
}

#[cfg(all(test, not(any(scheduler_loom, scheduler_shuttle))))]
mod tests {
    use super::super::Plain;
    use super::*;
    use crate::latch::Watch;
    use crate::park::Parker;

    /// Runs a fork after its owner has done `before`.
    fn run_after(before: impl FnOnce(&Latch)) {
        let job = ForkJob::of::<Plain>(|| 7);
        // SAFETY: it is run below, in this frame.
        let entry = unsafe { job.as_job_ref() };
        // SAFETY: (1) once; (2) as above.
        let latch = unsafe { job.latch::<Plain>() };
        before(latch);
        entry.run();
        assert!(latch.is_set());
        // SAFETY: it is set, and this is the one call.
        assert_eq!(unsafe { job.take_result() }.ok(), Some(7));
    }

    #[test]
    fn it_runs_whatever_its_owner_has_done_to_the_word() {
        let parker = Parker::current();
        run_after(|latch| assert!(latch.held().is_some()));
        run_after(|latch| {
            assert_eq!(latch.watch(&parker), Watch::Watching);
            assert!(latch.held().is_none());
        });
        run_after(|latch| {
            assert_eq!(latch.watch(&parker), Watch::Watching);
            latch.unwatch();
            assert!(latch.held().is_none());
        });
    }
}
