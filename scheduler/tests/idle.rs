//! An idle pool burns no CPU, and idle workers of a busy pool burn little.
//!
//! What is measured is the CPU time of each worker's thread, as the kernel counts it, and not
//! how long anything takes.
#![cfg(target_os = "linux")]
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{ThreadPool, yield_now};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};
use support::sync::{Arc, thread};
use support::{each_size, fib, usable, wait_until};

/// How long the pools are watched.
const WINDOW: Duration = Duration::from_secs(1);

/// What all idle workers together may use in that time: 5% of a core.
const LITTLE: Duration = Duration::from_millis(50);

fn pool(workers: usize, name: &'static str) -> ThreadPool {
    ThreadPool::builder().num_threads(workers).thread_name(move |_| name.into()).build().unwrap()
}

/// The CPU time that the threads of that name have used, longest first.
fn cpu(name: &str) -> Vec<Duration> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let named = |task: &std::path::PathBuf| {
        // Threads of other tests may end meanwhile.
        fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    };
    let mut times: Vec<Duration> = tasks
        .filter(named)
        .map(|task| {
            let stat = fs::read_to_string(task.join("schedstat")).unwrap();
            let nanoseconds = stat.split_whitespace().next().unwrap().parse().unwrap();
            Duration::from_nanos(nanoseconds)
        })
        .collect();
    times.sort_unstable_by(|a, b| b.cmp(a));
    times
}

fn used(name: &str) -> Duration {
    cpu(name).into_iter().sum()
}

/// Watches idle workers, and checks that the watch would see one that is not.
#[test]
fn an_idle_pool_burns_no_cpu() {
    each_size("an_idle_pool_burns_no_cpu", |workers| {
        const NAME: &str = "idle-pool";
        let pool = pool(workers, NAME);
        let unused = used(NAME);
        thread::sleep(WINDOW);
        let after_start = used(NAME) - unused;
        usable(&pool);
        let worked = used(NAME);
        assert_eq!(cpu(NAME).len(), workers);
        thread::sleep(WINDOW);
        let after_work = used(NAME) - worked;
        assert!(after_start < LITTLE, "unused: {after_start:?}");
        assert!(after_work < LITTLE, "used and idle again: {after_work:?}");
        let before = used(NAME);
        let begun = Instant::now();
        pool.install(|| {
            while begun.elapsed() < WINDOW / 4 {
                fib(10);
            }
        });
        assert!(used(NAME) > before, "the count goes up when it works");
    });
}

/// One worker runs without a fork: the others do not search for ever.
#[test]
fn idle_workers_beside_a_busy_one_burn_little() {
    each_size("idle_workers_beside_a_busy_one_burn_little", |workers| {
        const NAME: &str = "one-is-busy";
        let pool = pool(workers, NAME);
        usable(&pool);
        let stop = Arc::new(AtomicBool::new(false));
        let busy = pool.spawn({
            let stop = Arc::clone(&stop);
            move || {
                while !stop.load(SeqCst) {
                    std::hint::black_box((0..1000).sum::<u64>());
                }
            }
        });
        wait_until(|| !busy.is_finished());
        let before = cpu(NAME).into_iter().sum::<Duration>();
        let begun = Instant::now();
        thread::sleep(WINDOW);
        let used = used(NAME) - before;
        let window = begun.elapsed();
        stop.store(true, SeqCst);
        busy.join().unwrap();
        assert!(used < window + LITTLE, "{used:?} in {window:?}");
        assert!(used > Duration::ZERO);
    });
}

/// The same where the busy one waits inside the pool: for a job of its own that runs elsewhere,
/// for another pool, and by yielding.
#[test]
fn workers_that_wait_burn_little() {
    each_size("workers_that_wait_burn_little", |workers| {
        const NAME: &str = "waits-inside";
        let (pool, other) = (pool(workers, NAME), support::pool(1));
        other.install(|| ());
        let before = used(NAME);
        pool.install(|| other.install(|| thread::sleep(WINDOW)));
        let waiting = used(NAME) - before;
        assert!(waiting < LITTLE, "for another pool: {waiting:?}");
        let before = used(NAME);
        if workers > 1 {
            let begun = AtomicBool::new(false);
            pool.join(
                || wait_until(|| begun.load(SeqCst) || yield_now().is_none()),
                || {
                    begun.store(true, SeqCst);
                    thread::sleep(WINDOW);
                },
            );
            let waiting = used(NAME) - before;
            assert!(waiting < LITTLE, "for a stolen branch: {waiting:?}");
        }
        usable(&pool);
    });
}

/// Jobs come alone and far apart: a worker does not go on looking for the next. Each look at the other's
/// queues is counted, so no clock is needed: there are a few for a job, and 32 in a full search alone.
#[test]
fn lone_jobs_are_not_followed_by_a_search() {
    const JOBS: u64 = 50;
    let pool = pool(2, "lone-jobs");
    wait_until(|| pool.metrics().total().parks >= 2);
    let lone_job = || {
        let parks = pool.metrics().total().parks;
        // From when it parks: longer than a sleep that a search might have saved.
        thread::sleep(Duration::from_millis(1));
        pool.execute(|| ()).unwrap();
        wait_until(|| pool.metrics().total().parks > parks);
    };
    // What a worker expects after its start is another matter.
    (0..10).for_each(|_| lone_job());
    let before = pool.metrics().total();
    (0..JOBS).for_each(|_| lone_job());
    let after = pool.metrics().total().since(&before);
    assert_eq!(after.jobs, JOBS);
    assert!(after.steals_empty <= 8 * JOBS, "{after:?}");
}

/// A thread outside that waits for a pool blocks.
#[test]
fn a_caller_from_outside_does_not_spin() {
    let pool = support::pool(1);
    let caller = || {
        let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(stat.split_whitespace().next().unwrap().parse().unwrap())
    };
    let before = caller();
    pool.install(|| thread::sleep(WINDOW));
    pool.spawn(|| thread::sleep(WINDOW / 4)).join().unwrap();
    pool.in_place_scope(|s| drop(s.spawn(|| thread::sleep(WINDOW / 4))));
    let used = caller() - before;
    assert!(used < LITTLE, "{used:?}");
}
