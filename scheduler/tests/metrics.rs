//! What the workers count adds up, and nothing is counted for a fork that nobody steals.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Barrier, Counts, Metrics, ThreadPool, join, scope, spawn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use support::{
    Stuck, caught, each_size, each_size_from_two, fib, pool, text, usable, wait_until, watchdog,
};

fn total(pool: &ThreadPool) -> Counts {
    pool.metrics().total()
}

/// Without the asymmetric barrier each job is published at once, and none can be forced.
fn eager(pool: &ThreadPool) -> bool {
    pool.metrics().barrier == Barrier::Fence
}

#[test]
fn a_new_pool_has_run_nothing() {
    each_size("a_new_pool_has_run_nothing", |workers| {
        let metrics = pool(workers).metrics();
        assert_eq!(metrics.workers.len(), workers);
        let total = metrics.total();
        assert_eq!((total.jobs, total.steals(), total.publishes, total.spilled), (0, 0, 0, 0));
    });
}

#[test]
fn the_barrier_is_the_platforms() {
    let barrier = pool(1).metrics().barrier;
    assert_eq!(barrier, pool(3).metrics().barrier, "one for the process");
    if cfg!(target_os = "linux") {
        assert!(matches!(barrier, Barrier::Membarrier | Barrier::Fence));
    } else if cfg!(windows) {
        assert_eq!(barrier, Barrier::ProcessWriteBuffers);
    } else {
        assert_eq!(barrier, Barrier::Fence);
    }
}

/// A whole recursion on one worker is one job: the installed closure.
#[test]
fn forks_that_nobody_steals_are_not_counted() {
    watchdog("forks_that_nobody_steals_are_not_counted", || {
        let pool = pool(1);
        assert_eq!(pool.install(|| fib(20)), 6765);
        let total = total(&pool);
        assert_eq!((total.jobs, total.steals_injected), (1, 1));
        assert_eq!((total.steals_tail, total.steals_forced, total.spilled), (0, 0, 0));
        if !eager(&pool) {
            assert_eq!(total.publishes, 0);
        }
    });
}

#[test]
fn each_installed_and_spawned_closure_is_a_job() {
    each_size("each_installed_and_spawned_closure_is_a_job", |workers| {
        let pool = pool(workers);
        (0..10).for_each(|n| assert_eq!(pool.install(|| n), n));
        let handles: Vec<_> = (0..10).map(|n| pool.spawn(move || n)).collect();
        assert!(handles.into_iter().all(|handle| handle.join().is_ok()));
        let total = total(&pool);
        assert_eq!((total.jobs, total.steals_injected, total.steals()), (20, 20, 20));
    });
}

#[test]
fn jobs_add_up_over_the_workers() {
    each_size("jobs_add_up_over_the_workers", |workers| {
        let pool = pool(workers);
        for spawns in [1, 100, 5000, 20_000] {
            let before = total(&pool);
            let ran = AtomicUsize::new(0);
            pool.scope(|s| (0..spawns).for_each(|_| drop(s.spawn(|| ran.fetch_add(1, SeqCst)))));
            assert_eq!(ran.into_inner(), spawns);
            assert_eq!(total(&pool).since(&before).jobs, 1 + spawns as u64);
        }
        let before = total(&pool);
        assert_eq!(pool.broadcast(|_| ()).len(), workers);
        // Broadcast's own closure, and a share for each worker.
        assert_eq!(total(&pool).since(&before).jobs, 1 + workers as u64);
        let metrics = pool.metrics();
        let sum = |count: fn(&Counts) -> u64| {
            metrics.workers.iter().map(|worker| count(&worker.counts)).sum::<u64>()
        };
        let total = metrics.total();
        assert_eq!(total.jobs, sum(|counts| counts.jobs));
        assert_eq!(total.steals(), sum(Counts::steals));
        assert_eq!(total.parks, sum(|counts| counts.parks));
        assert_eq!(total.stolen(), total.steals_tail + total.steals_forced);
        assert_eq!(total.steals(), total.stolen() + total.steals_injected);
        assert_eq!(total.failed_steals(), total.steals_empty + total.steals_lost);
    });
}

#[test]
fn an_aborted_closure_is_no_more_than_a_job() {
    watchdog("an_aborted_closure_is_no_more_than_a_job", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let handle = pool.spawn(|| ());
        handle.abort();
        stuck.release();
        usable(&pool);
        // The stuck one, the aborted one's entry, and the four of `usable`.
        assert_eq!(total(&pool).jobs, 6);
        assert!(handle.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn idle_workers_park() {
    each_size("idle_workers_park", |workers| {
        let pool = pool(workers);
        wait_until(|| pool.metrics().workers.iter().all(|worker| worker.counts.parks >= 1));
        let before = total(&pool);
        pool.install(|| ());
        wait_until(|| total(&pool).parks > before.parks);
        assert!(total(&pool).wakes > before.wakes, "somebody was woken for it");
    });
}

#[test]
fn a_full_ring_spills() {
    watchdog("a_full_ring_spills", || {
        let pool = pool(1);
        let queue = |n: usize| {
            let before = total(&pool);
            pool.scope(|s| (0..n).for_each(|_| drop(s.spawn(|| ()))));
            let counted = total(&pool).since(&before);
            assert_eq!((counted.jobs, counted.stolen()), (1 + n as u64, 0));
            counted.spilled
        };
        assert_eq!(queue(4000), 0, "it fits");
        let spilled = queue(50_000);
        if eager(&pool) {
            assert_eq!(spilled, 0, "nothing is private");
        } else {
            assert!((1..=50_000).contains(&spilled), "{spilled}");
        }
    });
}

/// The others are idle: the fork is published, and stolen from the tail. Now and then one that is
/// about to sleep is quicker, and takes it by force.
#[test]
fn what_is_shared_is_published() {
    each_size_from_two("what_is_shared_is_published", |workers| {
        let pool = pool(workers);
        wait_until(|| pool.metrics().workers.iter().all(|worker| worker.counts.parks >= 1));
        wait_until(|| {
            let before = total(&pool);
            let ran = AtomicBool::new(false);
            pool.join(|| wait_until(|| ran.load(SeqCst)), || ran.store(true, SeqCst));
            let counted = total(&pool).since(&before);
            assert_eq!((counted.jobs, counted.stolen()), (2, 1));
            assert_eq!(counted.steals_tail, counted.publishes);
            counted.publishes == 1
        });
    });
}

/// The others are busy: nothing is published, and one of them takes it by force later.
#[test]
fn what_is_taken_by_force_was_not_published() {
    each_size_from_two("what_is_taken_by_force_was_not_published", |workers| {
        let pool = pool(workers);
        if eager(&pool) {
            return;
        }
        let others = Stuck::new(&pool, workers - 1);
        let before = total(&pool);
        let ran = AtomicBool::new(false);
        pool.join(
            || {
                others.release();
                wait_until(|| ran.load(SeqCst));
            },
            || ran.store(true, SeqCst),
        );
        let counted = total(&pool).since(&before);
        assert_eq!((counted.publishes, counted.steals_tail, counted.steals_forced), (0, 0, 1));
    });
}

#[test]
fn what_is_stolen_is_not_more_than_what_ran() {
    each_size("what_is_stolen_is_not_more_than_what_ran", |workers| {
        let pool = pool(workers);
        for _ in 0..20 {
            pool.install(|| {
                let (a, _) = join(|| fib(14), || scope(|s| drop(s.spawn(|| fib(10)))));
                let b = spawn(|| fib(12)).join().unwrap();
                assert_eq!((a, b), (377, 144));
            });
        }
        let total = total(&pool);
        assert!(total.steals() <= total.jobs, "{total:?}");
        assert_eq!(total.steals_injected, 20);
        if workers == 1 {
            assert_eq!((total.stolen(), total.failed_steals()), (0, 0), "from whom?");
        }
    });
}

/// Whether each worker has blocked, and for the first time: it counts nothing more then.
fn at_rest(metrics: &Metrics) -> bool {
    metrics.workers.iter().all(|worker| worker.counts.parks == 1 && worker.counts.wakes == 0)
}

#[test]
fn a_worker_has_looked_everywhere_before_it_blocks() {
    each_size("a_worker_has_looked_everywhere_before_it_blocks", |workers| {
        let pool = pool(workers);
        wait_until(|| at_rest(&pool.metrics()));
        let metrics = pool.metrics();
        let others = workers as u64 - 1;
        // At their tails when its own deque is empty, and once more last of all; then at their heads. In
        // between it may search, unless enough others do.
        let rounds = if eager(&pool) { 2 } else { 3 };
        let search = if cfg!(scheduler_jitter) { 1 } else { 32 };
        for worker in &metrics.workers {
            let counts = worker.counts;
            let empty = [rounds, rounds + search].map(|rounds| rounds * others);
            assert!(empty.contains(&counts.steals_empty), "{counts:?}");
            assert_eq!((counts.steals(), counts.steals_lost), (0, 0));
        }
        assert_eq!(pool.metrics(), metrics, "a blocked worker looks nowhere");
    });
}

#[test]
fn a_busy_worker_counts_no_failed_steals() {
    each_size("a_busy_worker_counts_no_failed_steals", |workers| {
        let pool = pool(workers);
        let others = Stuck::new(&pool, workers - 1);
        pool.install(|| {
            let index = scheduler::current_thread_index().unwrap();
            let counts = || pool.metrics().workers[index].counts;
            let before = counts();
            assert_eq!(fib(18), 2584);
            scope(|s| (0..100).for_each(|_| s.fork(|| ())));
            let counted = counts().since(&before);
            assert_eq!((counted.stolen(), counted.failed_steals()), (0, 0));
        });
        others.release();
    });
}

/// Where many want the same job, all but one of them lose it.
#[test]
fn a_lost_race_is_counted() {
    watchdog("a_lost_race_is_counted", || {
        let pool = pool(8);
        wait_until(|| {
            pool.scope(|s| (0..10_000).for_each(|_| s.fork(|| ())));
            total(&pool).steals_lost > 0
        });
    });
}

#[test]
fn a_difference_is_of_all_counts_of_each_worker() {
    each_size("a_difference_is_of_all_counts_of_each_worker", |workers| {
        let pool = pool(workers);
        usable(&pool);
        let before = pool.metrics();
        assert_eq!(pool.install(|| fib(16)), 987);
        pool.scope(|s| (0..20_000).for_each(|_| s.fork(|| ())));
        let after = pool.metrics();
        let counted = after.since(&before);
        assert_eq!((counted.workers.len(), counted.barrier), (workers, after.barrier));
        assert!(counted.total().jobs >= 20_002);
        for (index, difference) in counted.workers.iter().enumerate() {
            let (now, then) = (&after.workers[index], &before.workers[index]);
            assert_eq!(*difference, now.since(then));
            assert_eq!(difference.pinned_to, now.pinned_to);
            let mut sum = then.counts;
            sum += difference.counts;
            assert_eq!(sum, now.counts);
        }
        assert_eq!(after.total().since(&before.total()), counted.total());
        assert_eq!(after.since(&after).total(), Counts::default());
    });
}

#[test]
fn a_difference_says_what_is_wrong() {
    each_size_from_two("a_difference_says_what_is_wrong", |workers| {
        let (one, other) = (pool(workers), pool(workers - 1));
        let before = one.metrics();
        usable(&one);
        let after = one.metrics();
        let message = |f: &dyn Fn() -> Metrics| text(&*caught(|| drop(f()))).unwrap().to_owned();
        let swapped = message(&|| before.since(&after));
        assert!(swapped.starts_with("counts do not go back: Counts { jobs: "), "{swapped}");
        assert_eq!(
            message(&|| after.since(&other.metrics())),
            format!(
                "metrics of two pools: one has {workers} workers, the earlier one {}",
                workers - 1
            )
        );
    });
}

#[test]
fn the_table_has_a_line_for_each_worker() {
    each_size("the_table_has_a_line_for_each_worker", |workers| {
        let pool = pool(workers);
        usable(&pool);
        let metrics = pool.metrics();
        let table = metrics.to_string();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), workers + 2);
        assert!(lines[0].contains("jobs") && lines[0].contains("parks"));
        let cell = |line: usize, column: usize| lines[line].split_whitespace().nth(column).unwrap();
        for (index, worker) in metrics.workers.iter().enumerate() {
            assert_eq!(cell(index + 1, 0), index.to_string());
            assert_eq!(cell(index + 1, 1), worker.counts.jobs.to_string());
            assert_eq!(cell(index + 1, 5), worker.counts.steals_empty.to_string());
            assert_eq!(cell(index + 1, 6), worker.counts.steals_lost.to_string());
        }
        assert_eq!(
            (cell(workers + 1, 0), cell(workers + 1, 1)),
            ("total", &*metrics.total().jobs.to_string())
        );
    });
}
