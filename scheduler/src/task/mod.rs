//! Work that is submitted: it owns its data, and nobody has to wait for it.

mod abort;
mod handle;
mod spawn;
mod submit;

pub use abort::{AbortHandle, AbortOnDrop};
pub use handle::JoinHandle;
pub use spawn::{Rejected, Yield, is_cancelled, spawn, yield_now};
pub(crate) use spawn::{prepare_on, spawn_on};
pub(crate) use submit::Submit;
