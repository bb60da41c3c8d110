//! Work that is submitted: it owns its data, and nobody has to wait for it.

mod abort;
mod handle;
mod returned;
mod spawn;

pub use abort::{AbortHandle, AbortOnDrop};
pub use handle::JoinHandle;
pub use returned::Task;
pub use spawn::{Yield, is_cancelled, spawn, yield_now};
