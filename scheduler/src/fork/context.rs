//! The two-way fork for innermost recursions: the worker is handed down as an argument, in a
//! register, instead of being looked up at each fork.
//!
//! The index of the next job is not handed down. It could be wrong, after a spawn, so it would have
//! to be compared with the head's; and the load for that is as cheap as the one that it replaces
//! (docs/adr/0006-two-joins.md).

use super::join::{Branch, fits_registers, fork};
use crate::job::Call;
use crate::pool::ThreadPool;
use crate::pool::global::global;
use crate::pool::seat::Seated;
use crate::pool::worker::Worker;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};

/// A recursion's place on its worker, from [`with_context`]: forks through it are the cheapest
/// there are.
///
/// [`join`](crate::join()) looks its worker up in a thread-local each time and asks whether there is
/// one. A `Context` carries the answer in a register, so hand it down by value. Each branch of its
/// [`join`](Self::join) gets a context of its own, which is the one to use there: wherever the branch
/// runs, it is that worker's.
///
/// A context never leaves its thread, and is no stake in the pool: it does not keep the workers
/// alive or busy. Everything else can be used beside it, as in any job.
///
/// # Examples
///
/// ```
/// use scheduler::Context;
///
/// fn fib(cx: Context<'_>, n: u32) -> u64 {
///     if n < 2 {
///         return n.into();
///     }
///     let (a, b) = cx.join(|cx| fib(cx, n - 1), |cx| fib(cx, n - 2));
///     a + b
/// }
///
/// assert_eq!(scheduler::with_context(|cx| fib(cx, 20)), 6765);
/// ```
///
/// The context of the frame outside does not fit into a branch, which may run on another thread:
///
/// ```compile_fail,E0277
/// scheduler::with_context(|cx| cx.join(|_| 1, |_| cx.join(|_| 2, |_| 3)));
/// ```
#[derive(Clone, Copy)]
pub struct Context<'w>(Seated<'w>);

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("worker", &self.thread_index()).finish()
    }
}

// A panic is caught at each fork and goes on from there: nothing of the worker is seen half-done.
impl UnwindSafe for Context<'_> {}
impl RefUnwindSafe for Context<'_> {}

/// A closure that takes a context.
enum InContext {}

impl<F: FnOnce(Context<'_>) -> R, R> Call<F, R> for InContext {
    #[inline(always)]
    fn call(closure: F) -> R {
        closure(Context(Seated::current().expect("forks run on workers")))
    }
}

impl<F: FnOnce(Context<'_>) -> R, R> Branch<F, R> for InContext {
    #[inline(always)]
    fn run(closure: F, seated: Seated<'_>) -> R {
        closure(Context(seated))
    }
}

impl Context<'_> {
    /// [`join`](crate::join()), on the worker that this context is of.
    ///
    /// Depth, cancellation, and what the worker does while it waits are as there.
    ///
    /// # Panics
    ///
    /// If `a` or `b` panics, as there.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::Context;
    ///
    /// fn sum(cx: Context<'_>, numbers: &[u64]) -> u64 {
    ///     match numbers {
    ///         [] => 0,
    ///         [number] => *number,
    ///         _ => {
    ///             let (left, right) = numbers.split_at(numbers.len() / 2);
    ///             let (left, right) = cx.join(|cx| sum(cx, left), |cx| sum(cx, right));
    ///             left + right
    ///         }
    ///     }
    /// }
    ///
    /// let numbers: Vec<u64> = (1..=1000).collect();
    /// assert_eq!(scheduler::with_context(|cx| sum(cx, &numbers)), 500_500);
    /// ```
    #[inline(always)]
    pub fn join<A, B, RA, RB>(self, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(Context<'_>) -> RA + Send,
        B: FnOnce(Context<'_>) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        if const { fits_registers::<A, B>() } {
            self.join_apart(a, b)
        } else {
            fork::<InContext, _, _, _, _>(self.0, a, b)
        }
    }

    #[inline(never)]
    fn join_apart<A, B, RA, RB>(self, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(Context<'_>) -> RA + Send,
        B: FnOnce(Context<'_>) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        fork::<InContext, _, _, _, _>(self.0, a, b)
    }

    /// The worker's index in its pool, as [`current_thread_index`](crate::current_thread_index)
    /// has it.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{current_thread_index, with_context};
    ///
    /// with_context(|cx| assert_eq!(Some(cx.thread_index()), current_thread_index()));
    /// ```
    pub fn thread_index(&self) -> usize {
        self.0.worker().index()
    }
}

/// Runs `f` on a worker, with a [`Context`] to fork through.
///
/// # Panics
///
/// If `f` panics, with the same payload. Outside any pool, also if the global one cannot be built or
/// has been shut down.
///
/// # On a worker
///
/// `f` runs at once. Any other thread sends it to the global pool and blocks until it has run there.
///
/// # Examples
///
/// ```
/// use scheduler::{Context, with_context};
///
/// /// The number of ways to pay an amount with these coins.
/// fn ways(cx: Context<'_>, amount: u32, coins: &[u32]) -> u64 {
///     match coins {
///         _ if amount == 0 => 1,
///         [] => 0,
///         [coin, rest @ ..] if *coin > amount => ways(cx, amount, rest),
///         [coin, rest @ ..] => {
///             let (with, without) =
///                 cx.join(|cx| ways(cx, amount - coin, coins), |cx| ways(cx, amount, rest));
///             with + without
///         }
///     }
/// }
///
/// assert_eq!(with_context(|cx| ways(cx, 100, &[50, 25, 10, 5, 1])), 292);
/// ```
#[track_caller]
pub fn with_context<F, R>(f: F) -> R
where
    F: FnOnce(Context<'_>) -> R + Send,
    R: Send,
{
    match Seated::current() {
        Some(seated) => f(Context(seated)),
        None => global().with_context(f),
    }
}

impl ThreadPool {
    /// [`with_context`] on this pool: `f` runs on one of its workers.
    ///
    /// # Panics
    ///
    /// As [`with_context`] and [`install`](Self::install).
    ///
    /// # On a worker
    ///
    /// As [`install`](Self::install): of this pool, `f` runs at once; of another one, the worker does
    /// jobs of its own pool until `f` has run.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let sum = pool.with_context(|cx| {
    ///     let (a, b) = cx.join(|_| 1, |_| 2);
    ///     a + b
    /// });
    /// assert_eq!(sum, 3);
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn with_context<F, R>(&self, f: F) -> R
    where
        F: FnOnce(Context<'_>) -> R + Send,
        R: Send,
    {
        let on = |worker: &Worker| f(Context(worker.seated()));
        match self.registry().in_worker(Location::caller(), on) {
            Ok(value) => value,
            Err(refused) => refused.panic(),
        }
    }
}
