//! No wake is lost: the models of `scheduler/src/sleep/README.md`.
//!
//! In each of them somebody waits for a job without being able to run it. A lost wake is a
//! deadlock, which loom reports. The pool ends only after that, for its end would wake the
//! sleeper and hide the loss.

use super::ledger;
use super::rig::{Job, Rig, join, spawn};
use crate::latch::Latch;
use crate::pool::worker::Role;
use crate::queue::Steal;
use crate::sleep::{Sleep, Woken};
use crate::sync::Instant;
use crate::sync::asymmetric::{heavy, set_absent};
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

/// Both workers sleep when the job comes.
pub(super) fn sleep_two_workers() {
    let mut rig = Rig::new(2);
    let job = Job::new(0);
    rig.asleep_before(2, |rig| [0, 1].map(|index| rig.start(index)));
    rig.registry().inject(job.right());
    job.wait();
    rig.stop();
    ledger::all_ran(1);
}

/// The job comes while both workers start, search, and go to sleep.
pub(super) fn sleep_two_starting_workers() {
    let mut rig = Rig::new(2);
    let job = Job::new(0);
    rig.start(0);
    rig.start(1);
    rig.registry().inject(job.right());
    job.wait();
    rig.stop();
    ledger::all_ran(1);
}

/// The job comes while one worker sleeps and the other starts, searches, and goes to sleep.
pub(super) fn sleep_beside_a_starting_worker() {
    let mut rig = Rig::new(2);
    let job = Job::new(0);
    rig.asleep_before(1, |rig| rig.start(0));
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

/// Who submits blocks at once, on the core of a worker that does not sleep: another one is woken.
pub(super) fn wake_near_a_worker_that_is_awake() {
    let mut rig = Rig::new(2);
    let job = Job::new(0);
    rig.start(0);
    rig.registry().inject_root_and_block(job.right(), || Some(1));
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

/// The same where the searcher is at its end already, so that less is to be searched: a job is
/// posted while worker 0 searches, and worker 0 then leaves and blocks until the other has run it.
pub(super) fn last_searcher_leaves_a_sleeper() {
    let mut rig = Rig::new(2);
    let job = Job::new(0);
    rig.asleep_before(1, |rig| rig.start(1));
    let (registry, posted) = (rig.share_registry(), job.share());
    assert!(registry.sleep().try_search());
    let poster = spawn(move || registry.inject(posted.right()));
    rig.registry().sleep().leave_search(|| !rig.registry().injector().is_empty());
    job.wait();
    join(poster);
    rig.stop();
    ledger::all_ran(1);
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

/// Two jobs lie in the head of a worker that blocks until both have run. A thief that never
/// sleeps takes the older, or is beaten to it: the starting worker finds what is left.
pub(super) fn stuck_leaf_behind_a_stolen_one() {
    let mut rig = Rig::new(2);
    let [old, young] = [Job::new(0), Job::new(1)];
    let registry = rig.share_registry();
    rig.start(1);
    rig.work_here(0, |worker| {
        worker.push(old.right());
        worker.push(young.right());
        let thief = spawn(move || {
            let head = registry.head(0);
            let top = head.top();
            heavy();
            if let Steal::Success(job) = head.force(top) {
                job.run();
            }
        });
        old.wait();
        young.wait();
        join(thief);
    });
    rig.stop();
    ledger::all_ran(2);
}

/// A worker takes two injected jobs together, and while it runs the first it blocks until somebody has
/// run the second. (It takes two of four, for the other's share stays where it is; it runs that as well.)
pub(super) fn stuck_behind_a_batch() {
    let mut rig = Rig::new(2);
    let jobs: Vec<Job> = (0..4).map(Job::new).collect();
    loom::stop_exploring();
    jobs.iter().for_each(|job| rig.registry().inject(job.right()));
    loom::explore();
    rig.start(1);
    rig.work_here(0, |worker| {
        let first = worker.steal_public(Role::Main);
        while let Steal::Success(job) = worker.registry().injector().steal() {
            job.run();
        }
        first.into_iter().for_each(|job| worker.run(job));
        jobs.iter().for_each(Job::wait);
    });
    rig.stop();
    ledger::all_ran(4);
}

/// A busy worker takes a job that another one has taken along, just when that one may go on with it.
pub(super) fn stranded_job_against_its_owner() {
    let mut rig = Rig::new(2);
    let jobs: Vec<Job> = (0..4).map(Job::new).collect();
    loom::stop_exploring();
    jobs.iter().for_each(|job| rig.registry().inject(job.right()));
    loom::explore();
    rig.start_with(1, |worker| {
        // The first look notes how far the owner is.
        for _ in 0..2 {
            if let Some(job) = worker.take_stranded() {
                worker.run(job);
            }
        }
    });
    rig.work_here(0, |worker| {
        let mut job = worker.steal_public(Role::Main);
        while let Some(next) = job {
            worker.run(next);
            job = worker.take_batched();
        }
        while let Steal::Success(job) = worker.registry().injector().steal() {
            job.run();
        }
        jobs.iter().for_each(Job::wait);
    });
    rig.stop();
    ledger::all_ran(4);
}

/// `stuck_leaf` where there is no asymmetric barrier, so that each job is published at once.
pub(super) fn stuck_leaf_without_a_barrier() {
    set_absent(true);
    stuck_leaf();
}

/// A worker ends while it is listed as sleeping, just when it is the one to be woken for a job:
/// the other worker gets the job, and nobody stays counted.
pub(super) fn worker_exits_while_it_is_listed() {
    let mut rig = Rig::new(2);
    rig.asleep_before(2, |rig| [0, 1].map(|index| rig.start(index)));
    let job = Job::new(0);
    let (registry, posted) = (rig.share_registry(), job.share());
    let poster = spawn(move || registry.inject(posted.right()));
    // SAFETY: the registry is alive.
    unsafe { Latch::set(&raw const rig.registry().slot(0).terminate) };
    join(poster);
    job.wait();
    rig.stop();
    ledger::all_ran(1);
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

/// Worker 1 of three goes to sleep on a latch, up to a deadline, while `f` runs; the third is busy.
/// (No rig: what its workers do beforehand would order more. Nor a loop that yields: after a yield loom
/// shows no old values.)
fn against_a_sleeper(deadline: Option<Instant>, f: impl FnOnce(&Sleep, *const Latch)) {
    let shared = Rc::new((Sleep::new(3, Box::default()), Latch::new()));
    let sleeper = Rc::clone(&shared);
    let sleeper = spawn(move || {
        let (sleep, latch) = &*sleeper;
        sleep.enlist(1);
        let prepared = sleep.prepare(1, false);
        heavy();
        if prepared.sleep(latch, deadline, || ()) == Woken::ToSearch {
            sleep.leave_search(|| true);
        }
    });
    f(&shared.0, &raw const shared.1);
    join(sleeper);
    let idle = shared.0.word().peek();
    assert_eq!((idle.sleeping(), idle.searching()), (0, 0));
}

/// Who claims a worker can unpark it, although the worker has not changed the word before.
pub(super) fn claim_against_a_worker_that_did_not_search() {
    against_a_sleeper(None, |sleep, latch| {
        sleep.announce_to(1);
        // SAFETY: the caller keeps it alive.
        unsafe { Latch::set(latch) };
    });
}

/// A worker gives up at its deadline, which has passed, while another claims it: one of the two ends the
/// sleep and counts it out, and nobody needs to set the latch.
pub(super) fn deadline_against_a_claim() {
    against_a_sleeper(Some(Instant::now()), |sleep, _| sleep.announce_to(1));
}

/// The last searcher leaves after it has counted a sleeper: it finds that one and wakes it.
pub(super) fn leaver_wakes_a_sleeper_that_it_counts() {
    against_a_sleeper(None, |sleep, latch| {
        assert!(sleep.try_search());
        let counted = sleep.word().peek().sleeping() != 0;
        sleep.leave_search(|| true);
        if !counted {
            // SAFETY: the caller keeps it alive.
            unsafe { Latch::set(latch) };
        }
    });
}

/// A worker breaks off its sleep after it has counted another one asleep and nobody searching: it
/// wakes that one.
pub(super) fn canceller_wakes_a_sleeper_that_it_counts() {
    against_a_sleeper(None, |sleep, latch| {
        sleep.enlist(0);
        let prepared = sleep.prepare(0, false);
        let counted = sleep.word().peek().sleeping() == 2;
        prepared.cancel(|| true);
        if !counted {
            // SAFETY: the caller keeps it alive.
            unsafe { Latch::set(latch) };
        }
    });
}

/// A worker may find that it was claimed before it parks; the token of that claim must not end its next
/// sleep.
pub(super) fn stale_token_against_the_next_sleep() {
    let shared = Rc::new((Sleep::new(3, Box::default()), Latch::new()));
    let sleeper = Rc::clone(&shared);
    let sleeper = spawn(move || {
        let (sleep, latch) = &*sleeper;
        sleep.enlist(1);
        for _ in 0..2 {
            let prepared = sleep.prepare(1, false);
            heavy();
            if prepared.sleep(latch, None, || ()) == Woken::ToSearch {
                sleep.leave_search(|| true);
            } else {
                assert!(latch.is_set());
            }
        }
    });
    shared.0.announce_to(1);
    // SAFETY: `shared` keeps it alive.
    unsafe { Latch::set(&raw const shared.1) };
    join(sleeper);
}
