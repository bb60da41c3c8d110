//! How many of a set are let in at once; the others wait outside, in order.
//!
//! # Protocol
//!
//! Under one lock: who is inside, who waits with what, and whether somebody is *passing*: the one thread
//! that lets entries in, until there is no room or nobody waits.
//!
//! ```text
//!   new --enter--> waiting --let in, by whoever passes--> inside --leave--> gone
//!                  waiting --leave--> gone
//! ```
//!
//! Invariants: never more inside than the limit. If nobody is passing, there is no room or nobody waits: so who
//! makes room or comes to wait, starts to pass, unless somebody does; that one looks again, under the lock, before it
//! stops.
//!
//! Letting an entry in can make another leave at once, on the same thread, inside the call (a pool that is being cancelled
//! drops what it is given). That leave finds somebody passing and returns: no recursion, however many wait.

use crate::sync::Mutex;
use crate::sync::fault::{self, Fault};
use std::collections::{BTreeMap, BTreeSet};

/// Lets entries in.
#[derive(Debug)]
pub(crate) struct Limit<E> {
    state: Mutex<State<E>>,
}

#[derive(Debug)]
struct State<E> {
    limit: usize,
    inside: BTreeSet<u64>,
    waiting: BTreeMap<u64, E>,
    passing: bool,
}

impl<E> Limit<E> {
    pub(crate) fn new(limit: usize) -> Self {
        let (inside, waiting) = (BTreeSet::new(), BTreeMap::new());
        Self { state: Mutex::new(State { limit, inside, waiting, passing: false }) }
    }

    /// One more comes, with a number larger than all before it. Whoever is let in now, or already waited, goes to
    /// `submit`.
    pub(crate) fn enter(&self, number: u64, entry: E, submit: impl Fn(E)) {
        let passing = {
            let mut state = self.state.lock().unwrap();
            state.waiting.insert(number, entry);
            std::mem::replace(&mut state.passing, true)
        };
        if !passing {
            self.pass(submit);
        }
    }

    /// One goes, from inside or before it was let in: then with its entry. Nothing happens if it never came.
    /// Whoever gets its room goes to `submit`.
    #[must_use]
    pub(crate) fn leave(&self, number: u64, submit: impl Fn(E)) -> Option<E> {
        let passing = {
            let mut state = self.state.lock().unwrap();
            if let Some(entry) = state.waiting.remove(&number) {
                return Some(entry);
            }
            if !state.inside.remove(&number) || fault::is(Fault::LimitLeaveForgets) {
                return None;
            }
            std::mem::replace(&mut state.passing, true)
        };
        if !passing {
            self.pass(submit);
        }
        None
    }

    fn pass(&self, submit: impl Fn(E)) {
        while let Some(entry) = self.let_in() {
            submit(entry);
        }
        if fault::is(Fault::LimitStopsLater) {
            self.state.lock().unwrap().passing = false;
        }
    }

    /// The next one. `None`: no room, or nobody waits; the caller has stopped passing.
    fn let_in(&self) -> Option<E> {
        let mut state = self.state.lock().unwrap();
        if state.inside.len() < state.limit
            && let Some((number, entry)) = state.waiting.pop_first()
        {
            state.inside.insert(number);
            return Some(entry);
        }
        if !fault::is(Fault::LimitStopsLater) {
            state.passing = false;
        }
        None
    }
}
