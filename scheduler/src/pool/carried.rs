//! What the running task can be asked to stop by, and how it goes where the task's forks go. (A span goes
//! along: `span/`.)
//!
//! That is the token of the task, and the [`Stops`] of the root that it is part of: two pointers, in the
//! worker's seat or, on any other thread, in a thread-local. They are borrowed from frames below, of
//! [`run`] and of [`run_root`], which outlive everything that runs under them; so a fork carries them
//! without counting, because whoever forks waits.
//!
//! The pointers belong to their thread, and there is no protocol. The rules:
//! - [`Carried::run`] sets them, and puts back what was there, also when it unwinds;
//! - a job is begun without: a worker that waits, and runs other jobs meanwhile, puts its own
//!   away ([`put_away`]);
//! - a `join` carries them if there is a token, or if the root has asked before whether it is to stop. So
//!   the forks of a root that never asks cost nothing (docs/adr/0011-asked-to-stop.md). A scope, a broadcast
//!   and an install always carry both.

use super::seat::Seated;
use super::stops::Stops;
use crate::cancel::CancellationToken;
use crate::span;
use crate::sync::thread_local_const;
use std::cell::Cell;
use std::ptr;

thread_local_const! {
    /// Of a thread that is no worker.
    static OUTSIDE: Cell<Carried> = Cell::new(Carried::NOTHING)
}

/// Where the calling thread has its own.
#[derive(Clone, Copy)]
enum Here<'w> {
    Worker(Seated<'w>),
    Outside,
}

impl Here<'_> {
    #[inline]
    fn current() -> Self {
        Seated::current().map_or(Self::Outside, Here::Worker)
    }

    #[inline]
    fn get(self) -> Carried {
        match self {
            Self::Worker(seated) => seated.task(),
            Self::Outside => OUTSIDE.with(Cell::get),
        }
    }

    #[inline]
    fn set(self, task: Carried) {
        match self {
            Self::Worker(seated) => seated.set_task(task),
            Self::Outside => OUTSIDE.with(|outside| outside.set(task)),
        }
    }

    /// Whether forks carry what there is.
    #[inline]
    fn carries(self) -> bool {
        match self {
            Self::Worker(seated) => seated.carries(),
            // It installs them, and that carries all.
            Self::Outside => true,
        }
    }
}

/// Runs `f` as a task with that token, still a part of the root.
pub(crate) fn run<R>(token: &CancellationToken, f: impl FnOnce() -> R) -> R {
    let task = Carried { token, ..Carried::current() };
    // SAFETY: (1) `token` is borrowed until this returns, and the rest is in force already.
    unsafe { task.run(f) }
}

/// Runs what is no part of the running task: it carries nothing.
pub(crate) fn run_apart<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: (1) nothing is borrowed.
    unsafe { Carried::NOTHING.run(f) }
}

/// Runs `f`, a root's closure or its like, which can be asked to stop so.
#[inline]
pub(crate) fn run_root<R>(stops: &Stops<'_>, f: impl FnOnce() -> R) -> R {
    let root = Carried { token: ptr::null(), stops: ptr::from_ref(stops).cast() };
    // SAFETY: (1) `stops` is borrowed until this returns.
    unsafe { root.run(f) }
}

/// Whether the running task is asked to stop, by its token or its root's [`Stops`]. From now on its forks
/// carry these.
#[inline]
pub(crate) fn is_cancelled() -> bool {
    let here = Here::current();
    let task = here.get();
    // SAFETY: the frame that it is borrowed from runs this.
    let is_asked = unsafe { task.stops.as_ref() }.is_some_and(|stops| {
        if !(stops.has_asked() && here.carries()) {
            begin_to_carry(here, task, stops);
        }
        stops.is_asked()
    });
    // SAFETY: as above.
    is_asked || unsafe { task.token.as_ref() }.is_some_and(CancellationToken::is_cancelled)
}

/// The root of the running task asks for the first time, or the first time here.
#[cold]
fn begin_to_carry(here: Here<'_>, task: Carried, stops: &Stops<'_>) {
    stops.note_that_it_asks();
    here.set(task);
}

/// The token of the running task.
pub(crate) fn current() -> Option<CancellationToken> {
    // SAFETY: as above.
    unsafe { Carried::current().token.as_ref() }.cloned()
}

/// Until the guard is dropped, the worker is about to run others' jobs: without what its own carries, and
/// outside of the spans of its own.
#[inline]
#[must_use = "dropping the guard takes them up again"]
pub(crate) fn put_away(seated: Seated<'_>) -> PutAway<'_> {
    let task = seated.task();
    let task = (!task.is_nothing()).then(|| Task::new(seated, task));
    PutAway { _task: task, _spans: span::put_away() }
}

/// See [`put_away`].
pub(crate) struct PutAway<'w> {
    _task: Option<Task<'w>>,
    _spans: span::Away,
}

struct Task<'w> {
    seated: Seated<'w>,
    task: Carried,
}

impl<'w> Task<'w> {
    #[cold]
    fn new(seated: Seated<'w>, task: Carried) -> Self {
        seated.set_task(Carried::NOTHING);
        Self { seated, task }
    }
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        self.seated.set_task(self.task);
    }
}

/// What a task had when it forked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carried {
    /// Of the task; null if it has none.
    token: *const CancellationToken,
    /// Of the root that it is part of; null if there is none, or it cannot be asked so.
    stops: *const Stops<'static>,
}

// SAFETY: the pointers are followed only while they are borrowed; tokens and stops are `Sync`.
unsafe impl Send for Carried {}
// SAFETY: as above.
unsafe impl Sync for Carried {}

impl Carried {
    pub(super) const NOTHING: Self = Self { token: ptr::null(), stops: ptr::null() };

    /// That of the running task.
    #[inline]
    pub(crate) fn current() -> Self {
        Here::current().get()
    }

    /// That of the task that the worker runs.
    #[inline]
    pub(crate) fn of(seated: Seated<'_>) -> Self {
        seated.task()
    }

    #[inline]
    pub(crate) fn is_nothing(self) -> bool {
        self.token.is_null() && self.stops.is_null()
    }

    /// Whether a `join` has to carry it.
    #[inline]
    pub(super) fn goes_with_joins(self) -> bool {
        // SAFETY: whoever calls this is in the task, or about to begin it, so it is still borrowed.
        !self.token.is_null() || unsafe { self.stops.as_ref() }.is_some_and(Stops::has_asked)
    }

    /// Runs a job's closure.
    ///
    /// # Safety
    ///
    /// 1. The frames that it is borrowed from wait until this has returned.
    #[inline]
    pub(crate) unsafe fn run<R>(self, f: impl FnOnce() -> R) -> R {
        struct Restore<'w>(Here<'w>, Carried);
        impl Drop for Restore<'_> {
            #[inline]
            fn drop(&mut self) {
                self.0.set(self.1);
            }
        }
        let here = Here::current();
        let _restore = Restore(here, here.get());
        here.set(self);
        f()
    }

    /// A job begins just now on a worker, with nothing, and is of this task until [`end`](Self::end).
    ///
    /// # Safety
    ///
    /// 1. The frames that it is borrowed from wait for the job.
    /// 2. Its closure is run between the two, and its panic caught.
    #[inline]
    pub(crate) unsafe fn begin(self) {
        if let Some(seated) = Seated::current() {
            debug_assert!(seated.task().is_nothing(), "a job is begun without a task");
            seated.set_task(self);
        }
    }

    /// See [`begin`](Self::begin).
    #[inline]
    pub(crate) fn end() {
        if let Some(seated) = Seated::current() {
            seated.set_task(Self::NOTHING);
        }
    }
}
