//! The stand-in deque and injector themselves: what the other models stand on.

use super::ledger;
use super::rig::{join, spawn};
use crate::queue::deque::{Injector, Steal, Stealer, Worker};

fn steal_up_to(stealer: Stealer<usize>, n: usize) {
    for _ in 0..n {
        if let Steal::Success(id) = stealer.steal() {
            ledger::run(id);
        }
    }
}

/// Pushes `n`, pops `pops`, while each thief steals; then takes what is left.
fn owner_against_thieves(n: usize, pops: usize, steals: &[usize]) {
    let worker = Worker::new_lifo();
    let thief = |&times: &usize| {
        let stealer = worker.stealer();
        spawn(move || steal_up_to(stealer, times))
    };
    let thieves: Vec<_> = steals.iter().map(thief).collect();
    (0..n).for_each(|id| worker.push(id));
    (0..pops).filter_map(|_| worker.pop()).for_each(ledger::run);
    thieves.into_iter().for_each(join);
    while let Some(id) = worker.pop() {
        ledger::run(id);
    }
    assert!(worker.is_empty());
    ledger::all_ran(n);
}

pub(super) fn deque_one_thief() {
    owner_against_thieves(2, 2, &[2]);
}

pub(super) fn deque_two_thieves() {
    owner_against_thieves(2, 2, &[1, 1]);
}

pub(super) fn deque_grows_under_a_thief() {
    owner_against_thieves(3, 3, &[2]);
}

pub(super) fn injector_two_pushers_two_takers() {
    let injector = std::rc::Rc::new(Injector::new());
    let take = |injector: &Injector<usize>| loop {
        match injector.steal() {
            Steal::Success(id) => break ledger::run(id),
            Steal::Empty => break,
            Steal::Retry => {}
        }
    };
    let shared = injector.clone();
    let other = spawn(move || {
        shared.push(0);
        take(&shared);
    });
    injector.push(1);
    take(&injector);
    join(other);
    // Each took one after it had pushed one: nothing was empty.
    assert!(injector.is_empty());
    ledger::all_ran(2);
}
