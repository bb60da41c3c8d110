//! Closures that are submitted one by one, and whose results are taken as they come.

use super::finishing::Aborting;
use super::limit::Limit;
use super::ready::after;
use super::timed_out::TimedOut;
use crate::job::error::JoinError;
use crate::job::party::Orphan;
use crate::pool::ThreadPool;
use crate::pool::global::current;
use crate::pool::registry::Registry;
use crate::span;
use crate::sync::Arc;
use crate::task::{AbortHandle, JoinHandle, Submit, apart, requeue_on, spawn_ticket};
use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::task::{Context, Poll};
use std::time::Duration;

/// Closures on a pool whose results are taken in the order in which they finish.
///
/// As tokio's `JoinSet`. Unlike [`as_completed`](crate::as_completed) it can grow while results are taken.
///
/// Dropping the set [aborts](Self::abort_all) what has not begun to run, and detaches what runs;
/// [`detach_all`](Self::detach_all) is the opposite. A set can outlive its pool: what is spawned then is refused, and
/// its result [says so](JoinError::is_shut_down).
///
/// # Examples
///
/// ```
/// use scheduler::{TaskSet, ThreadPool};
///
/// let pool = ThreadPool::new(2)?;
/// let mut set = TaskSet::new(&pool);
/// // Collatz: each number is followed by its next one.
/// set.spawn(|| 27u64);
/// let mut steps = 0;
/// while let Some(result) = set.join_next() {
///     let n = result?;
///     if n != 1 {
///         set.spawn(move || if n % 2 == 0 { n / 2 } else { 3 * n + 1 });
///         steps += 1;
///     }
/// }
/// assert_eq!(steps, 111);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TaskSet<T> {
    registry: Arc<Registry>,
    rooms: Option<Arc<Rooms>>,
    tasks: Aborting<T>,
}

/// What the tickets of a set with a limit share.
struct Rooms {
    registry: Arc<Registry>,
    limit: Limit<Orphan>,
}

/// The right to run closures of the set, one at a time. Dropped instead of [run](Self::run), by a pool that is shutting
/// down, it drops all that wait.
struct Ticket {
    rooms: Arc<Rooms>,
    site: &'static Location<'static>,
    held: bool,
}

impl Rooms {
    fn submit<F, T>(this: &Arc<Self>, f: F, site: &'static Location<'static>) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (closure, handle) = apart(span::submitted("spawn", None, site, f));
        if this.limit.enter(closure) {
            let ticket = Ticket { rooms: Arc::clone(this), site, held: true };
            spawn_ticket(&this.registry, move || ticket.run(), site);
        }
        handle
    }
}

impl Ticket {
    fn run(self) {
        let (rooms, site) = (Arc::clone(&self.rooms), self.site);
        let mut ticket = Some(self);
        while let Some(this) = &mut ticket {
            this.run_one();
            if !this.held {
                return;
            }
            let next = || {
                let ticket = ticket.take().expect("asked once");
                move || ticket.run()
            };
            // Behind what the pool has: on the worker's own deque it would keep the worker from all else. A pool that
            // is shutting down takes nothing new; then it goes on here.
            drop(requeue_on(&rooms.registry, next, site));
        }
    }

    fn run_one(&mut self) {
        let closure = self.rooms.limit.take();
        self.held = closure.is_some_and(|closure| {
            closure.run();
            self.rooms.limit.goes_on()
        });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        while self.held {
            self.held = self.rooms.limit.take().is_some();
        }
    }
}

impl<T> TaskSet<T> {
    /// An empty set on this pool.
    pub fn new(pool: &ThreadPool) -> Self {
        Self::on(Arc::clone(pool.registry()))
    }

    /// An empty set on the current pool: the calling worker's, else the global one.
    ///
    /// # Panics
    ///
    /// Outside any pool, if the global pool cannot be built.
    pub fn on_current() -> Self {
        Self::on(current())
    }

    fn on(registry: Arc<Registry>) -> Self {
        Self { registry, rooms: None, tasks: Aborting::new() }
    }

    /// At most `n` of the closures that are spawned from now on are queued or running in the pool at once (0 is taken as
    /// 1). The others wait in the set, in order; whoever ends one of them submits the next, behind what the pool has.
    /// Without this there is no limit.
    ///
    /// A draining shutdown of the pool also runs those that wait in the set, a cancelling one drops them; its report
    /// does not count them. [`shutdown_now`](ThreadPool::shutdown_now) hands back at most `n` tasks for the set: one of them
    /// runs all that wait, as does a closure of the set that is still running. Closures that wait for each other need a
    /// limit that lets all of them in.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{TaskSet, ThreadPool};
    ///
    /// let pool = ThreadPool::new(4)?;
    /// let mut downloads = TaskSet::new(&pool).limit(2);
    /// (0..10).for_each(|n| drop(downloads.spawn(move || n)));
    /// let results: Result<Vec<_>, _> = downloads.join_all().into_iter().collect();
    /// assert_eq!(results?, (0..10).collect::<Vec<_>>());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn limit(mut self, n: usize) -> Self {
        let (registry, limit) = (Arc::clone(&self.registry), Limit::new(n.max(1)));
        self.rooms = Some(Arc::new(Rooms { registry, limit }));
        self
    }

    /// Submits a closure. What it returns aborts it; dropping that does nothing.
    ///
    /// If the pool is being shut down, the closure is dropped, and its result says so.
    #[track_caller]
    pub fn spawn<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let site = Location::caller();
        let handle = match &self.rooms {
            None => self.registry.submit(f, site),
            Some(rooms) => Rooms::submit(rooms, f, site),
        };
        let aborter = handle.abort_handle();
        self.insert(handle);
        aborter
    }

    /// Takes in a closure that was submitted elsewhere, to whatever it was. It does not count for the
    /// [limit](Self::limit).
    pub fn insert(&mut self, handle: JoinHandle<T>) {
        self.tasks.push(handle);
    }

    /// Waits for the next closure to finish and returns its result. `None` if the set is empty.
    ///
    /// # Errors
    ///
    /// The result as [`JoinHandle::join`]'s.
    ///
    /// # On a worker
    ///
    /// Runs other jobs until there is a result. Any other thread blocks.
    pub fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.tasks.next(None).map(|(_, handle)| handle.join())
    }

    /// As [`join_next`](Self::join_next), but waits no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// The outer one if nothing has finished by then.
    ///
    /// # On a worker
    ///
    /// Runs other jobs meanwhile, each to its end: it returns later if one of them takes longer.
    pub fn join_next_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<Result<T, JoinError>>, TimedOut> {
        if self.is_empty() {
            return Ok(None);
        }
        let (_, handle) = self.tasks.next(after(timeout)).ok_or(TimedOut)?;
        Ok(Some(handle.join()))
    }

    /// The next result, if there is one already.
    ///
    /// # Errors
    ///
    /// The result as [`JoinHandle::join`]'s.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.tasks.try_next().map(|(_, handle)| handle.join())
    }

    /// As [`join_next`](Self::join_next), for async code: no thread blocks. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// The result as [`JoinHandle::join`]'s.
    pub async fn join_next_async(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|context| self.poll_join_next(context)).await
    }

    /// The same for the author of a future: ready when there is a result, or the set is empty; else the waker of
    /// the last call is woken.
    pub fn poll_join_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<T, JoinError>>> {
        self.tasks.poll_next(context).map(|next| next.map(|(_, handle)| handle.join()))
    }

    /// Waits for all closures, and returns their results in the order in which they were spawned.
    ///
    /// # Errors
    ///
    /// Each result as [`JoinHandle::join`]'s.
    ///
    /// # On a worker
    ///
    /// Runs other jobs until all results are there. Any other thread blocks.
    pub fn join_all(mut self) -> Vec<Result<T, JoinError>> {
        self.tasks.take_all().map(|(_, handle)| handle.join()).collect()
    }

    /// [Aborts](JoinHandle::abort) the closures that have not begun to run. They stay in the set, and their results say
    /// so.
    pub fn abort_all(&self) {
        self.tasks.abort_all();
    }

    /// Lets go of all closures: they run, and their results are dropped. The set is empty afterwards.
    pub fn detach_all(&mut self) {
        self.tasks.take_all().for_each(drop);
    }

    /// How many results have not been taken.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether all results have been taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Extend<JoinHandle<T>> for TaskSet<T> {
    /// [`insert`](Self::insert) for each.
    fn extend<I: IntoIterator<Item = JoinHandle<T>>>(&mut self, handles: I) {
        self.tasks.extend(handles);
    }
}

impl<T> fmt::Debug for TaskSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskSet").field("len", &self.len()).finish_non_exhaustive()
    }
}
