//! A fence of two unequal halves: `light` costs the busy side nothing, `heavy` makes the
//! idle side pay for both.
//!
//! # What the pair gives
//!
//! Let a busy thread do `store A; light(); load B` and an idle one `store B; heavy(); load A`.
//! Not both loads can miss the other's store:
//! - if `heavy` ends before the busy thread's `light`, the kernel has made the idle thread's
//!   `store B` visible to it, and its `load B` (kept after `light` by the compiler) sees it;
//! - if `light` was first, the barrier that the kernel ran on the busy thread's core flushed
//!   its `store A` (kept before `light` by the compiler), and the idle `load A` sees it.
//!
//! So a `light` and a `heavy` together act as two `fence(SeqCst)`. Two `light`s give nothing.
//! Any thread of the process may take either side: the kernel's barrier reaches all of them.
//!
//! # Which one is used
//!
//! | [`Barrier`] | `light` | `heavy` | where |
//! |---|---|---|---|
//! | `Membarrier` | compiler fence | `membarrier(PRIVATE_EXPEDITED)` | Linux 4.14 and later |
//! | `ProcessWriteBuffers` | compiler fence | `FlushProcessWriteBuffers` | Windows |
//! | `Fence` | `fence(SeqCst)` | `fence(SeqCst)` | elsewhere, or where the kernel refuses |
//!
//! Chosen once per process, when the first pool is built. With `Barrier::Fence` a worker's
//! private head is not used at all (see `queue/head.rs`): [`light_owner`], the half that sits
//! on the path of every fork, can therefore always be a compiler fence.
//!
//! Source of the technique: `membarrier(2)`, and the asymmetric Dekker of Dice, Huang and Yang
//! (2001).

#[cfg(all(target_os = "linux", not(any(scheduler_loom, scheduler_shuttle))))]
#[path = "barrier_linux.rs"]
mod imp;
#[cfg(all(windows, not(any(scheduler_loom, scheduler_shuttle))))]
#[path = "barrier_windows.rs"]
mod imp;
#[cfg(not(any(target_os = "linux", windows, scheduler_loom, scheduler_shuttle)))]
#[path = "barrier_fence.rs"]
mod imp;
#[cfg(any(scheduler_loom, scheduler_shuttle))]
#[path = "barrier_checker.rs"]
mod imp;

#[cfg(any(scheduler_loom, scheduler_shuttle))]
pub use imp::set_absent;
pub(crate) use imp::{barrier, heavy, light, light_owner};

/// Which barrier makes the idle workers see what the busy ones wrote.
///
/// Chosen once per process, when the first pool is built; shown in
/// [`Metrics`](crate::Metrics). On Linux the environment variable `SCHEDULER_BARRIER=fence` makes it
/// [`Fence`](Self::Fence), to try that out.
///
/// # Examples
///
/// ```
/// use scheduler::{Barrier, ThreadPool};
///
/// let pool = ThreadPool::new(1)?;
/// if pool.metrics().barrier == Barrier::Fence {
///     eprintln!("forks are slower here: the kernel refuses membarrier(2)");
/// }
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Barrier {
    /// Linux `membarrier(2)`: busy workers run no fence.
    Membarrier,
    /// Windows `FlushProcessWriteBuffers`: busy workers run no fence.
    ProcessWriteBuffers,
    /// Ordinary full fences. Every fork is published at once and pays one, as in other pools.
    Fence,
}
