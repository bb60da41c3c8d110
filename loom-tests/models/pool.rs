//! The whole pool, from its builder to its end.
//!
//! Work is joined before the pool is shut down, except where the shutdown is the race: the end of
//! a pool wakes everybody, and would hide a lost wake.

use super::ledger::{self, Drops};
use super::rig::{join, spawn};
use super::runner::expects;
use crate::latch::Latch;
use crate::sync::{Arc, UnsafeCell};
use crate::unwind;
use crate::{JoinHandle, Pinning, Shutdown, ThreadPool, task};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn pool(workers: usize) -> ThreadPool {
    let builder = ThreadPool::builder().num_threads(workers).pinning(Pinning::Off);
    builder.build().expect("loom spawns threads")
}

/// A pool whose workers are all asleep when the search begins.
pub(super) fn sleeping_pool(workers: usize) -> ThreadPool {
    loom::stop_exploring();
    let pool = pool(workers);
    while pool.registry().sleep().word().peek().sleeping() != workers as u64 {
        loom::thread::yield_now();
    }
    loom::explore();
    pool
}

fn job_and_child(pool: &ThreadPool) {
    let job = pool.spawn(|| {
        let child = task::spawn(|| ledger::run(1));
        ledger::run(0);
        child
    });
    job.join().expect("it runs").join().expect("it runs");
    ledger::all_ran(2);
}

/// Built, used and dropped, with nothing left out. With a hook, so that its worker waits for the start.
pub(super) fn pool_life_one_worker() {
    let builder = ThreadPool::builder().num_threads(1).pinning(Pinning::Off);
    let pool = builder.exit_handler(|_| ()).build().expect("loom spawns threads");
    pool.spawn(|| ledger::run(0)).join().expect("it runs");
    drop(pool);
    ledger::all_ran(1);
}

pub(super) fn pool_life_idle_two_workers() {
    drop(pool(2));
}

/// Its second thread cannot be had, and the first one may look for work by then.
pub(super) fn build_given_up() {
    let first = Rc::new(Cell::new(None));
    let supplied = Rc::clone(&first);
    let builder = ThreadPool::builder().num_threads(2).pinning(Pinning::Off);
    let failed = builder.spawn_handler(move |worker| {
        if worker.index() == 1 {
            return Err(io::Error::other("no more threads"));
        }
        supplied.set(Some(loom::thread::spawn(|| worker.run())));
        Ok(())
    });
    assert!(failed.build().is_err());
    first.take().expect("it was spawned").join().expect("it ends");
}

pub(super) fn pool_job_and_child_one_worker() {
    let pool = sleeping_pool(1);
    job_and_child(&pool);
    drop(pool);
}

pub(super) fn pool_job_and_child_two_workers() {
    let pool = sleeping_pool(2);
    job_and_child(&pool);
    loom::stop_exploring();
    drop(pool);
}

pub(super) fn pool_install_and_join_two_workers() {
    let pool = sleeping_pool(2);
    pool.install(|| crate::join(|| ledger::run(0), || ledger::run(1)));
    loom::stop_exploring();
    drop(pool);
    ledger::all_ran(2);
}

/// A closure that is submitted while the pool shuts down is refused, or runs, or is cancelled;
/// it is dropped once, and its handle and the report say what happened.
fn submit_racing(workers: usize, mode: Shutdown) {
    let pool = Arc::new(sleeping_pool(workers));
    let submitting = Arc::clone(&pool);
    let cancelled = Rc::new(Cell::new(false));
    let seen = Rc::clone(&cancelled);
    let submitter = spawn(move || {
        let captured = Drops(0);
        let closure = move || {
            ledger::run(0);
            drop(captured);
        };
        match submitting.try_spawn(closure).map(JoinHandle::join) {
            Err(refused) => {
                assert_eq!(ledger::drops(0), 0, "a refused closure comes back");
                drop(refused);
            }
            Ok(Ok(())) => assert_eq!(ledger::runs(0), 1),
            Ok(Err(error)) => {
                assert!(error.is_cancelled());
                assert_eq!(ledger::runs(0), 0);
                seen.set(true);
            }
        }
        assert_eq!(ledger::drops(0), 1);
    });
    let report = pool.shutdown(mode);
    join(submitter);
    assert!(report.stragglers.is_empty());
    assert_eq!(report.cancelled, usize::from(cancelled.get()));
    assert!(report.ran <= ledger::runs(0) as usize);
    let drains = matches!(mode, Shutdown::Drain | Shutdown::DrainFor(SECOND));
    assert!(!drains || !cancelled.get());
}

pub(super) fn submit_racing_drain_one_worker() {
    submit_racing(1, Shutdown::Drain);
}

pub(super) fn submit_racing_drain_two_workers() {
    submit_racing(2, Shutdown::Drain);
}

pub(super) fn submit_racing_cancel_one_worker() {
    submit_racing(1, Shutdown::CancelQueued);
}

pub(super) fn submit_racing_abort_one_worker() {
    submit_racing(1, Shutdown::Abort);
}

/// The deadline has passed when it is looked at: what is queued is cancelled.
pub(super) fn submit_racing_a_passed_deadline() {
    submit_racing(1, Shutdown::DrainFor(Duration::ZERO));
}

/// The deadline does not come (the models' clock stands still): as `Drain`.
pub(super) fn submit_racing_a_late_deadline() {
    submit_racing(1, Shutdown::DrainFor(SECOND));
}

/// A job spawns another while the pool is being shut down: that one too is refused or runs.
pub(super) fn spawn_inside_racing_drain() {
    let pool = sleeping_pool(1);
    let job = pool.spawn(|| {
        ledger::run(0);
        task::spawn(|| ledger::run(1))
    });
    assert!(pool.shutdown(Shutdown::Drain).stragglers.is_empty());
    let child = job.join().expect("it was accepted");
    assert_eq!(child.join().is_ok(), ledger::runs(1) == 1);
}

/// A handle is aborted while a shutdown cancels what is queued: the closure is dropped once.
pub(super) fn abort_racing_cancel() {
    let pool = sleeping_pool(1);
    let captured = Drops(0);
    let handle = pool.spawn(move || {
        ledger::run(0);
        drop(captured);
    });
    let aborter = spawn(move || {
        handle.abort();
        assert_eq!(handle.join().is_ok(), ledger::runs(0) == 1);
    });
    let report = pool.shutdown(Shutdown::CancelQueued);
    join(aborter);
    assert!(report.stragglers.is_empty());
    assert!(report.ran + report.cancelled <= 1);
    assert_eq!(ledger::drops(0), 1);
}

/// The body of a scope on a thread that is no worker, against the end of the pool: it is a root,
/// and the pool waits for it, or it is refused. What it wrote is visible after the shutdown.
pub(super) fn in_place_scope_racing_drain() {
    expects("the thread pool has been shut down");
    let pool = Arc::new(sleeping_pool(1));
    let inside = Arc::clone(&pool);
    let written = Rc::new(UnsafeCell::new(0));
    let write = Rc::clone(&written);
    let user = spawn(move || {
        // SAFETY: loom fails the model if this access is not exclusive.
        let write = || write.with_mut(|value| unsafe { *value = 1 });
        let scope = || {
            inside.in_place_scope(|s| {
                assert!(s.spawn(|| ledger::run(0)).join().is_ok());
                write();
                ledger::run(1);
            });
        };
        assert_eq!(unwind::catch(scope).is_ok(), ledger::runs(1) == 1);
    });
    assert!(pool.shutdown(Shutdown::Drain).stragglers.is_empty());
    if ledger::runs(1) == 1 {
        // SAFETY: as above.
        assert_eq!(written.with_mut(|value| unsafe { *value }), 1);
    }
    join(user);
}

/// Two threads shut the pool down; both return when it has ended.
pub(super) fn double_shutdown() {
    let pool = Arc::new(sleeping_pool(1));
    let other = Arc::clone(&pool);
    let other = spawn(move || assert_eq!(other.shutdown(Shutdown::Drain).ran, 0));
    assert_eq!(pool.shutdown(Shutdown::Drain).ran, 0);
    join(other);
}

/// A worker shuts its own pool down, and does not wait for itself.
pub(super) fn shutdown_from_a_worker() {
    let pool = Arc::new(sleeping_pool(2));
    let inside = Arc::clone(&pool);
    let handle = pool.spawn(move || inside.shutdown(Shutdown::Drain).stragglers.len());
    assert_eq!(handle.join().expect("it runs"), 1);
    // From outside: waits for the end.
    assert!(pool.shutdown(Shutdown::Drain).stragglers.is_empty());
}

/// Both workers sleep, or are about to: the end of the pool reaches both.
pub(super) fn shutdown_of_an_idle_pool() {
    let pool = sleeping_pool(2);
    assert!(pool.shutdown(Shutdown::Drain).stragglers.is_empty());
}

/// A queued closure is taken back, or a worker is quicker: it runs once, and its handle gets the value. The
/// pool ends without it.
pub(super) fn take_back_racing_a_start() {
    let pool = sleeping_pool(1);
    let captured = Drops(0);
    let handle = pool.spawn(move || {
        ledger::run(0);
        drop(captured);
    });
    let queued = pool.shutdown_now();
    let taken = queued.len();
    assert_eq!(pool.shutdown(Shutdown::Drain).cancelled, 0);
    assert_eq!(ledger::runs(0) as usize + taken, 1);
    queued.into_iter().for_each(task::Task::run);
    assert!(handle.join().is_ok());
    assert_eq!((ledger::runs(0), ledger::drops(0)), (1, 1));
}

/// A queued closure is cancelled although the one worker never comes to it: what runs there
/// ends only when the queued one has been dropped.
pub(super) fn cancel_behind_a_stuck_worker() {
    let pool = sleeping_pool(1);
    let freed = Arc::new(Latch::new());
    let awaited = Arc::clone(&freed);
    let running = pool.spawn(move || {
        ledger::run(0);
        awaited.wait();
    });
    let frees = SetOnDrop(freed);
    let queued = pool.spawn(move || {
        ledger::run(1);
        drop(frees);
    });
    let report = pool.shutdown(Shutdown::CancelQueued);
    assert!(report.stragglers.is_empty());
    assert_eq!(running.join().is_ok(), ledger::runs(0) == 1);
    assert!(queued.join().expect_err("it is never reached").is_cancelled());
    assert_eq!(ledger::runs(1), 0);
}

/// As above, behind a first one: the worker may take the queued closure along with the one in which it is
/// stuck, and then the shutdown takes it by force.
pub(super) fn cancel_in_the_batch_of_a_stuck_worker() {
    let pool = sleeping_pool(1);
    let freed = Arc::new(Latch::new());
    let awaited = Arc::clone(&freed);
    let first = pool.spawn(|| ledger::run(0));
    let running = pool.spawn(move || {
        ledger::run(1);
        awaited.wait();
    });
    let frees = SetOnDrop(freed);
    let queued = pool.spawn(move || {
        ledger::run(2);
        drop(frees);
    });
    let report = pool.shutdown(Shutdown::CancelQueued);
    assert!(report.stragglers.is_empty());
    assert_eq!(first.join().is_ok(), ledger::runs(0) == 1);
    assert_eq!(running.join().is_ok(), ledger::runs(1) == 1);
    assert!(queued.join().expect_err("it is never reached").is_cancelled());
    assert_eq!(ledger::runs(2), 0);
}

/// As above, with the queued closure in the worker's own head: the shutdown takes it by force.
pub(super) fn cancel_in_the_head_of_a_stuck_worker() {
    let pool = sleeping_pool(1);
    let (freed, spawned) = (Arc::new(Latch::new()), Arc::new(Latch::new()));
    let (awaited, tell) = (Arc::clone(&freed), SetOnDrop(Arc::clone(&spawned)));
    let running = pool.spawn(move || {
        let frees = SetOnDrop(freed);
        let queued = task::spawn(move || {
            ledger::run(0);
            drop(frees);
        });
        drop(tell);
        awaited.wait();
        queued
    });
    spawned.wait();
    let report = pool.shutdown(Shutdown::CancelQueued);
    assert_eq!((report.ran, report.cancelled), (1, 1));
    let queued = running.join().expect("it had begun");
    assert!(queued.join().expect_err("it is never reached").is_cancelled());
    assert_eq!(ledger::runs(0), 0);
}

/// As above, where the running closure spawns the other one while the pool is cancelled: it may
/// come to the queue after whoever cancels has been there.
pub(super) fn cancel_before_a_stuck_spawner() {
    let pool = sleeping_pool(1);
    let freed = Arc::new(Latch::new());
    let frees = SetOnDrop(Arc::clone(&freed));
    let running = pool.spawn(move || {
        drop(task::spawn(move || drop(frees)));
        freed.wait();
    });
    let report = pool.shutdown(Shutdown::CancelQueued);
    assert!(report.stragglers.is_empty() && report.cancelled <= 2);
    let _ = running.join();
}

/// Releases who waits, from its destructor.
struct SetOnDrop(Arc<Latch>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        // SAFETY: the latch is alive.
        unsafe { Latch::set(&raw const *self.0) };
    }
}
