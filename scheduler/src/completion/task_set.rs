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
/// Dropping the set [aborts](Self::abort_all) what has not begun to run, and detaches what runs, which is asked to stop;
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
    /// An empty set on this pool. It does not keep the pool from ending.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let mut set = scheduler::TaskSet::new(&pool);
    /// for word in ["to", "be", "or"] {
    ///     set.spawn(move || word.len());
    /// }
    /// let mut sum = 0;
    /// while let Some(length) = set.join_next() {
    ///     sum += length?;
    /// }
    /// assert_eq!(sum, 6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(pool: &ThreadPool) -> Self {
        Self::on(Arc::clone(pool.registry()))
    }

    /// An empty set on the current pool: the calling worker's, else the global one.
    ///
    /// # Panics
    ///
    /// Outside any pool, if the global pool cannot be built.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut set = scheduler::TaskSet::on_current();
    /// set.spawn(|| 6 * 7);
    /// assert_eq!(set.join_next().unwrap()?, 42);
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
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
    ///
    /// # Cancellation
    ///
    /// As with [`spawn`](crate::spawn).
    ///
    /// # On a worker
    ///
    /// It returns at once, there and on any other thread, also where the [limit](Self::limit) is reached.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let mut set = scheduler::TaskSet::new(&pool);
    /// let (go, gone) = std::sync::mpsc::channel::<()>();
    /// set.spawn(move || gone.recv().is_err());
    /// let second = set.spawn(|| unreachable!());
    /// second.abort();
    /// drop(go);
    /// let [first, second] = &set.join_all()[..] else { panic!("there are two") };
    /// assert!(*first.as_ref().unwrap() && second.as_ref().unwrap_err().is_aborted());
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
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
    /// [limit](Self::limit). As `Extend` does with several.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{TaskSet, spawn, spawn_blocking};
    ///
    /// let mut set = TaskSet::on_current();
    /// set.insert(spawn(|| "computed"));
    /// set.insert(spawn_blocking(|| "read from a disk"));
    /// set.extend([spawn(|| "also computed")]);
    /// assert_eq!(set.len(), 3);
    /// assert!(set.join_all().iter().all(Result::is_ok));
    /// ```
    pub fn insert(&mut self, handle: JoinHandle<T>) {
        self.tasks.push(handle);
    }

    /// Waits for the next closure to finish and returns its result. `None` if the set is empty.
    ///
    /// # Errors
    ///
    /// The result as [`JoinHandle::join`]'s.
    ///
    /// # Panics
    ///
    /// At the turn of a handle that was [put in](Self::insert) after it had been awaited to its end. So do
    /// the other methods that give results.
    ///
    /// # On a worker
    ///
    /// Runs other jobs until there is a result. Any other thread blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let mut set = scheduler::TaskSet::new(&pool);
    /// let (go, gone) = mpsc::channel::<()>();
    /// set.spawn(move || gone.recv().map_or("slow", |()| "slow"));
    /// set.spawn(|| "fast");
    /// assert_eq!(set.join_next().unwrap()?, "fast");
    /// drop(go);
    /// assert_eq!(set.join_next().unwrap()?, "slow");
    /// assert!(set.join_next().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.tasks.next(None).map(|(_, handle)| handle.join())
    }

    /// As [`join_next`](Self::join_next), but waits no longer than `timeout`. With a `timeout` of zero it
    /// takes what is there.
    ///
    /// # Errors
    ///
    /// The outer one if nothing has finished by then. The inner one as [`JoinHandle::join`]'s.
    ///
    /// # Panics
    ///
    /// As [`join_next`](Self::join_next).
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
    /// let mut set = scheduler::TaskSet::on_current();
    /// set.spawn(|| 6 * 7);
    /// let answer = loop {
    ///     match set.join_next_timeout(Duration::from_millis(100)) {
    ///         Ok(result) => break result.expect("the set is not empty")?,
    ///         Err(_timed_out) => println!("still waiting"),
    ///     }
    /// };
    /// assert_eq!(answer, 42);
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
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

    /// The next result, if there is one already. `None`: there is none yet, or the set is empty.
    ///
    /// # Errors
    ///
    /// The result as [`JoinHandle::join`]'s.
    ///
    /// # Panics
    ///
    /// As [`join_next`](Self::join_next).
    ///
    /// # Examples
    ///
    /// ```
    /// let mut set = scheduler::TaskSet::on_current();
    /// (0..10).for_each(|n| drop(set.spawn(move || n)));
    /// let mut sum = 0;
    /// while !set.is_empty() {
    ///     match set.try_join_next() {
    ///         Some(result) => sum += result?,
    ///         None => std::thread::yield_now(), // or something useful
    ///     }
    /// }
    /// assert_eq!(sum, 45);
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.tasks.try_next().map(|(_, handle)| handle.join())
    }

    /// As [`join_next`](Self::join_next), for async code: no thread blocks. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// The result as [`JoinHandle::join`]'s.
    ///
    /// # Panics
    ///
    /// As [`join_next`](Self::join_next).
    ///
    /// # On a worker
    ///
    /// As elsewhere: a poll neither waits nor runs other jobs.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{JoinError, TaskSet};
    ///
    /// async fn largest(mut set: TaskSet<u32>) -> Result<u32, JoinError> {
    ///     let mut largest = 0;
    ///     while let Some(result) = set.join_next_async().await {
    ///         largest = largest.max(result?);
    ///     }
    ///     Ok(largest)
    /// }
    ///
    /// let mut set = TaskSet::on_current();
    /// [3, 9, 2].map(|n| set.spawn(move || n * n));
    /// # fn block_on<T>(future: impl Future<Output = T>) -> T {
    /// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         match future.as_mut().poll(&mut context) {
    /// #             std::task::Poll::Ready(value) => return value,
    /// #             std::task::Poll::Pending => std::thread::yield_now(),
    /// #         }
    /// #     }
    /// # }
    /// assert_eq!(block_on(largest(set))?, 81);
    /// # Ok::<(), JoinError>(())
    /// ```
    pub async fn join_next_async(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|context| self.poll_join_next(context)).await
    }

    /// The same for the author of a future: ready when there is a result, or the set is empty; else the waker of
    /// the last call is woken.
    ///
    /// # Panics
    ///
    /// As [`join_next`](Self::join_next).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::{Context, Poll, Waker};
    ///
    /// let mut set = scheduler::TaskSet::on_current();
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert!(matches!(set.poll_join_next(&mut context), Poll::Ready(None)));
    /// set.spawn(|| 42);
    /// let result = loop {
    ///     match set.poll_join_next(&mut context) {
    ///         Poll::Ready(next) => break next.unwrap(),
    ///         Poll::Pending => std::thread::yield_now(),
    ///     }
    /// };
    /// assert_eq!(result?, 42);
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
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
    /// # Panics
    ///
    /// As [`join_next`](Self::join_next).
    ///
    /// # On a worker
    ///
    /// Runs other jobs until all results are there. Any other thread blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut set = scheduler::TaskSet::on_current();
    /// ["to", "be", "or not"].map(|words| set.spawn(move || words.len()));
    /// let lengths: Result<Vec<_>, _> = set.join_all().into_iter().collect();
    /// assert_eq!(lengths?, [2, 2, 6]);
    /// # Ok::<(), scheduler::JoinError>(())
    /// ```
    pub fn join_all(mut self) -> Vec<Result<T, JoinError>> {
        self.tasks.take_all().map(|(_, handle)| handle.join()).collect()
    }

    /// [Aborts](JoinHandle::abort) the closures. Those that have not begun to run stay in the set, and their results say
    /// so; those that run are asked to stop.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let mut set = scheduler::TaskSet::new(&pool);
    /// (0..100).for_each(|n| drop(set.spawn(move || n)));
    /// let first = set.join_next().unwrap()?;
    /// set.abort_all(); // one is enough
    /// let (ran, aborted): (Vec<_>, Vec<_>) = set.join_all().into_iter().partition(Result::is_ok);
    /// assert_eq!(1 + ran.len() + aborted.len(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn abort_all(&self) {
        self.tasks.abort_all();
    }

    /// Lets go of all closures: they run, and their results are dropped. The set is empty afterwards. A panic goes
    /// to the pool's [`panic_handler`](crate::ThreadPoolBuilder::panic_handler).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// let mut set = scheduler::TaskSet::on_current();
    /// set.spawn(move || sender.send("ran all the same").unwrap());
    /// set.detach_all();
    /// drop(set);
    /// assert_eq!(receiver.recv(), Ok("ran all the same"));
    /// ```
    pub fn detach_all(&mut self) {
        self.tasks.take_all().for_each(drop);
    }

    /// How many results have not been taken: of closures that are queued, run, or have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut set = scheduler::TaskSet::on_current();
    /// set.spawn(|| 1);
    /// set.spawn(|| 2);
    /// assert_eq!(set.len(), 2);
    /// set.join_next();
    /// assert_eq!(set.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether all results have been taken.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut set = scheduler::TaskSet::on_current();
    /// assert!(set.is_empty());
    /// set.spawn(|| ());
    /// assert!(!set.is_empty());
    /// ```
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
