//! How pools end, while others still use them.

use super::ledger::{self, Drops};
use super::search::count;
use super::tree::{pool, work};
use scheduler_shuttle::{JoinHandle, Shutdown, ShutdownReport, ThreadPool, join, task};
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

const SUBMITTERS: usize = 4;
const SUBMISSIONS: usize = 4;
const SUBMITTED: usize = SUBMITTERS * SUBMISSIONS;
const WORKERS: usize = 4;

/// What became of what was submitted.
#[derive(Clone, Copy, Debug, Default)]
struct Fates {
    refused: usize,
    cancelled: usize,
    ran: usize,
}

impl Fates {
    fn of_all(submitters: Vec<thread::JoinHandle<Self>>) -> Self {
        let all = submitters.into_iter().map(|thread| thread.join().expect("its panic ends all"));
        let all = all.fold(Self::default(), |all, one| Self {
            refused: all.refused + one.refused,
            cancelled: all.cancelled + one.cancelled,
            ran: all.ran + one.ran,
        });
        assert_eq!(all.refused + all.cancelled + all.ran, SUBMITTED);
        all
    }
}

/// Threads that submit. Every other job spawns one more, whose handle nobody keeps.
fn submitters(pool: &Arc<ThreadPool>) -> Vec<thread::JoinHandle<Fates>> {
    let start = |submitter| {
        let pool = Arc::clone(pool);
        thread::spawn(move || submit(&pool, submitter * SUBMISSIONS))
    };
    (0..SUBMITTERS).map(start).collect()
}

fn submit(pool: &ThreadPool, first: usize) -> Fates {
    let mut fates = Fates::default();
    let mut handles = Vec::new();
    for id in first..first + SUBMISSIONS {
        let captured = Drops::new(id);
        let job = move || {
            ledger::run(id);
            if id.is_multiple_of(2) {
                let captured = Drops::new(SUBMITTED + id);
                drop(task::spawn(move || {
                    ledger::run(SUBMITTED + id);
                    drop(captured);
                }));
            }
            work(2);
            drop(captured);
            id
        };
        match pool.try_spawn(job) {
            Ok(handle) => handles.push((id, handle)),
            Err(rejected) => {
                assert_eq!(ledger::kept(id), 1, "a refused closure comes back");
                drop(rejected);
                assert_eq!((ledger::runs(id), ledger::kept(id)), (0, 0));
                fates.refused += 1;
            }
        }
    }
    for (id, handle) in handles {
        match handle.join() {
            Ok(value) => {
                assert_eq!((value, ledger::runs(id)), (id, 1));
                fates.ran += 1;
            }
            Err(error) => {
                assert!(error.is_cancelled() && ledger::runs(id) == 0);
                fates.cancelled += 1;
            }
        }
        assert_eq!(ledger::kept(id), 0);
    }
    fates
}

/// Jobs that other jobs have spawned, and that ran: the reports count them too.
fn detached() -> usize {
    (SUBMITTED..2 * SUBMITTED).filter(|&id| ledger::runs(id) == 1).count()
}

/// Those of them that were spawned, whatever became of them.
fn spawned_by_jobs() -> usize {
    (0..SUBMITTED).filter(|&id| id.is_multiple_of(2) && ledger::runs(id) == 1).count()
}

/// The pool has ended: nothing is left of anything, and nothing new gets in.
fn ended(pool: &ThreadPool) {
    ledger::all_dropped();
    assert!(pool.try_spawn(|| ()).is_err());
    assert_eq!(pool.shutdown(Shutdown::Drain), ShutdownReport::default());
    count(pool);
}

fn submit_racing(mode: Shutdown) {
    let pool = Arc::new(pool(WORKERS));
    let submitters = submitters(&pool);
    let report = pool.shutdown(mode);
    let fates = Fates::of_all(submitters);
    assert!(report.stragglers.is_empty());
    assert!(report.ran <= fates.ran + detached());
    assert!(report.cancelled >= fates.cancelled);
    // Those with a handle, and those that jobs have spawned.
    assert!(report.cancelled + detached() <= fates.cancelled + spawned_by_jobs());
    assert!(mode != Shutdown::Drain || report.cancelled == 0);
    ended(&pool);
}

pub(crate) fn submit_racing_drain() {
    submit_racing(Shutdown::Drain);
}

pub(crate) fn submit_racing_cancel() {
    submit_racing(Shutdown::CancelQueued);
}

pub(crate) fn submit_racing_abort() {
    submit_racing(Shutdown::Abort);
}

/// The deadline passes at the call, some time after it, or never. What runs then goes on; a second
/// shutdown waits for it.
pub(crate) fn submit_racing_drain_for() {
    let patience = [Duration::ZERO, Duration::from_secs(1), Duration::MAX];
    let patience = patience[thread_rng().gen_range(0..patience.len())];
    let pool = Arc::new(pool(WORKERS));
    let submitters = submitters(&pool);
    let report = pool.shutdown(Shutdown::DrainFor(patience));
    assert!(patience < Duration::MAX || (report.cancelled == 0 && report.stragglers.is_empty()));
    let rest = pool.shutdown(Shutdown::Drain);
    assert!(rest.stragglers.is_empty());
    let fates = Fates::of_all(submitters);
    // A closure that is being refused counts as a root for a moment, in a pool that has not ended.
    assert!(report.ran + rest.ran <= fates.ran + detached() + fates.refused);
    assert!(patience < Duration::MAX || rest == ShutdownReport::default());
    ended(&pool);
}

/// Calls that wait for their closure: it runs, or the call panics and the closure has not run.
pub(crate) fn install_racing_a_shutdown() {
    let mode = any_mode();
    let pool = Arc::new(pool(WORKERS));
    let call = |id: usize| {
        let pool = Arc::clone(&pool);
        thread::spawn(move || {
            let captured = Drops::new(id);
            let call = || {
                pool.install(|| {
                    join(|| ledger::run(2 * id), || ledger::run(2 * id + 1));
                    drop(captured);
                });
            };
            let ran = panic::catch_unwind(AssertUnwindSafe(call)).is_ok();
            let runs = [ledger::runs(2 * id), ledger::runs(2 * id + 1)];
            assert_eq!(runs, [u32::from(ran); 2]);
            assert_eq!(ledger::kept(id), 0);
        })
    };
    let callers: Vec<_> = (0..SUBMITTERS).map(call).collect();
    assert!(pool.shutdown(mode).stragglers.is_empty());
    callers.into_iter().for_each(|caller| caller.join().expect("its panic ends all"));
    ended(&pool);
}

fn any_mode() -> Shutdown {
    let modes = [
        Shutdown::Drain,
        Shutdown::DrainFor(Duration::MAX),
        Shutdown::CancelQueued,
        Shutdown::Abort,
    ];
    modes[thread_rng().gen_range(0..modes.len())]
}

/// Both return when the pool has ended.
pub(crate) fn two_shutdowns_at_once() {
    let pool = Arc::new(pool(WORKERS));
    let submitters = submitters(&pool);
    let (here, there) = (any_mode(), any_mode());
    let other = Arc::clone(&pool);
    let other = thread::spawn(move || {
        let report = other.shutdown(there);
        assert!(other.try_spawn(|| ()).is_err());
        report
    });
    let reports = [pool.shutdown(here), other.join().expect("its panic ends all")];
    let fates = Fates::of_all(submitters);
    assert!(reports.iter().all(|report| report.stragglers.is_empty()));
    assert!(reports.iter().map(|report| report.cancelled).sum::<usize>() >= fates.cancelled);
    ended(&pool);
}

/// A job ends its own pool while others submit to it, and does not wait for itself.
pub(crate) fn shutdown_from_a_job() {
    let mode = any_mode();
    let pool = Arc::new(pool(WORKERS));
    let submitters = submitters(&pool);
    let inside = Arc::clone(&pool);
    let ends = pool.spawn(move || {
        let report = inside.shutdown(mode);
        assert!(!report.stragglers.is_empty(), "it runs itself");
        join(|| work(1), || work(1));
    });
    ends.join().expect("nobody else ends the pool");
    let _ = pool.shutdown(Shutdown::Drain);
    Fates::of_all(submitters);
    ended(&pool);
}

/// Handles abort their jobs while the pool is shut down: the report does not say of any of those
/// that it ran.
pub(crate) fn aborts_racing_a_shutdown() {
    let mode = any_mode();
    let pool = Arc::new(pool(WORKERS));
    let spawn = |id| pool.spawn(move || ledger::run(id));
    let mut before: Vec<JoinHandle<()>> = (0..SUBMISSIONS).map(spawn).collect();
    let during = before.split_off(SUBMISSIONS / 2);
    before.iter().for_each(JoinHandle::abort);
    let aborter = thread::spawn(move || during.iter().for_each(JoinHandle::abort));
    let report = pool.shutdown(mode);
    aborter.join().expect("its panic ends all");
    let ran = (0..SUBMISSIONS).filter(|&id| ledger::runs(id) == 1).count();
    assert!(report.ran <= ran, "{} are said to have run, {ran} have", report.ran);
    assert!(report.cancelled <= SUBMISSIONS - ran);
    ended(&pool);
}

/// Holds up those that wait until all of its kind are dropped.
struct Holds(Arc<(Mutex<usize>, Condvar)>);

impl Holds {
    fn new(all: &Arc<(Mutex<usize>, Condvar)>) -> Self {
        *all.0.lock().expect("nobody panics with it") += 1;
        Self(Arc::clone(all))
    }
}

impl Drop for Holds {
    fn drop(&mut self) {
        *self.0.0.lock().expect("nobody panics with it") -= 1;
        self.0.1.notify_all();
    }
}

/// One worker or two are stuck until what is queued, in the global queue and behind themselves, is
/// gone: whoever cancels has to drop it, or who comes with it too late.
pub(crate) fn cancel_behind_stuck_workers() {
    let modes = [
        Shutdown::CancelQueued,
        Shutdown::Abort,
        Shutdown::DrainFor(Duration::ZERO),
        Shutdown::DrainFor(Duration::from_secs(1)),
    ];
    let mode = modes[thread_rng().gen_range(0..modes.len())];
    let workers = thread_rng().gen_range(1..=2);
    let pool = pool(workers);
    let all = Arc::new((Mutex::new(0), Condvar::new()));
    let stuck = |_| {
        let all = Arc::clone(&all);
        pool.spawn(move || {
            let spawn = |_| {
                let holds = Holds::new(&all);
                drop(task::spawn(move || drop(holds)));
            };
            (0..3).for_each(spawn);
            let mut left = all.0.lock().expect("nobody panics with it");
            while *left != 0 {
                left = all.1.wait(left).expect("nobody panics with it");
            }
        })
    };
    let running: Vec<JoinHandle<()>> = (0..workers).map(stuck).collect();
    let queued = |_| {
        let holds = Holds::new(&all);
        pool.spawn(move || drop(holds))
    };
    let queued: Vec<JoinHandle<()>> = (0..workers).map(queued).collect();
    // While they come to it, or later.
    work(thread_rng().gen_range(0..64));
    let _ = pool.shutdown(mode);
    for handle in running.into_iter().chain(queued) {
        assert!(handle.join().err().is_none_or(|error| error.is_cancelled()));
    }
    assert!(pool.shutdown(Shutdown::Drain).stragglers.is_empty());
    assert_eq!(*all.0.lock().expect("nobody panics with it"), 0);
    ended(&pool);
}

/// Pools that live for a job or two, or none, of one worker or several.
pub(crate) fn short_lives() {
    let mut rng = thread_rng();
    for life in 0..4 {
        let workers = rng.gen_range(1..=4);
        let jobs = rng.gen_range(0..3);
        let pool = pool(workers);
        let spawn = |job| pool.spawn(move || ledger::run(4 * life + job));
        let handles: Vec<JoinHandle<()>> = (0..jobs).map(spawn).collect();
        if rng.gen_bool(0.5) {
            handles.into_iter().for_each(|handle| handle.join().expect("it runs"));
        }
        count(&pool);
        drop(pool);
        (0..jobs).for_each(|job| assert_eq!(ledger::runs(4 * life + job), 1));
    }
}
