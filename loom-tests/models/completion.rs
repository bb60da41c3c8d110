//! Many handles at once: who waits for the first to finish, and how many may be in.

use super::ledger;
use super::rig::{join, spawn};
use crate::completion::limit::Limit;
use crate::completion::ready::Ready;
use crate::sync::Instant;
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

/// The holder of a ticket runs what waits, until it has no ticket any more.
fn run_all(limit: &Limit<usize>) {
    while let Some(number) = limit.take() {
        ledger::run(number);
        if !limit.goes_on() {
            return;
        }
    }
}

/// The last one ends while another comes: who waits is not left without a ticket.
pub(super) fn limit_end_against_enter() {
    let limit = Rc::new(Limit::new(1));
    assert!(limit.enter(0));
    let ends = Rc::clone(&limit);
    let thread = spawn(move || run_all(&ends));
    if limit.enter(1) {
        run_all(&limit);
    }
    join(thread);
    ledger::all_ran(2);
    assert!(limit.enter(2), "the ticket is free");
}

/// Three come and two tickets are at work, never more; each entry is taken once.
pub(super) fn limit_of_two_against_three() {
    let limit = Rc::new(Limit::new(2));
    let holders: Vec<_> = (0..3).filter(|&number| limit.enter(number)).collect();
    assert_eq!(holders, [0, 1]);
    let threads = [0, 1].map(|_| {
        let limit = Rc::clone(&limit);
        spawn(move || run_all(&limit))
    });
    threads.into_iter().for_each(join);
    ledger::all_ran(3);
    assert!(limit.enter(3) && limit.enter(4) && !limit.enter(5));
}
