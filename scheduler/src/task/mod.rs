//! Work that is submitted: it owns its data, and nobody has to wait for it.

mod abort;
mod apart;
mod current;
mod handle;
mod outside;
mod returned;
mod spawn;
mod submit;

pub use abort::{AbortHandle, AbortOnDrop};
pub(crate) use apart::apart;
pub use current::{checkpoint, is_cancelled, token};
pub use handle::JoinHandle;
pub(crate) use outside::with_flag;
pub use returned::Task;
pub use spawn::{Yield, spawn, yield_now};
pub(crate) use spawn::{requeue_on, spawn_on, spawn_ticket};
pub(crate) use submit::Submit;
