//! The user's functions that a pool calls. What they throw hurts no thread.

use crate::job::cell::Unclaimed;
use crate::sync::Arc;
use crate::unwind::{self, Payload};
use std::fmt;

pub(crate) type ThreadHook = Box<dyn Fn(usize) + Send + Sync>;
pub(crate) type PanicHandler = Box<dyn Fn(Payload) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) start: Option<ThreadHook>,
    pub(crate) exit: Option<ThreadHook>,
    pub(crate) panic: Option<Arc<PanicHandler>>,
}

impl Hooks {
    /// Whether somebody is told that threads begin or end.
    pub(crate) fn of_threads(&self) -> bool {
        self.start.is_some() || self.exit.is_some()
    }

    /// A thread begins.
    pub(crate) fn started(&self, index: usize) {
        self.call(&self.start, index);
    }

    /// A thread ends.
    pub(crate) fn exits(&self, index: usize) {
        self.call(&self.exit, index);
    }

    /// A panic of the hook goes to the panic handler.
    fn call(&self, hook: &Option<ThreadHook>, index: usize) {
        if let Some(hook) = hook
            && let Err(payload) = unwind::catch(|| hook(index))
        {
            report(self.panic.as_deref(), payload);
        }
    }

    /// Where panics go that nobody can receive.
    pub(crate) fn unclaimed(&self) -> Unclaimed {
        let handler = self.panic.clone();
        Unclaimed(Box::new(move |payload| report(handler.as_deref(), payload)))
    }
}

/// Hands a panic to the user's handler. Without one it is dropped: the panic hook has printed
/// it already, as for a thread of `std` whose handle is gone.
fn report(handler: Option<&PanicHandler>, payload: Payload) {
    match handler {
        Some(handler) => {
            if let Err(second) = unwind::catch(|| handler(payload)) {
                unwind::drop_quietly(second);
            }
        }
        None => unwind::drop_quietly(payload),
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("start", &self.start.is_some())
            .field("exit", &self.exit.is_some())
            .field("panic", &self.panic.is_some())
            .finish()
    }
}
