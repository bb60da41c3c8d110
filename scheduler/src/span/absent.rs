//! In place of spans where there are none: without the feature `tracing`, and under a checker.

use std::panic::Location;

/// No span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context;

impl Context {
    #[inline(always)]
    pub(crate) fn current() -> Self {
        Self
    }

    #[inline(always)]
    pub(crate) fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }
}

/// Nothing has been put away.
#[derive(Debug)]
pub(crate) struct Away;

#[inline(always)]
pub(crate) fn put_away() -> Away {
    Away
}

#[inline(always)]
pub(crate) fn is_on() -> bool {
    false
}

#[inline(always)]
pub(crate) fn forked<F>(f: F) -> F {
    f
}

#[inline(always)]
pub(crate) fn submitted<F>(
    _: &'static str,
    _: Option<&str>,
    _: &'static Location<'static>,
    f: F,
) -> F {
    f
}

#[inline(always)]
pub(crate) fn repeated<F>(_: &'static str, _: &'static Location<'static>, f: F) -> F {
    f
}

/// Nothing is noted.
#[derive(Clone, Debug)]
pub(crate) struct Submission;

impl Submission {
    #[inline(always)]
    pub(crate) fn new(_: &'static str, _: Option<&str>, _: &'static Location<'static>) -> Self {
        Self
    }

    #[inline(always)]
    pub(crate) fn closure<F>(self, f: F) -> F {
        f
    }
}

/// No span of a thread.
#[derive(Debug)]
pub(crate) struct Thread;

#[inline(always)]
pub(crate) fn worker(_: usize) -> Thread {
    Thread
}

#[inline(always)]
pub(crate) fn elastic(_: usize) -> Thread {
    Thread
}

#[inline(always)]
pub(crate) fn parks() {}

#[inline(always)]
pub(crate) fn wakes() {}

#[inline(always)]
pub(crate) fn steals(_: &'static str) {}
