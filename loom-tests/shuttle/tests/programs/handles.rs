//! What one can do with a handle, at random.

use super::ledger::{self, Drops};
use super::search::count;
use super::tree::{pool, usable, work};
use scheduler_shuttle::{JoinHandle, Pinning, Shutdown, ThreadPool, task};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;
use std::panic;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

const THREADS: usize = 3;
const JOBS: usize = 8;
const WORKERS: usize = 4;

/// Threads spawn jobs, and wait for them, drop their handles, abort them, or look at them. Whatever
/// they do, a job runs once, or its closure is dropped and the handle says so.
pub(crate) fn handles_at_random() {
    let pool = Arc::new(pool(WORKERS));
    let user = |first| {
        let pool = Arc::clone(&pool);
        thread::spawn(move || use_handles(&pool, first))
    };
    let users: Vec<_> = (0..THREADS).map(|thread| user(thread * JOBS)).collect();
    let aborted = users.into_iter().map(|user| user.join().expect("its panic ends all"));
    let aborted: usize = aborted.sum();
    // Of those that are still queued.
    assert!(pool.shutdown(Shutdown::Drain).cancelled <= aborted);
    let ran = (0..THREADS * JOBS).filter(|&id| ledger::runs(id) == 1).count();
    assert!(ran + aborted >= THREADS * JOBS, "a job is lost");
    ledger::all_dropped();
    count(&pool);
}

/// A waker that is not to be left behind.
struct Remembers(#[expect(dead_code, reason = "for its drop")] Drops);

impl Wake for Remembers {
    fn wake(self: Arc<Self>) {}
}

/// How many it has aborted, perhaps too late.
fn use_handles(pool: &ThreadPool, first: usize) -> usize {
    let mut rng = thread_rng();
    let mut aborted = 0;
    let mut later = Vec::new();
    for id in first..first + JOBS {
        let captured = Drops::new(id);
        let steps = rng.gen_range(0..4);
        let handle = pool.spawn(move || {
            ledger::run(id);
            work(steps);
            drop(captured);
            Drops::new(id)
        });
        work(rng.gen_range(0..8));
        match rng.gen_range(0..10) {
            0 => drop(handle),
            1 => {
                handle.abort();
                aborted += 1;
                drop(handle);
            }
            2 => {
                handle.abort();
                aborted += 1;
                assert_eq!(handle.join().is_ok(), ledger::runs(id) == 1);
                assert_eq!(ledger::kept(id), 0);
            }
            3 => drop(handle.join().expect("nobody aborted it")),
            4 => {
                if handle.is_finished() {
                    assert_eq!(ledger::runs(id), 1);
                }
                later.push(handle);
            }
            5 => {
                let aborter = handle.abort_handle();
                drop(handle);
                aborter.clone().abort();
                aborted += 1;
            }
            6 => {
                let told = Drops::new(id);
                handle.on_done(move |value| drop((told, value)));
            }
            7 => {
                let mut handle = handle;
                let waker = Waker::from(Arc::new(Remembers(Drops::new(id))));
                let _ = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
            }
            8 => match handle.join_timeout(Duration::from_millis(1)) {
                Ok(value) => drop(value.expect("nobody aborted it")),
                Err(handle) => later.push(handle),
            },
            _ => later.push(handle),
        }
    }
    later.into_iter().for_each(|handle| drop(handle.join().expect("nobody aborted it")));
    aborted
}

/// Jobs that panic while their handle is joined, dropped before or after: each panic comes out at
/// the handle or at the pool's handler, once.
pub(crate) fn panics_that_nobody_takes() {
    let unclaimed = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&unclaimed);
    let builder = ThreadPool::builder().num_threads(WORKERS).pinning(Pinning::Off);
    let builder = builder.panic_handler(move |payload| {
        assert!(payload.is::<usize>());
        seen.fetch_add(1, Ordering::Relaxed);
    });
    let pool = builder.build().expect("shuttle spawns threads");
    let mut rng = thread_rng();
    let mut claimed = 0;
    for id in 0..2 * JOBS {
        let captured = Drops::new(id);
        let job = move || {
            ledger::run(id);
            let _captured = captured;
            work(1);
            panic::resume_unwind(Box::new(id));
        };
        let handle: JoinHandle<()> =
            if rng.gen_bool(0.5) { pool.spawn(job) } else { pool.install(|| task::spawn(job)) };
        work(rng.gen_range(0..8));
        if rng.gen_bool(0.5) {
            let error = handle.join().expect_err("it panics");
            assert_eq!(error.into_panic().downcast_ref(), Some(&id));
            claimed += 1;
        } else {
            drop(handle);
        }
    }
    usable(&pool, 2 * JOBS);
    let report = pool.shutdown(Shutdown::Drain);
    assert_eq!(report.cancelled, 0);
    assert_eq!(claimed + unclaimed.load(Ordering::Relaxed), 2 * JOBS, "a panic is lost");
    ledger::all_ran(2 * JOBS);
    ledger::all_dropped();
    count(&pool);
}
