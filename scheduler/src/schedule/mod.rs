//! Work for later: once after a delay, or again and again.

mod appointment;
mod delayed;
mod periodic;

pub use delayed::ScheduledHandle;
pub use periodic::PeriodicHandle;
