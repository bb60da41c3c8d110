//! Any number of forks, over borrowed data.

use super::scope_state::State;
use crate::job::cell;
use crate::job::error::JoinError;
use crate::job::party::Handle;
use crate::pool::ThreadPool;
use crate::pool::carried::Carried;
use crate::pool::global::global;
use crate::pool::registry::{Registry, wait};
use crate::pool::seat::Seated;
use crate::span;
use crate::sync::fault::{self, Fault};
use crate::unwind;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;

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
// Each call is of a type of its own: inlined there is no more code, but what the body captures and the scope are one
// frame's.
#[inline(always)]
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
    run(state, f, |state| state.wait_on(owner))
}

/// Runs a scope on a thread that is none of its pool's workers.
fn run_outside<'env, F, R>(registry: &Registry, f: F) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    let state = State::new(registry, None, Carried::current());
    run(state, f, State::wait_outside)
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
    // So that the closure is made where it is going to lie.
    #[inline(always)]
    pub fn fork<F>(&'scope self, f: F)
    where
        F: FnOnce() + Send + 'scope,
    {
        let f = span::forked(f);
        // SAFETY: the closure lives for 'scope, as does the state.
        unsafe { self.state.fork(f) };
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
