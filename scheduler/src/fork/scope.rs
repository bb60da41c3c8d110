//! Any number of forks, over borrowed data.

use super::parts::{Parts, Settled};
use crate::job::cell::{self, AbortFlag, Fate, Owner, Unclaimed};
use crate::job::error::JoinError;
use crate::job::party::Handle;
use crate::job::{JobRef, detached};
use crate::pool::ThreadPool;
use crate::pool::carried::{Carried, put_away};
use crate::pool::global::global;
use crate::pool::registry::{Registry, wait};
use crate::pool::seat::Seated;
use crate::pool::worker::Role;
use crate::span;
use crate::sync::fault::{self, Fault};
use crate::sync::{AtomicPtr, Ordering};
use crate::unwind::{self, Payload};
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr::{self, NonNull};

/// Where forks are spawned that may borrow; see [`scope`].
///
/// It can be handed to what is spawned, to spawn more from there.
///
/// # Examples
///
/// ```
/// use scheduler::Scope;
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// struct Tree {
///     children: Vec<Tree>,
/// }
///
/// fn visit<'scope>(s: &'scope Scope<'scope, '_>, tree: &'scope Tree, seen: &'scope AtomicUsize) {
///     seen.fetch_add(1, Ordering::Relaxed);
///     for child in &tree.children {
///         s.fork(move || visit(s, child, seen));
///     }
/// }
///
/// let leaf = || Tree { children: Vec::new() };
/// let tree = Tree { children: vec![leaf(), Tree { children: vec![leaf(), leaf()] }] };
/// let seen = AtomicUsize::new(0);
/// scheduler::scope(|s| visit(s, &tree, &seen));
/// assert_eq!(seen.into_inner(), 5);
/// ```
pub struct Scope<'scope, 'env: 'scope> {
    state: State,
    // Both invariant, as in `std::thread::Scope`: what is spawned may neither outlive the
    // scope nor be tied to a shorter borrow of it.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// What the parts of a scope share. Lives in the frame that waits for all of them.
struct State {
    registry: NonNull<Registry>,
    parts: Parts,
    /// The task that made the scope, which its parts carry.
    task: Carried,
    /// Whether that is anything.
    carries: bool,
    /// The first panic that no handle showed, in a box; null while there is none.
    panic: AtomicPtr<Payload>,
}

// SAFETY: `registry` is a shared borrow that outlives the scope; `Registry` is `Sync`.
unsafe impl Sync for State {}
// SAFETY: as above.
unsafe impl Send for State {}

/// A part's way to its scope.
#[derive(Clone, Copy)]
struct Part(NonNull<State>);

// SAFETY: `State` is `Sync`.
unsafe impl Send for Part {}

impl Part {
    fn record(self, payload: Payload) {
        // SAFETY: the scope waits for this part, or is still in the code that drops the part's
        // handle, which cannot outlive it.
        unsafe { self.0.as_ref() }.record(payload);
    }
}

impl Owner for Part {
    /// A scoped handle cannot leave the scope.
    const OUTLIVES_HANDLE: bool = true;

    fn cancels(self) -> bool {
        false
    }

    #[inline(always)]
    fn run<T>(self, closure: impl FnOnce() -> T) -> Result<T, Payload> {
        // SAFETY: the scope waits for this part.
        let state = unsafe { self.0.as_ref() };
        if state.carries {
            // SAFETY: (1) the scope, which is inside the frames that this is borrowed from, waits for
            // this part; (2) just below.
            unsafe { state.task.begin() };
        }
        let result = unwind::catch(closure);
        // Asked once more, for the answer would take a register meanwhile.
        if state.carries {
            Carried::end();
        }
        result
    }

    /// A scoped handle aborts nothing.
    #[inline]
    fn run_abortable<T>(self, _: AbortFlag<'_>, closure: impl FnOnce() -> T) -> Result<T, Payload> {
        self.run(closure)
    }

    fn unclaimed(self) -> Unclaimed {
        Unclaimed(Box::new(move |payload| self.record(payload)))
    }

    #[inline]
    fn ended(self, _: Fate) {
        // SAFETY: the scope waits for this part, which ends once.
        let parts = unsafe { &raw const (*self.0.as_ptr()).parts };
        // SAFETY: as above.
        unsafe { Parts::end(parts) };
    }
}

impl State {
    /// Of a scope whose body is about to run on `owner`, or on none of the pool's workers.
    #[inline(always)]
    fn new(registry: &Registry, owner: Option<Seated<'_>>, task: Carried) -> Self {
        Self {
            registry: NonNull::from(registry),
            parts: Parts::new(owner),
            task,
            carries: !task.is_nothing(),
            panic: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Begins a part, and queues the job that `make` makes of it, beside its handle.
    #[inline(always)]
    fn begin<T>(&self, make: impl FnOnce(Part) -> (JobRef, T)) -> T {
        let part = Part(NonNull::from(self));
        let Some(owner) = self.parts.begin() else { return self.begin_elsewhere(make, part) };
        let (job, handle) = make(part);
        owner.push(job);
        handle
    }

    /// The same for anybody but the owner, and for that once it has settled. Apart, so that on the path of
    /// the owner nothing is asked twice.
    #[inline(never)]
    fn begin_elsewhere<T>(&self, make: impl FnOnce(Part) -> (JobRef, T), part: Part) -> T {
        self.parts.begin_elsewhere();
        let (job, handle) = make(part);
        // SAFETY: the frame that runs the scope borrows the registry.
        unsafe { self.registry.as_ref() }.submit(job);
        handle
    }

    fn record(&self, payload: Payload) {
        let mine = Box::into_raw(Box::new(payload));
        // Relaxed: whoever records is inside an open part or the body, whose end hands it on.
        let (none, relaxed) = (ptr::null_mut(), Ordering::Relaxed);
        let first = self.panic.compare_exchange(none, mine, relaxed, relaxed);
        if first.is_err() {
            // SAFETY: made above, and not stored.
            unwind::drop_quietly(unsafe { Box::from_raw(mine) });
        }
    }

    /// The first panic. Called once, when all parts have ended.
    #[inline]
    fn take_panic(&self) -> Option<Payload> {
        // Relaxed: the ends of the parts have been acquired (`parts.rs`).
        let first = NonNull::new(self.panic.load(Ordering::Relaxed))?;
        // SAFETY: stored by `record`, from a box; nobody else takes it.
        Some(*unsafe { Box::from_raw(first.as_ptr()) })
    }
}

/// Runs `f` on a worker and waits for everything that it spawns.
///
/// What is spawned may borrow from outside the scope, since `scope` does not return before all
/// of it has ended. Bodies that need no [`Send`], or have to stay on the calling thread, use
/// [`in_place_scope`]. Two branches are cheaper with [`join`](crate::join()); parts whose handle
/// nobody needs, with [`Scope::fork`].
///
/// Uses the current pool: the calling worker's, else the [global pool](crate::global).
///
/// # Panics
///
/// If `f` or a spawned closure panics: after all have ended, with the first of the panics. A
/// panic that a handle has given out by [`join`](ScopedJoinHandle::join) does not count. Outside any
/// pool, also if the global one cannot be built or has been shut down.
///
/// # Cancellation
///
/// What is spawned carries the [token](crate::CancellationToken::run) of the task that made the scope, and an
/// [abort](crate::JoinHandle::abort) of the closure that did. Nothing is dropped because of it, nor by a
/// shutdown of the pool: all of it runs.
///
/// # On a worker
///
/// `f` runs at once. While it waits, the worker runs other jobs, its own and stolen ones; do not hold
/// a lock that those may want. Any other thread blocks.
///
/// # Examples
///
/// ```
/// let words = ["a", "scope", "waits"];
/// let mut lengths = [0; 3];
/// scheduler::scope(|s| {
///     for (word, length) in words.iter().zip(&mut lengths) {
///         s.spawn(|| *length = word.len());
///     }
/// });
/// assert_eq!(lengths, [1, 5, 5]);
/// ```
///
/// What is spawned cannot borrow from the body itself, which ends first:
///
/// ```compile_fail,E0373
/// scheduler::scope(|s| {
///     let local = 1;
///     s.spawn(|| println!("{local}"));
/// });
/// ```
#[track_caller]
pub fn scope<'env, F, R>(f: F) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R + Send,
    R: Send,
{
    match Seated::current() {
        Some(seated) => run_on(seated, f),
        None => global().scope(f),
    }
}

/// As [`scope`], with the body on the calling thread: it need not be [`Send`].
///
/// # Panics
///
/// As [`scope`].
///
/// # On a worker
///
/// As [`scope`]. Any other thread runs `f` itself, then blocks until what it spawned has
/// ended. In its body the current pool is the calling thread's, as before.
///
/// # Examples
///
/// ```
/// let not_send = std::rc::Rc::new(5);
/// let mut doubled = 0;
/// scheduler::in_place_scope(|s| {
///     let n = *not_send;
///     let doubled = &mut doubled;
///     s.spawn(move || *doubled = 2 * n);
/// });
/// assert_eq!(doubled, 10);
/// ```
#[track_caller]
pub fn in_place_scope<'env, F, R>(f: F) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    match Seated::current() {
        Some(seated) => run_on(seated, f),
        None => global().in_place_scope(f),
    }
}

impl ThreadPool {
    /// [`scope`] on this pool: the body and what is spawned run on its workers.
    ///
    /// # Panics
    ///
    /// As [`scope`] and [`install`](Self::install).
    ///
    /// # On a worker
    ///
    /// As [`install`](Self::install).
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let mut rows = vec![vec![3, 1, 2], vec![9, 7, 8]];
    /// pool.scope(|s| {
    ///     for row in &mut rows {
    ///         s.fork(|| row.sort());
    ///     }
    /// });
    /// assert_eq!(rows, [[1, 2, 3], [7, 8, 9]]);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn scope<'env, F, R>(&self, f: F) -> R
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R + Send,
        R: Send,
    {
        match self.registry().in_worker(Location::caller(), |_| scope(f)) {
            Ok(value) => value,
            Err(refused) => refused.panic(),
        }
    }

    /// [`in_place_scope`] whose spawned closures run on this pool.
    ///
    /// The body runs on the calling thread, and there the free functions do not use this pool, unless it
    /// is the current one anyhow.
    ///
    /// # Panics
    ///
    /// As [`in_place_scope`]. On a thread that is no worker of this pool, also if the pool has been
    /// shut down. A shutdown that comes later waits for the scope.
    ///
    /// # On a worker
    ///
    /// Of this pool: as [`scope`]. Of another pool: the worker runs `f`, then its own pool's jobs until
    /// what was spawned has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let here = std::thread::current().id();
    /// let elsewhere = pool.in_place_scope(|s| {
    ///     assert_eq!(std::thread::current().id(), here);
    ///     s.spawn(|| std::thread::current().id()).join().unwrap()
    /// });
    /// assert_ne!(elsewhere, here);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn in_place_scope<'env, F, R>(&self, f: F) -> R
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    {
        let registry = self.registry();
        if registry.own_worker().is_some() {
            return in_place_scope(f);
        }
        // It counts as a root while it is open, so that the workers stay.
        match registry.hold_root(|| run_outside(registry, f)) {
            Ok(value) => value,
            Err(refused) => refused.panic(),
        }
    }
}

/// Runs a scope on a worker, which becomes its owner.
#[inline(always)]
fn run_on<'env, F, R>(owner: Seated<'_>, f: F) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    let state = State::new(owner.worker().registry(), Some(owner), Carried::of(owner));
    run(state, f, |state| wait_for_parts(owner, state))
}

/// Runs a scope on a thread that is none of its pool's workers.
fn run_outside<'env, F, R>(registry: &Registry, f: F) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    let state = State::new(registry, None, Carried::current());
    run(state, f, |state| {
        // SAFETY: the body is the part that was open from the start; the scope is alive.
        unsafe { Parts::end(&raw const state.parts) };
        wait(state.parts.latch());
    })
}

/// `wait_for_parts` is called when the body has ended.
#[inline(always)]
fn run<'env, F, R>(state: State, f: F, wait_for_parts: impl FnOnce(&State)) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    let scope = Scope { state, scope: PhantomData, env: PhantomData };
    let value = unwind::catch(|| f(&scope));
    let value = value.map_err(|payload| scope.state.record(payload));
    if value.is_ok() || !fault::is(Fault::ScopePanicLeaves) {
        wait_for_parts(&scope.state);
    }
    match (value, scope.state.take_panic()) {
        (Ok(value), None) => value,
        (value, Some(payload)) => {
            unwind::drop_quietly(value);
            unwind::resume(payload)
        }
        (Err(()), None) => unreachable!("the body's panic was recorded"),
    }
}

/// The owner runs and waits until the parts have ended.
#[inline(always)]
fn wait_for_parts(owner: Seated<'_>, state: &State) {
    if state.carries {
        return wait_put_away(owner, state);
    }
    let _spans = span::put_away();
    run_parts(owner, &state.parts);
}

/// The same, where the owner's task is something to be put away.
#[inline(never)]
fn wait_put_away(owner: Seated<'_>, state: &State) {
    let _put_away = put_away(owner);
    run_parts(owner, &state.parts);
}

#[inline(always)]
fn run_parts(owner: Seated<'_>, parts: &Parts) {
    // First what lies on top of the own deque: as long as it lasts, nothing is counted.
    while !parts.none_open() {
        if !owner.run_newest() {
            return settle(owner, parts);
        }
    }
}

/// The owner has nothing left to run, and thieves have parts.
#[cold]
#[inline(never)]
fn settle(owner: Seated<'_>, parts: &Parts) {
    if parts.settle() == Settled::SomeOpen {
        owner.worker().run_until(parts.latch(), Role::Waiting);
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Forks `f`: it runs when a worker has time, at the latest before the scope ends.
    ///
    /// The handle can be dropped; the scope waits for the closure all the same. On a worker of
    /// the scope's pool the job goes to its own deque, newest first; from elsewhere, to the
    /// pool's global queue. It returns at once, and takes closures also when the pool is being shut
    /// down. A panic goes to the handle; if nobody asks that, to whoever called the scope.
    ///
    /// # Examples
    ///
    /// ```
    /// let data = vec![1, 2, 3, 4];
    /// let (low, high) = scheduler::scope(|s| {
    ///     let low = s.spawn(|| data.iter().min());
    ///     let high = s.spawn(|| data.iter().max());
    ///     (low.join().unwrap(), high.join().unwrap())
    /// });
    /// assert_eq!((low, high), (Some(&1), Some(&4)));
    /// ```
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let f = span::forked(f);
        let handle = self.state.begin(|part| {
            // SAFETY: the scope waits for the part, and closure and value live for 'scope, as does
            // the handle; so does the state.
            let (entry, handle) = unsafe { cell::new(f, part) };
            (entry.into_job(), handle)
        });
        ScopedJoinHandle { handle, scope: PhantomData }
    }

    /// Forks `f` without a handle, which is the cheapest way: half the price of
    /// [`spawn`](Self::spawn), and nothing to be dropped.
    ///
    /// If `f` panics, so does the scope. Otherwise as `spawn`. The counterpart of rayon's
    /// `Scope::spawn`.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut squares = [1, 2, 3, 4];
    /// scheduler::scope(|s| {
    ///     for n in &mut squares {
    ///         s.fork(|| *n *= *n);
    ///     }
    /// });
    /// assert_eq!(squares, [1, 4, 9, 16]);
    /// ```
    pub fn fork<F>(&'scope self, f: F)
    where
        F: FnOnce() + Send + 'scope,
    {
        let f = span::forked(f);
        self.state.begin(|part| {
            // SAFETY: the scope waits for the part, and the closure lives for 'scope, as does the
            // state.
            (unsafe { detached::new(f, part) }, ())
        });
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// The handle of a closure spawned in a [`Scope`]. Dropping it is fine: the scope waits for
/// the closure all the same.
///
/// # Examples
///
/// ```
/// let words = ["seven", "oops", "9"];
/// let numbers = scheduler::scope(|s| {
///     let handles = words.map(|word| s.spawn(|| word.parse::<u32>()));
///     handles.map(|handle| handle.join().unwrap().ok())
/// });
/// assert_eq!(numbers, [None, None, Some(9)]);
/// ```
pub struct ScopedJoinHandle<'scope, T> {
    handle: Handle<T>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits for the closure and returns its value.
    ///
    /// # Errors
    ///
    /// If the closure panicked. The scope does not panic for it then.
    ///
    /// # On a worker
    ///
    /// Runs other jobs meanwhile, of its own pool. Any other thread blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// let verdict = scheduler::scope(|s| {
    ///     let risky = s.spawn(|| -> u32 { panic!("out of luck") });
    ///     match risky.join() {
    ///         Ok(number) => format!("it is {number}"),
    ///         Err(error) => error.to_string(),
    ///     }
    /// });
    /// assert_eq!(verdict, "the closure panicked: out of luck");
    /// ```
    pub fn join(mut self) -> Result<T, JoinError> {
        wait(self.handle.latch());
        self.handle.take().into_result()
    }

    /// Whether the closure has ended. If so, [`join`](Self::join) returns at once.
    ///
    /// # Examples
    ///
    /// ```
    /// scheduler::scope(|s| {
    ///     let handle = s.spawn(|| 6 * 7);
    ///     while !handle.is_finished() {
    ///         scheduler::yield_now(); // does something useful meanwhile
    ///     }
    ///     assert_eq!(handle.join().unwrap(), 42);
    /// });
    /// ```
    pub fn is_finished(&self) -> bool {
        self.handle.latch().is_set()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").field("finished", &self.is_finished()).finish()
    }
}
