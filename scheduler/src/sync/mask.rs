//! Which core a thread runs on, which it may run on, and which a new one may.
//!
//! On Linux a thread inherits the mask of the thread that spawns it. From a pinned worker that is
//! one core, and a thread that waits for others would stay behind that worker. So the first pool
//! that pins its workers remembers the mask that its builder's thread has, and every helper thread
//! takes that mask as its own. On Windows a new thread gets the process's cores, and macOS takes pinning
//! as a mere wish. Where a mask is inherited as well (Android, the BSDs) it stays: workers are pinned
//! there only if the program asks for it.

#[cfg(all(target_os = "linux", not(any(scheduler_loom, scheduler_shuttle))))]
#[path = "mask_linux.rs"]
mod imp;
#[cfg(not(all(target_os = "linux", not(any(scheduler_loom, scheduler_shuttle)))))]
#[path = "mask_none.rs"]
mod imp;

#[cfg(feature = "affinity")]
pub(crate) use imp::cores;
pub(crate) use imp::{here, here_before_a_block, remember, restore, saved};
