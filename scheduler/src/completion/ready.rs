//! Which of several have finished, in the order of finishing. One waits, any number finish.
//!
//! # Protocol
//!
//! Under one lock: the numbers of those that have finished and have not been taken, and the waiter,
//! if there is one: a latch of this wait alone, or a waker.
//!
//! ```text
//!   no waiter --the waiter, if there is no number--> a waiter
//!   a waiter --push, which tells it; or the waiter itself, which gives up--> no waiter
//! ```
//!
//! Invariant: where there is a waiter, there is no number. The waiter looks for a number under the same
//! lock under which it leaves itself; so a push comes before that look, or finds the waiter.
//!
//! A waker is the user's: it is cloned, told and dropped outside the lock.

use crate::latch::{Latch, Watcher};
use crate::pool::registry;
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, Instant, Mutex};
use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;

/// The numbers of what has finished.
#[derive(Debug)]
pub(crate) struct Ready {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    numbers: VecDeque<usize>,
    waiter: Option<Waiter>,
}

#[derive(Debug)]
enum Waiter {
    Latch(Arc<Latch>),
    Waker(Watcher),
}

impl Waiter {
    fn tell(self) {
        match self {
            Self::Latch(latch) => Latch::set_shared(&latch),
            Self::Waker(watcher) => watcher.tell(),
        }
    }
}

/// When so much time has passed. `None`: later than the clock can say.
pub(super) fn after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

impl Ready {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State::default()) }
    }

    /// That one has finished.
    pub(crate) fn push(&self, number: usize) {
        let waiter = {
            let mut state = self.state.lock().unwrap();
            state.numbers.push_back(number);
            if fault::is(Fault::ReadyTellsNobody) { None } else { state.waiter.take() }
        };
        if let Some(waiter) = waiter {
            waiter.tell();
        }
    }

    /// The first of those that have finished.
    pub(crate) fn pop(&self) -> Option<usize> {
        self.state.lock().unwrap().numbers.pop_front()
    }

    /// The same, with a waiter left behind if there is none.
    fn pop_or_leave(&self, waiter: Waiter) -> Option<usize> {
        let mut state = self.state.lock().unwrap();
        if !fault::is(Fault::ReadyLooksOnce)
            && let Some(number) = state.numbers.pop_front()
        {
            return Some(number);
        }
        let earlier = state.waiter.replace(waiter);
        drop(state);
        drop(earlier);
        None
    }

    /// Waits for one. `None`: there was none by `deadline`. On a worker it runs other jobs meanwhile.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Option<usize> {
        if let Some(number) = self.pop() {
            return Some(number);
        }
        let latch = Arc::new(Latch::new());
        if let Some(number) = self.pop_or_leave(Waiter::Latch(Arc::clone(&latch))) {
            return Some(number);
        }
        match deadline {
            Some(deadline) => {
                let _ = registry::wait_until(&latch, deadline);
            }
            None => registry::wait(&latch),
        }
        let mut state = self.state.lock().unwrap();
        // After the deadline the latch is still there.
        state.waiter = None;
        state.numbers.pop_front()
    }

    /// As a future would.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<usize> {
        let number = self
            .pop()
            .or_else(|| self.pop_or_leave(Waiter::Waker(Watcher::Waker(context.waker().clone()))));
        number.map_or(Poll::Pending, Poll::Ready)
    }
}
