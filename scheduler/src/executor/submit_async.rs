//! Submitting without blocking a thread.

use super::load::{Load, One};
use super::queue::{Pushed, Stance};
use super::waiting::Waiting;
use super::{Core, Executor};
use crate::admission::{Rejected, RejectedReason};
use crate::task::JoinHandle;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

impl Executor {
    /// Queues a closure as soon as there is room, without blocking a thread: a future, for any executor
    /// of futures. Whatever the policy is, it waits; those who wait get room in the order in which
    /// they began to, threads and futures alike.
    ///
    /// Nothing happens before the first poll. Dropping the future takes its place back, and drops the
    /// closure unrun. A future that has been woken keeps its room until it is polled or dropped, so do
    /// one of the two soon.
    ///
    /// # Errors
    ///
    /// The closure comes back if the executor or its pool has been shut down, also while it waits.
    ///
    /// # Panics
    ///
    /// If it is polled again after it was ready.
    ///
    /// # On a worker
    ///
    /// As elsewhere: a poll neither waits nor runs other jobs. So a worker that polls in a loop, with
    /// nobody else to empty the queue, waits for ever; there, use [`submit`](Self::submit).
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    ///
    /// async fn lengths(executor: &Executor, words: &[&'static str]) -> usize {
    ///     let mut sum = 0;
    ///     for &word in words {
    ///         let handle = executor.submit_async(move || word.len()).await;
    ///         sum += handle.expect("it is not shut down").await.expect("it does not panic");
    ///     }
    ///     sum
    /// }
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).queue_capacity(1).build()?;
    /// # struct Unpark(std::thread::Thread);
    /// # impl std::task::Wake for Unpark {
    /// #     fn wake(self: std::sync::Arc<Self>) { self.0.unpark() }
    /// # }
    /// # fn block_on<T>(future: impl Future<Output = T>) -> T {
    /// #     let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    /// #     let mut context = std::task::Context::from_waker(&waker);
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         match future.as_mut().poll(&mut context) {
    /// #             std::task::Poll::Ready(value) => return value,
    /// #             std::task::Poll::Pending => std::thread::park(),
    /// #         }
    /// #     }
    /// # }
    /// assert_eq!(block_on(lengths(&executor, &["to", "be"])), 4);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn submit_async<F, T>(&self, f: F) -> SubmitAsync<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        SubmitAsync {
            executor: self.clone(),
            load: Some(One::Loose(f)),
            place: None,
            site: Location::caller(),
        }
    }
}

/// The future of [`Executor::submit_async`].
///
/// Like most futures it panics if it is polled again after it was ready.
///
/// # Examples
///
/// ```
/// use scheduler::{Executor, SubmitAsync, ThreadPool};
/// use std::pin::pin;
/// use std::task::{Context, Poll, Waker};
///
/// let pool = ThreadPool::new(1)?;
/// let executor = Executor::builder(&pool).queue_capacity(1).build()?;
/// let submission: SubmitAsync<_, u32> = executor.submit_async(|| 42);
/// assert_eq!(executor.metrics().submitted, 0, "it has not been polled");
/// let mut context = Context::from_waker(Waker::noop());
/// let Poll::Ready(handle) = pin!(submission).poll(&mut context) else { panic!("there is room") };
/// assert_eq!(handle?.join()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is submitted before it is polled"]
pub struct SubmitAsync<F, T> {
    executor: Executor,
    load: Option<One<F, T>>,
    place: Option<Waiting>,
    site: &'static Location<'static>,
}

/// Nothing in it is pinned.
impl<F, T> Unpin for SubmitAsync<F, T> {}

impl<F, T> Future for SubmitAsync<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<JoinHandle<T>, Rejected<F>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let core = this.executor.core();
        let mut load = this.load.take().expect("it has been ready already");
        loop {
            if let Some(place) = &mut this.place
                && !place.poll(context.waker())
            {
                this.load = Some(load);
                return Poll::Pending;
            }
            let stands = this.place.as_ref().map(Waiting::place);
            match Core::push(core, 1, stands, false, |origin| load.pack(origin), this.site) {
                Pushed::In { .. } => {
                    if let Some(place) = this.place.take() {
                        place.use_up();
                    }
                    return Poll::Ready(Ok(load.into_handles()));
                }
                Pushed::Closed => break,
                Pushed::Full { .. } => {}
            }
            core.count(|counts| counts.blocked += 1);
            this.place = Waiting::new(core, 1, Stance::Claims);
            if this.place.is_none() {
                break;
            }
        }
        this.place = None;
        Poll::Ready(Err(Rejected::new(load.into_closures(), RejectedReason::ShutDown)))
    }
}

impl<F, T> fmt::Debug for SubmitAsync<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitAsync")
            .field("executor", &self.executor)
            .field("waits", &self.place.is_some())
            .finish_non_exhaustive()
    }
}
