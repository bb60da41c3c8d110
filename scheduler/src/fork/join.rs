//! The two-way fork.

use crate::job::{Call, ForkJob, Plain};
use crate::pool::ThreadPool;
use crate::pool::carried::Carried;
use crate::pool::global::global;
use crate::pool::seat::{Forks, Seated, make_room};
use crate::pool::worker::Waited;
use crate::queue::head::Pop;
use crate::span;
use crate::sync::fault::{self, Fault};
use crate::unwind::{self, Payload, QuietDrop};
use std::hint;
use std::marker::PhantomData;

/// Runs two closures, in parallel if another worker has the time, and returns both values.
///
/// The caller runs `a`; `b` is put where idle workers can take it. If nobody has by the time
/// that `a` returns, the caller runs `b` as well, and the fork has cost about as much as a
/// function call: no allocation, no lock, no fence. So fork freely, down to small pieces; a
/// cut-off of a microsecond's work is plenty.
///
/// Uses the current pool: the calling worker's, else the [global pool](crate::global). More than two
/// branches: [`join!`](crate::join!). Closures that are many, or unequal: [`scope`](crate::scope).
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
/// also if the global one cannot be built or has been shut down.
///
/// # Cancellation
///
/// Both branches carry the [token](crate::CancellationToken::run) of the caller's task, and an abort of the
/// closure that they are part of, if that [has asked](crate::task::is_cancelled#in-what-it-forks). Neither is
/// dropped because of it, nor by a shutdown of the pool: a branch that may take long asks
/// [`task::checkpoint`](crate::task::checkpoint).
///
/// # On a worker
///
/// While somebody else runs `b`, the worker runs other jobs, its own and stolen ones. Do not
/// hold a lock across `join` that those jobs may want. Any other thread has both closures run by the
/// global pool, and blocks meanwhile.
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
#[inline(always)]
pub fn join<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    if const { fits_registers::<A, B>() } { join_apart(a, b) } else { join_here(a, b) }
}

/// Whether both closures can be passed in registers. Then a fork is a function apart: the caller's
/// own function is small as well, so it is inlined there, and a recursion looks at its base case
/// before it calls. (Inlined into the caller, the landing pads of a fork would keep the compiler from
/// saving registers only on the path that forks.) Larger closures would have to be built in memory
/// for such a call, twice.
pub(super) const fn fits_registers<A, B>() -> bool {
    const TWO_WORDS: usize = 2 * size_of::<usize>();
    size_of::<A>() <= TWO_WORDS && size_of::<B>() <= TWO_WORDS
}

/// Where the head is full it calls itself, once there is room. That also keeps it apart: LLVM inlines no
/// function that does. `#[inline(never)]` would as well, but rustc exports the generic functions of a library
/// that have it, and then the recursion through them is an indirect call.
fn join_apart<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    let Some(seated) = Seated::current() else { return join_outside(global(), a, b) };
    // Built in vain where there is no room, as in `fork`.
    let job = ForkJob::of::<Plain>(b);
    let Some(index) = seated.reserve() else {
        if !seated.is_full() {
            return fork_at_the_limit::<Plain, _, _, _, _>(seated, a, &job);
        }
        let (a, b) = make_room_and_take_back(seated, a, &job);
        return join_apart(a, b);
    };
    fork_at::<Plain, Plain, _, _, _, _>(seated, index, &job, a)
}

/// Makes room, and gives both closures back: `plain` is the job of the second, which nobody has seen.
#[cold]
#[inline(never)]
fn make_room_and_take_back<A, B, RB>(seated: Seated<'_>, a: A, plain: &ForkJob<B, RB>) -> (A, B) {
    make_room(seated);
    // SAFETY: nobody has been given the right to run the job, so it is the caller's, who does not
    // use it any more.
    (a, unsafe { plain.take_closure() })
}

#[inline(always)]
fn join_here<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    match Seated::current() {
        Some(seated) => fork::<Plain, _, _, _, _>(seated, a, b),
        None => join_outside(global(), a, b),
    }
}

impl ThreadPool {
    /// [`join`](crate::join()) on this pool: both closures run on its workers.
    ///
    /// For a recursion, [`install`](Self::install) its first call; inside, the free function is the
    /// cheaper one.
    ///
    /// # Panics
    ///
    /// As [`join`](crate::join()) and [`install`](Self::install).
    ///
    /// # On a worker
    ///
    /// As [`install`](Self::install).
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// let text = String::from("two passes over one text");
    /// let (words, vowels) = pool.join(
    ///     || text.split(' ').count(),
    ///     || text.chars().filter(|letter| "aeiou".contains(*letter)).count(),
    /// );
    /// assert_eq!((words, vowels), (5, 8));
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
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
#[inline(never)]
fn join_outside<A, B, RA, RB>(pool: &ThreadPool, a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    pool.join(a, b)
}

/// A kind of closure that a fork can have.
pub(super) trait Branch<F, R>: Call<F, R> {
    /// Runs it on the owner.
    fn run(closure: F, seated: Seated<'_>) -> R;
}

impl<F: FnOnce() -> R, R> Branch<F, R> for Plain {
    #[inline(always)]
    fn run(closure: F, _: Seated<'_>) -> R {
        closure()
    }
}

/// Forks `b`.
#[inline(always)]
pub(super) fn fork<K, A, B, RA, RB>(seated: Seated<'_>, a: A, b: B) -> (RA, RB)
where
    K: Branch<A, RA> + Branch<B, RB>,
    A: Send,
    B: Send,
    RA: Send,
    RB: Send,
{
    let job = ForkJob::of::<K>(b);
    let Some(index) = seated.reserve() else {
        // Built in vain: so all other forks have nothing more to ask, and no register to save.
        return fork_at_the_limit::<K, _, _, _, _>(seated, a, &job);
    };
    fork_at::<K, K, _, _, _, _>(seated, index, &job, a)
}

/// A closure that carries its task and that one's span along.
struct Carrying<F> {
    task: Carried,
    span: span::Context,
    closure: F,
}

/// Of such a closure, of a kind that is called by `K`.
struct Carry<K>(PhantomData<K>);

impl<K: Call<F, R>, F, R> Call<Carrying<F>, R> for Carry<K> {
    fn call(carrying: Carrying<F>) -> R {
        // SAFETY: (1) the forking frame waits for its branch.
        carrying.span.run(|| unsafe { carrying.task.run(|| K::call(carrying.closure)) })
    }
}

impl<K: Branch<F, R>, F, R> Branch<Carrying<F>, R> for Carry<K> {
    /// The owner is still in the task, and in its spans.
    #[inline(always)]
    fn run(carrying: Carrying<F>, seated: Seated<'_>) -> R {
        K::run(carrying.closure, seated)
    }
}

/// [`fork`] where the head is full, or of a task that its forks carry, or of one in a span: `plain` is
/// the job without that, which nobody has seen.
#[cold]
#[inline(never)]
fn fork_at_the_limit<K, A, B, RA, RB>(seated: Seated<'_>, a: A, plain: &ForkJob<B, RB>) -> (RA, RB)
where
    K: Branch<A, RA> + Branch<B, RB>,
    A: Send,
    B: Send,
    RA: Send,
    RB: Send,
{
    // The compiler would rather be given the closure itself, and save a register for it in the caller,
    // on every path.
    let plain = hint::black_box(plain);
    // SAFETY: nobody has been given the right to run the job, so it is the caller's, who does not
    // use it any more.
    let closure = unsafe { plain.take_closure() };
    // Before there is room: a subscriber is asked, which may push something itself.
    let span = span::Context::current();
    if make_room(seated) == Forks::Plain {
        let job = ForkJob::of::<K>(closure);
        return fork_at::<K, K, _, _, _, _>(seated, seated.next_index(), &job, a);
    }
    let carrying = Carrying { task: Carried::of(seated), span, closure };
    let job = ForkJob::of::<Carry<K>>(carrying);
    fork_at::<K, Carry<K>, _, _, _, _>(seated, seated.next_index(), &job, a)
}

/// Pushes `job` at an index that was reserved, and sees to both branches.
#[inline(always)]
fn fork_at<KA, KB, A, B, RA, RB>(
    seated: Seated<'_>,
    index: u64,
    job: &ForkJob<B, RB>,
    a: A,
) -> (RA, RB)
where
    KA: Branch<A, RA>,
    KB: Branch<B, RB>,
    A: Send,
    B: Send,
    RA: Send,
    RB: Send,
{
    // SAFETY: what follows gets the job back or waits for its latch before the caller's frame, where
    // it is, ends, also when `a` panics; the closures and their values are `Send`; called once.
    let fork = unsafe { job.as_job_ref() };
    let a = if const { size_of::<A>() <= 2 * size_of::<usize>() } {
        seated.push_at(index, fork, a)
    } else {
        // In memory, where it would be copied, on every path.
        seated.push_at(index, fork, ());
        a
    };
    // Caught and not guarded by a destructor: while it waits, the worker runs other jobs, which
    // must not find the thread panicking.
    let value_a = match unwind::catch(|| KA::run(a, seated)) {
        Ok(value_a) => value_a,
        Err(payload) => abandon::<KB, _, _>(seated, job, payload),
    };
    let retrieved = match seated.pop(index) {
        Pop::Mine => Waited::GotBack,
        Pop::Gone => wait::<KB, _, _>(seated, job),
    };
    match retrieved {
        Waited::GotBack => {
            // SAFETY: the right to run the job is back, and used up here.
            let b = unsafe { job.take_closure() };
            let value_a = QuietDrop::new(value_a);
            let value_b = KB::run(b, seated);
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
fn wait<K: Call<F, R>, F, R>(seated: Seated<'_>, job: &ForkJob<F, R>) -> Waited {
    // Others use the frame that this would unwind.
    unwind::or_abort(|| {
        // SAFETY: (1) this is the owner's thread, and a frame waits once; (2) as in its caller.
        let latch = unsafe { job.latch::<K>() };
        seated.worker().wait_for(job.header(), latch)
    })
}

/// `a` has panicked: its panic goes on once nobody uses this frame any more.
#[cold]
#[inline(never)]
fn abandon<K: Call<F, R>, F, R>(seated: Seated<'_>, job: &ForkJob<F, R>, payload: Payload) -> ! {
    if fault::is(Fault::JoinPanicLeaves) {
        unwind::resume(payload);
    }
    // `a`'s panic is the one that counts, whatever becomes of `b`.
    match wait::<K, _, _>(seated, job) {
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
