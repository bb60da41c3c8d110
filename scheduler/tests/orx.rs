//! Parallel iterators of `orx-parallel` on a pool: right results, panics to the caller, and a pool that
//! goes on.
#![cfg(feature = "orx")]
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use orx_parallel::{IntoParIter, IterIntoParIter, Par, ParCollection, Parallelizable, Runner};
use scheduler::{Shutdown, ThreadPool, current_thread_index};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::sync::{Arc, Mutex, thread};
use support::{
    Drops, Stuck, caught, each_size, each_size_from_two, inside_and_outside, pool, silence_thrown,
    text, throw, thrown, usable, wait_until, watchdog,
};

const MANY: usize = 10_000;

#[test]
fn every_kind_of_computation() {
    inside_and_outside("every_kind_of_computation", |pool| {
        let runner = || Runner::adaptive_with_pool(pool);
        let numbers: Vec<usize> = (0..MANY).collect();

        let sum = numbers.par().runner(runner()).copied().sum();
        assert_eq!(sum, MANY * (MANY - 1) / 2);
        let squares: Vec<_> = (0..MANY).par().runner(runner()).map(|n| n * n).collect();
        assert!(squares.into_iter().eq((0..MANY).map(|n| n * n)), "in the order of the input");
        let even = numbers.par().runner(runner()).filter(|n| **n % 2 == 0).count();
        assert_eq!(even, MANY / 2);
        let first = numbers.par().runner(runner()).find(|n| **n >= 4321);
        assert_eq!(first, Some(&4321));
        let most = numbers.clone().into_par().runner(runner()).max();
        assert_eq!(most, Some(MANY - 1));
        let lines = "to be\nor not\nto be".lines().iter_into_par().runner(runner());
        assert_eq!(lines.flat_map(str::split_whitespace).count(), 6);
        let none = Vec::<usize>::new().into_par().runner(runner()).reduce(|a, b| a + b);
        assert_eq!(none, None);
    });
}

#[test]
fn all_runners_and_ways_to_name_the_pool() {
    watchdog("all_runners_and_ways_to_name_the_pool", || {
        let borrowed = pool(2);
        let sum = |n: usize| n * (n - 1) / 2;
        let fixed = (0..MANY).par().runner(Runner::fixed_with_pool(&borrowed)).num_threads(2);
        assert_eq!(fixed.chunk_size(7).sum(), sum(MANY));
        let owned = (0..MANY).par().runner(Runner::adaptive_with_pool(pool(2)));
        assert_eq!(owned.sum(), sum(MANY));
        let shared = Arc::new(pool(2));
        let by_reference = (0..MANY).par().runner(Runner::adaptive_with_pool(&*shared));
        assert_eq!(by_reference.sum(), sum(MANY));
        let global = (0..MANY).par().runner(Runner::adaptive_with_pool(scheduler::global()));
        assert_eq!(global.sum(), sum(MANY));
    });
}

/// On the pool's workers, on all of them if there is something to do, and on nobody else.
#[test]
fn on_the_workers() {
    each_size("on_the_workers", |workers| {
        let pool = pool(workers);
        assert_eq!(orx_parallel::ThreadPool::max_num_threads(&pool).get(), workers);
        assert_eq!(orx_parallel::ThreadPool::max_num_threads(&&pool).get(), workers);
        let seen = Mutex::new(HashSet::new());
        let together = AtomicUsize::new(0);
        let meet = |_| {
            let index = current_thread_index().expect("it is a worker");
            if seen.lock().unwrap().insert(index) {
                together.fetch_add(1, Ordering::SeqCst);
                wait_until(|| together.load(Ordering::SeqCst) == workers);
            }
        };
        let runner = Runner::fixed_with_pool(&pool);
        (0..1000_usize).par().runner(runner).chunk_size(1).for_each(meet);
        assert_eq!(seen.into_inner().unwrap(), (0..workers).collect());
    });
}

#[test]
fn no_more_threads_than_asked_for() {
    each_size_from_two("no_more_threads_than_asked_for", |workers| {
        let pool = pool(workers);
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let limited = (0..1000).par().runner(Runner::adaptive_with_pool(&pool)).num_threads(2);
        limited.for_each(|_| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
        });
        assert!((1..=2).contains(&most.into_inner()));
    });
}

#[test]
fn iterators_inside_iterators() {
    inside_and_outside("iterators_inside_iterators", |pool| {
        let rows = |n: usize| (0..n).par().runner(Runner::adaptive_with_pool(pool));
        let product: usize = rows(60).map(|n| rows(60).map(|m| n * m).sum()).sum();
        assert_eq!(product, 1770 * 1770);
        // Beside the pool's own forks.
        let (left, right) = pool.join(|| rows(100).sum(), || rows(200).sum());
        assert_eq!((left, right), (4950, 19_900));
    });
}

#[test]
fn from_a_worker_of_another_pool() {
    each_size("from_a_worker_of_another_pool", |workers| {
        let (here, there) = (pool(workers), pool(workers));
        let sum = here.install(|| {
            let outer = (0..50_usize).par().runner(Runner::adaptive_with_pool(&here));
            let inner = |n| (0..n).par().runner(Runner::adaptive_with_pool(&there)).sum();
            outer.map(inner).sum()
        });
        assert_eq!(sum, (0..50_usize).map(|n| n * n.saturating_sub(1) / 2).sum());
    });
}

/// The caller's thread need not be free: all workers but one are stuck elsewhere.
#[test]
fn with_one_worker_left() {
    each_size_from_two("with_one_worker_left", |workers| {
        let pool = pool(workers);
        let stuck = Stuck::new(&pool, workers - 1);
        let sum = (0..MANY).par().runner(Runner::adaptive_with_pool(&pool)).sum();
        assert_eq!(sum, MANY * (MANY - 1) / 2);
        stuck.release();
    });
}

#[test]
fn a_panic_reaches_the_caller() {
    silence_thrown();
    inside_and_outside("a_panic_reaches_the_caller", |pool| {
        for at in [0, 1, MANY / 2, MANY - 1] {
            let runner = Runner::adaptive_with_pool(pool);
            let explode = |n| if n == at { throw("at one of them") } else { n };
            let numbers = (0..MANY).par().runner(runner);
            assert_eq!(thrown(|| numbers.map(explode).sum()), "at one of them");
            usable(pool);
        }
        let all = (0..MANY).par().runner(Runner::adaptive_with_pool(pool));
        assert_eq!(thrown(|| all.for_each(|_| throw("at each"))), "at each");
        usable(pool);
    });
}

/// What the iterator owned is dropped, once, also by a computation that panics.
#[test]
fn items_are_dropped_once() {
    silence_thrown();
    inside_and_outside("items_are_dropped_once", |pool| {
        let drops = Drops::default();
        let items = || (0..1000).map(|_| drops.token()).collect::<Vec<_>>();
        let runner = Runner::adaptive_with_pool(pool);
        items().into_par().runner(runner).for_each(drop);
        assert_eq!(drops.count(), 1000);
        let seen = AtomicUsize::new(0);
        let numbers = items().into_par().runner(Runner::adaptive_with_pool(pool));
        let explode = |_| {
            if seen.fetch_add(1, Ordering::SeqCst) == 500 {
                throw("half-way");
            }
        };
        assert_eq!(thrown(|| numbers.for_each(explode)), "half-way");
        assert_eq!(drops.count(), 2000);
    });
}

#[test]
fn after_a_shutdown() {
    silence_thrown();
    each_size("after_a_shutdown", |workers| {
        let pool = pool(workers);
        let _ = pool.shutdown(Shutdown::Drain);
        let ran = AtomicUsize::new(0);
        let numbers = (0..MANY).par().runner(Runner::adaptive_with_pool(&pool));
        let panic = caught(|| numbers.for_each(|_| _ = ran.fetch_add(1, Ordering::SeqCst)));
        assert_eq!(text(&*panic), Some("the thread pool has been shut down"));
        assert_eq!(ran.into_inner(), 0);
        let alone = (0..MANY).par().runner(Runner::adaptive_with_pool(&pool)).num_threads(1);
        assert_eq!(alone.sum(), MANY * (MANY - 1) / 2, "it needs no pool");
    });
}

/// A shutdown waits for a computation that has begun.
#[test]
fn during_a_shutdown() {
    each_size("during_a_shutdown", |workers| {
        let pool: Arc<ThreadPool> = Arc::new(pool(workers));
        let began = Arc::new(AtomicUsize::new(0));
        let counting = {
            let (pool, began) = (Arc::clone(&pool), Arc::clone(&began));
            thread::spawn(move || {
                let numbers = (0..1000_usize).par().runner(Runner::adaptive_with_pool(&*pool));
                let slow = |_| {
                    began.fetch_add(1, Ordering::SeqCst);
                    thread::yield_now();
                    1
                };
                numbers.map(slow).sum()
            })
        };
        wait_until(|| began.load(Ordering::SeqCst) > 0);
        let _ = pool.shutdown(Shutdown::Drain);
        assert_eq!(counting.join().expect("no panic"), 1000);
    });
}
