//! No wake is lost, in any number of rounds of idle, wake, idle: one job at a time from outside,
//! to a pool that sleeps, is just falling asleep, or is still awake. The latencies are printed
//! and not judged.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::ThreadPool;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Instant;
use support::stress::{Progress, Random, amount, each_size};
use support::sync::thread;
use support::{usable, wait_until};

/// Whether every worker has gone to sleep and none has been woken, where none is woken by a
/// latch: then the idle word counts all of them as sleeping.
fn asleep(pool: &ThreadPool) -> bool {
    let total = pool.metrics().total();
    total.parks == total.wakes + pool.current_num_threads() as u64
}

/// Goes up to so many nanoseconds.
fn at(sorted: &[u32], per_mille: usize) -> u32 {
    sorted[(sorted.len() - 1) * per_mille / 1000]
}

fn rounds(workers: usize, rounds: u64, progress: &Progress) {
    let pool = progress.pool(workers);
    let mut random = Random::new(workers as u64);
    let mut latencies = Vec::with_capacity(rounds as usize / 2 + 1);
    for round in 0..rounds {
        let sleeping = round % 2 == 0;
        if sleeping {
            wait_until(|| asleep(&pool));
        } else {
            // The worker ends its search and prepares to sleep at some point of this.
            (0..random.below(4000)).for_each(|_| spin_loop());
        }
        let begun = Instant::now();
        let started = match round % 7 {
            6 => pool.install(Instant::now),
            _ => pool.spawn(Instant::now).join().expect("it did not panic"),
        };
        if sleeping {
            latencies.push((started - begun).as_nanos().try_into().unwrap_or(u32::MAX));
        }
        progress.round();
    }
    // The counts of the sleepers and the searchers have not drifted.
    wait_until(|| asleep(&pool));
    let total = pool.metrics().total();
    assert_eq!(total.jobs, rounds);
    assert!(total.wakes <= total.parks, "{total:?}");
    latencies.sort_unstable();
    eprintln!(
        "{workers} workers, {rounds} rounds: from spawn to start, of a sleeping pool: \
         p50 {} ns, p99.9 {} ns, max {} ns",
        at(&latencies, 500),
        at(&latencies, 999),
        at(&latencies, 1000),
    );
}

#[test]
fn idle_wake_idle() {
    each_size("idle_wake_idle", |workers, progress| {
        rounds(workers, amount(2000, 60_000, 1_000_000), progress);
    });
}

/// Several threads wake the pool at once, one and the same worker among others.
#[test]
fn several_wakers() {
    each_size("several_wakers", |workers, progress| {
        let pool = progress.pool(workers);
        let jobs = AtomicUsize::new(0);
        let rounds = amount(500, 3000, 500_000);
        thread::scope(|s| {
            for waker in 0..3 {
                let (pool, jobs) = (&pool, &jobs);
                s.spawn(move || {
                    let mut random = Random::new(waker);
                    for _ in 0..rounds {
                        (0..random.below(3000)).for_each(|_| spin_loop());
                        match random.below(4) {
                            0 => pool.in_place_scope(|s| {
                                drop(s.spawn(|| jobs.fetch_add(1, SeqCst)));
                            }),
                            1 => {
                                _ = pool.broadcast(|worker| {
                                    // One for the round.
                                    jobs.fetch_add(usize::from(worker.index() == 0), SeqCst)
                                })
                            }
                            _ => _ = pool.install(|| jobs.fetch_add(1, SeqCst)),
                        }
                        progress.round();
                    }
                });
            }
        });
        assert_eq!(jobs.into_inner(), 3 * rounds);
        usable(&pool);
    });
}

/// A worker that waits inside a job for one of its own that another worker has taken sleeps there,
/// and is woken by a latch and not for work.
#[test]
fn sleepers_in_a_join() {
    each_size("sleepers_in_a_join", |workers, progress| {
        let pool = progress.pool(workers);
        let mut random = Random::new(workers as u64);
        for _ in 0..amount(500, 8000, 1_000_000) {
            let (left, right) = (random.below(3000), random.below(6000));
            let spin = |n| (0..n).for_each(|_| spin_loop());
            pool.join(|| spin(left), || spin(right));
            progress.round();
        }
    });
}
