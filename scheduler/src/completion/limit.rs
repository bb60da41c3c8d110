//! How many of a set are in the pool at once; the others wait outside, in order.
//!
//! # Protocol
//!
//! What is in the pool is not the entries but *tickets*: the right and the duty to run the entry that has waited
//! longest. Under one lock: the entries that wait, and how many tickets there are.
//!
//! ```text
//!   no ticket --enter, if there are fewer than the limit--> ticket
//!   ticket --take, goes_on, by its holder, if no entry waits--> no ticket
//! ```
//!
//! Invariants: never more tickets than the limit. Where entries wait there is a ticket: it is given up only under the
//! lock under which its holder sees that nothing waits.

use crate::sync::Mutex;
use crate::sync::fault::{self, Fault};
use std::collections::VecDeque;

/// What waits, and the number of tickets.
#[derive(Debug)]
pub(crate) struct Limit<E> {
    state: Mutex<State<E>>,
}

#[derive(Debug)]
struct State<E> {
    limit: usize,
    tickets: usize,
    waiting: VecDeque<E>,
}

impl<E> Limit<E> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { state: Mutex::new(State { limit, tickets: 0, waiting: VecDeque::new() }) }
    }

    /// One more waits. Whether the caller has a ticket now.
    #[must_use]
    pub(crate) fn enter(&self, entry: E) -> bool {
        let mut state = self.state.lock().unwrap();
        state.waiting.push_back(entry);
        let more = state.tickets < state.limit;
        state.tickets += usize::from(more);
        more
    }

    /// The entry that has waited longest, for the holder of a ticket. `None`: the ticket is gone.
    pub(crate) fn take(&self) -> Option<E> {
        let mut state = self.state.lock().unwrap();
        let entry = state.waiting.pop_front();
        if entry.is_none() {
            state.tickets -= 1;
        }
        entry
    }

    /// Whether the holder of a ticket still has it: something waits.
    #[must_use]
    pub(crate) fn goes_on(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let more = !state.waiting.is_empty();
        if fault::is(Fault::LimitLooksFirst) {
            drop(state);
            state = self.state.lock().unwrap();
        }
        if !more && !fault::is(Fault::LimitKeepsTicket) {
            state.tickets -= 1;
        }
        more
    }
}
