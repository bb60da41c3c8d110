//! What queues with a bound have in common: what happens where there is no room.

mod policy;

pub use policy::{Overflow, OverflowHandler, RejectionPolicy, Verdict};
