//! Once, after a delay.

use super::appointment::Appointment;
use crate::job::cell::{self, AbortFlag, Fate, Owner, Reason, Unclaimed};
use crate::job::error::JoinError;
use crate::job::party;
use crate::pool::ThreadPool;
use crate::pool::carried;
use crate::pool::registry::Registry;
use crate::pool::stops::Stops;
use crate::span;
use crate::sync::{Arc, AtomicBool, Instant, Ordering};
use crate::task::JoinHandle;
use crate::timer;
use crate::unwind::{self, Payload};
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};
use std::time::Duration;

impl ThreadPool {
    /// Runs `f` on the pool, once, `delay` from now or soon after: it is submitted then, as by
    /// [`spawn`](Self::spawn), and waits for a worker like everything else.
    ///
    /// What is not due yet does not keep the pool: a shutdown, in any mode, drops it unrun, and its
    /// handle says so. (It is not counted in the report.) What is due is queued work as any other. On a
    /// pool that has been shut down, `f` is dropped at once, and the handle says so.
    ///
    /// All delayed work of the process shares one thread, `scheduler-timer`, which starts with the
    /// first and sleeps while nothing is due. A delay of more than thirty years is one of thirty
    /// years.
    ///
    /// # Panics
    ///
    /// If that thread cannot be spawned; `f` is dropped then. A panic of `f` goes to the handle.
    ///
    /// # Cancellation
    ///
    /// As with [`spawn`](Self::spawn); [`abort`](ScheduledHandle::abort) also takes it back before it is due.
    ///
    /// # On a worker
    ///
    /// It returns at once, there and on any other thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let begin = Instant::now();
    /// let handle = pool.schedule(Duration::from_millis(20), move || begin.elapsed());
    /// assert!(handle.join()? >= Duration::from_millis(20));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn schedule<F, T>(&self, delay: Duration, f: F) -> ScheduledHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let due = timer::after(delay);
        let ticket = Arc::new(Ticket {
            registry: Arc::clone(self.registry()),
            site: Location::caller(),
            entered: AtomicBool::new(false),
        });
        let owner = Root::new(Arc::clone(&ticket));
        let f = span::submitted("delayed", None, ticket.site, f);
        // SAFETY: closure and value own what they use; the owner's own reference keeps the ticket,
        // and with it the registry, until `ended`.
        let (entry, handle) = unsafe { cell::new(f, owner) };
        let entry = Entry { entry: Some(entry), ticket };
        let appointment = Appointment::new(self.registry(), due, move || entry.submit());
        ScheduledHandle { handle: JoinHandle::submitted(handle), appointment, due }
    }
}

/// The handle of a closure that runs after a delay: [`ThreadPool::schedule`]. Dropping it detaches
/// the closure, which then runs all the same.
///
/// If a detached closure panics, the panic goes to the pool's
/// [`panic_handler`](crate::ThreadPoolBuilder::panic_handler).
///
/// It is a `Future` as well, as a [`JoinHandle`] is.
///
/// # Examples
///
/// A reminder that is called off:
///
/// ```
/// use std::time::Duration;
///
/// let pool = scheduler::ThreadPool::new(1)?;
/// let reminder = pool.schedule(Duration::from_secs(3600), || eprintln!("no answer yet"));
/// let answer = pool.spawn(|| 42).join()?;
/// reminder.abort();
/// assert_eq!(answer, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping the handle detaches the closure; write `drop(handle)` if that is meant"]
pub struct ScheduledHandle<T> {
    handle: JoinHandle<T>,
    appointment: Appointment,
    due: Instant,
}

impl<T> ScheduledHandle<T> {
    /// Waits until the closure has run, and returns its value.
    ///
    /// # Errors
    ///
    /// If the closure panicked, or never ran: it was aborted, or the pool was shut down.
    ///
    /// # Panics
    ///
    /// If the handle has been awaited to its end.
    ///
    /// # On a worker
    ///
    /// As [`JoinHandle::join`]: runs other jobs meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Shutdown, ThreadPool};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let soon = pool.schedule(Duration::from_millis(1), || "on time");
    /// let late = pool.schedule(Duration::from_secs(3600), || "never");
    /// assert_eq!(soon.join()?, "on time");
    /// let _ = pool.shutdown(Shutdown::Drain); // does not wait for an hour
    /// assert!(late.join().unwrap_err().is_shut_down());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join(self) -> Result<T, JoinError> {
        self.handle.join()
    }

    /// As [`join`](Self::join), but waits no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// The outer one is the handle itself: the closure has not ended by then.
    ///
    /// # Panics
    ///
    /// As [`join`](Self::join).
    ///
    /// # On a worker
    ///
    /// As [`JoinHandle::join_timeout`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let handle = pool.schedule(Duration::from_secs(3600), || "late");
    /// let Err(handle) = handle.join_timeout(Duration::from_millis(1)) else { panic!("too early") };
    /// assert!(handle.remaining() > Duration::from_secs(3000));
    /// # handle.abort();
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn join_timeout(self, timeout: Duration) -> Result<Result<T, JoinError>, Self> {
        let Self { handle, appointment, due } = self;
        handle.join_timeout(timeout).map_err(|handle| Self { handle, appointment, due })
    }

    /// What [`join`](Self::join) would return, if it would do so at once.
    ///
    /// # Errors
    ///
    /// The outer one is the handle itself: the closure has not ended.
    ///
    /// # Panics
    ///
    /// As [`join`](Self::join).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let handle = pool.schedule(Duration::ZERO, || 42);
    /// while !handle.is_finished() {
    ///     std::thread::yield_now();
    /// }
    /// assert_eq!(handle.try_join().unwrap()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_join(self) -> Result<Result<T, JoinError>, Self> {
        let Self { handle, appointment, due } = self;
        handle.try_join().map_err(|handle| Self { handle, appointment, due })
    }

    /// The same closure's handle as of any other submitted work, with all that it can do. Aborted
    /// through that one the closure is dropped at once just the same; but a few words stay with the
    /// timer until the closure would have been due.
    ///
    /// # Examples
    ///
    /// With it a delayed closure is one of many handles:
    ///
    /// ```
    /// use scheduler::{ThreadPool, WaitUntil, wait};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let work = pool.spawn(|| "done");
    /// let alarm = pool.schedule(Duration::from_secs(3600), || "too late").into_inner();
    /// let waited = wait([work, alarm], WaitUntil::FirstCompleted, None);
    /// let (index, first) = waited.done.into_iter().next().unwrap();
    /// assert_eq!((index, first.join()?), (0, "done"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_inner(self) -> JoinHandle<T> {
        self.handle
    }

    /// Whether the closure has ended, or will never run.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let handle = pool.schedule(Duration::from_secs(3600), || ());
    /// assert!(!handle.is_finished());
    /// handle.abort();
    /// assert!(handle.is_finished());
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// How long it is until the closure is due; zero once it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let hour = Duration::from_secs(3600);
    /// let handle = scheduler::global().schedule(hour, || ());
    /// assert!(handle.remaining() <= hour);
    /// # handle.abort();
    /// ```
    pub fn remaining(&self) -> Duration {
        let now = Instant::now();
        if self.due > now { self.due - now } else { Duration::ZERO }
    }

    /// Drops the closure, here and now, if it has not begun to run; [`join`](Self::join) then
    /// gives an error that [`is_aborted`](JoinError::is_aborted). A closure that runs is asked to stop, as by
    /// [`JoinHandle::abort`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let handle = pool.schedule(Duration::from_secs(3600), || "too late");
    /// handle.abort();
    /// assert!(handle.join().unwrap_err().is_aborted());
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn abort(&self) {
        self.handle.abort();
        self.appointment.cancel();
    }
}

/// As [`JoinHandle`].
impl<T> Future for ScheduledHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(context)
    }
}

impl<T> fmt::Debug for ScheduledHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduledHandle")
            .field("finished", &self.is_finished())
            .field("remaining", &self.remaining())
            .finish()
    }
}

/// What a delayed closure knows of its pool.
struct Ticket {
    registry: Arc<Registry>,
    site: &'static Location<'static>,
    /// Whether it counts as a root of the pool. Relaxed: written by whoever has the queue entry, and
    /// read by whoever has it then.
    entered: AtomicBool,
}

impl Ticket {
    fn has_entered(&self) -> bool {
        self.entered.load(Ordering::Relaxed)
    }
}

/// The owner of a delayed closure's cell: a counted reference to its ticket, which
/// [`Owner::ended`] drops.
#[derive(Clone, Copy)]
struct Root(NonNull<Ticket>);

// SAFETY: `Ticket` is `Send` and `Sync`.
unsafe impl Send for Root {}

impl Root {
    fn new(ticket: Arc<Ticket>) -> Self {
        let ticket = Arc::into_raw(ticket).cast_mut();
        // SAFETY: a reference is not null.
        Self(unsafe { NonNull::new_unchecked(ticket) })
    }

    fn ticket(&self) -> &Ticket {
        // SAFETY: `ended`, which drops the reference, is the last call on an owner.
        unsafe { self.0.as_ref() }
    }
}

impl Owner for Root {
    /// The reference goes with the queue entry.
    const OUTLIVES_HANDLE: bool = false;

    fn cancels(self) -> bool {
        let ticket = self.ticket();
        ticket.has_entered() && ticket.registry.lifecycle().is_cancelling()
    }

    fn run<T>(self, closure: impl FnOnce() -> T) -> Result<T, Payload> {
        let ticket = self.ticket();
        unwind::catch(|| match ticket.has_entered() {
            true => ticket.registry.run_root(ticket.site, closure),
            false => closure(),
        })
    }

    fn run_abortable<T>(
        self,
        abort: AbortFlag<'_>,
        closure: impl FnOnce() -> T,
    ) -> Result<T, Payload> {
        self.run(|| carried::run_root(&Stops::of_handle(abort), closure))
    }

    fn unclaimed(self) -> Unclaimed {
        self.ticket().registry.unclaimed()
    }

    fn ended(self, fate: Fate) {
        // SAFETY: made from a reference in `new`; this is the one call of `ended`.
        let ticket = unsafe { Arc::from_raw(self.0.as_ptr().cast_const()) };
        if ticket.has_entered() {
            ticket.registry.leave(fate);
        }
    }

    fn orphan(self) -> Option<Self> {
        let ticket = self.ticket();
        ticket.registry.leave(Fate::Cancelled);
        ticket.entered.store(false, Ordering::Relaxed);
        Some(self)
    }
}

/// The queue entry of a closure that is not due yet. Dropped, it cancels the closure.
struct Entry {
    entry: Option<party::Entry>,
    ticket: Arc<Ticket>,
}

impl Entry {
    /// It is due.
    fn submit(mut self) {
        let registry = &self.ticket.registry;
        if registry.enter().is_ok() {
            self.ticket.entered.store(true, Ordering::Relaxed);
            if let Some(entry) = self.entry.take() {
                registry.submit_root(entry.into_job());
            }
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            // Unless it has been aborted.
            entry.cancel(Reason::ShutDown);
        }
    }
}
