//! Jobs that wait for each other: if a worker sleeps while one of them is runnable, shuttle sees a
//! deadlock.

use super::ledger;
use super::search::count;
use super::tree::pool;
use scheduler_shuttle::{JoinHandle, Shutdown, ThreadPool, join, scope, task};
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Barrier;
use shuttle::thread;
use std::ops::Range;
use std::sync::Arc;

const WORKERS: usize = 8;

fn meet(id: usize, all: &Barrier) {
    ledger::run(id);
    all.wait();
}

/// As many jobs as workers, from outside and from a worker, of which none can end before all run.
pub(crate) fn jobs_that_wait_for_each_other() {
    let pool = pool(WORKERS);
    for round in 0..2 {
        let all = Arc::new(Barrier::new(WORKERS));
        let ids = round * WORKERS..(round + 1) * WORKERS;
        let (outside, inside) = ids.clone().partition::<Vec<_>, _>(|_| thread_rng().gen_bool(0.5));
        let job = |id| {
            let all = Arc::clone(&all);
            move || meet(id, &all)
        };
        let mut handles: Vec<_> = outside.into_iter().map(|id| pool.spawn(job(id))).collect();
        // A worker is left for this closure, unless all jobs run already; it ends before they do.
        let spawn = |ids: Vec<usize>| ids.into_iter().map(|id| task::spawn(job(id))).collect();
        let more: Vec<JoinHandle<()>> = pool.install(|| spawn(inside));
        handles.extend(more);
        handles.into_iter().for_each(|handle| handle.join().expect("it runs"));
        ids.for_each(|id| assert_eq!(ledger::runs(id), 1));
    }
    count(&pool);
}

fn branches(ids: Range<usize>, all: &Barrier) {
    if ids.len() == 1 {
        return meet(ids.start, all);
    }
    let middle = ids.start + ids.len() / 2;
    join(|| branches(ids.start..middle, all), || branches(middle..ids.end, all));
}

/// The leaves of one tree of forks.
pub(crate) fn branches_that_wait_for_each_other() {
    let pool = pool(WORKERS);
    for round in 0..2 {
        let all = Barrier::new(WORKERS);
        pool.install(|| branches(round * WORKERS..(round + 1) * WORKERS, &all));
    }
    ledger::all_ran(2 * WORKERS);
    count(&pool);
}

/// The parts of one scope, and its body.
pub(crate) fn parts_that_wait_for_each_other() {
    let pool = pool(WORKERS);
    let all = &Barrier::new(WORKERS);
    pool.install(|| {
        scope(|s| {
            (1..WORKERS).for_each(|id| drop(s.spawn(move || meet(id, all))));
            meet(0, all);
        });
    });
    ledger::all_ran(WORKERS);
    count(&pool);
}

/// Each worker gets its part of a broadcast, and waits in it for the others, while jobs come in
/// from elsewhere.
pub(crate) fn broadcasts_and_spawns() {
    let pool = Arc::new(pool(WORKERS));
    let spawning = Arc::clone(&pool);
    let spawner = thread::spawn(move || {
        let spawn = |id| spawning.spawn(move || ledger::run(id));
        let handles: Vec<_> = (0..WORKERS).map(spawn).collect();
        handles.into_iter().for_each(|handle| handle.join().expect("it runs"));
    });
    for round in 1..=2 {
        let all = Barrier::new(WORKERS);
        let call = || {
            pool.broadcast(|worker| {
                meet(round * WORKERS + worker.index(), &all);
                worker.index()
            })
        };
        let indices = if thread_rng().gen_bool(0.5) { call() } else { pool.install(call) };
        assert!(indices.into_iter().eq(0..WORKERS));
    }
    spawner.join().expect("its panic ends all");
    ledger::all_ran(3 * WORKERS);
    count(&pool);
}

/// One broadcast after another, while the workers are about to sleep.
pub(crate) fn broadcasts_to_sleepers() {
    let pool = pool(3);
    for round in 0..6 {
        pool.broadcast(|worker| ledger::run(round * 3 + worker.index()));
    }
    ledger::all_ran(18);
    count(&pool);
}

/// A closure of one pool that installs one in the other, and so on: whoever waits runs its own
/// pool's jobs.
fn call(near: &ThreadPool, far: &ThreadPool, ids: Range<usize>) {
    near.install(|| {
        ledger::run(ids.start);
        if ids.len() > 1 {
            let middle = ids.start + 1 + (ids.len() - 1) / 2;
            let first = || call(far, near, ids.start + 1..middle);
            let second = || call(far, near, middle..ids.end);
            if middle > ids.start + 1 {
                join(first, second);
            } else {
                second();
            }
        }
    });
}

pub(crate) fn two_pools_that_call_each_other() {
    let (one, other) = (Arc::new(pool(3)), Arc::new(pool(3)));
    let (there, back) = (Arc::clone(&one), Arc::clone(&other));
    let caller = thread::spawn(move || call(&back, &there, 0..12));
    call(&one, &other, 12..24);
    caller.join().expect("its panic ends all");
    ledger::all_ran(24);
    count(&one);
    count(&other);
    assert!(one.install(|| other.shutdown(Shutdown::Drain)).stragglers.is_empty());
    assert!(one.shutdown(Shutdown::Drain).stragglers.is_empty());
}
