//! How deep forks nest on the stacks that are promised.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{ThreadPool, join, scope};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::sync::Arc;
use support::{pool, usable, watchdog};

const DEPTH: usize = if cfg!(debug_assertions) { 10_000 } else { 100_000 };

const BIG_STACK: usize = 64 << 20;

fn left_deep(depth: usize) -> usize {
    if depth == 0 {
        return 0;
    }
    let (a, b) = join(|| left_deep(depth - 1), || 1);
    a + b
}

fn right_deep(depth: usize) -> usize {
    if depth == 0 {
        return 0;
    }
    let (a, b) = join(|| 1, || right_deep(depth - 1));
    a + b
}

#[test]
fn deep_join() {
    for workers in [1, 2, 8] {
        watchdog("deep_join", move || {
            let pool =
                ThreadPool::builder().num_threads(workers).stack_size(BIG_STACK).build().unwrap();
            for _ in 0..3 {
                assert_eq!(pool.install(|| left_deep(DEPTH)), DEPTH);
                assert_eq!(pool.install(|| right_deep(DEPTH)), DEPTH);
            }
            usable(&pool);
        });
    }
}

/// Where the deepest call panics, all the forks above it are given up.
#[test]
fn a_panic_at_the_bottom() {
    fn deep(depth: usize, dropped: &support::Drops) {
        if depth == 0 {
            support::throw("bottom");
        }
        let token = dropped.token();
        join(|| deep(depth - 1, dropped), move || drop(token));
    }
    for workers in [1, 2] {
        watchdog("a_panic_at_the_bottom", move || {
            let pool =
                ThreadPool::builder().num_threads(workers).stack_size(BIG_STACK).build().unwrap();
            let dropped = support::Drops::default();
            assert_eq!(support::thrown(|| pool.install(|| deep(DEPTH / 10, &dropped))), "bottom");
            assert_eq!(dropped.count(), DEPTH / 10);
            usable(&pool);
        });
    }
}

/// The placements of the queens of rows that are left; bits are columns and diagonals taken.
/// One scope for each placement, nested.
fn queens(left: u32, columns: u32, down: u32, up: u32, solutions: &AtomicUsize) {
    if left == 0 {
        solutions.fetch_add(1, SeqCst);
        return;
    }
    let n = left + columns.count_ones();
    scope(|s| {
        for bit in (0..n).map(|column| 1 << column) {
            if (columns | down | up) & bit == 0 {
                s.spawn(move || {
                    queens(left - 1, columns | bit, (down | bit) << 1, (up | bit) >> 1, solutions);
                });
            }
        }
    });
}

#[test]
fn nested_queens_by_scope_on_an_8_mib_stack() {
    let (n, expected) = if cfg!(debug_assertions) { (9, 352) } else { (12, 14_200) };
    for workers in [1, 2, 8] {
        watchdog("nested_queens_by_scope_on_an_8_mib_stack", move || {
            let pool =
                ThreadPool::builder().num_threads(workers).stack_size(8 << 20).build().unwrap();
            let solutions = AtomicUsize::new(0);
            pool.install(|| queens(n, 0, 0, 0, &solutions));
            assert_eq!(solutions.into_inner(), expected);
            usable(&pool);
        });
    }
}

/// Each spawned closure spawns the next: a chain takes no stack.
#[test]
fn a_long_chain_of_spawns() {
    fn link(left: usize, done: Arc<AtomicUsize>) {
        done.fetch_add(1, SeqCst);
        if left > 1 {
            drop(scheduler::spawn(move || link(left - 1, done)));
        }
    }
    for workers in [1, 2, 3, 8] {
        watchdog("a_long_chain_of_spawns", move || {
            let pool = pool(workers);
            let done = Arc::new(AtomicUsize::new(0));
            let first = Arc::clone(&done);
            pool.install(|| drop(scheduler::spawn(move || link(100_000, first))));
            // The chain is never cut: each link is counted in before the one before it ends.
            support::wait_until(|| done.load(SeqCst) == 100_000);
            drop(pool);
            assert_eq!(Arc::strong_count(&done), 1);
        });
    }
}

#[test]
fn a_long_chain_of_spawns_in_a_scope() {
    fn link<'scope>(
        s: &'scope scheduler::Scope<'scope, '_>,
        left: usize,
        done: &'scope AtomicUsize,
    ) {
        done.fetch_add(1, SeqCst);
        if left > 1 {
            s.spawn(move || link(s, left - 1, done));
        }
    }
    for workers in [1, 2, 3, 8] {
        watchdog("a_long_chain_of_spawns_in_a_scope", move || {
            let pool = pool(workers);
            let done = AtomicUsize::new(0);
            pool.scope(|s| link(s, 100_000, &done));
            assert_eq!(done.into_inner(), 100_000);
        });
    }
}

/// More forks open at once than the private ring holds, and all of them taken back.
#[test]
fn deeper_than_the_private_ring() {
    for workers in [1, 2] {
        watchdog("deeper_than_the_private_ring", move || {
            let pool =
                ThreadPool::builder().num_threads(workers).stack_size(BIG_STACK).build().unwrap();
            const { assert!(DEPTH > 8192) };
            for extra in [0, 1, 2] {
                assert_eq!(pool.install(|| left_deep(8191 + extra)), 8191 + extra);
            }
            let before = pool.metrics().total();
            assert_eq!(pool.install(|| left_deep(DEPTH)), DEPTH);
            if workers == 1 && pool.metrics().barrier != scheduler::Barrier::Fence {
                assert!(pool.metrics().total().since(&before).spilled > 0);
            }
        });
    }
}
