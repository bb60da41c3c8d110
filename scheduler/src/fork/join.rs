//! The two-way fork.

use crate::job::StackJob;
use crate::pool::ThreadPool;
use crate::pool::global::global;
use crate::pool::worker::{Waited, Worker};
use crate::queue::head::Pop;
use crate::sync::fault::{self, Fault};
use crate::unwind::{self, Payload, QuietDrop};

/// Runs two closures, in parallel if another worker has the time, and returns both values.
///
/// The caller runs `a`; `b` is put where idle workers can take it. If nobody has by the time
/// that `a` returns, the caller runs `b` as well, and the fork has cost about as much as a
/// function call: no allocation, no lock, no fence. So fork freely, down to small pieces; a
/// cut-off of a microsecond's work is plenty.
///
/// Uses the current worker's pool, else the global one.
///
/// # Depth
///
/// Forks nest on the stack like function calls, and a worker that waits runs other jobs on
/// top. With the default stacks of 8 MiB some 10,000 levels are safe; raise
/// [`stack_size`](crate::ThreadPoolBuilder::stack_size) for more.
///
/// # Panics
///
/// If `a` or `b` panics, `join` panics with the same payload, after both have ended: `b` is
/// dropped unrun if nobody had begun it. If both panic, `a`'s payload wins. Outside any pool,
/// also if the global one cannot be built.
///
/// # On a worker
///
/// While somebody else runs `b`, the worker runs other jobs, its own and stolen ones. Do not
/// hold a lock across `join` that those jobs may want.
///
/// # Examples
///
/// ```
/// fn sum(numbers: &[u64]) -> u64 {
///     if numbers.len() <= 1000 {
///         return numbers.iter().sum();
///     }
///     let (left, right) = numbers.split_at(numbers.len() / 2);
///     let (left, right) = scheduler::join(|| sum(left), || sum(right));
///     left + right
/// }
///
/// let numbers: Vec<u64> = (1..=100_000).collect();
/// assert_eq!(sum(&numbers), 5_000_050_000);
/// ```
///
/// Both closures may run on another thread:
///
/// ```compile_fail,E0277
/// let shared = std::rc::Rc::new(1);
/// scheduler::join(|| 2, || *shared);
/// ```
#[inline]
pub fn join<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    match Worker::current() {
        Some(worker) => join_on(worker, a, b),
        None => join_outside(global(), a, b),
    }
}

impl ThreadPool {
    /// [`join`](crate::join()) on this pool: both closures run on its workers.
    ///
    /// # Panics
    ///
    /// As [`join`](crate::join()) and [`install`](Self::install).
    #[track_caller]
    pub fn join<A, B, RA, RB>(&self, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce() -> RA + Send,
        B: FnOnce() -> RB + Send,
        RA: Send,
        RB: Send,
    {
        self.install(|| join(a, b))
    }
}

#[cold]
fn join_outside<A, B, RA, RB>(pool: &ThreadPool, a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    pool.join(a, b)
}

#[inline(always)]
fn join_on<A, B, RA, RB>(worker: &Worker, a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA,
    B: FnOnce() -> RB,
{
    let job = StackJob::new(b);
    // SAFETY: what follows gets the job back or waits for its latch before this frame ends, also
    // when `a` panics; `join` asks for `Send`; called once.
    let index = worker.push(unsafe { job.as_job_ref() });
    // Caught and not guarded by a destructor: while it waits, the worker runs other jobs, which
    // must not find the thread panicking.
    let value_a = match unwind::catch(a) {
        Ok(value_a) => value_a,
        Err(payload) => abandon(worker, &job, payload),
    };
    let retrieved = match worker.pop(index, job.latch()) {
        Pop::Mine => Waited::GotBack,
        Pop::Gone => wait(worker, &job),
    };
    match retrieved {
        Waited::GotBack => {
            // SAFETY: the right to run the job is back, and used up here.
            let b = unsafe { job.take_closure() };
            let value_a = QuietDrop::new(value_a);
            let value_b = b();
            (value_a.into_inner(), value_b)
        }
        Waited::Done => {
            // SAFETY: the latch is set.
            match unsafe { job.take_result() } {
                Ok(value_b) => (value_a, value_b),
                Err(payload) => {
                    unwind::drop_quietly(value_a);
                    unwind::resume(payload)
                }
            }
        }
    }
}

/// The job is not on top of the own deque.
#[cold]
#[inline(never)]
fn wait<F: FnOnce() -> R, R>(worker: &Worker, job: &StackJob<F, R>) -> Waited {
    // Others use the frame that this would unwind.
    unwind::or_abort(|| worker.wait_for(job.header(), job.latch()))
}

/// `a` has panicked: its panic goes on once nobody uses this frame any more.
#[cold]
#[inline(never)]
fn abandon<F, R>(worker: &Worker, job: &StackJob<F, R>, payload: Payload) -> !
where
    F: FnOnce() -> R,
{
    if fault::is(Fault::JoinPanicLeaves) {
        unwind::resume(payload);
    }
    // `a`'s panic is the one that counts, whatever becomes of `b`.
    match wait(worker, job) {
        Waited::GotBack => {
            // SAFETY: the right to run the job is back, and used up here.
            let b = unsafe { job.take_closure() };
            unwind::drop_quietly(b);
        }
        Waited::Done => {
            // SAFETY: the latch is set.
            let result = unsafe { job.take_result() };
            unwind::drop_quietly(result);
        }
    }
    unwind::resume(payload)
}
