//! Submitting a closure to an elastic pool, and what the policy does if there is no room.

use super::elastic::{Elastic, Job, Shared};
use super::job::Closure;
use super::state::{Admission, Package, Refused};
use crate::admission::{Overflow, Rejected, RejectedReason, Verdict};
use crate::job::cell::Reason;
use crate::latch::Latch;
use crate::pool::carried;
use crate::pool::registry::{wait, wait_until};
use crate::pool::worker::Worker;
use crate::sync::{Arc, Instant, Ordering};
use crate::task::JoinHandle;
use crate::unwind;
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
    /// # On a worker
    ///
    /// With the policies [`Block`](crate::RejectionPolicy::Block) and
    /// [`BlockFor`](crate::RejectionPolicy::BlockFor) a worker of a [`ThreadPool`](crate::ThreadPool) runs other
    /// jobs while it waits. A thread of this pool does not wait for itself: it runs the closure at once, as
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
        let closure = self.closure(f, Location::caller());
        let (closure, queue_len) = match self.admit(closure) {
            Err(Refused::Full(closure, queue_len)) => (closure, queue_len),
            result => return result.map_err(|refused| self.rejected(refused)),
        };
        let capacity = self.shared().core.limits().capacity;
        let overflow = Overflow::new(queue_len, capacity, Worker::current().is_some());
        let result = match self.shared().policy.decide(overflow) {
            Verdict::Block | Verdict::BlockFor(_) if self.is_inside() => Ok(run_here(closure)),
            Verdict::Block => self.wait(closure, None),
            Verdict::BlockFor(patience) => self.wait(closure, Some(patience)),
            Verdict::Abort => Err(Refused::Full(closure, queue_len)),
            Verdict::CallerRuns => Ok(run_here(closure)),
            Verdict::Discard => Ok(self.discard(closure.f)),
            Verdict::DiscardOldest => self.displace(closure),
        };
        result.map_err(|refused| self.rejected(refused))
    }

    /// As [`submit`](Self::submit), but without room the closure comes back at once, whatever the policy is.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit) with the policy [`Abort`](crate::RejectionPolicy::Abort).
    #[track_caller]
    pub fn try_submit<F, T>(&self, f: F) -> Result<JoinHandle<T>, Rejected<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let closure = self.closure(f, Location::caller());
        self.admit(closure).map_err(|refused| self.rejected(refused))
    }

    pub(super) fn closure<F>(&self, f: F, site: &'static Location<'static>) -> Closure<'_, F> {
        Closure { f, shared: self.shared(), site }
    }

    pub(super) fn admit<P>(&self, package: P) -> Result<P::Receipt, Refused<P>>
    where
        P: Package<Job = Job>,
    {
        let shared = self.shared();
        shared.core.admit(package, |number| Shared::spawn(shared, number))
    }

    /// Waits for room, for ever or so long.
    fn wait<P>(&self, package: P, patience: Option<Duration>) -> Result<P::Receipt, Refused<P>>
    where
        P: Package<Job = Job>,
    {
        let shared = self.shared();
        let spawn = |number| Shared::spawn(shared, number);
        let latch = Arc::new(Latch::new());
        let (package, ticket) = match shared.core.admit_or_wait(package, &latch, spawn) {
            Admission::Taken(receipt) => return Ok(receipt),
            Admission::Waits(package, ticket) => (package, ticket),
            Admission::Refused(refused) => return Err(refused),
        };
        // A time beyond what the clock can say is no limit.
        match patience.and_then(|patience| Instant::now().checked_add(patience)) {
            Some(deadline) => _ = wait_until(&latch, deadline),
            None => wait(&latch),
        }
        shared.core.redeem(package, ticket)
    }

    /// In place of the oldest that is queued.
    fn displace<'a, F, T>(
        &self,
        closure: Closure<'a, F>,
    ) -> Result<JoinHandle<T>, Refused<Closure<'a, F>>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let shared = self.shared();
        match shared.core.displace(closure, |number| Shared::spawn(shared, number)) {
            Ok((handle, oldest)) => {
                if let Some(oldest) = oldest {
                    self.count_rejected();
                    oldest.cancel(Reason::Discarded);
                }
                Ok(handle)
            }
            Err(Refused::Full(closure, _)) => Ok(self.discard(closure.f)),
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
        self.shared().rejected.fetch_add(1, Ordering::Relaxed);
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

/// On the calling thread.
fn run_here<F, T>(closure: Closure<'_, F>) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (entry, handle) = closure.pack();
    carried::without(|| entry.into_job().run());
    handle
}
