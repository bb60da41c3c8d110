//! Work that is submitted: it owns its data, and nobody has to wait for it.

mod abort;
mod current;
mod handle;
mod outside;
mod returned;
mod spawn;

pub use abort::{AbortHandle, AbortOnDrop};
pub use current::{checkpoint, is_cancelled, token};
pub use handle::JoinHandle;
pub(crate) use outside::with_flag;
pub use returned::Task;
#[cfg(not(any(scheduler_loom, scheduler_shuttle)))]
pub(crate) use spawn::spawn_on;
pub use spawn::{Yield, spawn, yield_now};
