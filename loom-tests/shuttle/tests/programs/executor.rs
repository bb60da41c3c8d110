//! Executors in front of a pool, at random.

use super::ledger::{self, Drops};
use super::search::count;
use super::tree::{pool, usable, work};
use scheduler_shuttle::{Executor, JoinHandle, RejectionPolicy, Shutdown, Verdict};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const THREADS: usize = 3;
const JOBS: usize = 6;

/// What an executor's clones share, in the ledger.
const CORE: usize = 1000;

/// Threads and jobs submit to two executors with little room, in all ways; abort, or wait; the
/// executors end, or their pool does. Each closure runs once or is dropped, and the pool ends. What the
/// executors' clones share is gone then.
pub(crate) fn executors_at_random() {
    let mut rng = thread_rng();
    let pool = Arc::new(pool(rng.gen_range(1..4)));
    let verdicts = [
        Verdict::Block,
        Verdict::BlockFor(Duration::from_millis(1)),
        Verdict::CallerRuns,
        Verdict::DiscardOldest,
    ];
    let executor = |rng: &mut shuttle::rand::rngs::ThreadRng| {
        let builder = Executor::builder(&pool).queue_capacity(rng.gen_range(1..4));
        let (verdict, core) = (verdicts[rng.gen_range(0..verdicts.len())], Drops::new(CORE));
        let policy = RejectionPolicy::custom(move |_| {
            let _ = &core;
            verdict
        });
        builder.on_full(policy).build().expect("it has room")
    };
    let executors = [executor(&mut rng), executor(&mut rng)];
    let user = |thread: usize| {
        let executor = executors[thread % 2].clone();
        thread::spawn(move || use_executor(&executor, thread * JOBS))
    };
    let users: Vec<_> = (0..THREADS).map(user).collect();
    work(rng.gen_range(0..40));
    let pool_ends_first = rng.gen_bool(0.3);
    if pool_ends_first {
        let mode = if rng.gen_bool(0.5) { Shutdown::Drain } else { Shutdown::CancelQueued };
        let _ = pool.shutdown(mode);
    }
    let mut elsewhere = Vec::new();
    if rng.gen_bool(0.5) {
        for task in executors[0].shutdown_now() {
            match rng.gen_range(0..3) {
                0 => drop(task),
                1 => task.run(),
                _ => elsewhere.push(thread::spawn(|| task.run())),
            }
        }
    }
    let mode = if rng.gen_bool(0.5) { Shutdown::Drain } else { Shutdown::CancelQueued };
    let _ = executors[1].shutdown(mode);
    users.into_iter().chain(elsewhere).for_each(|user| user.join().expect("its panic ends all"));
    for executor in &executors {
        let _ = executor.shutdown(Shutdown::Drain);
        let metrics = executor.metrics();
        assert!(metrics.high_water <= executor.capacity().expect("it has one"));
        assert_eq!(metrics.submitted, metrics.completed + metrics.cancelled);
    }
    if !pool_ends_first {
        usable(&pool, 2 * THREADS * JOBS);
    }
    let _ = pool.shutdown(Shutdown::Drain);
    drop(executors);
    ledger::all_dropped();
    count(&pool);
}

fn job(id: usize) -> impl FnOnce() -> usize + Send + 'static {
    let captured = Drops::new(id);
    move || {
        ledger::run(id);
        work(1);
        drop(captured);
        id
    }
}

/// The value is right if there is one.
fn check(handle: JoinHandle<usize>, id: usize) {
    let ran = handle.join().map(|value| assert_eq!(value, id)).is_ok();
    assert_eq!(ran, ledger::runs(id) == 1);
}

fn use_executor(executor: &Executor, first: usize) {
    let mut rng = thread_rng();
    let mut later = Vec::new();
    for id in first..first + JOBS {
        let submitted = match rng.gen_range(0..6) {
            0 => {
                // From within, where it may have to make room itself.
                let inner = executor.clone();
                let second = THREADS * JOBS + id;
                let outer = move || {
                    // Refused if it is shut down.
                    let _ = inner.submit(job(second)).map(drop);
                    job(id)()
                };
                executor.submit(outer).map_err(drop)
            }
            1 => executor.try_submit(job(id)).map_err(drop),
            2 => {
                let mut future = executor.submit_async(job(id));
                let mut context = Context::from_waker(Waker::noop());
                match Pin::new(&mut future).poll(&mut context) {
                    Poll::Ready(result) => result.map_err(drop),
                    Poll::Pending => Err(()),
                }
            }
            _ => executor.submit(job(id)).map_err(drop),
        };
        let Ok(handle) = submitted else { continue };
        match rng.gen_range(0..4) {
            0 => drop(handle),
            1 => {
                handle.abort();
                check(handle, id);
            }
            _ => later.push((handle, id)),
        }
    }
    later.into_iter().for_each(|(handle, id)| check(handle, id));
}
