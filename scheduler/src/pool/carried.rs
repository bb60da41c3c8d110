//! The token of the running task, and how it goes where the task's forks go.
//!
//! The current token is a pointer, in the worker's seat or, on any other thread, in a thread-local.
//! It is borrowed from the frame of [`run`], which outlives everything that runs under it; so a fork
//! carries it as a pointer, without counting, because whoever forks waits.
//!
//! The pointers belong to their thread, and there is no protocol. The rules:
//! - [`Carried::run`] sets it, and puts back what was there, also when it unwinds;
//! - a job is begun without one: a worker that waits, and runs other jobs meanwhile, puts its own
//!   away ([`put_away`]).

use super::seat::Seated;
use crate::cancel::CancellationToken;
use crate::sync::thread_local_const;
use std::cell::Cell;
use std::ptr;

thread_local_const! {
    /// Of a thread that is no worker.
    static OUTSIDE: Cell<*const CancellationToken> = Cell::new(ptr::null())
}

fn get() -> *const CancellationToken {
    match Seated::current() {
        Some(seated) => seated.token(),
        None => OUTSIDE.with(Cell::get),
    }
}

fn set(token: *const CancellationToken) {
    match Seated::current() {
        Some(seated) => seated.set_token(token),
        None => OUTSIDE.with(|outside| outside.set(token)),
    }
}

/// Puts back the token that was there before.
struct Restore(*const CancellationToken);

impl Drop for Restore {
    fn drop(&mut self) {
        set(self.0);
    }
}

/// Runs `f` as a task with that token.
pub(crate) fn run<R>(token: &CancellationToken, f: impl FnOnce() -> R) -> R {
    // SAFETY: (1) `token` is borrowed until this returns.
    unsafe { Carried(token).run(f) }
}

/// Runs what is no part of the running task.
pub(crate) fn without<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: (1) there is none that is borrowed.
    unsafe { Carried(ptr::null()).run(f) }
}

/// Whether the running task has a token that is cancelled.
#[inline]
pub(crate) fn is_cancelled() -> bool {
    // SAFETY: the frame that the pointer is borrowed from runs this.
    unsafe { get().as_ref() }.is_some_and(CancellationToken::is_cancelled)
}

/// The token of the running task.
pub(crate) fn current() -> Option<CancellationToken> {
    // SAFETY: as above.
    unsafe { get().as_ref() }.cloned()
}

/// Until the guard is dropped, the worker is about to run others' jobs. `None`: it had no token.
#[inline]
#[must_use = "dropping the guard takes the token up again"]
pub(crate) fn put_away(seated: Seated<'_>) -> Option<PutAway<'_>> {
    let token = seated.token();
    (!token.is_null()).then(|| PutAway::new(seated, token))
}

/// See [`put_away`].
pub(crate) struct PutAway<'w> {
    seated: Seated<'w>,
    token: *const CancellationToken,
}

impl<'w> PutAway<'w> {
    #[cold]
    fn new(seated: Seated<'w>, token: *const CancellationToken) -> Self {
        seated.set_token(ptr::null());
        Self { seated, token }
    }
}

impl Drop for PutAway<'_> {
    fn drop(&mut self) {
        self.seated.set_token(self.token);
    }
}

/// The token that a task had when it forked, if it had one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carried(*const CancellationToken);

// SAFETY: followed in `run` only, while it is borrowed; tokens are `Sync`.
unsafe impl Send for Carried {}
// SAFETY: as above.
unsafe impl Sync for Carried {}

impl Carried {
    /// That of the running task.
    pub(crate) fn current() -> Self {
        Self(get())
    }

    /// That of the task that the worker runs.
    #[inline]
    pub(crate) fn of(seated: Seated<'_>) -> Self {
        Self(seated.token())
    }

    #[inline]
    pub(crate) fn is_none(self) -> bool {
        self.0.is_null()
    }

    /// Runs a job's closure, or another piece of the task.
    ///
    /// # Safety
    ///
    /// 1. The frame that the token is borrowed from waits until this has returned.
    pub(crate) unsafe fn run<R>(self, f: impl FnOnce() -> R) -> R {
        let before = get();
        if ptr::eq(before, self.0) {
            return f();
        }
        set(self.0);
        let _restore = Restore(before);
        f()
    }
}
