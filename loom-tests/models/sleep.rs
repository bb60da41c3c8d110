//! No wake is lost: the models of `scheduler/src/sleep/README.md`.
//!
//! In each of them somebody waits for a job without being able to run it. A lost wake is a
//! deadlock, which loom reports. The pool ends only after that, for its end would wake the
//! sleeper and hide the loss.

use super::ledger;
use super::rig::{Job, Rig, join, spawn};
use crate::latch::Latch;
use crate::pool::worker::Role;
use crate::sync::asymmetric::set_absent;
use std::rc::Rc;

/// A thread that is no worker submits one job to one worker.
pub(super) fn sleep_one_worker_outside() {
    let mut rig = Rig::new(1);
    let job = Job::new(0);
    rig.start(0);
    rig.registry().inject(job.right());
    job.wait();
    rig.stop();
    ledger::all_ran(1);
}

/// Two jobs, one after the other: the second finds the worker searching, or on its way to sleep.
pub(super) fn sleep_one_worker_two_jobs() {
    let mut rig = Rig::new(1);
    let jobs = [Job::new(0), Job::new(1)];
    rig.start(0);
    jobs.iter().for_each(|job| rig.registry().inject(job.right()));
    jobs.iter().for_each(Job::wait);
    rig.stop();
    ledger::all_ran(2);
}

pub(super) fn sleep_two_workers() {
    let mut rig = Rig::new(2);
    let job = Job::new(0);
    rig.start(0);
    rig.start(1);
    rig.registry().inject(job.right());
    job.wait();
    rig.stop();
    ledger::all_ran(1);
}

/// A job for one worker alone.
pub(super) fn sleep_inbox() {
    let mut rig = Rig::new(1);
    let job = Job::new(0);
    rig.start(0);
    rig.registry().inject_each([job.right()].into_iter());
    job.wait();
    rig.stop();
    ledger::all_ran(1);
}

/// A worker submits to its own deque and waits as a worker does.
pub(super) fn sleep_from_inside() {
    let mut rig = Rig::new(2);
    let job = Job::new(0);
    rig.start(1);
    rig.work_here(0, |worker| {
        worker.push(job.right());
        worker.run_until(job.latch(), Role::Waiting);
    });
    rig.stop();
    ledger::all_ran(1);
}

/// Job 0 can end only after job 1 has. The poster of job 1 may rely on the searcher that takes
/// job 0: that one has to wake the other worker when it leaves.
pub(super) fn last_searcher_leaves() {
    let mut rig = Rig::new(2);
    rig.asleep_before(2, |rig| [0, 1].map(|index| rig.start(index)));
    let second = Job::new(1);
    let awaited = second.share();
    let first = Job::then(0, move || awaited.wait());
    rig.registry().inject(first.right());
    rig.registry().inject(second.right());
    first.wait();
    rig.stop();
    ledger::all_ran(2);
}

/// A worker forks once and then blocks until somebody has run that job.
pub(super) fn stuck_leaf() {
    let mut rig = Rig::new(2);
    let job = Job::new(0);
    rig.start(1);
    rig.work_here(0, |worker| {
        worker.push(job.right());
        job.wait();
    });
    rig.stop();
    ledger::all_ran(1);
}

/// As above, with two jobs, of which the older may be published and the younger not. The older
/// can end only after the younger, so that both other workers are needed.
pub(super) fn stuck_leaf_behind_a_published_one() {
    let mut rig = Rig::new(3);
    let young = Job::new(1);
    let awaited = young.share();
    let old = Job::then(0, move || awaited.wait());
    rig.start(1);
    rig.start(2);
    rig.work_here(0, |worker| {
        worker.push(old.right());
        worker.push(young.right());
        old.wait();
    });
    rig.stop();
    ledger::all_ran(2);
}

/// `stuck_leaf` where there is no asymmetric barrier, so that each job is published at once.
pub(super) fn stuck_leaf_without_a_barrier() {
    set_absent(true);
    stuck_leaf();
}

/// A worker sleeps on a latch. The latch is set, and it is claimed for a job, at once; it then
/// blocks until the other worker has run that job.
pub(super) fn latch_and_claim_at_once() {
    let mut rig = Rig::new(2);
    let latch = Rc::new(Latch::new());
    let job = Job::new(0);
    let over = Rc::new(Latch::new());
    let (watched, awaited, end) = (Rc::clone(&latch), job.share(), Rc::clone(&over));
    rig.asleep_before(2, |rig| {
        rig.start(1);
        rig.start_with(0, move |worker| {
            worker.run_until(&watched, Role::Waiting);
            awaited.wait();
            // SAFETY: `end` is alive.
            unsafe { Latch::set(&raw const *end) };
        });
    });
    let registry = rig.share_registry();
    let posted = job.share();
    let poster = spawn(move || registry.inject(posted.right()));
    // SAFETY: `latch` is alive.
    unsafe { Latch::set(&raw const *latch) };
    join(poster);
    over.wait();
    rig.stop();
    ledger::all_ran(1);
}
