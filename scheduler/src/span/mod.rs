//! Spans of `tracing`: those of the workers and of submitted closures, and the one that is current, which
//! goes where the work goes. Feature `tracing`; without it, `absent.rs` stands in, with the same functions
//! and nothing in them.
//!
//! `tracing` keeps the spans that a thread is in on a stack of that thread, and tells nobody when it
//! changes. The rules:
//! - who forks or submits notes the span that is current ([`Context::current`]), and whoever runs the closure
//!   is in it meanwhile ([`Context::run`]);
//! - a job is begun outside of all spans: a worker that waits inside one, and runs other jobs meanwhile,
//!   leaves its spans and enters them again afterwards ([`put_away`]);
//! - the span of the thread itself ([`worker`]) lies below all others, stays, and is nobody's context.
//!
//! A span goes together with its subscriber: where that is not the one of the thread that runs the closure,
//! it is made so meanwhile. Why all this: docs/adr/0010-carried-spans.md.
//!
//! What a subscriber throws at a place where only the scheduler could catch it is dropped ([`quietly`]).

mod away;
mod context;
mod submission;
mod thread;

pub(crate) use away::{Away, put_away};
pub(crate) use context::Context;
pub(crate) use submission::{Submission, forked, repeated, submitted};
pub(crate) use thread::{elastic, parks, steals, wakes, worker};

use crate::unwind;
use tracing::level_filters::LevelFilter;

/// Whether there is a subscriber that any span or event could interest. One load.
#[inline]
pub(crate) fn is_on() -> bool {
    LevelFilter::current() != LevelFilter::OFF
}

/// Calls a subscriber; a worker must not end because that panics.
fn quietly<R>(f: impl FnOnce() -> R) -> Option<R> {
    unwind::catch(f).map_err(unwind::drop_quietly).ok()
}
