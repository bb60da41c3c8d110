//! Many handles at once: who waits for the first to finish, and who may come in.

use super::ledger;
use super::rig::{join, spawn};
use crate::completion::limit::Limit;
use crate::completion::ready::Ready;
use crate::sync::Instant;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Two finish while one waits for both, one after the other.
pub(super) fn completions_against_next() {
    let ready = Rc::new(Ready::new());
    let finish = |number| {
        let ready = Rc::clone(&ready);
        spawn(move || ready.push(number))
    };
    let threads = [finish(0), finish(1)];
    let sum: usize = (0..2).map(|_| ready.wait(None).expect("there is no deadline")).sum();
    assert_eq!(sum, 1);
    threads.into_iter().for_each(join);
}

/// Who gives up has left no waiter behind, and misses nothing that came meanwhile.
pub(super) fn completion_against_a_deadline() {
    let ready = Rc::new(Ready::new());
    let finishes = Rc::clone(&ready);
    let thread = spawn(move || finishes.push(7));
    let number = ready.wait(Some(Instant::now())).or_else(|| ready.wait(None));
    assert_eq!(number, Some(7));
    join(thread);
}

/// A future is woken if it was not ready.
pub(super) fn completion_against_a_poll() {
    struct Woken;
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            ledger::run(0);
        }
    }
    let ready = Rc::new(Ready::new());
    let finishes = Rc::clone(&ready);
    let thread = spawn(move || finishes.push(7));
    let waker = Waker::from(Arc::new(Woken));
    let first = ready.poll(&Context::from_waker(&waker));
    join(thread);
    match first {
        Poll::Ready(number) => assert_eq!((number, ledger::runs(0)), (7, 0)),
        Poll::Pending => assert_eq!((ready.pop(), ledger::runs(0)), (Some(7), 1)),
    }
}

/// A limit of one, and who is inside.
struct Gate {
    limit: Limit<u64>,
    inside: RefCell<Vec<u64>>,
}

impl Gate {
    fn new() -> Rc<Self> {
        Rc::new(Self { limit: Limit::new(1), inside: Default::default() })
    }

    fn let_in(&self, entry: u64) {
        let mut inside = self.inside.borrow_mut();
        inside.push(entry);
        assert_eq!(inside.len(), 1, "more than the limit");
        ledger::run(entry as usize);
    }

    fn enter(&self, number: u64) {
        self.limit.enter(number, number, |entry| self.let_in(entry));
    }

    /// It ends inside. Its room is free before it says so.
    fn end(&self, number: u64) {
        self.inside.borrow_mut().retain(|&entry| entry != number);
        let waiting = self.limit.leave(number, |entry| self.let_in(entry));
        assert_eq!(waiting, None);
    }
}

/// One ends while another comes, and a third waits: both get in, one after the other.
pub(super) fn limit_end_against_enter() {
    let gate = Gate::new();
    gate.enter(0);
    gate.enter(1);
    let ends = Rc::clone(&gate);
    let thread = spawn(move || ends.end(0));
    gate.enter(2);
    join(thread);
    assert_eq!((ledger::runs(0), ledger::runs(1), ledger::runs(2)), (1, 1, 0));
    gate.end(1);
    gate.end(2);
    ledger::all_ran(3);
}

/// The one that waits is aborted while the one inside ends: it was let in, or has its entry back.
pub(super) fn limit_abort_against_end() {
    let gate = Gate::new();
    gate.enter(0);
    gate.enter(1);
    let ends = Rc::clone(&gate);
    let thread = spawn(move || ends.end(0));
    let returned = gate.limit.leave(1, |entry| gate.let_in(entry));
    join(thread);
    assert_eq!(returned.is_some(), ledger::runs(1) == 0);
    gate.inside.borrow_mut().clear();
    // Either way there is room again.
    gate.enter(2);
    assert_eq!(ledger::runs(2), 1);
}
