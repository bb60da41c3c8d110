//! Work that is submitted: it owns its data, and nobody has to wait for it.

mod abort;
mod current;
mod handle;
mod returned;
mod spawn;

pub use abort::{AbortHandle, AbortOnDrop};
pub use current::{checkpoint, is_cancelled, token};
pub use handle::JoinHandle;
pub use returned::Task;
pub use spawn::{Rejected, Yield, spawn, yield_now};
