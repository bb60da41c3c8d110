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
//!   the forks of a root that never asks cost nothing. What is carried anyway (by a scope, a broadcast,
//!   an install) always has both.

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

fn get() -> Carried {
    match Seated::current() {
        Some(seated) => seated.task(),
        None => OUTSIDE.with(Cell::get),
    }
}

fn set(task: Carried) {
    match Seated::current() {
        Some(seated) => seated.set_task(task),
        None => OUTSIDE.with(|outside| outside.set(task)),
    }
}

/// Puts back what was there before.
struct Restore(Carried);

impl Drop for Restore {
    fn drop(&mut self) {
        let before = self.0;
        let now = get();
        // The root may have asked meanwhile.
        let asks = before.asks || now.asks && ptr::eq(now.stops, before.stops);
        set(Carried { asks, ..before });
    }
}

/// Runs `f` as a task with that token, still a part of the root.
pub(crate) fn run<R>(token: &CancellationToken, f: impl FnOnce() -> R) -> R {
    let task = Carried { token, ..get() };
    // SAFETY: (1) `token` is borrowed until this returns, and the rest is in force already.
    unsafe { task.run(f) }
}

/// Runs what is no part of the running task: it carries nothing.
pub(crate) fn run_apart<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: (1) nothing is borrowed.
    unsafe { Carried::NOTHING.run(f) }
}

/// Runs `f`, of a root that can be asked to stop so, if it can, on whichever thread calls.
pub(crate) fn run_root<R>(stops: Option<&Stops<'_>>, f: impl FnOnce() -> R) -> R {
    match (stops, Seated::current()) {
        (None, _) => f(),
        (Some(stops), Some(seated)) => run_root_on(seated, stops, f),
        (Some(stops), None) => {
            let task = Carried { stops: ptr::from_ref(stops).cast(), asks: false, ..get() };
            // SAFETY: (1) `stops` is borrowed until this returns, and the rest is in force already.
            unsafe { task.run(f) }
        }
    }
}

/// The same, on the worker of that seat.
#[inline]
pub(crate) fn run_root_on<R>(seated: Seated<'_>, stops: &Stops<'_>, f: impl FnOnce() -> R) -> R {
    struct Back<'w>(Seated<'w>, Carried);
    impl Drop for Back<'_> {
        #[inline]
        fn drop(&mut self) {
            self.0.set_task(self.1);
        }
    }
    let before = seated.task();
    seated.set_task(Carried { stops: ptr::from_ref(stops).cast(), asks: false, ..before });
    let _back = Back(seated, before);
    f()
}

/// Whether the running task is asked to stop, by its token or its root's [`Stops`]. From now on its forks
/// carry these.
#[inline]
pub(crate) fn is_cancelled() -> bool {
    let task = get();
    // SAFETY: the frame that the pointer is borrowed from runs this.
    let is_asked = unsafe { task.stops.as_ref() }.is_some_and(|stops| {
        if !task.asks {
            note_that_it_asks(task);
        }
        stops.is_asked()
    });
    // SAFETY: as above.
    is_asked || unsafe { task.token.as_ref() }.is_some_and(CancellationToken::is_cancelled)
}

#[cold]
fn note_that_it_asks(task: Carried) {
    set(Carried { asks: true, ..task });
}

/// The token of the running task.
pub(crate) fn current() -> Option<CancellationToken> {
    // SAFETY: as above.
    unsafe { get().token.as_ref() }.cloned()
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
    /// Whether that root has asked.
    asks: bool,
}

// SAFETY: the pointers are followed only while they are borrowed; tokens and stops are `Sync`.
unsafe impl Send for Carried {}
// SAFETY: as above.
unsafe impl Sync for Carried {}

impl Carried {
    pub(super) const NOTHING: Self = Self { token: ptr::null(), stops: ptr::null(), asks: false };

    /// That of the running task.
    pub(crate) fn current() -> Self {
        get()
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
        !self.token.is_null() || self.asks
    }

    /// Runs a job's closure, or another piece of the task.
    ///
    /// # Safety
    ///
    /// 1. The frames that it is borrowed from wait until this has returned.
    pub(crate) unsafe fn run<R>(self, f: impl FnOnce() -> R) -> R {
        let before = get();
        let is_there = ptr::eq(before.token, self.token) && ptr::eq(before.stops, self.stops);
        if is_there && before.asks == self.asks {
            return f();
        }
        set(self);
        let _restore = Restore(before);
        f()
    }
}
