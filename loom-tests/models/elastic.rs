//! Threads that come and go: an elastic pool's core, with numbers as jobs.

use super::ledger;
use super::rig::{join, spawn};
use crate::blocking::core::Core;
use crate::blocking::state::{Admission, Growth, Limits, Package};
use crate::latch::Latch;
use crate::park::Parker;
use crate::pool::on_close::OnClose;
use crate::sync::{Arc, thread};
use std::cell::Cell;
use std::panic::Location;
use std::rc::Rc;
use std::{io, time::Duration};

/// A job: its number in the ledger.
struct Job(usize);

impl Package for Job {
    type Job = usize;
    type Receipt = ();

    fn site(&self) -> &'static Location<'static> {
        Location::caller()
    }

    fn pack(self) -> (usize, ()) {
        (self.0, ())
    }
}

/// The time that a thread stays: the models' clock stands still.
const NEVER_OVER: Duration = Duration::MAX;
const OVER_AT_ONCE: Duration = Duration::ZERO;

struct Pool {
    core: Core<usize>,
    done: [Latch; 4],
}

/// Of one thread at most.
fn pool(capacity: usize, keep_alive: Duration) -> Arc<Pool> {
    let (core_times_out, growth) = (false, Growth::GrowFirst);
    let limits = Limits { core: 0, max: 1, capacity, keep_alive, core_times_out, growth };
    Arc::new(Pool { core: Core::new(limits), done: std::array::from_fn(|_| Latch::new()) })
}

fn serve(pool: &Arc<Pool>, number: usize) -> io::Result<thread::JoinHandle<()>> {
    let pool = Arc::clone(pool);
    thread::Builder::new().spawn(move || {
        let parker = Parker::for_current_thread();
        while let Some(job) = pool.core.next(number, &parker) {
            ledger::run(job);
            // SAFETY: the pool is alive.
            unsafe { Latch::set(&raw const pool.done[job]) };
        }
        pool.core.leave(number);
    })
}

/// Whether it was taken.
fn submit(pool: &Arc<Pool>, job: usize) -> bool {
    pool.core.admit(Job(job), |number| serve(pool, number)).is_ok()
}

/// As with the policy `Block`.
fn submit_or_wait(pool: &Arc<Pool>, job: usize) -> bool {
    let latch = Arc::new(Latch::new());
    match pool.core.admit_or_wait(Job(job), &latch, |number| serve(pool, number)) {
        Admission::Taken(()) => true,
        Admission::Waits(job, ticket) => {
            latch.wait();
            pool.core.redeem(job, ticket).is_ok()
        }
        Admission::Refused(_) => false,
    }
}

/// Waits until all threads have ended.
fn end(pool: &Pool) {
    pool.core.close();
    pool.core.on_exit().wait();
    pool.core.join_last();
}

/// A thread whose time is over against a job that counts on it: the job runs without any help of
/// the end.
pub(super) fn elastic_submit_against_keep_alive() {
    let pool = pool(1, OVER_AT_ONCE);
    assert!(submit(&pool, 0));
    assert!(submit(&pool, 1));
    pool.done[1].wait();
    end(&pool);
    ledger::all_ran(2);
}

/// What is taken runs, and what is not is handed back: never neither.
pub(super) fn elastic_submit_against_close() {
    let pool = pool(1, NEVER_OVER);
    let taken = Rc::new(Cell::new(false));
    let submitter = {
        let (pool, taken) = (Arc::clone(&pool), Rc::clone(&taken));
        spawn(move || taken.set(submit(&pool, 0)))
    };
    end(&pool);
    join(submitter);
    assert_eq!(ledger::runs(0), u32::from(taken.get()));
}

/// A thread that is going to be idle against the close.
pub(super) fn elastic_close_against_idle() {
    let pool = pool(1, NEVER_OVER);
    assert!(submit(&pool, 0));
    end(&pool);
    ledger::all_ran(1);
}

/// Two submitters, one of which the only thread allowed is spawned for.
pub(super) fn elastic_two_submitters_grow() {
    let pool = pool(1, NEVER_OVER);
    let submitter = {
        let pool = Arc::clone(&pool);
        spawn(move || assert!(submit(&pool, 0)))
    };
    assert!(submit(&pool, 1));
    assert_eq!(pool.core.figures().largest, 1);
    join(submitter);
    end(&pool);
    ledger::all_ran(2);
}

/// Who waits for room gets it, when the thread takes what is queued.
pub(super) fn elastic_block_against_room() {
    let pool = pool(1, NEVER_OVER);
    assert!(submit(&pool, 0));
    assert!(submit(&pool, 1) && submit_or_wait(&pool, 2));
    end(&pool);
    ledger::all_ran(3);
}

/// Without a queue, room is a thread that is idle; it does not leave before who waits has come.
pub(super) fn elastic_block_against_keep_alive() {
    let pool = pool(0, OVER_AT_ONCE);
    let waiter = {
        let pool = Arc::clone(&pool);
        spawn(move || assert!(submit_or_wait(&pool, 0)))
    };
    assert!(submit_or_wait(&pool, 1));
    join(waiter);
    end(&pool);
    ledger::all_ran(2);
}

/// The room that one has been granted is not given to another.
pub(super) fn elastic_room_is_kept() {
    let pool = pool(1, NEVER_OVER);
    assert!(submit(&pool, 0) && submit(&pool, 1));
    let waiter = {
        let pool = Arc::clone(&pool);
        spawn(move || assert!(submit_or_wait(&pool, 2)))
    };
    let taken = submit(&pool, 3);
    assert!(pool.core.figures().queued <= 1, "the bound is exceeded");
    join(waiter);
    assert!(pool.core.figures().queued <= 1, "the bound is exceeded");
    end(&pool);
    ledger::all_ran(3);
    assert_eq!(ledger::runs(3), u32::from(taken));
}

/// Who waits for room is told of the close, and refused.
pub(super) fn elastic_block_against_close() {
    let pool = pool(0, NEVER_OVER);
    // A thread that takes nothing.
    assert!(pool.core.admit(Job(0), |_| thread::Builder::new().spawn(|| ())).is_ok());
    let waiter = {
        let pool = Arc::clone(&pool);
        spawn(move || assert!(!submit_or_wait(&pool, 1)))
    };
    pool.core.close();
    join(waiter);
}

/// A call that is to be made at the close is made, or handed back.
pub(super) fn closing_against_a_new_call() {
    let on_close = Arc::new(OnClose::default());
    let closer = {
        let on_close = Arc::clone(&on_close);
        spawn(move || on_close.close())
    };
    if on_close.tell(Box::new(|| ledger::run(0))).is_err() {
        ledger::run(0);
    }
    join(closer);
    ledger::all_ran(1);
}
