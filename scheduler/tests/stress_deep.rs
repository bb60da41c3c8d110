//! Recursion, chains and fan-outs of the sizes that are promised.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Scope, ThreadPool, join, spawn};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::stress::{amount, each_size};
use support::sync::Arc;
use support::{usable, wait_until};

/// ThreadSanitizer follows 65,536 frames, of which each level has some.
const DEPTH: usize = if cfg!(scheduler_tsan) { 5_000 } else { 100_000 };

/// Address space for that depth in a debug build; the memory is taken as it is used.
const STACK: usize = 1 << 30;

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

/// One worker goes down, and the others take what it leaves on its way.
#[test]
fn nested_joins() {
    each_size("nested_joins", |workers, progress| {
        let pool = ThreadPool::builder().num_threads(workers).stack_size(STACK).build();
        let pool = Arc::new(pool.expect("a pool"));
        progress.watch(&pool);
        for _ in 0..amount(1, 5, 100) {
            assert_eq!(pool.install(|| left_deep(DEPTH)), DEPTH);
            progress.round();
            assert_eq!(pool.install(|| right_deep(DEPTH)), DEPTH);
            progress.round();
        }
        usable(&pool);
    });
}

/// Each closure spawns the next, which takes no stack.
#[test]
fn a_chain_of_spawns() {
    fn link(left: usize, done: Arc<AtomicUsize>) {
        done.fetch_add(1, SeqCst);
        if left > 1 {
            drop(spawn(move || link(left - 1, done)));
        }
    }
    each_size("a_chain_of_spawns", |workers, progress| {
        let links = amount(100_000, 1_000_000, 100_000_000);
        let pool = progress.pool(workers);
        let done = Arc::new(AtomicUsize::new(0));
        let first = Arc::clone(&done);
        drop(pool.spawn(move || link(links, first)));
        let seen = Cell::new(0);
        wait_until(|| {
            let now = done.load(SeqCst);
            if now != seen.replace(now) {
                progress.round();
            }
            now == links
        });
        drop(pool);
        assert_eq!(Arc::strong_count(&done), 1);
    });
}

#[test]
fn a_chain_of_spawns_in_a_scope() {
    fn link<'scope>(s: &'scope Scope<'scope, '_>, left: usize, done: &'scope AtomicUsize) {
        done.fetch_add(1, SeqCst);
        if left > 1 {
            s.spawn(move || link(s, left - 1, done));
        }
    }
    each_size("a_chain_of_spawns_in_a_scope", |workers, progress| {
        let pool = progress.pool(workers);
        for _ in 0..amount(1, 10, 1000) {
            let done = AtomicUsize::new(0);
            pool.scope(|s| link(s, 100_000, &done));
            assert_eq!(done.into_inner(), 100_000);
            progress.round();
        }
    });
}

/// One scope, and all its parts open at once.
#[test]
fn a_wide_scope() {
    each_size("a_wide_scope", |workers, progress| {
        let parts = amount(100_000, 10_000_000, 10_000_000);
        let pool = progress.pool(workers);
        let ran = AtomicUsize::new(0);
        let count = |part| {
            ran.fetch_add(1, SeqCst);
            if part % 10_000 == 0 {
                progress.round();
            }
        };
        pool.scope(|s| (0..parts).for_each(|part| drop(s.spawn(move || count(part)))));
        assert_eq!(ran.load(SeqCst), parts);
        // Another from outside, where no part is the owner's.
        pool.in_place_scope(|s| {
            (0..parts / 10).for_each(|part| drop(s.spawn(move || count(part))))
        });
        assert_eq!(ran.load(SeqCst), parts + parts / 10);
    });
}
