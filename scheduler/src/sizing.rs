//! How many threads? Formulas, with their names.
//!
//! Work that computes wants a thread for each core: more only take turns. Work that waits (for a
//! disk, a network, another process) leaves its core to others meanwhile, so it wants more:
//!
//! ```
//! use scheduler::sizing;
//! use std::time::Duration;
//!
//! // 10 ms of work and 90 ms of waiting, on 4 cores.
//! let threads = sizing::io_bound(4, Duration::from_millis(90), Duration::from_millis(10));
//! assert_eq!(threads, 40);
//!
//! // 100 requests a second that take 200 ms each: so many are under way at any time.
//! assert_eq!(sizing::littles_law(100.0, Duration::from_millis(200)), 20);
//! ```
//!
//! The formulas take mean values, and say nothing about their spread: leave room above. All results
//! are at least 1, so that they can be used as they are.

use crate::executor::ExecutorMetrics;
use crate::sync::thread;
use std::fmt;
use std::time::Duration;

/// What a formula's rounding up does not count: an error of the floating point this far above a
/// whole number is none. Larger than what a few operations on doubles lose, and smaller than what
/// anybody measures.
const NOISE: f64 = 1e-9;

/// A thread for each core, for work that computes and never waits: what
/// [`available_parallelism`](std::thread::available_parallelism) says, which respects the calling
/// thread's affinity mask and a container's CPU quota; 1 if it cannot tell. On a pinned worker
/// that is 1: ask elsewhere.
///
/// # Examples
///
/// ```
/// assert!(scheduler::sizing::cpu_bound() >= 1);
/// ```
pub fn cpu_bound() -> usize {
    thread::available_parallelism().map_or(1, |n| n.get())
}

/// `cores * (1 + wait / compute)`, for tasks that compute for `compute` and wait for `wait` in all:
/// with so many threads the cores are always busy. Rounded up; `usize::MAX` if it is more than
/// that, as where the tasks wait but do not compute. Without waiting it is the number of cores.
///
/// The formula is that of Goetz and others, *Java Concurrency in Practice*, section 8.2.
///
/// # Examples
///
/// ```
/// use scheduler::sizing::io_bound;
/// use std::time::Duration;
///
/// let ms = Duration::from_millis;
/// assert_eq!(io_bound(4, ms(90), ms(10)), 40);
/// assert_eq!(io_bound(4, ms(0), ms(10)), 4);
/// assert_eq!(io_bound(2, ms(1), ms(3)), 3); // 2.67
/// assert_eq!(io_bound(2, ms(1), ms(0)), usize::MAX);
/// ```
pub fn io_bound(cores: usize, wait: Duration, compute: Duration) -> usize {
    let cores = cores.max(1);
    if wait.is_zero() {
        return cores;
    }
    // Whole nanoseconds, so that nothing is lost where a thread more or less is seen. A `cores` and
    // a `wait` whose product does not fit stand for more threads than there can be.
    let Some(waiting) = (cores as u128).checked_mul(wait.as_nanos()) else { return usize::MAX };
    let more = match compute.as_nanos() {
        0 => return usize::MAX,
        compute => waiting.div_ceil(compute),
    };
    usize::try_from(more).map_or(usize::MAX, |more| cores.saturating_add(more))
}

/// Little's law: with `rate_per_second` tasks coming in every second, each of which takes
/// `latency`, so many are under way at any time: the product, rounded up. That many threads keep
/// up; with fewer, a queue grows for ever.
///
/// The law is that of J. D. C. Little, *A Proof for the Queuing Formula: L = λW*, Operations Research
/// 9 (1961).
///
/// 1 for a rate that is not a number, or not above zero; `usize::MAX` for one that is infinite.
///
/// # Examples
///
/// ```
/// use scheduler::sizing::littles_law;
/// use std::time::Duration;
///
/// assert_eq!(littles_law(100.0, Duration::from_millis(200)), 20);
/// assert_eq!(littles_law(0.5, Duration::from_secs(3)), 2);
/// ```
pub fn littles_law(rate_per_second: f64, latency: Duration) -> usize {
    let under_way = rate_per_second * latency.as_secs_f64();
    // A cast of a float saturates, and makes 0 of what is not a number.
    (((under_way * (1.0 - NOISE)).ceil()) as usize).max(1)
}

/// `min(32, cpus + 4)`: what `ThreadPoolExecutor` of Python's `concurrent.futures` takes by default
/// since its version 3.8. "This default value preserves at least 5 workers for I/O bound tasks"
/// (its documentation), and does not use very many threads on machines with many cores.
///
/// # Examples
///
/// ```
/// let threads = scheduler::sizing::python_default();
/// assert!((5..=32).contains(&threads));
/// ```
pub fn python_default() -> usize {
    cpu_bound().saturating_add(4).min(32)
}

/// What a running executor's own figures say about its size, by [`littles_law`]: closures that come in at this
/// rate and run for so long keep so many threads busy. `None` if it has not kept
/// [`timings`](crate::ExecutorBuilder::timings), or nothing has run yet.
///
/// Means over the executor's whole life: take them while it has the load that you ask about.
///
/// # Examples
///
/// ```
/// use scheduler::{Executor, ThreadPool, sizing};
///
/// let pool = ThreadPool::new(2)?;
/// let executor = Executor::builder(&pool).timings(true).build()?;
/// for _ in 0..100 {
///     executor.execute(|| std::thread::sleep(std::time::Duration::from_micros(100)))?;
/// }
/// # executor.shutdown(scheduler::Shutdown::Drain);
/// let measured = sizing::measured(&executor.metrics()).expect("some have run");
/// assert!(measured.threads >= 1);
/// println!("{measured}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn measured(metrics: &ExecutorMetrics) -> Option<Measured> {
    let mean_run = metrics.run_time.as_ref()?.mean()?;
    let mean_wait = metrics.queue_wait.as_ref()?.mean()?;
    let rate_per_second = metrics.submitted as f64 / metrics.age.as_secs_f64();
    let threads = littles_law(rate_per_second, mean_run);
    Some(Measured { rate_per_second, mean_wait, mean_run, threads })
}

/// The result of [`measured`]. `Display` says it in a sentence.
///
/// # Examples
///
/// ```
/// use scheduler::{Executor, ThreadPool, sizing};
///
/// let pool = ThreadPool::new(1)?;
/// let executor = Executor::builder(&pool).timings(true).build()?;
/// assert_eq!(sizing::measured(&executor.metrics()), None, "nothing has run");
/// executor.submit(|| ())?.join()?;
/// # let _ = executor.shutdown(scheduler::Shutdown::Drain);
/// let measured = sizing::measured(&executor.metrics()).expect("one has run");
/// if measured.threads > pool.current_num_threads() {
///     eprintln!("this pool is too small: {measured}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Measured {
    /// Closures taken into the queue, per second.
    pub rate_per_second: f64,
    /// How long one waited in the queue, on average.
    pub mean_wait: Duration,
    /// How long one ran, on average.
    pub mean_run: Duration,
    /// The least number of threads that keeps up with that.
    pub threads: usize,
}

/// In words.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate_per_second, mean_wait, mean_run, threads } = self;
        let busy = rate_per_second * mean_run.as_secs_f64();
        let s = if *threads == 1 { "" } else { "s" };
        write!(
            f,
            "{rate_per_second:.1} closures came in a second and ran for {mean_run:.1?} on average: that \
             keeps {busy:.2} threads busy, so it takes at least {threads} thread{s}; \
             each waited for {mean_wait:.1?} before it ran"
        )
    }
}
