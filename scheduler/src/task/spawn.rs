//! Submitting a closure.

use super::{JoinHandle, refused};
use crate::admission::{Rejected, RejectedReason};
use crate::job::cell::{self, AbortFlag, Fate, Owner, Unclaimed};
use crate::job::{JobRef, hand};
use crate::pool::ThreadPool;
use crate::pool::carried::{self, put_away};
use crate::pool::global::global;
use crate::pool::registry::Registry;
use crate::pool::stops::Stops;
use crate::pool::worker::{Role, Worker};
use crate::span;
use crate::unwind::{self, Payload};
use std::panic::Location;
use std::ptr::NonNull;

/// The pool of a spawned closure.
///
/// The pointer stays valid until [`Owner::ended`]: the closure counts as a root, and the
/// workers, which keep the registry alive, do not end before the last root has left.
#[derive(Clone, Copy)]
struct Root {
    /// `None`: the closure has left its pool, unrun.
    registry: Option<NonNull<Registry>>,
    site: &'static Location<'static>,
}

// SAFETY: `Registry` is `Sync`.
unsafe impl Send for Root {}

impl Root {
    fn of(registry: &Registry, site: &'static Location<'static>) -> Self {
        Self { registry: Some(NonNull::from(registry)), site }
    }

    fn registry(&self) -> Option<&Registry> {
        // SAFETY: see the type.
        self.registry.map(|registry| unsafe { registry.as_ref() })
    }
}

impl Owner for Root {
    /// A handle can be kept when the pool is gone.
    const OUTLIVES_HANDLE: bool = false;

    #[inline]
    fn cancels(self) -> bool {
        self.registry().is_some_and(|registry| registry.lifecycle().is_cancelling())
    }

    fn run<T>(self, closure: impl FnOnce() -> T) -> Result<T, Payload> {
        unwind::catch(|| match self.registry() {
            Some(registry) => registry.run_root(self.site, closure),
            None => closure(),
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
        match self.registry() {
            Some(registry) => registry.unclaimed(),
            // The panic hook has reported it.
            None => Unclaimed(Box::new(unwind::drop_quietly)),
        }
    }

    fn ended(self, fate: Fate) {
        if let Some(registry) = self.registry() {
            registry.leave(fate);
        }
    }

    fn orphan(self) -> Option<Self> {
        self.ended(Fate::Cancelled);
        Some(Self { registry: None, ..self })
    }
}

/// Runs a closure on the current pool (the calling worker's, else the global one) some time
/// from now, and returns a handle to its value.
///
/// On a worker the closure goes to the worker's own deque, newest first, where others can
/// steal it, oldest first; from elsewhere, to the pool's global queue. It must own what it
/// uses; for borrowed data see [`scope`](crate::scope).
///
/// If the pool is being shut down, the closure is dropped and the handle says so;
/// [`ThreadPool::try_spawn`] hands it back instead. The global pool is not, unless the program
/// does it.
///
/// Work that blocks keeps a worker from all else: [`spawn_blocking`](crate::spawn_blocking). A bound
/// on what is queued: [`Executor`](crate::Executor).
///
/// # Panics
///
/// Outside any pool, if the global pool cannot be built. A panic of the closure goes to the
/// handle; see [`JoinHandle`].
///
/// # Cancellation
///
/// The closure does not carry the [token](crate::CancellationToken::run) of the caller's task, which
/// does not wait for it: give it a clone. [`abort`](JoinHandle::abort) drops it if it has not begun, else asks
/// it to stop.
///
/// # On a worker
///
/// It returns at once, there and on any other thread.
///
/// # Examples
///
/// ```
/// let (sender, receiver) = std::sync::mpsc::channel();
/// drop(scheduler::spawn(move || sender.send("done")));
/// assert_eq!(receiver.recv(), Ok("done"));
/// ```
///
/// It must be `Send`:
///
/// ```compile_fail,E0277
/// let shared = std::rc::Rc::new(1);
/// scheduler::spawn(move || *shared);
/// ```
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match Worker::current() {
        Some(worker) => {
            let spawned = spawn_on(worker.registry(), f, Location::caller());
            spawned.unwrap_or_else(refused)
        }
        None => global().spawn(f),
    }
}

impl ThreadPool {
    /// [`spawn`] on this pool.
    ///
    /// On a worker of another pool it goes to this pool's global queue. It does not panic.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let words = ["fork", "join"].map(|word| pool.spawn(move || word.to_uppercase()));
    /// let words = words.map(|handle| handle.join().unwrap());
    /// assert_eq!(words, ["FORK", "JOIN"]);
    ///
    /// let _ = pool.shutdown(scheduler::Shutdown::Drain);
    /// let refused = pool.spawn(|| 7).join();
    /// assert!(refused.unwrap_err().is_shut_down());
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.try_spawn(f).unwrap_or_else(refused)
    }

    /// [`spawn`](Self::spawn), with the closure handed back if the pool is shutting down.
    ///
    /// # Errors
    ///
    /// If the pool has been shut down, or is being. That holds for closures of its own workers, too.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Shutdown, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let _ = pool.shutdown(Shutdown::Drain);
    /// let rejected = pool.try_spawn(|| 7).unwrap_err();
    /// assert_eq!(rejected.into_inner()(), 7);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_spawn<F, T>(&self, f: F) -> Result<JoinHandle<T>, Rejected<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_on(self.registry(), f, Location::caller())
    }

    /// As [`try_spawn`](Self::try_spawn), for a closure whose value nobody wants: without a handle from the
    /// start, which is cheaper than one that is dropped.
    ///
    /// A panic of the closure goes to the pool's [`panic_handler`](crate::ThreadPoolBuilder::panic_handler).
    ///
    /// # Errors
    ///
    /// As [`try_spawn`](Self::try_spawn).
    ///
    /// # On a worker
    ///
    /// As [`spawn`](Self::spawn): it does not wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Shutdown, ThreadPool};
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// static REQUESTS: AtomicU32 = AtomicU32::new(0);
    ///
    /// let pool = ThreadPool::new(2)?;
    /// for _ in 0..100 {
    ///     pool.execute(|| _ = REQUESTS.fetch_add(1, Ordering::Relaxed))?;
    /// }
    /// let _ = pool.shutdown(Shutdown::Drain);
    /// assert_eq!(REQUESTS.load(Ordering::Relaxed), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn execute<F>(&self, f: F) -> Result<(), Rejected<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        let (registry, site) = (self.registry(), Location::caller());
        let worker = registry.own_worker();
        if registry.enter_on(registry.stripe(worker)).is_err() {
            return Err(Rejected::new(f, RejectedReason::ShutDown));
        }
        let f = span::submitted("spawn", None, site, f);
        // SAFETY: the closure owns what it uses, and the root that was just counted keeps the registry
        // alive until `ended`.
        let entry = unsafe { cell::detached(f, Root::of(registry, site)) };
        registry.submit_root_by(worker, entry.into_job());
        Ok(())
    }

    /// [`yield_now`], if the calling thread is a worker of this pool; `None` if it is not.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::Yield;
    ///
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// assert_eq!(pool.install(|| pool.yield_now()), Some(Yield::Idle));
    /// assert_eq!(pool.yield_now(), None);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn yield_now(&self) -> Option<Yield> {
        self.registry().own_worker().map(yield_on)
    }
}

/// [`spawn`] on that pool, from that line; the closure comes back if the pool is shutting down.
// Apart, it hands over what it returns in memory.
#[inline(always)]
pub(crate) fn spawn_on<F, T>(
    registry: &Registry,
    f: F,
    site: &'static Location<'static>,
) -> Result<JoinHandle<T>, Rejected<F>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let worker = registry.own_worker();
    if registry.enter_on(registry.stripe(worker)).is_err() {
        return Err(Rejected::new(f, RejectedReason::ShutDown));
    }
    let (job, handle) = root(registry, span::submitted("spawn", None, site, f), site);
    registry.submit_root_by(worker, job);
    Ok(handle)
}

/// As [`spawn_on`], for what runs closures that have spans of their own. Dropped if the pool is shutting
/// down.
pub(crate) fn spawn_ticket<F>(registry: &Registry, f: F, site: &'static Location<'static>)
where
    F: FnOnce() + Send + 'static,
{
    if registry.enter().is_ok() {
        let (job, handle) = root(registry, f, site);
        registry.submit_root(job);
        drop(handle);
    }
}

/// As [`spawn_ticket`], but behind all that the pool has, also from a worker of its own. `f` is made once
/// the pool has taken it; `None`: it is shutting down.
pub(crate) fn requeue_on<F, T>(
    registry: &Registry,
    f: impl FnOnce() -> F,
    site: &'static Location<'static>,
) -> Option<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    if registry.enter().is_err() {
        return None;
    }
    let (job, handle) = root(registry, f(), site);
    registry.inject_root(job);
    Some(handle)
}

/// The job and the handle of a closure that has been counted in.
fn root<F, T>(
    registry: &Registry,
    f: F,
    site: &'static Location<'static>,
) -> (JobRef, JoinHandle<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let root = Root::of(registry, site);
    // SAFETY: closure and value own what they use, and the root that was just counted keeps
    // the registry alive until `ended`.
    let (entry, handle) = unsafe { cell::new(f, root) };
    (entry.into_job(), JoinHandle::submitted(handle))
}

/// What [`yield_now`] did.
///
/// # Examples
///
/// Running all that there is:
///
/// ```
/// use scheduler::{Yield, yield_now};
///
/// let pool = scheduler::ThreadPool::new(1)?;
/// let left = pool.install(|| {
///     let handles = [1, 2, 3].map(|n| scheduler::spawn(move || n));
///     while yield_now() == Some(Yield::Executed) {}
///     handles.iter().filter(|handle| !handle.is_finished()).count()
/// });
/// assert_eq!(left, 0);
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a job was run, or there was none")]
pub enum Yield {
    /// It ran another job.
    Executed,
    /// There was none.
    Idle,
}

/// Runs one other job of the current pool, if there is one at hand: the worker's own newest,
/// else a stolen or an injected one. `None` if the calling thread is no worker.
///
/// For closures that wait for something that the pool knows nothing of. The job runs to its
/// end on top of the caller's stack, so do not hold a lock that it may want. Handles, scopes and
/// tokens have methods that wait and do this by themselves.
///
/// # Panics
///
/// Never: a panic of the job goes to whoever waits for it.
///
/// # Examples
///
/// Waiting for a device, in a closure on a worker:
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// static READY: AtomicBool = AtomicBool::new(false);
///
/// let pool = scheduler::ThreadPool::new(1)?;
/// let waits = pool.spawn(|| {
///     while !READY.load(Ordering::Acquire) {
///         if scheduler::yield_now() != Some(scheduler::Yield::Executed) {
///             std::thread::yield_now();
///         }
///     }
/// });
/// // The one worker gets to this while it waits.
/// let device = pool.spawn(|| READY.store(true, Ordering::Release));
/// waits.join()?;
/// device.join()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn yield_now() -> Option<Yield> {
    Worker::current().map(yield_on)
}

fn yield_on(worker: &Worker) -> Yield {
    let _put_away = put_away(worker.seated());
    hand::let_go();
    while let Some(job) = worker.take_local().or_else(|| worker.steal_public(Role::Waiting)) {
        let only_unpacked = job.is_bundle();
        worker.run(job);
        if !only_unpacked {
            return Yield::Executed;
        }
    }
    Yield::Idle
}
