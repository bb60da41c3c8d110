//! The stand-in deque and injector themselves: what the other models stand on.

use super::ledger;
use super::rig::{Job, join, spawn};
use crate::queue::deque::{Injector, Steal, Stealer, Worker};
use crate::queue::{self, blocks};
use std::rc::Rc;

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

/// Pushes of two threads, and takes of two that claim up to two at a time, over three blocks of two: the
/// last taker of a block frees it.
fn blocks(here: usize, there: usize, takes_there: bool) {
    let jobs: Vec<Job> = (0..here + there).map(Job::new).collect();
    let queue = Rc::new(blocks::Injector::new());
    let take = |queue: &blocks::Injector| loop {
        match queue.claim(|_| 2) {
            queue::Steal::Success(mut taken) => {
                (0..taken.len()).for_each(|index| taken.get(index).run());
            }
            queue::Steal::Empty => break,
            queue::Steal::Retry => {}
        }
    };
    let shared = Rc::clone(&queue);
    let theirs: Vec<Job> = jobs[here..].iter().map(Job::share).collect();
    let other = spawn(move || {
        theirs.iter().for_each(|job| shared.push(job.right()));
        if takes_there {
            take(&shared);
        }
    });
    jobs[..here].iter().for_each(|job| queue.push(job.right()));
    take(&queue);
    join(other);
    take(&queue);
    assert!(queue.is_empty());
    ledger::all_ran(here + there);
}

pub(super) fn blocks_two_pushers_one_taker() {
    blocks(1, 2, false);
}

pub(super) fn blocks_two_pushers_two_takers() {
    blocks(1, 1, true);
}

/// Two takers of the blocks that are there.
pub(super) fn blocks_freed_by_the_last_taker() {
    let jobs: Vec<Job> = (0..3).map(Job::new).collect();
    let queue = Rc::new(blocks::Injector::new());
    jobs.iter().for_each(|job| queue.push(job.right()));
    let take = |queue: &blocks::Injector| {
        for _ in 0..2 {
            if let queue::Steal::Success(job) = queue.steal() {
                job.run();
            }
        }
    };
    let shared = Rc::clone(&queue);
    let other = spawn(move || take(&shared));
    take(&queue);
    join(other);
    take(&queue);
    ledger::all_ran(3);
}
