//! What the caller of `spawn` holds.

use super::abort::{AbortHandle, AbortOnDrop};
use crate::job::cell::Reason;
use crate::job::error::JoinError;
use crate::job::party::Handle;
use crate::latch::Watcher;
use crate::pool::registry::{wait, wait_until};
use crate::sync::Instant;
use crate::unwind;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// The handle of a closure that was submitted: by [`spawn`](crate::spawn), an
/// [`Executor`](crate::Executor), an [`Elastic`](crate::Elastic) pool.
/// Dropping it detaches the closure, which then runs all the same; see
/// [`abort_on_drop`](Self::abort_on_drop) for the opposite.
///
/// If a detached closure panics, the panic goes to the pool's
/// [`panic_handler`](crate::ThreadPoolBuilder::panic_handler); so it does if the handle is
/// dropped without a look at the panic. Dropping a handle never panics.
///
/// Methods that can give the value take the handle, and hand it back if there is none yet: a value
/// cannot be taken twice.
///
/// # As a future
///
/// It is a `Future` of what [`join`](Self::join) returns, for any executor: no runtime is needed, and
/// no thread blocks. Dropping the future detaches, as above. Like most futures it panics if it is
/// polled again after it was ready.
///
/// # Examples
///
/// ```
/// async fn area() -> Result<u32, scheduler::JoinError> {
///     let width = scheduler::spawn(|| 6);
///     let height = scheduler::spawn(|| 7);
///     Ok(width.await? * height.await?)
/// }
///
/// // Any executor of futures will do; this one is a closure of ours.
/// let area = scheduler::spawn(|| {
///     let mut area = std::pin::pin!(area());
///     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
///     loop {
///         match area.as_mut().poll(&mut context) {
///             std::task::Poll::Ready(area) => return area,
///             std::task::Poll::Pending => _ = scheduler::yield_now(),
///         }
///     }
/// });
/// assert_eq!(area.join()??, 42);
/// # Ok::<(), scheduler::JoinError>(())
/// ```
#[must_use = "dropping the handle detaches the closure; write `drop(handle)` if that is meant"]
pub struct JoinHandle<T>(State<T>);

enum State<T> {
    Submitted(Handle<T>),
    /// The closure was dropped instead of submitted.
    Refused(Reason),
    /// As a future, it has been ready.
    Taken,
}

impl<T> JoinHandle<T> {
    pub(crate) fn submitted(handle: Handle<T>) -> Self {
        Self(State::Submitted(handle))
    }

    /// Of a closure that was not submitted.
    pub(crate) fn refused(reason: Reason) -> Self {
        Self(State::Refused(reason))
    }

    /// Waits for the closure and returns its value.
    ///
    /// # Errors
    ///
    /// If the closure panicked, or never ran: it was aborted, a shutdown cancelled it, the queue that
    /// it was in discarded it, or the pool had been shut down when it was spawned. [`JoinError`]
    /// tells these apart.
    ///
    /// # Panics
    ///
    /// If the handle has been awaited to its end.
    ///
    /// # On a worker
    ///
    /// Of whichever pool: runs other jobs meanwhile, on top of its stack, and goes on when they have ended. Any other
    /// thread blocks. Closures that wait for each other in a circle wait for ever. So does a closure that is begun on
    /// top of one for which it waits: where one closure is to go on with another's value, and not the one who spawned
    /// both, use [`on_done`](Self::on_done), or await the handle.
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = scheduler::spawn(|| (1..=20u64).product::<u64>());
    /// assert_eq!(handle.join()?, 2_432_902_008_176_640_000);
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
    pub fn join(self) -> Result<T, JoinError> {
        match &self.0 {
            State::Submitted(handle) => wait(handle.latch()),
            State::Refused(_) | State::Taken => {}
        }
        self.take()
    }

    /// As [`join`](Self::join), but waits no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// The outer one is the handle itself: the closure has not ended by then. It goes on. With a
    /// `timeout` of zero this is [`try_join`](Self::try_join).
    ///
    /// # Panics
    ///
    /// As [`join`](Self::join).
    ///
    /// # On a worker
    ///
    /// Runs other jobs meanwhile, each to its end: it returns later if one of them takes longer.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// let (go, gone) = mpsc::channel();
    /// let handle = scheduler::spawn(move || gone.recv());
    /// let handle = handle.join_timeout(Duration::from_millis(1)).unwrap_err();
    /// go.send("went on").unwrap();
    /// assert_eq!(handle.join()?, Ok("went on"));
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
    pub fn join_timeout(self, timeout: Duration) -> Result<Result<T, JoinError>, Self> {
        let ended = self.wait_until(Instant::now().checked_add(timeout));
        if ended { Ok(self.take()) } else { Err(self) }
    }

    /// Waits for the closure, but not beyond `deadline` (`None`: beyond what the clock can say). Whether it
    /// has ended, or will never run.
    pub(crate) fn wait_until(&self, deadline: Option<Instant>) -> bool {
        let State::Submitted(handle) = &self.0 else { return true };
        let Some(deadline) = deadline else {
            wait(handle.latch());
            return true;
        };
        wait_until(handle.latch(), deadline)
    }

    /// What [`join`](Self::join) would return, if it would do so at once. It never waits, nor runs other
    /// jobs.
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
    /// let mut handle = scheduler::spawn(|| 6 * 7);
    /// let answer = loop {
    ///     match handle.try_join() {
    ///         Ok(answer) => break answer?,
    ///         Err(unfinished) => handle = unfinished,
    ///     }
    /// };
    /// assert_eq!(answer, 42);
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
    pub fn try_join(self) -> Result<Result<T, JoinError>, Self> {
        if self.is_finished() { Ok(self.take()) } else { Err(self) }
    }

    /// The outcome, which is there.
    fn take(self) -> Result<T, JoinError> {
        match self.0 {
            State::Submitted(mut handle) => handle.take().into_result(),
            State::Refused(reason) => Err(JoinError::dropped(reason)),
            State::Taken => panic!("the handle has given its value already, as a future"),
        }
    }

    /// Whether the closure has ended, or will never run: whether [`join`](Self::join) would return at
    /// once.
    ///
    /// # Examples
    ///
    /// ```
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let handle = scheduler::spawn(move || gone.recv().is_err());
    /// assert!(!handle.is_finished());
    /// drop(go);
    /// while !handle.is_finished() {
    ///     std::thread::yield_now();
    /// }
    /// assert!(handle.join()?);
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            State::Submitted(handle) => handle.latch().is_set(),
            State::Refused(_) | State::Taken => true,
        }
    }

    /// Drops the closure, here and now, if it has not begun to run; [`join`](Self::join) then
    /// gives an error that [`is_aborted`](JoinError::is_aborted). A panic of the closure's destructor is
    /// dropped.
    ///
    /// A closure that runs is asked to stop: inside, [`task::is_cancelled`](crate::task::is_cancelled) is true
    /// from now on and [`task::checkpoint`](crate::task::checkpoint) an error; there it says how far that
    /// reaches into what the closure forks. `join` gives what it returns all the same, for it has run.
    /// What the caller did before is visible to a closure that sees it. One that has ended is not affected.
    ///
    /// # Examples
    ///
    /// One that runs:
    ///
    /// ```
    /// use scheduler::{Cancelled, task};
    ///
    /// let (began, has_begun) = std::sync::mpsc::channel();
    /// let endless = scheduler::spawn(move || -> Result<(), Cancelled> {
    ///     began.send(()).expect("somebody waits for it");
    ///     loop {
    ///         task::checkpoint()?; // and a piece of the work
    ///     }
    /// });
    /// has_begun.recv()?;
    /// endless.abort();
    /// assert_eq!(endless.join()?, Err(Cancelled));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// One that waits:
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let busy = pool.spawn(move || gone.recv().is_err());
    /// let queued = pool.spawn(|| "never");
    /// queued.abort();
    /// assert!(queued.join().unwrap_err().is_aborted());
    /// drop(go);
    /// assert!(busy.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn abort(&self) {
        if let State::Submitted(handle) = &self.0 {
            handle.cancel();
        }
    }

    /// Something to [`abort`](Self::abort) the closure with, wherever the handle is.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let busy = pool.spawn(move || gone.recv());
    /// let handle = pool.spawn(|| "never");
    /// let aborter = handle.abort_handle();
    /// std::thread::spawn(move || aborter.abort()).join().unwrap();
    /// assert!(handle.join().unwrap_err().is_aborted());
    /// # drop(go);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(match &self.0 {
            State::Submitted(handle) => Some(handle.aborter()),
            State::Refused(_) | State::Taken => None,
        })
    }

    /// The same handle, but dropping it [aborts](Self::abort) the closure, before it detaches it.
    ///
    /// # Examples
    ///
    /// ```
    /// fn both() -> Result<(u32, u32), Box<dyn std::error::Error>> {
    ///     let costly = scheduler::spawn(|| 6).abort_on_drop();
    ///     let other: u32 = "seven".parse()?; // leaves, and `costly` need not run any more
    ///     Ok((costly.join()?, other))
    /// }
    ///
    /// assert!(both().is_err());
    /// ```
    pub fn abort_on_drop(self) -> AbortOnDrop<T> {
        AbortOnDrop::new(self)
    }

    /// Calls `f` with what [`join`](Self::join) would return, when there is something to return. The
    /// closure is not detached: a panic of it goes to `f`.
    ///
    /// `f` runs on the thread that brings the outcome: mostly the worker that ran the closure; the
    /// one that aborts or discards it; the caller, here and now, if the closure has ended already. It
    /// should be short. If it panics, the panic hook has reported it, and that is all. A shutdown that
    /// drains the closure's pool or executor returns after `f` has.
    ///
    /// # Panics
    ///
    /// As [`join`](Self::join).
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// scheduler::spawn(|| 6 * 7).on_done(move |answer| sender.send(answer.unwrap()).unwrap());
    /// assert_eq!(receiver.recv(), Ok(42));
    /// ```
    pub fn on_done<F>(self, f: F)
    where
        F: FnOnce(Result<T, JoinError>) + Send + 'static,
        T: Send + 'static,
    {
        let call = |result| {
            if let Err(payload) = unwind::catch(|| f(result)) {
                unwind::drop_quietly(payload);
            }
        };
        match self.0 {
            State::Submitted(handle) => {
                handle.on_outcome(move |outcome| call(outcome.into_result()));
            }
            state => call(Self(state).take()),
        }
    }

    /// Has `call` called when the closure has ended, on the thread that brings the outcome, or here
    /// and now. It takes the place of an earlier one, and must not panic.
    pub(crate) fn when_finished(&mut self, call: Box<dyn FnOnce() + Send>) {
        let refused = match &mut self.0 {
            State::Submitted(handle) => handle.subscribe(Watcher::Call(call)),
            State::Refused(_) | State::Taken => Err(Watcher::Call(call)),
        };
        if let Err(Watcher::Call(call)) = refused {
            call();
        }
    }

    /// What was given to [`when_finished`](Self::when_finished) is not called any more, unless it is
    /// being called.
    pub(crate) fn forget_watcher(&mut self) {
        if let State::Submitted(handle) = &mut self.0 {
            handle.unsubscribe();
        }
    }

    /// Whether the closure, which has ended, panicked.
    pub(crate) fn has_panicked(&mut self) -> bool {
        match &mut self.0 {
            State::Submitted(handle) => handle.has_panicked(),
            State::Refused(_) | State::Taken => false,
        }
    }
}

/// Nothing in it is pinned.
impl<T> Unpin for JoinHandle<T> {}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Submitted(handle) = &mut self.0
            && !handle.latch().is_set()
            && handle.subscribe(Watcher::Waker(context.waker().clone())).is_ok()
        {
            return Poll::Pending;
        }
        Poll::Ready(Self(mem::replace(&mut self.0, State::Taken)).take())
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("finished", &self.is_finished()).finish()
    }
}
