//! The elastic pool of the process.

use super::elastic::Elastic;
use crate::sync::StaticOnceLock;
use crate::task::JoinHandle;
use crate::unwind;
use std::error::Error;

static GLOBAL: StaticOnceLock<Elastic> = StaticOnceLock::new();

/// Runs a closure that blocks on a thread of its own, out of the way of the workers, and returns a
/// handle to its value.
///
/// The threads are those of one [`Elastic`] pool for the whole process: up to 512, which start when they
/// are needed and end after ten seconds without work; beyond that closures are queued, without a limit.
/// They are called `blocking-0`, `blocking-1`, …, and do not keep the process alive: when `main`
/// returns, what still runs there ends with the process, and what is queued does not run. For another
/// number, a bounded queue or a shutdown, build an [`Elastic`] pool.
///
/// # Panics
///
/// If there is no thread, and the system does not spawn one. A panic of the closure goes to the
/// handle.
///
/// # Cancellation
///
/// As with [`spawn`](crate::spawn). What blocks in the system cannot be interrupted.
///
/// # On a worker
///
/// It returns at once. The worker is free while the closure blocks; [`join`](JoinHandle::join) on the
/// handle runs other jobs meanwhile.
///
/// # Examples
///
/// ```
/// let size = scheduler::spawn_blocking(|| std::fs::metadata("Cargo.toml").map(|file| file.len()));
/// assert!(size.join()?? > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let pool = GLOBAL.get_or_init(|| {
        Elastic::builder().thread_name("blocking").build().expect("the defaults are valid")
    });
    match pool.try_submit(f) {
        Ok(handle) => handle,
        Err(rejected) => {
            let why = rejected.source().map(ToString::to_string).unwrap_or_default();
            unwind::drop_quietly(rejected);
            panic!("no thread for a blocking closure can be spawned: {why}");
        }
    }
}
