//! Fork/join: work that borrows, and whose caller waits for it.

mod broadcast;
mod context;
mod join;
mod join_macro;
pub(crate) mod parts;
mod scope;
mod scope_state;

pub use broadcast::{BroadcastContext, broadcast};
pub use context::{Context, with_context};
pub use join::join;
pub use scope::{Scope, ScopedJoinHandle, in_place_scope, scope};
