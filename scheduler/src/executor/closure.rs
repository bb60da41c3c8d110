//! A closure of an executor, in its cell: where it comes from, and what becomes of the counts when it ends.

use super::core::Core;
use crate::job::cell::{self, AbortFlag, Fate, Owner, Unclaimed};
use crate::job::party::{Entry, Handle};
use crate::pool::carried;
use crate::pool::stops::Stops;
use crate::span::Submission;
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, Instant};
use crate::unwind::{self, Payload};
use std::mem;
use std::panic::Location;
use std::ptr::NonNull;

/// A submission: whence its closures come. Made without the queue's lock.
pub(super) struct Source<'a> {
    core: &'a Arc<Core>,
    span: Submission,
    site: &'static Location<'static>,
    /// When it was, if that is to be known.
    at: Option<Instant>,
}

impl<'a> Source<'a> {
    /// Of closures that are being queued.
    #[inline]
    pub(super) fn of_queue(core: &'a Arc<Core>, site: &'static Location<'static>) -> Self {
        // First the time: who hears of the span may take its time.
        let at = core.now();
        Self { core, span: core.span(site), site, at }
    }

    /// Of closures that their submitter runs.
    pub(super) fn of_caller(core: &'a Arc<Core>, site: &'static Location<'static>) -> Self {
        Self { core, span: core.span(site), site, at: None }
    }
}

/// Whence a closure comes.
pub(super) struct Origin<'a> {
    source: &'a Source<'a>,
    /// `None`: it was never queued.
    number: Option<u64>,
}

impl<'a> Origin<'a> {
    #[inline]
    pub(super) fn new(source: &'a Source<'a>, number: Option<u64>) -> Self {
        Self { source, number }
    }

    /// The closure's cell.
    pub(super) fn cell<F, T>(self, f: F) -> (Entry, Handle<T>)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (closure, owner) = self.wrap(f);
        // SAFETY: closure and value own what they use; for the owner see there.
        unsafe { cell::new(closure, owner) }
    }

    /// The same without a handle: nobody can abort it, so it needs no number.
    #[inline]
    pub(super) fn detached<F>(self, f: F) -> Entry
    where
        F: FnOnce() + Send + 'static,
    {
        if self.number.is_none() {
            let (closure, owner) = self.wrap(f);
            // SAFETY: as above.
            return unsafe { cell::detached(closure, owner) };
        }
        let &Source { core, ref span, site, at } = self.source;
        let (f, core) = (span.clone().closure(f), Some(pointer(core)));
        // The time is left out where nobody wants it, so that the cell of a small closure is one cache line.
        match at {
            // SAFETY: as above.
            Some(at) => unsafe { cell::detached(f, Unwatched { core, site, at }) },
            // SAFETY: as above.
            None => unsafe { cell::detached(f, Unwatched { core, site, at: () }) },
        }
    }

    fn wrap<F, T>(self, f: F) -> (impl FnOnce() -> T + Send + 'static, Admission)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let Self { source: &Source { core, ref span, site, at }, number } = self;
        let f = span.clone().closure(f);
        let core = pointer(core);
        let stay = number.map(|number| Stay { core, number });
        let role = if number.is_some() { Role::Queued } else { Role::RunByCaller };
        let closure = move || {
            if let Some(stay) = stay {
                stay.end();
            }
            f()
        };
        (closure, Admission { core, role, site, at })
    }
}

/// For who will make the [cell](Origin::cell) of such a closure under the queue's lock. Where it has a span as well,
/// the cell may be of another size.
#[inline]
pub(super) fn prepare_cell<F, T>() {
    cell::prepare::<(Option<Stay>, F), T, Admission>();
}

/// The same for `n` of them.
pub(super) fn prepare_cells<F, T>(n: usize) {
    cell::prepare_many::<(Option<Stay>, F), T, Admission>(n);
}

/// The same, for one [without a handle](Origin::detached).
#[inline]
pub(super) fn prepare_detached<F>(core: &Core) {
    if core.is_timed() {
        cell::prepare::<F, (), Unwatched<Instant>>();
    } else {
        cell::prepare::<F, (), Unwatched<()>>();
    }
}

/// As the `Arc` has it, so that a reference can be made of it: a `&Core` does not reach the counts.
fn pointer(core: &Arc<Core>) -> NonNull<Core> {
    // SAFETY: an `Arc` is not null.
    unsafe { NonNull::new_unchecked(Arc::as_ptr(core).cast_mut()) }
}

/// A queued closure's own sign that it is queued, dropped with it if it does not run. The core is kept for it.
struct Stay {
    core: NonNull<Core>,
    number: u64,
}

// SAFETY: `Core` is `Sync`, and its reference may be dropped anywhere.
unsafe impl Send for Stay {}

impl Stay {
    /// The closure runs: it has left the queue already, and is given back when it [has run](Core::has_run).
    fn end(self) {
        mem::forget(self);
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        // SAFETY: the pointer is of an `Arc`, and the closure is given back once, here or in `Owner::ended`.
        unsafe { Core::withdraw(self.core, self.number) };
    }
}

/// The executor of a cell.
///
/// The pointer is of an `Arc`, and stays valid until [`Owner::ended`]: whoever uses an entry up holds a
/// reference to the core meanwhile, as a ticket, an executor or a [`Stay`] that withdraws it. For a closure
/// that runs or has left, the queue's keeper is there as well.
#[derive(Clone, Copy)]
struct Admission {
    core: NonNull<Core>,
    role: Role,
    site: &'static Location<'static>,
    /// When it was submitted, if that is to be known.
    at: Option<Instant>,
}

/// What a closure is to its executor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Counted until it has ended.
    Queued,
    /// Its submitter runs it: it is not counted.
    RunByCaller,
    /// Taken back by `shutdown_now`: the executor may be gone.
    Left,
}

// SAFETY: `Core` is `Sync`.
unsafe impl Send for Admission {}

impl Admission {
    /// `None`: the closure has left it.
    fn core(&self) -> Option<&Core> {
        match self.role {
            Role::Left => None,
            // SAFETY: see the type.
            Role::Queued | Role::RunByCaller => Some(unsafe { self.core.as_ref() }),
        }
    }

    /// The same, if it counts the closure.
    fn counting(&self) -> Option<&Core> {
        self.core().filter(|_| self.role == Role::Queued)
    }

    /// Runs the closure, which can be asked to stop by its handle and by its executor.
    #[inline]
    fn run_until<T>(
        self,
        abort: Option<AbortFlag<'_>>,
        closure: impl FnOnce() -> T,
    ) -> Result<T, Payload> {
        let stops = Stops::new(abort, self.core().map(|core| core.life.aborting()));
        let closure = || carried::run_root(&stops, closure);
        match self.core() {
            Some(core) if self.role == Role::Queued => core.run(self.site, self.at, closure),
            Some(core) if core.registry.own_worker().is_some() => {
                unwind::catch(|| core.registry.run_root(self.site, closure))
            }
            // Run by somebody who is no worker, or of another pool.
            _ => unwind::catch(closure),
        }
    }
}

impl Owner for Admission {
    /// A handle can be kept when the executor is gone.
    const OUTLIVES_HANDLE: bool = false;

    fn cancels(self) -> bool {
        self.counting().is_some_and(Core::cancels)
    }

    fn cancelling(self, drop: impl FnOnce()) {
        cancelling(self.core(), drop);
    }

    fn run<T>(self, closure: impl FnOnce() -> T) -> Result<T, Payload> {
        self.run_until(None, closure)
    }

    fn run_abortable<T>(
        self,
        abort: AbortFlag<'_>,
        closure: impl FnOnce() -> T,
    ) -> Result<T, Payload> {
        self.run_until(Some(abort), closure)
    }

    fn unclaimed(self) -> Unclaimed {
        unclaimed(self.core())
    }

    fn ended(self, fate: Fate) {
        if self.role == Role::RunByCaller || self.role == Role::Left && fate == Fate::Cancelled {
            return;
        }
        // SAFETY: see the type; a closure that was taken back and has run still keeps the core.
        let core = unsafe { self.core.as_ref() };
        if fate == Fate::Cancelled {
            core.cancelled();
            if !fault::is(Fault::CancelledGivenBackTwice) {
                return;
            }
        }
        match self.role {
            // SAFETY: the pointer is of an `Arc`, and the closure has just run.
            Role::Left => unsafe { Core::give_back(self.core) },
            // SAFETY: as above.
            _ => unsafe { Core::has_run(self.core, core.registry.own_worker()) },
        }
    }

    fn orphan(self) -> Option<Self> {
        self.ended(Fate::Cancelled);
        Some(Self { role: Role::Left, ..self })
    }
}

/// The executor of a cell that never has a handle. The pointer is that of an [`Admission`]; as nobody can abort
/// the closure, it needs no [`Stay`]: whoever uses the entry up gives it back. `None`: it has left.
#[derive(Clone, Copy)]
struct Unwatched<At> {
    core: Option<NonNull<Core>>,
    site: &'static Location<'static>,
    at: At,
}

/// When a closure was submitted, or nothing.
trait At: Copy + Send {
    fn known(self) -> Option<Instant>;
}

impl At for () {
    fn known(self) -> Option<Instant> {
        None
    }
}

impl At for Instant {
    fn known(self) -> Option<Instant> {
        Some(self)
    }
}

// SAFETY: `Core` is `Sync`.
unsafe impl<A: At> Send for Unwatched<A> {}

impl<A: At> Unwatched<A> {
    fn core(&self) -> Option<&Core> {
        // SAFETY: see `Admission`.
        self.core.map(|core| unsafe { core.as_ref() })
    }

    /// As [`Admission::run_until`].
    #[inline]
    fn run_until<T>(
        self,
        abort: Option<AbortFlag<'_>>,
        closure: impl FnOnce() -> T,
    ) -> Result<T, Payload> {
        let stops = Stops::new(abort, self.core().map(|core| core.life.aborting()));
        let closure = || carried::run_root(&stops, closure);
        match self.core() {
            Some(core) => core.run(self.site, self.at.known(), closure),
            None => unwind::catch(closure),
        }
    }
}

impl<A: At> Owner for Unwatched<A> {
    const OUTLIVES_HANDLE: bool = false;

    #[inline]
    fn cancels(self) -> bool {
        self.core().is_some_and(Core::cancels)
    }

    fn cancelling(self, drop: impl FnOnce()) {
        cancelling(self.core(), drop);
    }

    #[inline]
    fn run<T>(self, closure: impl FnOnce() -> T) -> Result<T, Payload> {
        self.run_until(None, closure)
    }

    fn run_abortable<T>(
        self,
        abort: AbortFlag<'_>,
        closure: impl FnOnce() -> T,
    ) -> Result<T, Payload> {
        self.run_until(Some(abort), closure)
    }

    fn unclaimed(self) -> Unclaimed {
        unclaimed(self.core())
    }

    #[inline]
    fn ended(self, fate: Fate) {
        let Some(this) = self.core else { return };
        // SAFETY: see `Admission`.
        let core = unsafe { this.as_ref() };
        match fate {
            // SAFETY: the pointer is of an `Arc`, and the closure has just run.
            Fate::Ran => unsafe { Core::has_run(this, core.registry.own_worker()) },
            Fate::Cancelled => {
                core.cancelled();
                // SAFETY: the pointer is of an `Arc`, and the closure has just been dropped.
                unsafe { Core::give_back(this) };
            }
        }
    }

    fn orphan(self) -> Option<Self> {
        self.ended(Fate::Cancelled);
        Some(Self { core: None, ..self })
    }
}

/// Drops a closure unrun, which its executor cancels.
fn cancelling(core: Option<&Core>, drop: impl FnOnce()) {
    core.expect("else nobody cancels it").dropping(drop);
}

/// Where a panic goes of a closure that may have left its executor.
fn unclaimed(core: Option<&Core>) -> Unclaimed {
    match core {
        Some(core) => core.registry.unclaimed(),
        // The panic hook has reported it.
        None => Unclaimed(Box::new(unwind::drop_quietly)),
    }
}
