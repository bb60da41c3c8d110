//! Several closures at once: the results of all, or the first success.

use super::finishing::Aborting;
use super::ready::after;
use crate::cancel::CancellationToken;
use crate::job::error::JoinError;
use crate::pool::ThreadPool;
use crate::pool::global::current;
use crate::task::{self, AbortOnDrop, JoinHandle, Submit};
use std::fmt;
use std::panic::Location;
use std::time::Duration;

/// What became of one closure of [`invoke_all_timeout`]: its result, or its handle if it still runs.
///
/// # Examples
///
/// ```
/// use scheduler::TimedInvocation;
///
/// fn say<T: std::fmt::Display>(outcome: TimedInvocation<T>) -> String {
///     match outcome {
///         Ok(Ok(value)) => format!("{value}"),
///         Ok(Err(error)) if error.is_aborted() => "there was no time".to_owned(),
///         Ok(Err(error)) => error.to_string(),
///         Err(running) => format!("still running: {running:?}"),
///     }
/// }
///
/// let outcomes = scheduler::invoke_all_timeout([|| 6 * 7], std::time::Duration::MAX);
/// assert_eq!(outcomes.into_iter().map(say).collect::<Vec<_>>(), ["42"]);
/// ```
pub type TimedInvocation<T> = Result<Result<T, JoinError>, JoinHandle<T>>;

/// Runs all of these closures on the current pool (the calling worker's, else the global one) and returns their
/// results, in the order of the closures.
///
/// A closure that panics does not keep the others from running. Closures of different types go into boxes:
/// `Box<dyn FnOnce() -> T + Send>`. For closures that borrow, see [`scope`](crate::scope). As Java's `invokeAll`.
///
/// # Errors
///
/// Each result as [`JoinHandle::join`]'s.
///
/// # Panics
///
/// Outside any pool, if the global pool cannot be built. If taking the closures from the iterator panics; those
/// that have not begun to run are aborted.
///
/// # Cancellation
///
/// The closures do not carry the [token](crate::CancellationToken::run) of the caller's task, unlike those of
/// [`invoke_any`].
///
/// # On a worker
///
/// Runs other jobs until all results are there. Any other thread blocks.
///
/// # Examples
///
/// ```
/// let results = scheduler::invoke_all([1u32, 0].map(|by| move || 10 / by));
/// assert_eq!(*results[0].as_ref().unwrap(), 10);
/// assert!(results[1].as_ref().unwrap_err().is_panic());
/// ```
#[track_caller]
pub fn invoke_all<F, T>(closures: impl IntoIterator<Item = F>) -> Vec<Result<T, JoinError>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    invoke_all_on(&current(), closures, Location::caller())
}

/// As [`invoke_all`], but waits no longer than `timeout`. Closures that have not ended by then are
/// [aborted](JoinHandle::abort): those that have not begun are dropped, with a `timeout` of zero those that no worker has
/// picked up at once, and those that run are asked to stop.
///
/// # Errors
///
/// The outer one of each result is the handle of a closure that still runs. The inner one is as
/// [`JoinHandle::join`]'s, and [`is_aborted`](JoinError::is_aborted) for what had not begun.
///
/// # Panics
///
/// As [`invoke_all`].
///
/// # On a worker
///
/// Runs other jobs meanwhile, each to its end: it returns later if one of them takes longer.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let (go, gone) = std::sync::mpsc::channel();
/// let results = scheduler::invoke_all_timeout([move || gone.recv()], Duration::ZERO);
/// for result in results {
///     match result {
///         Ok(result) => assert!(result.unwrap_err().is_aborted()),
///         Err(running) => drop(running),
///     }
/// }
/// # go.send(()).ok();
/// ```
#[track_caller]
pub fn invoke_all_timeout<F, T>(
    closures: impl IntoIterator<Item = F>,
    timeout: Duration,
) -> Vec<TimedInvocation<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    invoke_all_timeout_on(&current(), closures, timeout, Location::caller())
}

/// Runs these closures on the current pool (the calling worker's, else the global one) until one of them returns
/// `Ok`, and returns its value.
///
/// The closures begin in no particular order. As Java's `invokeAny`.
///
/// # Errors
///
/// If none succeeds: with all failures, in the order of the closures. A closure that panics, or does not run, is
/// a failure as well. Without any closure there are no failures, but an error all the same.
///
/// # Panics
///
/// As [`invoke_all`].
///
/// # Cancellation
///
/// When one has succeeded, the others are [aborted](JoinHandle::abort) and detached. They and all that they fork have a
/// [token](crate::CancellationToken) besides, a child of the caller's if the caller is in a task with one; it is
/// cancelled then.
///
/// # On a worker
///
/// Runs other jobs until one has succeeded. Any other thread blocks.
///
/// # Examples
///
/// ```
/// use scheduler::InvokeFailure;
///
/// let mirrors = ["down", "up"];
/// let fetch = |mirror| move || if mirror == "up" { Ok("the file") } else { Err("no answer") };
/// assert_eq!(scheduler::invoke_any(mirrors.map(fetch)).unwrap(), "the file");
///
/// let error = scheduler::invoke_any(["down"].map(fetch)).unwrap_err();
/// assert!(matches!(error.failures(), [InvokeFailure::Returned("no answer")]));
/// ```
#[track_caller]
pub fn invoke_any<F, T, E>(closures: impl IntoIterator<Item = F>) -> Result<T, InvokeAnyError<E>>
where
    F: FnOnce() -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    invoke_any_on(&current(), closures, Location::caller())
}

impl ThreadPool {
    /// [`invoke_all`] on this pool.
    ///
    /// # Errors
    ///
    /// As there, for each closure. If the pool has been shut down, each result
    /// [says so](JoinError::is_shut_down).
    ///
    /// # Panics
    ///
    /// If taking the closures from the iterator panics, as there.
    ///
    /// # On a worker
    ///
    /// As there. A worker of another pool runs the jobs of that one meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// type Work = Box<dyn FnOnce() -> String + Send>;
    /// let works: [Work; 2] = [Box::new(|| "one".to_owned()), Box::new(|| 2.to_string())];
    /// let results: Result<Vec<String>, _> = pool.invoke_all(works).into_iter().collect();
    /// assert_eq!(results?, ["one", "2"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn invoke_all<F, T>(
        &self,
        closures: impl IntoIterator<Item = F>,
    ) -> Vec<Result<T, JoinError>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        invoke_all_on(self.registry(), closures, Location::caller())
    }

    /// [`invoke_all_timeout`] on this pool.
    ///
    /// # Errors
    ///
    /// As there, for each closure. If the pool has been shut down, each result
    /// [says so](JoinError::is_shut_down).
    ///
    /// # Panics
    ///
    /// If taking the closures from the iterator panics, as there.
    ///
    /// # On a worker
    ///
    /// As there. A worker of another pool runs the jobs of that one meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Mutex, mpsc};
    /// use std::time::Duration;
    ///
    /// let (go, gone) = mpsc::channel::<u32>();
    /// let gone: &_ = Box::leak(Box::new(Mutex::new(gone)));
    /// let (began, has_begun) = mpsc::channel();
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let busy = pool.spawn(move || began.send(()).is_ok() && gone.lock().unwrap().recv().is_ok());
    /// has_begun.recv()?;
    /// // The one worker is busy, so this does not begin in time.
    /// let outcomes = pool.invoke_all_timeout([|| 42], Duration::from_millis(1));
    /// assert!(matches!(&outcomes[..], [Ok(Err(error))] if error.is_aborted()));
    /// go.send(1)?;
    /// assert!(busy.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn invoke_all_timeout<F, T>(
        &self,
        closures: impl IntoIterator<Item = F>,
        timeout: Duration,
    ) -> Vec<TimedInvocation<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        invoke_all_timeout_on(self.registry(), closures, timeout, Location::caller())
    }

    /// [`invoke_any`] on this pool.
    ///
    /// # Errors
    ///
    /// As there. If the pool has been shut down, each failure [says so](JoinError::is_shut_down).
    ///
    /// # Panics
    ///
    /// If taking the closures from the iterator panics, as there.
    ///
    /// # On a worker
    ///
    /// As there. A worker of another pool runs the jobs of that one meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let parse = |text: &'static str| move || text.parse::<u32>();
    /// assert_eq!(pool.invoke_any(["two", "2", "zwei"].map(parse)).unwrap(), 2);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn invoke_any<F, T, E>(
        &self,
        closures: impl IntoIterator<Item = F>,
    ) -> Result<T, InvokeAnyError<E>>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        invoke_any_on(self.registry(), closures, Location::caller())
    }
}

/// Handles that abort if the iterator panics.
fn submit_all<S, F, T>(
    on: &S,
    closures: impl IntoIterator<Item = F>,
    site: &'static Location<'static>,
) -> Vec<AbortOnDrop<T>>
where
    S: Submit,
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    closures.into_iter().map(|closure| on.submit(closure, site).abort_on_drop()).collect()
}

pub(crate) fn invoke_all_on<S, F, T>(
    on: &S,
    closures: impl IntoIterator<Item = F>,
    site: &'static Location<'static>,
) -> Vec<Result<T, JoinError>>
where
    S: Submit,
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    submit_all(on, closures, site).into_iter().map(AbortOnDrop::join).collect()
}

pub(crate) fn invoke_all_timeout_on<S, F, T>(
    on: &S,
    closures: impl IntoIterator<Item = F>,
    timeout: Duration,
    site: &'static Location<'static>,
) -> Vec<TimedInvocation<T>>
where
    S: Submit,
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let deadline = after(timeout);
    let handles: Vec<_> =
        submit_all(on, closures, site).into_iter().map(AbortOnDrop::into_inner).collect();
    for handle in &handles {
        if !handle.wait_until(deadline) {
            break;
        }
    }
    handles.iter().for_each(JoinHandle::abort);
    handles.into_iter().map(JoinHandle::try_join).collect()
}

pub(crate) fn invoke_any_on<S, F, T, E>(
    on: &S,
    closures: impl IntoIterator<Item = F>,
    site: &'static Location<'static>,
) -> Result<T, InvokeAnyError<E>>
where
    S: Submit,
    F: FnOnce() -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let token = task::token().map_or_else(CancellationToken::new, |token| token.child_token());
    let mut running = Aborting::new();
    // Whichever way this ends, also by a panic of the iterator.
    let _stop = token.clone().drop_guard();
    for closure in closures {
        let token = token.clone();
        running.push(on.submit(move || token.run(closure), site));
    }
    let mut failures = Vec::new();
    while let Some((index, handle)) = running.next(None) {
        let failure = match handle.join() {
            // Dropping the others aborts them.
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => InvokeFailure::Returned(error),
            Err(error) => InvokeFailure::Join(error),
        };
        failures.push((index, failure));
    }
    failures.sort_unstable_by_key(|&(index, _)| index);
    Err(InvokeAnyError(failures.into_iter().map(|(_, failure)| failure).collect()))
}

/// Why a closure of [`invoke_any`] was no success.
///
/// # Examples
///
/// ```
/// use scheduler::InvokeFailure;
///
/// let error = scheduler::invoke_any(["", "x"].map(|text| move || text.parse::<u32>())).unwrap_err();
/// let reasons: Vec<String> = error.failures().iter().map(InvokeFailure::to_string).collect();
/// assert_eq!(
///     reasons,
///     ["cannot parse integer from empty string", "invalid digit found in string"],
/// );
/// ```
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "a closure returned something, or did not")]
pub enum InvokeFailure<E> {
    /// What it returned.
    Returned(E),
    /// It panicked, or did not run.
    Join(JoinError),
}

impl<E: fmt::Display> fmt::Display for InvokeFailure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned(error) => error.fmt(f),
            Self::Join(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for InvokeFailure<E> {}

/// No closure of [`invoke_any`] succeeded, or there was none.
///
/// # Examples
///
/// ```
/// use scheduler::invoke_any;
///
/// let failing = || Err::<(), _>("no answer");
/// assert_eq!(invoke_any([failing; 3]).unwrap_err().to_string(), "all 3 closures failed");
/// assert_eq!(invoke_any([failing; 0]).unwrap_err().to_string(), "there was no closure to run");
/// ```
#[derive(Debug)]
pub struct InvokeAnyError<E>(Vec<InvokeFailure<E>>);

impl<E> InvokeAnyError<E> {
    /// The failures of all closures, in their order; empty if there was no closure.
    ///
    /// # Examples
    ///
    /// ```
    /// let failing = || -> Result<(), &str> { panic!("no network") };
    /// let error = scheduler::invoke_any([failing]).unwrap_err();
    /// assert_eq!(error.failures()[0].to_string(), "the closure panicked: no network");
    /// ```
    pub fn failures(&self) -> &[InvokeFailure<E>] {
        &self.0
    }

    /// The same, to keep.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::InvokeFailure;
    ///
    /// let error = scheduler::invoke_any([|| Err::<(), _>(404)]).unwrap_err();
    /// let codes = error.into_failures().into_iter().filter_map(|failure| match failure {
    ///     InvokeFailure::Returned(code) => Some(code),
    ///     InvokeFailure::Join(_) => None,
    /// });
    /// assert!(codes.eq([404]));
    /// ```
    pub fn into_failures(self) -> Vec<InvokeFailure<E>> {
        self.0
    }
}

impl<E> fmt::Display for InvokeAnyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            0 => f.write_str("there was no closure to run"),
            1 => f.write_str("the one closure failed"),
            n => write!(f, "all {n} closures failed"),
        }
    }
}

impl<E: fmt::Debug> std::error::Error for InvokeAnyError<E> {}
