//! Submitting, and what the policies do.

use super::closure::Origin;
use super::load::{Load, Many, One, Unwatched, run_here};
use super::queue::Pushed;
use super::waiting::Waiting;
use super::{Core, Executor};
use crate::admission::{Overflow, Rejected, RejectedReason, RejectionPolicy, Verdict};
use crate::job::cell::Reason;
use crate::pool::worker::Worker;
use crate::sync::Instant;
use crate::task::JoinHandle;
use crate::unwind;
use std::panic::Location;
use std::time::Duration;

impl Executor {
    /// Queues a closure, or does what the executor's [policy](crate::RejectionPolicy) says if there is
    /// no room.
    ///
    /// A thread that has to wait blocks, after it has given way a few times. Threads, and the futures of
    /// [`submit_async`](Self::submit_async), get room in the order in which they came. While the
    /// queue stays more than half full, a blocked thread can learn of its room late: by as long again
    /// as it has waited, and by 32 ms at most.
    ///
    /// # Errors
    ///
    /// The closure comes back unrun if the executor or its pool has been shut down, if the policy
    /// refuses it, or if it gave up waiting; [`Rejected::reason`] tells these apart. With `Discard` and
    /// `CallerRuns` there is a handle, which is finished.
    ///
    /// # Panics
    ///
    /// If a [custom](crate::RejectionPolicy::custom) policy does; the closure is dropped unrun. A panic
    /// of the closure goes to its handle, also if the caller runs it.
    ///
    /// # Cancellation
    ///
    /// The closure does not carry the [token](crate::CancellationToken::run) of the caller's task: give it
    /// a clone. [`abort`](JoinHandle::abort) takes it out of the queue, and makes room; one that runs is asked to
    /// stop.
    ///
    /// # On a worker
    ///
    /// Of the executor's pool: a submission that would wait (`Block`, `BlockFor`) takes the room of the
    /// oldest closure in the queue, and runs that one first, on top of the caller's stack. Where it has to
    /// wait all the same, and on a worker of another pool, it runs other jobs of the worker's pool
    /// meanwhile. So it cannot deadlock with a queue that only the caller itself could empty. But what such a
    /// closure submits may have to wait in turn: the stack holds all that wait on top of each other.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, RejectedReason, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).queue_capacity(1).build()?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let (began, has_begun) = std::sync::mpsc::channel();
    /// let busy = executor.submit(move || {
    ///     began.send(()).unwrap();
    ///     gone.recv()
    /// })?;
    /// has_begun.recv()?; // It runs, so it is in the queue no more.
    /// let queued = executor.submit(|| "queued")?;
    /// let rejected = executor.submit(|| "one too many").unwrap_err();
    /// assert_eq!(rejected.reason(), RejectedReason::Full);
    /// assert_eq!(rejected.into_inner()(), "one too many");
    /// drop(go);
    /// assert_eq!(queued.join()?, "queued");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit<F, T>(&self, f: F) -> Result<JoinHandle<T>, Rejected<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.admit(One::Loose(f), &self.core().policy, Location::caller())
    }

    /// As [`submit`](Self::submit), but whatever the policy is, a closure for which there is no room comes
    /// back at once.
    ///
    /// # Errors
    ///
    /// If there is no room, or the executor or its pool has been shut down.
    ///
    /// # On a worker
    ///
    /// It returns at once, there and on any other thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, RejectedReason, RejectionPolicy, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor =
    ///     Executor::builder(&pool).queue_capacity(1).on_full(RejectionPolicy::Block).build()?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let busy = pool.spawn(move || gone.recv().is_err());
    /// let queued = executor.try_submit(|| 1)?;
    /// // `submit` would wait here.
    /// assert_eq!(executor.try_submit(|| 2).unwrap_err().reason(), RejectedReason::Full);
    /// drop(go);
    /// assert!(queued.join()? == 1 && busy.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn try_submit<F, T>(&self, f: F) -> Result<JoinHandle<T>, Rejected<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.admit(One::Loose(f), &RejectionPolicy::Abort, Location::caller())
    }

    /// As [`submit`](Self::submit), but whatever the policy is, waits for room up to `timeout`. A time of
    /// zero does not wait at all.
    ///
    /// # Errors
    ///
    /// If there was no room until the time was over, or the executor or its pool has been shut down.
    ///
    /// # On a worker
    ///
    /// As [`submit`](Self::submit); it returns later if what it runs meanwhile takes longer.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, RejectedReason, ThreadPool};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).queue_capacity(1).build()?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let busy = pool.spawn(move || gone.recv().is_err());
    /// let queued = executor.submit(|| 1)?;
    /// let rejected = executor.submit_timeout(|| 2, Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(rejected.reason(), RejectedReason::TimedOut);
    /// drop(go);
    /// let second = executor.submit_timeout(rejected.into_inner(), Duration::from_secs(60))?;
    /// assert!(queued.join()? == 1 && second.join()? == 2 && busy.join()?);
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
        self.admit(One::Loose(f), &RejectionPolicy::BlockFor(timeout), Location::caller())
    }

    /// As [`submit`](Self::submit), for a closure whose value nobody wants. Its panic goes to the pool's
    /// [`panic_handler`](crate::ThreadPoolBuilder::panic_handler).
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit). What the policy discards is dropped without an error.
    ///
    /// # Panics
    ///
    /// As [`submit`](Self::submit).
    ///
    /// # On a worker
    ///
    /// As [`submit`](Self::submit).
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).build()?;
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// executor.execute(move || sender.send("done").unwrap())?;
    /// assert_eq!(receiver.recv()?, "done");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn execute<F>(&self, f: F) -> Result<(), Rejected<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        self.admit(Unwatched::new(f), &self.core().policy, Location::caller())
    }

    /// Submits all of `closures`, or none: they go into the queue together, and next to each other. If there
    /// is no room for all of them, the policy decides on all of them; with `DiscardOldest` as many
    /// have to leave as are missing. Without any closure it does nothing.
    ///
    /// # Errors
    ///
    /// All closures come back, as with [`submit`](Self::submit). More of them than the queue's capacity
    /// are refused at once, whatever the policy.
    ///
    /// # Panics
    ///
    /// As [`submit`](Self::submit); if `closures` does, while it is drawn, before anything is queued.
    ///
    /// # On a worker
    ///
    /// If it has to wait, it runs other jobs of the worker's pool meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).queue_capacity(4).build()?;
    /// let squares = executor.submit_all((1..=3u64).map(|n| move || n * n))?;
    /// let squares: Result<Vec<_>, _> = squares.into_iter().map(|handle| handle.join()).collect();
    /// assert_eq!(squares?, [1, 4, 9]);
    /// let rejected = executor.submit_all((1..=5u64).map(|n| move || n * n)).unwrap_err();
    /// assert_eq!(rejected.into_inner().len(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit_all<F, T>(
        &self,
        closures: impl IntoIterator<Item = F>,
    ) -> Result<Vec<JoinHandle<T>>, Rejected<Vec<F>>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let closures: Vec<F> = closures.into_iter().collect();
        self.admit(Many::new(closures), &self.core().policy, Location::caller())
    }

    pub(super) fn admit<L: Load>(
        &self,
        mut load: L,
        policy: &RejectionPolicy,
        site: &'static Location<'static>,
    ) -> Result<L::Handles, Rejected<L::Closures>> {
        let core = self.core();
        let rooms = load.rooms();
        if rooms == 0 {
            return Ok(load.into_handles());
        }
        load.prepare(core);
        let pack = |origin: Origin<'_>| load.pack(origin);
        let pushed = if rooms == 1 {
            Core::push_one(core, pack, site)
        } else {
            Err(Core::push(core, rooms, None, false, pack, site))
        };
        let Err(pushed) = pushed else { return Ok(load.into_handles()) };
        let len = match pushed {
            Pushed::In { .. } => return Ok(load.into_handles()),
            Pushed::Closed => return refuse(load, RejectedReason::ShutDown),
            Pushed::Full { len } => len,
        };
        let capacity = core.queue.capacity();
        let verdict = if rooms > capacity {
            Verdict::Abort
        } else {
            let overflow = Overflow::new(len, capacity, Worker::current().is_some());
            match unwind::catch(|| policy.decide(overflow)) {
                Ok(verdict) => verdict,
                Err(payload) => {
                    // Each by itself: the closures' destructors may panic as well.
                    drop(load.discard());
                    unwind::resume(payload)
                }
            }
        };
        let number = rooms as u64;
        match verdict {
            Verdict::Block => self.block(load, None, site),
            Verdict::BlockFor(patience) => self.block(load, Some(patience), site),
            Verdict::Abort => {
                core.count(|counts| counts.rejected += number);
                refuse(load, RejectedReason::Full)
            }
            Verdict::CallerRuns => {
                core.count(|counts| counts.caller_ran += number);
                Ok(run_here(load, core, site))
            }
            Verdict::Discard => {
                core.count(|counts| counts.discarded += number);
                Ok(load.discard())
            }
            Verdict::DiscardOldest => self.displace(load, site),
        }
    }

    /// Waits for room.
    fn block<L: Load>(
        &self,
        mut load: L,
        patience: Option<Duration>,
        site: &'static Location<'static>,
    ) -> Result<L::Handles, Rejected<L::Closures>> {
        let core = self.core();
        let rooms = load.rooms();
        core.count(|counts| counts.blocked += rooms as u64);
        let out_of_time = |load| {
            core.count(|counts| counts.timed_out += rooms as u64);
            refuse(load, RejectedReason::TimedOut)
        };
        if patience == Some(Duration::ZERO) {
            return out_of_time(load);
        }
        // A time beyond what the clock can say is no deadline.
        let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
        let helps = rooms == 1 && core.registry.own_worker().is_some();
        // A worker need not stand in line where it can make room itself.
        let mut place: Option<Waiting> = None;
        let mut tries = helps;
        loop {
            if tries {
                let stands = place.as_ref().map(Waiting::place);
                match Core::push(core, rooms, stands, helps, |origin| load.pack(origin), site) {
                    Pushed::In { displaced, .. } => {
                        if let Some(place) = place {
                            place.use_up();
                        }
                        core.run_all(displaced);
                        return Ok(load.into_handles());
                    }
                    Pushed::Closed => return refuse(load, RejectedReason::ShutDown),
                    Pushed::Full { .. } => {}
                }
            }
            drop(place);
            let Some(stands) = Waiting::of_thread(core, rooms) else {
                return refuse(load, RejectedReason::ShutDown);
            };
            if !stands.wait(deadline) {
                drop(stands);
                return out_of_time(load);
            }
            place = Some(stands);
            tries = true;
        }
    }

    /// Puts them in the place of the oldest.
    fn displace<L: Load>(
        &self,
        mut load: L,
        site: &'static Location<'static>,
    ) -> Result<L::Handles, Rejected<L::Closures>> {
        let core = self.core();
        let rooms = load.rooms();
        match Core::push(core, rooms, None, true, |origin| load.pack(origin), site) {
            Pushed::In { displaced, .. } => {
                core.count(|counts| counts.discarded_oldest += displaced.len() as u64);
                core.cancel(displaced, Reason::Discarded);
                Ok(load.into_handles())
            }
            Pushed::Closed => refuse(load, RejectedReason::ShutDown),
            // All room is kept for those who wait for it, and nothing is queued that could leave.
            Pushed::Full { .. } => {
                core.count(|counts| counts.rejected += rooms as u64);
                refuse(load, RejectedReason::Full)
            }
        }
    }
}

fn refuse<L: Load>(load: L, reason: RejectedReason) -> Result<L::Handles, Rejected<L::Closures>> {
    Err(Rejected::new(load.into_closures(), reason))
}
