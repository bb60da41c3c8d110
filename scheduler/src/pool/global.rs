//! The global pool: made at first use, or by `build_global`. It lives as long as the process.

use super::error::{BuildError, Kind};
use super::registry::Registry;
use super::worker::Worker;
use super::{ThreadPool, ThreadPoolBuilder};
use crate::sync::{Arc, StaticMutex, StaticOnceLock};

static GLOBAL: StaticOnceLock<ThreadPool> = StaticOnceLock::new();
/// Held while a global pool is being built, so that there is only ever one.
static BUILDING: StaticMutex<()> = StaticMutex::new(());

/// The global pool, which the free functions use outside any pool. Built with the defaults at
/// its first use, unless [`build_global`](ThreadPoolBuilder::build_global) came before.
///
/// # Panics
///
/// If it has to be built and cannot be, with the reason. [`try_global`] gives an error instead.
///
/// # On a worker
///
/// The same. It is the global pool also on a worker of another one, where the free functions use the
/// worker's own.
///
/// # Examples
///
/// ```
/// use scheduler::{Executor, global};
///
/// // What takes a pool can be given this one.
/// let executor = Executor::builder(global()).queue_capacity(100).build()?;
/// assert_eq!(executor.submit(|| 6 * 7)?.join()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn global() -> &'static ThreadPool {
    match try_global() {
        Ok(pool) => pool,
        Err(error) => panic!("the global thread pool cannot be built: {error}"),
    }
}

/// As [`global`], with an error instead of a panic. After an error the next call tries again.
///
/// # Errors
///
/// As [`ThreadPoolBuilder::build`].
///
/// # Examples
///
/// A program that goes on without a pool where the system spawns no threads:
///
/// ```
/// let squares: Vec<u64> = match scheduler::try_global() {
///     Ok(pool) => pool.map(1..=3, |n: u64| n * n).collect(),
///     Err(error) => {
///         eprintln!("one thread must do: {error}");
///         (1..=3).map(|n| n * n).collect()
///     }
/// };
/// assert_eq!(squares, [1, 4, 9]);
/// ```
pub fn try_global() -> Result<&'static ThreadPool, BuildError> {
    if let Some(pool) = GLOBAL.get() {
        return Ok(pool);
    }
    match set(|| ThreadPoolBuilder::new().build()) {
        Ok(()) => {}
        // Somebody else was quicker.
        Err(error) if GLOBAL.get().is_none() => return Err(error),
        Err(_) => {}
    }
    Ok(GLOBAL.get().expect("set just now"))
}

/// The current pool: the calling worker's, or else the global one. Panics as [`global`].
pub(crate) fn current() -> Arc<Registry> {
    match Worker::current() {
        Some(worker) => Arc::clone(worker.registry()),
        None => Arc::clone(global().registry()),
    }
}

/// Builds the global pool, unless there is one.
pub(super) fn set(
    build: impl FnOnce() -> Result<ThreadPool, BuildError>,
) -> Result<(), BuildError> {
    // A panic while building leaves nothing behind.
    let _building = BUILDING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if GLOBAL.get().is_some() {
        return Err(Kind::GlobalExists.into());
    }
    let pool = build()?;
    let first = GLOBAL.set(pool);
    debug_assert!(first.is_ok(), "only set under the lock");
    Ok(())
}
