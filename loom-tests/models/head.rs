//! The private head: its owner against forced steals.

use super::ledger;
use super::rig::{Job, join, spawn};
use crate::queue::head::Pop;
use crate::queue::{Head, Steal};
use crate::sync::asymmetric::heavy;
use std::rc::Rc;

/// Up to `n` jobs by force, each with a `heavy` of its own.
fn force_up_to(head: &Head, n: usize) {
    for _ in 0..n {
        let top = head.top();
        heavy();
        if let Steal::Success(job) = head.force(top) {
            job.run();
        }
    }
}

/// A head, `n` jobs, and thieves that take up to that many by force while `owner` runs. What the
/// owner leaves is run at the end.
fn against(n: usize, thieves: &[usize], owner: impl FnOnce(&Head, &[Job])) {
    let head = Rc::<Box<Head>>::new(Head::new());
    let jobs: Vec<Job> = (0..n).map(Job::new).collect();
    let thief = |&times: &usize| {
        let head = Rc::clone(&head);
        spawn(move || force_up_to(&head, times))
    };
    let thieves: Vec<_> = thieves.iter().map(thief).collect();
    owner(&head, &jobs);
    thieves.into_iter().for_each(join);
    while let Some(job) = head.pop_newest() {
        job.run();
    }
    ledger::all_ran(n);
}

/// As a fork does; the index to take it back by.
fn push(head: &Head, job: &Job) -> u64 {
    let index = head.next_index();
    head.push_at(index, job.right());
    index
}

/// Forks all, then takes each back, newest first, as nested `join`s do.
fn fork_and_take_back(head: &Head, jobs: &[Job]) {
    let indices: Vec<_> = jobs.iter().map(|job| push(head, job)).collect();
    for (job, &index) in jobs.iter().zip(&indices).rev() {
        if head.pop(index) == Pop::Mine {
            job.run_in_place();
        }
    }
}

pub(super) fn head_pop_against_one_force() {
    against(2, &[2], fork_and_take_back);
}

pub(super) fn head_pop_against_two_forces() {
    against(2, &[1, 1], fork_and_take_back);
}

pub(super) fn head_publish_against_force() {
    against(2, &[2], |head, jobs| {
        jobs.iter().for_each(|job| _ = push(head, job));
        for job in head.take_oldest().into_iter().chain(head.pop_expected()) {
            job.run();
        }
    });
}

/// The owner empties the ring while a thief takes its last job, and goes on using it.
pub(super) fn head_goes_on_after_a_stolen_last_job() {
    against(2, &[1], |head, jobs| {
        fork_and_take_back(head, &jobs[..1]);
        fork_and_take_back(head, &jobs[1..]);
    });
}

/// The ring is full, and the slot of its oldest job is used again under a thief that reads it.
pub(super) fn head_wraps_under_a_force() {
    against(5, &[1], |head, jobs| {
        jobs[..4].iter().for_each(|job| _ = push(head, job));
        head.take_oldest_n(1).for_each(|job| job.run());
        assert_ne!(head.room(), 0);
        let _ = push(head, &jobs[4]);
    });
}

/// The owner takes its newest job and uses up the index, while a thief takes the oldest and comes back
/// for more: what lies at an index that is used up has run.
pub(super) fn head_skips_an_index_under_a_force() {
    against(3, &[2], |head, jobs| {
        jobs[..2].iter().for_each(|job| _ = push(head, job));
        if let Some(job) = head.pop_newest() {
            head.take_all_and_skip().for_each(|older| older.run());
            job.run();
        }
        fork_and_take_back(head, &jobs[2..]);
    });
}

/// Half of a full ring leaves at once.
pub(super) fn head_spills_against_force() {
    against(4, &[2], |head, jobs| {
        jobs.iter().for_each(|job| _ = push(head, job));
        head.take_oldest_n(2).for_each(|job| job.run());
        fork_and_take_back(head, &[]);
    });
}
