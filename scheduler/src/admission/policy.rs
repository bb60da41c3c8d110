//! What happens to a closure for which there is no room.

use crate::sync::Arc;
use std::fmt;
use std::time::Duration;

/// What a bounded queue does with a closure for which there is no room. An
/// [`Executor`](crate::Executor) and an [`Elastic`](crate::Elastic) pool take one.
///
/// The names are those of Java's `ThreadPoolExecutor`, which lacks the two that wait.
///
/// # Examples
///
/// ```
/// use scheduler::{Executor, RejectionPolicy, ThreadPool};
///
/// let pool = ThreadPool::new(1)?;
/// let executor = Executor::builder(&pool)
///     .queue_capacity(10)
///     .on_full(RejectionPolicy::CallerRuns) // a producer that is too fast helps
///     .build()?;
/// let squares: Result<Vec<_>, _> = (0..1000u64).map(|n| executor.submit(move || n * n)).collect();
/// assert_eq!(squares?.len(), 1000);
/// assert!(matches!(RejectionPolicy::default(), RejectionPolicy::Abort));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum RejectionPolicy {
    /// The caller waits until there is room, or the executor or the pool is shut down. On a worker it
    /// runs other jobs meanwhile; [`Executor::submit`](crate::Executor::submit) and
    /// [`Elastic::submit`](crate::Elastic::submit) say more.
    Block,
    /// The caller waits up to this long, and gets the closure back if there is no room by then.
    /// With a time of zero, the same as `Abort`, but for the reason that it is given.
    BlockFor(Duration),
    /// The caller gets the closure back at once.
    #[default]
    Abort,
    /// The caller runs the closure, which slows it down as much as it asks for. The handle is finished
    /// then; a panic goes there.
    CallerRuns,
    /// The closure is dropped unrun, and its handle says so.
    Discard,
    /// The closure that has been queued for the longest is dropped unrun, and its handle says so;
    /// the new one takes its place.
    DiscardOldest,
    /// A function decides, each time anew. See [`custom`](Self::custom).
    Custom(OverflowHandler),
}

impl RejectionPolicy {
    /// A policy that asks `handler` once for each closure for which there is no room. The handler
    /// runs on the thread that submits, with no lock held. It never sees the closure, so it cannot
    /// lose it: it says what is to be done.
    ///
    /// A panic of the handler goes to whoever submits; the closure is dropped unrun.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, RejectionPolicy, ThreadPool, Verdict};
    /// use std::time::Duration;
    ///
    /// // Waits a while where that does no harm, and sheds load elsewhere.
    /// let policy = RejectionPolicy::custom(|overflow| match overflow.on_worker() {
    ///     true => Verdict::Abort,
    ///     false => Verdict::BlockFor(Duration::from_millis(50)),
    /// });
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).queue_capacity(10).on_full(policy).build()?;
    /// assert_eq!(executor.submit(|| 42)?.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn custom(handler: impl Fn(Overflow) -> Verdict + Send + Sync + 'static) -> Self {
        Self::Custom(OverflowHandler(Arc::new(Box::new(handler))))
    }

    /// What to do with a closure for which there is no room now. May run user code.
    pub(crate) fn decide(&self, overflow: Overflow) -> Verdict {
        match self {
            Self::Block => Verdict::Block,
            Self::BlockFor(patience) => Verdict::BlockFor(*patience),
            Self::Abort => Verdict::Abort,
            Self::CallerRuns => Verdict::CallerRuns,
            Self::Discard => Verdict::Discard,
            Self::DiscardOldest => Verdict::DiscardOldest,
            Self::Custom(OverflowHandler(handler)) => handler(overflow),
        }
    }
}

/// What is to be done with one closure for which there is no room. Each is the
/// [`RejectionPolicy`] of the same name, and makes one by `From`.
///
/// # Examples
///
/// ```
/// use scheduler::{RejectionPolicy, Verdict};
///
/// let policy = RejectionPolicy::from(Verdict::DiscardOldest);
/// assert!(matches!(policy, RejectionPolicy::DiscardOldest));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Wait until there is room.
    Block,
    /// Wait up to this long, then hand the closure back.
    BlockFor(Duration),
    /// Hand the closure back at once.
    Abort,
    /// Run it on the calling thread.
    CallerRuns,
    /// Drop it unrun.
    Discard,
    /// Drop the oldest queued one instead.
    DiscardOldest,
}

impl From<Verdict> for RejectionPolicy {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Block => Self::Block,
            Verdict::BlockFor(patience) => Self::BlockFor(patience),
            Verdict::Abort => Self::Abort,
            Verdict::CallerRuns => Self::CallerRuns,
            Verdict::Discard => Self::Discard,
            Verdict::DiscardOldest => Self::DiscardOldest,
        }
    }
}

/// The situation that a [`custom`](RejectionPolicy::custom) policy decides on.
///
/// # Examples
///
/// ```
/// use scheduler::{Elastic, Overflow, RejectedReason, RejectionPolicy, Verdict};
/// use std::sync::{Arc, Mutex, mpsc};
///
/// let seen: Arc<Mutex<Vec<Overflow>>> = Arc::default();
/// let log = Arc::clone(&seen);
/// let pool = Elastic::builder()
///     .max_threads(1)
///     .queue_capacity(1)
///     .on_full(RejectionPolicy::custom(move |overflow| {
///         log.lock().unwrap().push(overflow);
///         Verdict::Abort
///     }))
///     .build()?;
/// let (go, gone) = mpsc::channel::<()>();
/// let (running, queued) = (pool.submit(move || gone.recv().is_err())?, pool.submit(|| true)?);
/// assert_eq!(pool.submit(|| true).unwrap_err().reason(), RejectedReason::Full);
///
/// let [overflow] = seen.lock().unwrap()[..] else { panic!("it was asked once") };
/// assert_eq!((overflow.queue_len(), overflow.capacity(), overflow.on_worker()), (1, 1, false));
/// drop(go);
/// assert!(running.join()? && queued.join()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    queue_len: usize,
    capacity: usize,
    on_worker: bool,
}

impl Overflow {
    pub(crate) fn new(queue_len: usize, capacity: usize, on_worker: bool) -> Self {
        Self { queue_len, capacity, on_worker }
    }

    /// How many closures were queued, a moment ago.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{RejectionPolicy, Verdict};
    ///
    /// // The next closure may find room by then, so say how it looked.
    /// let policy = RejectionPolicy::custom(|overflow| {
    ///     eprintln!("full: {} of {}", overflow.queue_len(), overflow.capacity());
    ///     Verdict::Block
    /// });
    /// # drop(policy);
    /// ```
    pub fn queue_len(&self) -> usize {
        self.queue_len
    }

    /// How many may be queued.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{RejectionPolicy, Verdict};
    ///
    /// // A short queue is waited for, a long one is not.
    /// let policy = RejectionPolicy::custom(|overflow| {
    ///     if overflow.capacity() <= 10 { Verdict::Block } else { Verdict::Abort }
    /// });
    /// # drop(policy);
    /// ```
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether the submitting thread is a worker, of whichever [`ThreadPool`](crate::ThreadPool).
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{RejectionPolicy, Verdict};
    ///
    /// // Recursive work goes on where it is.
    /// let policy = RejectionPolicy::custom(|overflow| {
    ///     if overflow.on_worker() { Verdict::CallerRuns } else { Verdict::Block }
    /// });
    /// # drop(policy);
    /// ```
    pub fn on_worker(&self) -> bool {
        self.on_worker
    }
}

/// The function of a [`RejectionPolicy::Custom`], made by [`RejectionPolicy::custom`]. Clones are the same
/// function.
///
/// # Examples
///
/// ```
/// use scheduler::{RejectionPolicy, Verdict};
///
/// let policy = RejectionPolicy::custom(|_| Verdict::Discard);
/// let RejectionPolicy::Custom(handler) = policy else { panic!("it is one") };
/// let same = RejectionPolicy::Custom(handler.clone());
/// # drop(same);
/// ```
#[derive(Clone)]
pub struct OverflowHandler(Arc<Decide>);

type Decide = Box<dyn Fn(Overflow) -> Verdict + Send + Sync>;

impl fmt::Debug for OverflowHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OverflowHandler").finish_non_exhaustive()
    }
}
