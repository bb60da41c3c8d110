//! Submitting a closure to an elastic pool, and what the policy does if there is no room.

use super::elastic::{Elastic, Job, Shared};
use super::job::Closure;
use super::state::{Admission, Package, Refused};
use crate::admission::{Overflow, Rejected, RejectedReason, RejectionPolicy, Verdict};
use crate::job::cell::Reason;
use crate::latch::Latch;
use crate::pool::registry::{wait, wait_until};
use crate::pool::worker::Worker;
use crate::pool::{carried, held};
use crate::sync::{Arc, Instant, Ordering};
use crate::task::JoinHandle;
use crate::unwind::{self, QuietDrop};
use std::panic::Location;
use std::time::Duration;

impl Elastic {
    /// Runs a closure on one of the pool's threads, and returns a handle to its value. If there is no
    /// room for it, the pool's [policy](crate::ElasticBuilder::on_full) says what happens.
    ///
    /// Closures begin in the order in which they were queued.
    ///
    /// # Errors
    ///
    /// With the closure back: there is no room, and the policy is not to wait for it, or not longer;
    /// the pool has been shut down; or it has no thread and the system does not spawn one. (If it has
    /// one, the closure is queued for that.)
    ///
    /// # Panics
    ///
    /// If a [custom](crate::RejectionPolicy::custom) policy panics; the closure is dropped unrun. A panic of the
    /// closure goes to the handle.
    ///
    /// # Cancellation
    ///
    /// The closure does not carry the [token](crate::CancellationToken::run) of the caller's task: give it
    /// a clone. [`abort`](JoinHandle::abort) drops it if it has not begun, else asks it to stop.
    ///
    /// # On a worker
    ///
    /// With the policies [`Block`](crate::RejectionPolicy::Block) and
    /// [`BlockFor`](crate::RejectionPolicy::BlockFor) a worker of a [`ThreadPool`](crate::ThreadPool) runs other
    /// jobs of that while it waits, and any other thread blocks. A thread of this pool does not wait for itself: it runs the closure at once, as
    /// with [`CallerRuns`](crate::RejectionPolicy::CallerRuns).
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Elastic, RejectedReason};
    /// use std::sync::mpsc;
    ///
    /// let pool = Elastic::builder().max_threads(1).queue_capacity(1).build()?;
    /// let (go, gone) = mpsc::channel();
    /// let running = pool.submit(move || gone.recv().unwrap())?;
    /// let queued = pool.submit(|| "queued")?;
    /// let rejected = pool.submit(|| "too many").unwrap_err();
    /// assert_eq!(rejected.reason(), RejectedReason::Full);
    /// go.send("running")?;
    /// assert_eq!((running.join()?, queued.join()?), ("running", "queued"));
    /// assert_eq!(rejected.into_inner()(), "too many");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit<F, T>(&self, f: F) -> Result<JoinHandle<T>, Rejected<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Shared::submit(self.shared(), f, &self.shared().policy, Location::caller())
    }

    /// As [`submit`](Self::submit), but without room the closure comes back at once, whatever the policy is.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit) with the policy [`Abort`](crate::RejectionPolicy::Abort).
    ///
    /// # On a worker
    ///
    /// It returns at once, there and on any other thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Elastic, RejectionPolicy};
    ///
    /// let pool = Elastic::builder()
    ///     .max_threads(1)
    ///     .queue_capacity(0)
    ///     .on_full(RejectionPolicy::Block)
    ///     .build()?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let busy = pool.submit(move || gone.recv().is_err())?;
    /// // `submit` would wait here.
    /// assert!(pool.try_submit(|| "a prefetch that can be left out").is_err());
    /// drop(go);
    /// assert!(busy.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn try_submit<F, T>(&self, f: F) -> Result<JoinHandle<T>, Rejected<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Shared::submit(self.shared(), f, &RejectionPolicy::Abort, Location::caller())
    }

    /// As [`submit`](Self::submit), but whatever the policy is, waits for room up to `timeout`. A time of
    /// zero does not wait at all.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit) with the policy [`BlockFor`](crate::RejectionPolicy::BlockFor).
    ///
    /// # On a worker
    ///
    /// As [`submit`](Self::submit); it returns later if what it runs meanwhile takes longer.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Elastic, RejectedReason};
    /// use std::time::Duration;
    ///
    /// let pool = Elastic::builder().max_threads(1).queue_capacity(0).build()?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let busy = pool.submit(move || gone.recv().is_err())?;
    /// let rejected = pool.submit_timeout(|| "late", Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(rejected.reason(), RejectedReason::TimedOut);
    /// drop(go);
    /// let handle = pool.submit_timeout(rejected.into_inner(), Duration::from_secs(60))?;
    /// assert!(handle.join()? == "late" && busy.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit_timeout<F, T>(
        &self,
        f: F,
        timeout: Duration,
    ) -> Result<JoinHandle<T>, Rejected<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Shared::submit(self.shared(), f, &RejectionPolicy::BlockFor(timeout), Location::caller())
    }
}

impl Shared {
    /// See [`Elastic::submit`].
    pub(super) fn submit<F, T>(
        this: &Arc<Self>,
        f: F,
        policy: &RejectionPolicy,
        site: &'static Location<'static>,
    ) -> Result<JoinHandle<T>, Rejected<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let closure = Closure { f, shared: this, site };
        let (closure, queue_len) = match Self::admit(this, closure) {
            Err(Refused::Full(closure, queue_len)) => (closure, queue_len),
            result => return result.map_err(|refused| this.rejected(refused)),
        };
        let capacity = this.core.limits().capacity;
        let overflow = Overflow::new(queue_len, capacity, Worker::current().is_some());
        // The policy may panic, and the closure's destructor as well.
        let closure = QuietDrop::new(closure);
        let verdict = policy.decide(overflow);
        let closure = closure.into_inner();
        let result = match verdict {
            Verdict::Block | Verdict::BlockFor(_) if this.is_inside() => Ok(run_here(closure)),
            Verdict::Block => Self::wait(this, closure, None),
            Verdict::BlockFor(patience) => Self::wait(this, closure, Some(patience)),
            Verdict::Abort => Err(Refused::Full(closure, queue_len)),
            Verdict::CallerRuns => Ok(run_here(closure)),
            Verdict::Discard => Ok(this.discard(closure.f)),
            Verdict::DiscardOldest => Self::displace(this, closure),
        };
        result.map_err(|refused| this.rejected(refused))
    }

    pub(super) fn admit<P>(this: &Arc<Self>, package: P) -> Result<P::Receipt, Refused<P>>
    where
        P: Package<Job = Job>,
    {
        this.core.admit(package, |number| Self::spawn(this, number))
    }

    /// Waits for room, for ever or so long.
    fn wait<P>(
        this: &Arc<Self>,
        package: P,
        patience: Option<Duration>,
    ) -> Result<P::Receipt, Refused<P>>
    where
        P: Package<Job = Job>,
    {
        let spawn = |number| Self::spawn(this, number);
        let latch = Arc::new(Latch::new());
        let (package, ticket) = match this.core.admit_or_wait(package, &latch, spawn) {
            Admission::Taken(receipt) => return Ok(receipt),
            Admission::Waits(package, ticket) => (package, ticket),
            Admission::Refused(refused) => return Err(refused),
        };
        // A time beyond what the clock can say is no limit.
        match patience.and_then(|patience| Instant::now().checked_add(patience)) {
            Some(deadline) => _ = wait_until(&latch, deadline),
            None => wait(&latch),
        }
        this.core.redeem(package, ticket)
    }

    /// In place of the oldest that is queued.
    fn displace<'a, F, T>(
        this: &Arc<Self>,
        closure: Closure<'a, F>,
    ) -> Result<JoinHandle<T>, Refused<Closure<'a, F>>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match this.core.displace(closure, |number| Self::spawn(this, number)) {
            Ok((handle, oldest)) => {
                if let Some(oldest) = oldest {
                    this.count_rejected();
                    held::with(&**this, || oldest.cancel(Reason::Discarded));
                }
                Ok(handle)
            }
            Err(Refused::Full(closure, _)) => Ok(this.discard(closure.f)),
            Err(refused) => Err(refused),
        }
    }

    fn discard<F, T>(&self, f: F) -> JoinHandle<T> {
        self.count_rejected();
        unwind::drop_quietly(f);
        JoinHandle::refused(Reason::Discarded)
    }

    fn count_rejected(&self) {
        // Relaxed: a statistic.
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn rejected<F>(&self, refused: Refused<Closure<'_, F>>) -> Rejected<F> {
        self.count_rejected();
        match refused {
            Refused::Full(closure, _) => Rejected::new(closure.f, RejectedReason::Full),
            Refused::TimedOut(closure) => Rejected::new(closure.f, RejectedReason::TimedOut),
            Refused::Closed(closure) => Rejected::new(closure.f, RejectedReason::ShutDown),
            Refused::Spawn(closure, error) => Rejected::spawn_failed(closure.f, error),
        }
    }
}

/// On the calling thread. It is no part of the task that submits it.
fn run_here<F, T>(closure: Closure<'_, F>) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (entry, handle) = closure.pack();
    carried::run_apart(|| entry.into_job().run());
    handle
}
