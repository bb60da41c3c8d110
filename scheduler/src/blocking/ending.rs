//! The end of an elastic pool.

use super::elastic::Elastic;
use crate::job::cell::Reason;
use crate::job::hand;
use crate::job::party::Entry;
use crate::pool::held;
use crate::pool::lifecycle::{Shutdown, ShutdownReport, Straggler};
use crate::pool::registry::{block_until, wait};
use crate::sync::{Instant, Ordering};
use crate::task::Task;
use std::time::Duration;

/// As for a pool of workers.
const CANCEL_GRACE: Duration = Duration::from_millis(10);

impl Elastic {
    /// Ends the pool, in one of the ways of [`Shutdown`], and says what became of its work.
    ///
    /// New work is refused from now on, and so is what waits for room. A second call does what its mode
    /// adds. The report names a straggler by its thread's number and by the line that submitted it. Dropping
    /// the pool afterwards does not wait for the stragglers of a deadline. What the report counts is what has
    /// ended during the call.
    ///
    /// # On a worker
    ///
    /// A worker of a [`ThreadPool`](crate::ThreadPool) runs other jobs while it waits (with `DrainFor`, it
    /// blocks, up to the deadline). On a thread of this pool it returns at once, since the caller itself is
    /// still running, and names it among the stragglers; the threads end by themselves. It also returns at once
    /// in the destructor of a closure that a shutdown, or a policy, drops unrun. Any other thread blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Elastic, Shutdown};
    ///
    /// let pool = Elastic::builder().build()?;
    /// let handle = pool.submit(|| 1 + 1)?;
    /// let report = pool.shutdown(Shutdown::Drain);
    /// assert!(report.cancelled == 0 && report.stragglers.is_empty());
    /// assert_eq!(handle.join()?, 2);
    /// assert!(pool.submit(|| 3).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(&self, mode: Shutdown) -> ShutdownReport {
        let shared = self.shared();
        let before = self.ended();
        shared.core.close();
        match mode {
            Shutdown::Drain | Shutdown::DrainFor(_) => {}
            Shutdown::CancelQueued => self.cancel_queued(false),
            Shutdown::Abort => self.cancel_queued(true),
        }
        let stopped = match mode {
            _ if self.shared().is_inside() => false,
            Shutdown::DrainFor(patience) => self.wait_or_cancel(patience),
            _ => {
                wait(&shared.core.on_exit());
                true
            }
        };
        let stragglers = if stopped {
            shared.core.join_last();
            Vec::new()
        } else {
            self.stragglers()
        };
        let after = self.ended();
        ShutdownReport {
            ran: (after.0 - before.0) as usize,
            cancelled: (after.1 - before.1) as usize,
            stragglers,
        }
    }

    /// Ends the pool and hands back the closures that have not begun to run; their handles wait on. As
    /// Java's `shutdownNow`, and as [`ThreadPool::shutdown_now`](crate::ThreadPool::shutdown_now).
    ///
    /// Running closures are asked to stop, through [`task::is_cancelled`](crate::task::is_cancelled).
    /// This does not wait for them: that is for [`shutdown`](Self::shutdown), or the drop, afterwards.
    ///
    /// # On a worker
    ///
    /// The same; it does not wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::Elastic;
    /// use std::sync::mpsc;
    ///
    /// let pool = Elastic::builder().max_threads(1).build()?;
    /// let (go, gone) = mpsc::channel::<()>();
    /// let (started, is_started) = mpsc::channel();
    /// drop(pool.submit(move || {
    ///     started.send(()).unwrap();
    ///     gone.recv()
    /// })?);
    /// is_started.recv()?;
    /// let handle = pool.submit(|| "run after all")?;
    /// for task in pool.shutdown_now() {
    ///     task.run();
    /// }
    /// # drop(go);
    /// assert_eq!(handle.join()?, "run after all");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "the closures are dropped unrun with it"]
    pub fn shutdown_now(&self) -> Vec<Task> {
        let shared = self.shared();
        shared.core.close();
        // Relaxed: nothing is read through the flag.
        shared.aborting.store(true, Ordering::Relaxed);
        let mut tasks = Vec::new();
        let mut take = |entry: Entry| match entry.orphan() {
            Ok(orphan) => tasks.push(Task::new(orphan)),
            Err(entry) => entry.cancel(Reason::ShutDown),
        };
        shared.core.cancel_queued(|entries| entries.into_iter().for_each(&mut take));
        tasks
    }

    /// How many closures have run, and been cancelled.
    fn ended(&self) -> (u64, u64) {
        let shared = self.shared();
        (shared.ran.load(Ordering::Relaxed), shared.cancelled.load(Ordering::Relaxed))
    }

    /// `DrainFor`: whether all threads have ended.
    fn wait_or_cancel(&self, patience: Duration) -> bool {
        let exit = self.shared().core.on_exit();
        // A time beyond what the clock can say is no deadline.
        let Some(deadline) = Instant::now().checked_add(patience) else {
            wait(&exit);
            return true;
        };
        if block_until(&exit, deadline) {
            return true;
        }
        self.cancel_queued(true);
        // Threads that have nothing to run are about to leave.
        let stopped = exit.wait_until(Instant::now() + CANCEL_GRACE);
        if !stopped {
            // Relaxed: read by the drop, which comes after.
            self.shared().given_up.store(true, Ordering::Relaxed);
        }
        stopped
    }

    fn cancel_queued(&self, abort: bool) {
        if abort {
            // Relaxed: nothing is read through the flag.
            self.shared().aborting.store(true, Ordering::Relaxed);
        }
        // The pool does not end before that is over: a destructor cannot wait for it.
        let shared = &**self.shared();
        let cancel = || {
            shared.core.cancel_queued(|entries| hand::cancel_each(entries, Reason::ShutDown, || ()))
        };
        held::with(shared, cancel);
    }

    /// What runs now.
    fn stragglers(&self) -> Vec<Straggler> {
        let running = self.shared().core.running().into_iter();
        let now = Instant::now();
        let straggler = |(worker, spawned_at, begun)| Straggler {
            worker,
            spawned_at,
            running_for: now - begun,
        };
        running.map(straggler).collect()
    }
}

/// [`Elastic::shutdown`] with [`Shutdown::Drain`], unless a deadline has passed already.
impl Drop for Elastic {
    fn drop(&mut self) {
        if !self.shared().given_up.load(Ordering::Relaxed) {
            let _ = self.shutdown(Shutdown::Drain);
        }
    }
}
