//! Work that is submitted: it owns its data, and nobody has to wait for it.

mod handle;
mod spawn;

pub use handle::JoinHandle;
pub use spawn::{Rejected, Yield, is_cancelled, spawn, yield_now};
