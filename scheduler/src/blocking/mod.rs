//! Threads for work that blocks: as many as it takes, for as long as they are needed.

mod builder;
mod completion;
pub(crate) mod core;
mod elastic;
mod ending;
#[cfg(not(any(scheduler_loom, scheduler_shuttle)))]
mod global;
mod job;
pub(crate) mod state;
mod submit;

pub use builder::ElasticBuilder;
pub use elastic::{Elastic, ElasticMetrics};
#[cfg(not(any(scheduler_loom, scheduler_shuttle)))]
pub use global::spawn_blocking;
pub use state::Growth;
