//! Closures with their context.

use super::context::{Context, Held};
use super::{is_on, put_away};
use crate::sync::Arc;
use std::panic::Location;
use tracing::Span;

/// `f`, as a part of a scope: in the span that is current now. That one may be over when the part runs, so
/// it is kept.
pub(crate) fn forked<F, T>(f: F) -> impl FnOnce() -> T + use<F, T>
where
    F: FnOnce() -> T,
{
    // One word in every part, and memory only where there is a span.
    let held: Option<Box<Held>> = Context::current().into_held().map(Box::new);
    move || match held {
        Some(held) => held.run(f),
        None => f(),
    }
}

/// `f`, as a closure that is submitted: in a span of its own, whose parent is the one that is current now.
pub(crate) fn submitted<F, T>(
    kind: &'static str,
    name: Option<&str>,
    site: &'static Location<'static>,
    f: F,
) -> impl FnOnce() -> T + use<F, T>
where
    F: FnOnce() -> T,
{
    Submission::new(kind, name, site).closure(f)
}

/// As [`submitted`], for a closure that is run again and again: in another span each time.
pub(crate) fn repeated<F>(
    kind: &'static str,
    site: &'static Location<'static>,
    mut f: F,
) -> impl FnMut() + use<F>
where
    F: FnMut(),
{
    let submission = Submission::new(kind, None, site);
    move || submission.run(&mut f)
}

/// What a submission notes for its closures: all that asks a subscriber, and so can take long, or submit
/// something itself. `None`: there was no subscriber.
#[derive(Clone)]
pub(crate) struct Submission(Option<Arc<Noted>>);

struct Noted {
    context: Context,
    kind: &'static str,
    name: Option<Box<str>>,
    site: &'static Location<'static>,
}

impl Submission {
    /// `name` is that of the executor or pool.
    pub(crate) fn new(
        kind: &'static str,
        name: Option<&str>,
        site: &'static Location<'static>,
    ) -> Self {
        let noted = || {
            let name = name.map(Box::from);
            Arc::new(Noted { context: Context::current(), kind, name, site })
        };
        Self(is_on().then(noted))
    }

    /// `f`, in a span of its own. Asks no subscriber.
    pub(crate) fn closure<F, T>(self, f: F) -> impl FnOnce() -> T + use<F, T>
    where
        F: FnOnce() -> T,
    {
        move || self.run(f)
    }

    fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let Some(noted) = &self.0 else { return f() };
        // It may be run by somebody who has waited for room, in spans of his own.
        let _away = put_away();
        noted.context.run(|| {
            let span = noted.span();
            let _entered = span.enter();
            f()
        })
    }
}

impl Noted {
    /// Made when the closure runs: submitting is often done under a lock, which a subscriber's work would
    /// make longer.
    fn span(&self) -> Span {
        tracing::debug_span!(
            target: "scheduler::task",
            parent: self.context.id(),
            "task",
            kind = self.kind,
            name = self.name.as_deref(),
            loc.file = self.site.file(),
            loc.line = self.site.line(),
            loc.col = self.site.column(),
        )
    }
}
