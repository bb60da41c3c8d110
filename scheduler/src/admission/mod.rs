//! What queues with a bound have in common: what happens where there is no room.

mod policy;
mod rejected;

pub use policy::{Overflow, OverflowHandler, RejectionPolicy, Verdict};
pub use rejected::{Rejected, RejectedReason};
