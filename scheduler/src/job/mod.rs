//! Work as one word.
//!
//! A [`JobRef`] points to a [`Header`], whose one field is the function to call. The kinds:
//! - [`StackJob`]: a closure in the frame of a caller who waits for it (`install`, `broadcast`);
//! - [`ForkJob`]: the same of a `join`, whose header is elsewhere;
//! - [`Cell`](cell): a closure on the heap, with its result and a handle (`spawn`);
//! - [`Detached`](detached): a closure on the heap without either (`Scope::fork`).

#[cfg(not(any(scheduler_loom, scheduler_shuttle)))]
mod body;
#[cfg(any(scheduler_loom, scheduler_shuttle))]
#[path = "body_apart.rs"]
mod body;
pub(crate) mod cell;
pub(crate) mod detached;
pub(crate) mod error;
mod fork;
pub(crate) mod hand;
mod once;
pub(crate) mod party;
/// For models of its own.
#[cfg(scheduler_loom)]
#[path = "slab.rs"]
pub(crate) mod recycling;
#[cfg(not(any(scheduler_loom, scheduler_shuttle, scheduler_asan)))]
pub(crate) mod slab;
#[cfg(any(scheduler_loom, scheduler_shuttle, scheduler_asan))]
#[path = "no_slab.rs"]
pub(crate) mod slab;
mod stack;
mod state;
pub(crate) mod words;

pub(crate) use fork::ForkJob;
pub(crate) use once::{Call, Plain};
pub(crate) use stack::StackJob;

use std::fmt;
use std::ptr::NonNull;

/// The first field of everything that can be queued, but for a [`ForkJob`], which only begins with a pointer to one. The
/// alignment leaves room for the tags where a pointer has four bytes.
#[derive(Debug)]
#[repr(C, align(8))]
pub(crate) struct Header {
    /// Runs the job that this header is the start of, once. Never unwinds.
    run: unsafe fn(NonNull<Header>),
}

impl Header {
    /// The first field of a job that `run` runs.
    pub(crate) fn new(run: unsafe fn(NonNull<Header>)) -> Self {
        Self { run }
    }
}

/// The tags of a [`JobRef`] fit below a header's alignment.
const _: () = assert!(align_of::<Header>() > JobRef::TAGS);

/// The right and the duty to run a job, once. Not `Clone`: who has it is the only one.
pub(crate) struct JobRef(NonNull<Header>);

// SAFETY: whoever makes one promises that its job may run on any thread (`JobRef::new`, 2).
unsafe impl Send for JobRef {}

impl JobRef {
    /// Marks a root job (`spawn`, `install`): one that nobody's running frame depends on, so
    /// that a shutdown may cancel it instead of running it.
    const ROOT: usize = 1;
    /// Marks a [`ForkJob`]. Its frame knows the index that it has in a head.
    const FORK: usize = 2;
    /// Marks a job that is a [`cell`]: its closure can be dropped, or handed back, unrun.
    const CELL: usize = 4;
    /// Marks a fork that has gone to another head, or may: nobody knows its index there.
    const MOVED: usize = Self::FORK | Self::CELL;
    /// Marks a [`Bundle`](crate::pool::bundle): a job that only stands for other jobs. None is ever
    /// in a head.
    const BUNDLE: usize = Self::FORK | Self::ROOT;
    const TAGS: usize = Self::ROOT | Self::FORK | Self::CELL;

    /// The right to run the job at `header`.
    ///
    /// # Safety
    ///
    /// 1. The job stays alive until it has run.
    /// 2. It may run on any thread.
    /// 3. Of all `JobRef`s to it, at most one is used; or as many as it may run times, which its
    ///    function says.
    /// 4. It is no [`ForkJob`].
    #[inline(always)]
    pub(crate) unsafe fn new(header: NonNull<Header>) -> Self {
        Self(header)
    }

    /// The right to run the [`ForkJob`] at `start`.
    ///
    /// # Safety
    ///
    /// 1. The first three of [`new`](Self::new).
    /// 2. A [`ForkJob`] begins at `start`.
    #[inline(always)]
    unsafe fn of_fork(start: NonNull<Header>) -> Self {
        Self(start.map_addr(|addr| addr | Self::FORK))
    }

    /// The same job, as a root.
    #[inline]
    pub(crate) fn into_root(self) -> Self {
        debug_assert!(!self.is_special(), "the two tags together are a bundle's");
        Self(self.0.map_addr(|addr| addr | Self::ROOT))
    }

    /// Whether a shutdown may cancel it.
    pub(crate) fn is_root(&self) -> bool {
        self.tags() & (Self::ROOT | Self::FORK) == Self::ROOT
    }

    #[inline(always)]
    fn tags(&self) -> usize {
        self.0.addr().get() & Self::TAGS
    }

    /// Whether it is a fork, or a bundle.
    #[inline(always)]
    pub(crate) fn is_special(&self) -> bool {
        self.0.addr().get() & Self::FORK != 0
    }

    /// Whether it is a fork whose frame knows its index in a head, if it is in one.
    #[inline(always)]
    pub(crate) fn is_fork(&self) -> bool {
        self.tags() == Self::FORK
    }

    /// The same job, which may go to another head. No bundle does.
    #[inline]
    pub(crate) fn into_moved(self) -> Self {
        debug_assert!(!self.is_bundle(), "none is ever in a head");
        if self.is_special() { Self(self.0.map_addr(|addr| addr | Self::MOVED)) } else { self }
    }

    /// The same job, as a bundle.
    pub(crate) fn into_bundle(self) -> Self {
        debug_assert!(self.tags() == 0, "a bundle is nothing else");
        Self(self.0.map_addr(|addr| addr | Self::BUNDLE))
    }

    /// The same job, which is a cell.
    #[inline(always)]
    fn into_cell(self) -> Self {
        debug_assert!(!self.is_special(), "the two tags together are a moved fork's");
        Self(self.0.map_addr(|addr| addr | Self::CELL))
    }

    fn is_cell(&self) -> bool {
        self.tags() & Self::MOVED == Self::CELL
    }

    /// Whether it only stands for other jobs.
    pub(crate) fn is_bundle(&self) -> bool {
        self.tags() & Self::BUNDLE == Self::BUNDLE
    }

    /// Runs the job. Its panics go where its maker sends them.
    #[inline]
    pub(crate) fn run(self) {
        let header = self.header();
        let run = if self.is_special() && !self.is_bundle() {
            // SAFETY: (1) the maker promised that it is one, alive (`of_fork`), and that this is done once
            // (`new`, 3), so it has not run.
            unsafe { fork::function(header) }
        } else {
            // SAFETY: the maker promised that the job is alive, and no fork (`new`, 1 and 4).
            unsafe { header.as_ref() }.run
        };
        // SAFETY: `run` belongs to this header; the maker promised that this may be done here
        // and is done once (`new`, 2 and 3).
        unsafe { run(header) }
    }

    /// What it points to.
    #[inline(always)]
    pub(crate) fn header(&self) -> NonNull<Header> {
        let pointer = self.0.as_ptr().map_addr(|addr| addr & !Self::TAGS);
        // SAFETY: a header is not at an address below its alignment.
        unsafe { NonNull::new_unchecked(pointer) }
    }

    /// Whether this is the job at `header`.
    #[inline]
    pub(crate) fn is(&self, header: NonNull<Header>) -> bool {
        self.header() == header
    }

    /// The word to store in a queue slot.
    #[inline(always)]
    pub(crate) fn into_raw(self) -> *mut Header {
        self.0.as_ptr()
    }

    /// Takes the right back out of a queue slot.
    ///
    /// # Safety
    ///
    /// 1. `raw` came from [`into_raw`](Self::into_raw), and this is the only time that it is
    ///    taken back.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(raw: *mut Header) -> Self {
        // SAFETY: (1): it was not null.
        Self(unsafe { NonNull::new_unchecked(raw) })
    }
}

impl fmt::Debug for JobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JobRef").field(&self.0).finish()
    }
}

/// One word is what the queues and the head's slots are laid out for.
const _: () = assert!(size_of::<JobRef>() == size_of::<usize>());

#[cfg(all(test, not(any(scheduler_loom, scheduler_shuttle))))]
mod tests {
    use super::*;

    /// What a job says of itself: whether it is special, a fork, a bundle, a root, a cell.
    fn says(job: &JobRef) -> [bool; 5] {
        [job.is_special(), job.is_fork(), job.is_bundle(), job.is_root(), job.is_cell()]
    }

    #[test]
    fn no_tag_looks_like_another() {
        let header = Header::new(|_| ());
        // SAFETY: it is not run.
        let job = || unsafe { JobRef::new(NonNull::from(&header)) };
        let fork_job = ForkJob::of::<Plain>(|| ());
        // SAFETY: it is not run.
        let fork = || unsafe { fork_job.as_job_ref() };
        let tagged = [
            (job(), [false; 5]),
            (fork(), [true, true, false, false, false]),
            (fork().into_moved(), [true, false, false, false, false]),
            (job().into_bundle(), [true, false, true, false, false]),
            (job().into_root(), [false, false, false, true, false]),
            (job().into_root().into_moved(), [false, false, false, true, false]),
            (job().into_cell(), [false, false, false, false, true]),
            (job().into_cell().into_root(), [false, false, false, true, true]),
            (job().into_cell().into_moved(), [false, false, false, false, true]),
        ];
        for (job, what) in tagged {
            assert_eq!(says(&job), what, "{job:?}");
            let its_header = if job.tags() & JobRef::FORK == 0 || job.is_bundle() {
                NonNull::from(&header)
            } else {
                fork_job.header()
            };
            assert!(job.is(its_header));
        }
    }
}
