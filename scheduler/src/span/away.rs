//! A thread outside of the spans that it is in.

use super::{is_on, quietly, thread};
use tracing::Id;
use tracing::dispatcher::{self, Dispatch};

/// The most spans that are left; a subscriber that forgets to leave one would be asked for ever.
const MOST: usize = 4096;

/// Until this is dropped, the thread is in no span but its own.
#[derive(Debug)]
pub(crate) struct Away {
    _left: Option<Left>,
}

#[derive(Debug)]
struct Left {
    dispatch: Dispatch,
    /// The innermost first.
    ids: Vec<Id>,
}

/// The calling thread is about to run what does not belong to its spans.
#[inline]
#[must_use = "dropping the guard enters the spans again"]
pub(crate) fn put_away() -> Away {
    Away { _left: if is_on() { leave() } else { None } }
}

#[cold]
#[inline(never)]
fn leave() -> Option<Left> {
    let dispatch = dispatcher::get_default(|dispatch| {
        // One look is enough, mostly.
        innermost(dispatch).map(|_| dispatch.clone())
    })?;
    let mut left = Left { dispatch, ids: Vec::new() };
    while left.ids.len() < MOST
        && let Some(id) = innermost(&left.dispatch)
    {
        left.dispatch.exit(&id);
        left.ids.push(id);
    }
    Some(left)
}

fn innermost(dispatch: &Dispatch) -> Option<Id> {
    let current = dispatch.current_span();
    if thread::is_own(current.metadata()) { None } else { current.id().cloned() }
}

/// Whoever is in a span keeps it: so all of them are still there.
impl Drop for Left {
    fn drop(&mut self) {
        for id in self.ids.iter().rev() {
            quietly(|| self.dispatch.enter(id));
        }
    }
}
