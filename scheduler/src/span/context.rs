//! The span that a closure was forked or submitted in.

use super::{is_on, quietly, thread};
use tracing::Id;
use tracing::dispatcher::{self, Dispatch};

/// The span that was current somewhere, and its subscriber.
#[derive(Debug)]
pub(crate) struct Context(Option<Held>);

impl Context {
    /// That of the calling thread.
    #[inline]
    pub(crate) fn current() -> Self {
        Self(if is_on() { Held::current() } else { None })
    }

    /// Runs `f` in it. The thread is in no span but its own.
    #[inline]
    pub(crate) fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        match &self.0 {
            Some(held) => held.run(f),
            None => f(),
        }
    }

    pub(super) fn into_held(self) -> Option<Held> {
        self.0
    }

    pub(super) fn id(&self) -> Option<Id> {
        self.0.as_ref().map(|held| held.id.clone())
    }
}

/// A counted reference to a span.
#[derive(Debug)]
pub(super) struct Held {
    dispatch: Dispatch,
    id: Id,
}

impl Held {
    fn current() -> Option<Self> {
        dispatcher::get_default(|dispatch| {
            let current = dispatch.current_span();
            if thread::is_own(current.metadata()) {
                return None;
            }
            let id = dispatch.clone_span(current.id()?);
            Some(Self { dispatch: dispatch.clone(), id })
        })
    }

    pub(super) fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = Entered::new(self);
        if self.is_current() {
            return f();
        }
        dispatcher::with_default(&self.dispatch, f)
    }

    /// Whether the thread's subscriber is the span's. Another one is, as far as it knows, in no span but the
    /// thread's own, which may have the same number.
    fn is_current(&self) -> bool {
        dispatcher::get_default(|dispatch| {
            let current = dispatch.current_span();
            !thread::is_own(current.metadata()) && current.id() == Some(&self.id)
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        quietly(|| self.dispatch.try_close(self.id.clone()));
    }
}

struct Entered<'a>(&'a Held);

impl<'a> Entered<'a> {
    fn new(held: &'a Held) -> Self {
        held.dispatch.enter(&held.id);
        Self(held)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        quietly(|| self.0.dispatch.exit(&self.0.id));
    }
}
