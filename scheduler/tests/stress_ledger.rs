//! Each task runs exactly once, or its handle says that it was cancelled: a count for each, through
//! every way in at once. Memory is bounded: the tasks come in chunks, whose counts are reused.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{ThreadPool, join, scope, spawn};
use std::hint::spin_loop;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use support::stress::{Progress, Random, amount, each_size};
use support::sync::thread;
use support::wait_until;

/// Tasks whose counts are alive at the same time.
const CHUNK: usize = 1 << 14;

/// How often each task of the chunk has run.
static RAN: [AtomicU8; CHUNK] = [const { AtomicU8::new(0) }; CHUNK];

/// Tasks that have run and have no handle.
static DETACHED: AtomicUsize = AtomicUsize::new(0);

fn task(id: usize) {
    RAN[id].fetch_add(1, Relaxed);
}

fn detached(id: usize) {
    task(id);
    // After the task's own count, which is read once this one is complete.
    DETACHED.fetch_add(1, SeqCst);
}

/// One by one, at the leaves of a tree.
fn by_join(ids: Range<usize>) {
    match ids.len() {
        0 => {}
        1 => task(ids.start),
        n => {
            let middle = ids.start + n / 2;
            join(|| by_join(ids.start..middle), || by_join(middle..ids.end));
        }
    }
}

fn by_scope(pool: &ThreadPool, ids: Range<usize>) {
    let third = ids.start + ids.len() / 3;
    let half = ids.start + ids.len() / 2;
    pool.scope(|s| {
        ids.clone().take(third - ids.start).for_each(|id| drop(s.spawn(move || task(id))))
    });
    // From a thread outside.
    pool.in_place_scope(|s| {
        let handles: Vec<_> = (third..half).map(|id| s.spawn(move || task(id))).collect();
        let join = handles.into_iter().skip(1).step_by(2);
        join.for_each(|handle| handle.join().expect("it did not panic"));
    });
    // Scopes in the parts of a scope, and parts that spawn parts.
    pool.scope(|s| {
        for start in (half..ids.end).step_by(64) {
            let ids = start..(start + 64).min(ids.end);
            s.spawn(move || {
                scope(|inner| {
                    ids.clone().step_by(2).for_each(|id| drop(inner.spawn(move || task(id))));
                });
                ids.skip(1).step_by(2).for_each(|id| drop(s.spawn(move || task(id))));
            });
        }
    });
}

/// From workers: joined there, detached, and spawned by what was spawned. How many are detached.
fn by_spawn_inside(pool: &ThreadPool, ids: Range<usize>) -> usize {
    let (third, half) = (ids.start + ids.len() / 3, ids.start + ids.len() / 2);
    pool.install(|| {
        let handles: Vec<_> = (ids.start..third).map(|id| spawn(move || task(id))).collect();
        (third..half).for_each(|id| drop(spawn(move || detached(id))));
        handles.into_iter().for_each(|handle| handle.join().expect("it did not panic"));
    });
    fn chain(ids: Range<usize>) {
        let Some(id) = ids.clone().next() else { return };
        // The next first: it may be run elsewhere while this one goes on.
        drop(spawn(move || chain(id + 1..ids.end)));
        detached(id);
    }
    for start in (half..ids.end).step_by(64) {
        let ids = start..(start + 64).min(ids.end);
        drop(pool.spawn(move || chain(ids)));
    }
    ids.end - third
}

/// From a thread outside. How many are detached.
fn by_spawn_outside(pool: &ThreadPool, ids: Range<usize>) -> usize {
    let half = ids.start + ids.len() / 2;
    let handles: Vec<_> = (ids.start..half).map(|id| pool.spawn(move || task(id))).collect();
    (half..ids.end).for_each(|id| drop(pool.spawn(move || detached(id))));
    handles.into_iter().for_each(|handle| handle.join().expect("it did not panic"));
    ids.end - half
}

/// Each handle is aborted, sooner or later. How many were cancelled.
fn by_aborted_spawn(pool: &ThreadPool, ids: Range<usize>, random: &mut Random) -> usize {
    let mut cancelled = 0;
    for start in ids.clone().step_by(16) {
        let ids = start..(start + 16).min(ids.end);
        let handles: Vec<_> = ids.map(|id| (id, pool.spawn(move || task(id)))).collect();
        for (_, handle) in &handles {
            (0..random.below(200)).for_each(|_| spin_loop());
            handle.abort();
        }
        for (id, handle) in handles {
            if let Err(error) = handle.join() {
                assert!(error.is_cancelled(), "{error:?}");
                // Should it run all the same, now or later, then its count will be 2.
                task(id);
                cancelled += 1;
            }
        }
    }
    cancelled
}

fn by_broadcast(pool: &ThreadPool, ids: Range<usize>) {
    let workers = pool.current_num_threads();
    let mut start = ids.start;
    while start + workers <= ids.end {
        pool.broadcast(|worker| task(start + worker.index()));
        start += workers;
    }
    by_install(pool, start..ids.end);
}

fn by_install(pool: &ThreadPool, ids: Range<usize>) {
    ids.for_each(|id| pool.install(|| task(id)));
}

/// Runs one chunk by every way in. How many tasks were cancelled.
fn chunk(pool: &ThreadPool, n: usize) -> usize {
    let mut from = 0;
    let mut share = |thousandths: usize| {
        let start = from;
        from += CHUNK * thousandths / 1000;
        start..from
    };
    let (joins, scopes, inside, outside) = (share(400), share(250), share(180), share(100));
    let (aborted, installs) = (share(50), share(10));
    let broadcasts = from..CHUNK;
    DETACHED.store(0, SeqCst);
    let mut random = Random::new(n as u64);
    thread::scope(|s| {
        s.spawn(|| {
            pool.install(|| by_join(joins));
            by_scope(pool, scopes);
        });
        let spawns = s.spawn(|| by_spawn_inside(pool, inside) + by_spawn_outside(pool, outside));
        let cancelled = by_aborted_spawn(pool, aborted, &mut random);
        by_install(pool, installs);
        by_broadcast(pool, broadcasts);
        let expected = spawns.join().expect("it did not panic");
        wait_until(|| DETACHED.load(SeqCst) >= expected);
        assert_eq!(DETACHED.load(SeqCst), expected);
        cancelled
    })
}

fn ledger(workers: usize, tasks: usize, progress: &Progress) {
    let pool = progress.pool(workers);
    let mut cancelled = 0;
    for n in 0..tasks.div_ceil(CHUNK) {
        cancelled += chunk(&pool, n);
        for (id, ran) in RAN.iter().enumerate() {
            let ran = ran.swap(0, Relaxed);
            assert_eq!(ran, 1, "task {id} of chunk {n} ran {ran} times");
        }
        progress.round();
    }
    drop(pool);
    // What was run twice may come late.
    assert!(RAN.iter().all(|ran| ran.load(Relaxed) == 0), "a task ran after all had");
    let all = tasks.div_ceil(CHUNK) * CHUNK;
    eprintln!("{workers} workers: {all} tasks, {cancelled} of them cancelled");
}

#[test]
fn every_task_runs_once() {
    each_size("every_task_runs_once", |workers, progress| {
        ledger(workers, amount(50_000, 2_000_000, 200_000_000), progress);
    });
}
