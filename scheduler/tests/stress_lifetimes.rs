//! Pools come and go, used in all ways and not at all: none of them hangs, and nothing of them is
//! left.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Shutdown, ThreadPool, spawn};
use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use support::stress::{Progress, Random, SIZES, amount, guarded};
use support::sync::{Arc, thread};
use support::{Drops, fib, pool};

/// Of a thousand lifetimes, those with 1, 2, 3, 8 and 32 workers: threads cost time.
const SHARES: [usize; 5] = [300, 300, 200, 150, 50];

/// Counts what the workers of all pools do first and last.
#[derive(Default)]
struct Hooks {
    started: AtomicUsize,
    exited: AtomicUsize,
}

fn hooked(workers: usize, hooks: &Arc<Hooks>) -> ThreadPool {
    let (start, exit) = (Arc::clone(hooks), Arc::clone(hooks));
    ThreadPool::builder()
        .num_threads(workers)
        .start_handler(move |_| _ = start.started.fetch_add(1, SeqCst))
        .exit_handler(move |_| _ = exit.exited.fetch_add(1, SeqCst))
        .build()
        .expect("a pool")
}

fn spawn_some(pool: &ThreadPool, n: u64, drops: &Drops, ran: &Arc<AtomicUsize>) {
    for _ in 0..n {
        let (token, ran) = (drops.token(), Arc::clone(ran));
        drop(pool.spawn(move || {
            let _token = token;
            ran.fetch_add(1, SeqCst);
        }));
    }
}

/// Two threads submit until they are refused. If they wait for each closure, the pool is often
/// empty, and its end comes between any two steps of a submission.
fn shutdown_while_submitting(pool: &ThreadPool, mode: Shutdown, waiting: bool, spins: u64) {
    let drops = Drops::default();
    let ran = Arc::new(AtomicUsize::new(0));
    let (accepted, made) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                loop {
                    made.fetch_add(1, SeqCst);
                    let (token, ran) = (drops.token(), Arc::clone(&ran));
                    let submitted = pool.try_spawn(move || {
                        let _token = token;
                        ran.fetch_add(1, SeqCst);
                    });
                    match submitted {
                        Ok(handle) if waiting => _ = handle.join(),
                        Ok(handle) => drop(handle),
                        Err(_) => break,
                    }
                    accepted.fetch_add(1, SeqCst);
                }
            });
        }
        (0..spins).for_each(|_| spin_loop());
        let report = pool.shutdown(mode);
        let given_up = !report.stragglers.is_empty();
        assert!(!given_up || mode == Shutdown::DrainFor(Duration::ZERO), "{report:?}");
    });
    let report = pool.shutdown(Shutdown::Drain);
    assert!(report.stragglers.is_empty(), "{report:?}");
    let (accepted, ran) = (accepted.into_inner(), ran.load(SeqCst));
    assert_eq!(drops.count(), made.into_inner());
    assert!(ran <= accepted);
    let drains = matches!(mode, Shutdown::Drain | Shutdown::DrainFor(Duration::MAX));
    assert!(!drains || ran == accepted, "{ran} of {accepted} ran");
}

fn lifetime(workers: usize, random: &mut Random, hooks: &Arc<Hooks>) {
    let (drops, ran) = (Drops::default(), Arc::default());
    let mut spawned = 0;
    let pool = hooked(workers, hooks);
    let kind = random.below(8);
    match kind {
        0 => {}
        1 => assert_eq!(pool.install(|| fib(8)), 21),
        2 => drop(pool.broadcast(|worker| worker.index())),
        3 | 6 => {
            let mode = match random.below(5) {
                0 => Shutdown::Drain,
                1 => Shutdown::DrainFor(Duration::MAX),
                2 => Shutdown::DrainFor(Duration::ZERO),
                3 => Shutdown::CancelQueued,
                _ => Shutdown::Abort,
            };
            shutdown_while_submitting(&pool, mode, kind == 6, random.below(20_000));
        }
        // A pool that is made, used and ended on a worker of another.
        4 => {
            let n = pool.install(|| {
                let inner = hooked(1 + workers % 3, hooks);
                let forks = inner.install(|| fib(6));
                spawn_some(&inner, forks, &drops, &ran);
                drop(inner);
                forks
            });
            spawned = n;
        }
        // Closures that outlive the call that made them.
        5 => {
            spawned = random.below(20);
            let (drops, ran) = (drops.clone(), Arc::clone(&ran));
            pool.install(|| {
                for _ in 0..spawned {
                    let (token, ran) = (drops.token(), Arc::clone(&ran));
                    drop(spawn(move || {
                        let _token = token;
                        ran.fetch_add(1, SeqCst);
                    }));
                }
            });
        }
        _ => {
            spawned = random.below(20);
            spawn_some(&pool, spawned, &drops, &ran);
        }
    }
    drop(pool);
    assert_eq!((ran.load(SeqCst) as u64, drops.count() as u64), (spawned, spawned), "kind {kind}");
    assert_eq!(Arc::strong_count(&ran), 1, "kind {kind}");
}

fn lifetimes(workers: usize, n: usize, progress: &Progress) {
    // The barrier is set up and the allocator warm.
    drop(pool(workers));
    let before = threads();
    let hooks = Arc::new(Hooks::default());
    let mut random = Random::new(workers as u64);
    for _ in 0..n {
        lifetime(workers, &mut random, &hooks);
        assert_eq!(hooks.started.load(SeqCst), hooks.exited.load(SeqCst));
        progress.round();
    }
    assert_eq!(Arc::strong_count(&hooks), 1);
    // The kernel lists a thread for a moment after it can be joined.
    support::wait_until(|| threads() <= before);
}

/// The threads of this process.
fn threads() -> usize {
    match cfg!(target_os = "linux") {
        true => std::fs::read_dir("/proc/self/task").expect("procfs").count(),
        false => 0,
    }
}

#[test]
fn pools_come_and_go() {
    let all = amount(600, 10_000, 100_000);
    for (workers, share) in SIZES.into_iter().zip(SHARES) {
        let n = all * share / 1000;
        guarded(&format!("pools_come_and_go, {workers} workers"), move |progress| {
            lifetimes(workers, n, progress);
            eprintln!("{workers} workers: {n} lifetimes");
        });
    }
}
