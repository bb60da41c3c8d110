//! The end of an executor; its pool goes on.

use super::queue::Figures;
use super::{Core, Executor};
use crate::pool::lifecycle::{Shutdown, ShutdownReport, Straggler};
use crate::pool::registry::{wait, wait_until};
use crate::sync::Instant;
use crate::task::Task;
use std::time::Duration;

impl Executor {
    /// Ends this executor, in one of the ways of [`Shutdown`], and says what became of its closures. The
    /// pool, and other executors on it, go on.
    ///
    /// New closures are refused from now on, and those who wait for room get theirs back. A second
    /// call does what its mode adds. `Abort`, and a `DrainFor` whose time is over, also ask the executor's
    /// closures that run to stop, through [`task::is_cancelled`](crate::task::is_cancelled); those of
    /// others, and of the pool itself, are not asked.
    ///
    /// Closures that their submitters run themselves ([`CallerRuns`](crate::RejectionPolicy::CallerRuns))
    /// are not waited for.
    ///
    /// # On a worker
    ///
    /// In one of the executor's own closures: returns at once, and the report has the caller among the
    /// stragglers; nobody watches the deadline of a `DrainFor`. It also returns at once in the destructor of a
    /// closure that a shutdown, or a policy, drops unrun, on whichever thread. Elsewhere the worker runs its
    /// pool's jobs while it waits. Any other thread blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, Shutdown, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).build()?;
    /// let handle = executor.submit(|| 1 + 1)?;
    /// let report = executor.shutdown(Shutdown::Drain);
    /// assert!(report.cancelled == 0 && report.stragglers.is_empty());
    /// assert_eq!(handle.join()?, 2);
    /// assert_eq!(pool.spawn(|| "the pool goes on").join()?, "the pool goes on");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(&self, mode: Shutdown) -> ShutdownReport {
        let core = self.core();
        let before = self.close();
        match mode {
            Shutdown::Drain | Shutdown::DrainFor(_) => {}
            Shutdown::CancelQueued => self.cancel_queued(false),
            Shutdown::Abort => self.cancel_queued(true),
        }
        let stopped = match mode {
            _ if core.is_inside() => self.is_terminated(),
            Shutdown::DrainFor(patience) => {
                let stopped = self.await_termination(patience);
                if !stopped {
                    self.cancel_queued(true);
                }
                stopped || self.is_terminated()
            }
            _ => {
                wait(&core.life.on_exit());
                true
            }
        };
        let now = core.not_ended();
        let cancelled = (now.cancelled - before.cancelled) as usize;
        ShutdownReport {
            ran: before.inside.saturating_sub(cancelled + now.inside),
            cancelled,
            stragglers: if stopped { Vec::new() } else { stragglers(core) },
        }
    }

    /// Ends this executor without waiting, and hands back what has not begun, oldest first: to be run
    /// later, or by somebody else. As Java's `shutdownNow`, and as
    /// [`ThreadPool::shutdown_now`](crate::ThreadPool::shutdown_now).
    ///
    /// Their handles are told when a [`Task`] is run or dropped. Running closures of the executor are asked
    /// to stop, through [`task::is_cancelled`](crate::task::is_cancelled).
    ///
    /// # On a worker
    ///
    /// The same; it does not wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).build()?;
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// let (began, has_begun) = std::sync::mpsc::channel();
    /// executor.execute(move || {
    ///     began.send(()).unwrap();
    ///     let _ = gone.recv();
    /// })?;
    /// has_begun.recv()?;
    /// let first = executor.submit(|| "run here")?;
    /// let second = executor.submit(|| "dropped")?;
    /// let mut tasks = executor.shutdown_now().into_iter();
    /// tasks.next().unwrap().run();
    /// assert_eq!(first.join()?, "run here");
    /// drop(tasks);
    /// assert!(second.join().unwrap_err().is_shut_down());
    /// # drop(go);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "the closures are dropped unrun with it"]
    pub fn shutdown_now(&self) -> Vec<Task> {
        self.close();
        self.core().life.abort();
        self.core().take_back().into_iter().map(Task::new).collect()
    }

    /// Waits until the executor has been shut down and all of its closures have ended, up to
    /// `timeout`. True if that is so.
    ///
    /// # On a worker
    ///
    /// Runs other jobs of the worker's pool meanwhile, each to its end. In one of the executor's own
    /// closures, and in the destructor of one that is dropped unrun, it can only end by the time. Any other
    /// thread blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, ThreadPool};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).build()?;
    /// executor.execute(|| println!("runs, or is handed back"))?;
    /// drop(executor.shutdown_now());
    /// assert!(executor.await_termination(Duration::from_secs(60)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn await_termination(&self, timeout: Duration) -> bool {
        let life = &self.core().life;
        let exit = life.on_exit();
        // A time beyond what the clock can say is no deadline.
        let Some(deadline) = Instant::now().checked_add(timeout) else {
            wait(&exit);
            return true;
        };
        let terminated = wait_until(&exit, deadline);
        if !terminated {
            life.forget_waiter(&exit);
        }
        terminated
    }

    /// Whether the executor has been shut down, or is being. Not whether its pool is.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, Shutdown, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).build()?;
    /// let other = executor.clone();
    /// let _ = executor.shutdown(Shutdown::Drain);
    /// assert!(other.is_shut_down());
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn is_shut_down(&self) -> bool {
        self.core().queue.figures().closed
    }

    /// Whether the executor has been shut down and all of its closures have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Executor, Shutdown, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let executor = Executor::builder(&pool).build()?;
    /// assert!(!executor.is_terminated());
    /// let _ = executor.shutdown(Shutdown::Drain);
    /// assert!(executor.is_terminated());
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn is_terminated(&self) -> bool {
        self.core().life.workers() == 0
    }

    /// Refuses what comes from now on. What there was of its closures just before.
    fn close(&self) -> Figures {
        self.core().close()
    }

    fn cancel_queued(&self, abort: bool) {
        let core = self.core();
        // What is on its way to run is dropped as well.
        core.life.cancel(abort);
        core.cancel_queued();
    }
}

/// What runs now.
fn stragglers(core: &Core) -> Vec<Straggler> {
    let mut stragglers = Vec::new();
    for (worker, slot) in core.slots().enumerate() {
        let sites = slot.running.sites();
        stragglers.extend(sites.map(|(spawned_at, running_for)| Straggler {
            worker,
            spawned_at,
            running_for,
        }));
    }
    stragglers
}
