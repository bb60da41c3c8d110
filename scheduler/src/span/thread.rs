//! The spans of the scheduler's threads, and what workers tell of themselves.

use super::quietly;
use crate::sync::thread;
use tracing::Metadata;
use tracing::span::EnteredSpan;

/// Of these spans, and of nothing else that is a span.
const TARGET: &str = "scheduler::worker";

/// The span of the calling thread, as long as this lives.
#[derive(Debug)]
pub(crate) struct Thread(Option<EnteredSpan>);

/// The calling thread becomes the worker of that index.
pub(crate) fn worker(index: usize) -> Thread {
    let thread = thread::current();
    let span = || {
        tracing::debug_span!(target: "scheduler::worker", "worker", index, thread = thread.name())
            .entered()
    };
    Thread(quietly(span))
}

/// The calling thread begins to serve an elastic pool, under that number.
pub(crate) fn elastic(index: usize) -> Thread {
    let thread = thread::current();
    let span = || {
        tracing::debug_span!(target: "scheduler::worker", "elastic", index, thread = thread.name())
            .entered()
    };
    Thread(quietly(span))
}

impl Drop for Thread {
    fn drop(&mut self) {
        quietly(|| drop(self.0.take()));
    }
}

/// Whether it is the span of a thread.
pub(super) fn is_own(span: Option<&Metadata<'_>>) -> bool {
    span.is_some_and(|metadata| metadata.target() == TARGET)
}

/// The calling worker is about to block its thread.
#[inline]
pub(crate) fn parks() {
    quietly(|| tracing::trace!(target: "scheduler::worker", "park"));
}

/// It has been woken to look for work.
#[inline]
pub(crate) fn wakes() {
    quietly(|| tracing::trace!(target: "scheduler::worker", "wake"));
}

/// It has taken a job from there.
#[inline]
pub(crate) fn steals(from: &'static str) {
    quietly(|| tracing::trace!(target: "scheduler::worker", from, "steal"));
}
