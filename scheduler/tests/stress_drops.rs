//! On every way to the end of a pool each closure and each value is dropped exactly once: in each
//! mode, from outside, from a worker or by the drop of the pool, with workers stuck and others
//! submitting, and whatever is done with the handles.
#![cfg_attr(scheduler_tsan, feature(arbitrary_self_types, custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{JoinHandle, Shutdown, ThreadPool, join, scope, spawn};
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use support::stress::{Progress, Random, amount, each_size};
use support::sync::{Arc, thread};
use support::{Drops, Stuck, Token, wait_until};

const MODES: [Shutdown; 5] = [
    Shutdown::Drain,
    Shutdown::DrainFor(Duration::from_secs(3600)),
    Shutdown::DrainFor(Duration::ZERO),
    Shutdown::CancelQueued,
    Shutdown::Abort,
];

/// What there was, and what of it is gone.
#[derive(Default)]
struct Tally {
    made: AtomicUsize,
    closures: Drops,
    ran: AtomicUsize,
    values: Drops,
}

/// A handle, and whether its closure has run.
struct Task {
    handle: JoinHandle<Token>,
    ran: Arc<AtomicBool>,
}

impl Tally {
    /// A closure with a value, each with something to drop. One in four makes more of them.
    fn closure(
        self: &Arc<Self>,
        random: &mut Random,
        ran: &Arc<AtomicBool>,
    ) -> impl FnOnce() -> Token + Send + use<> {
        self.made.fetch_add(1, SeqCst);
        let (tally, ran, token) = (Arc::clone(self), Arc::clone(ran), self.closures.token());
        let (kind, mut random) = (random.below(16), Random::new(random.below(1 << 40)));
        move || {
            let _token = token;
            assert!(!ran.swap(true, SeqCst), "it runs once");
            tally.ran.fetch_add(1, SeqCst);
            match kind {
                0 => {
                    let (a, b) = (tally.fork(), tally.fork());
                    join(a, b);
                }
                1 => scope(|s| {
                    let keep = s.spawn(tally.fork());
                    drop(s.spawn(tally.fork()));
                    s.spawn(tally.fork()).join().expect("it did not panic");
                    drop(keep);
                }),
                2 => {
                    // Refused when the pool is closed: dropped at once.
                    drop(spawn(tally.closure(&mut random, &Arc::default())));
                }
                3 => {
                    let inner = spawn(tally.closure(&mut random, &Arc::default()));
                    inner.abort();
                    if let Err(error) = inner.join() {
                        assert!(error.is_cancelled());
                    }
                }
                _ => {}
            }
            tally.values.token()
        }
    }

    /// A closure that some closure waits for: it runs in any case.
    fn fork(self: &Arc<Self>) -> impl FnOnce() -> Token + Send + use<> {
        self.made.fetch_add(1, SeqCst);
        let (tally, token) = (Arc::clone(self), self.closures.token());
        move || {
            let _token = token;
            tally.ran.fetch_add(1, SeqCst);
            tally.values.token()
        }
    }

    /// Submits a closure and does something with its handle. False if it was refused.
    fn submit(
        self: &Arc<Self>,
        pool: &ThreadPool,
        random: &mut Random,
        kept: &mut Vec<Task>,
    ) -> bool {
        let ran = Arc::default();
        let Ok(handle) = pool.try_spawn(self.closure(random, &ran)) else { return false };
        let task = Task { handle, ran };
        match random.below(6) {
            0 => drop(task),
            1 => {
                task.handle.abort();
                drop(task);
            }
            2 => {
                task.handle.abort();
                kept.push(task);
            }
            _ => kept.push(task),
        }
        true
    }
}

impl Task {
    /// After the end of the pool.
    fn end(self, random: &mut Random) {
        match random.below(4) {
            0 => drop(self.handle),
            1 => {
                self.handle.abort();
                drop(self.handle);
            }
            _ => match self.handle.join() {
                Ok(_) => assert!(self.ran.load(SeqCst), "a value of what has not run"),
                Err(error) => {
                    assert!(error.is_cancelled(), "{error:?}");
                    assert!(!self.ran.load(SeqCst), "cancelled, and ran");
                }
            },
        }
    }
}

fn round(workers: usize, random: &mut Random, progress: &Progress) {
    let pool = progress.pool(workers);
    let tally = Arc::new(Tally::default());
    let mut kept = Vec::new();
    let mode = MODES[random.below(5) as usize];
    let stuck = (random.below(2) == 0).then(|| Stuck::new(&pool, workers));
    for _ in 0..random.below(100) {
        assert!(tally.submit(&pool, random, &mut kept));
    }
    let (patience, caller) = (random.below(20_000), random.below(3));
    thread::scope(|s| {
        let submitter = |_| {
            let (pool, tally) = (Arc::clone(&pool), Arc::clone(&tally));
            let mut random = Random::new(random.below(1 << 40));
            s.spawn(move || {
                let mut kept = Vec::new();
                for _ in 0..100 {
                    if !tally.submit(&pool, &mut random, &mut kept) {
                        break;
                    }
                }
                kept
            })
        };
        let submitters: Vec<_> = (0..patience % 3).map(submitter).collect();
        s.spawn(|| {
            (0..patience).for_each(|_| spin_loop());
            stuck.iter().for_each(Stuck::release);
        });
        match caller {
            0 => {
                let report = pool.shutdown(mode);
                let waited = mode != Shutdown::DrainFor(Duration::ZERO);
                assert!(!waited || report.stragglers.is_empty(), "{report:?}");
            }
            1 => {
                let inner = Arc::clone(&pool);
                // Cancelled by nobody: there is no other shutdown yet.
                let shutdown = pool.spawn(move || drop(inner.shutdown(mode)));
                shutdown.join().expect("it did not panic");
            }
            // By the drop below, when the submitters are done.
            _ => {}
        }
        for submitter in submitters {
            kept.extend(submitter.join().expect("it did not panic"));
        }
    });
    if caller != 2 {
        // Waits for what the call did not wait for.
        let _ = pool.shutdown(Shutdown::Drain);
    }
    drop(pool);
    let before = kept.len() / 2;
    kept.drain(before..).for_each(|task| task.end(random));
    drop(stuck);
    kept.into_iter().for_each(|task| task.end(random));
    let made = tally.made.load(SeqCst);
    assert_eq!(tally.closures.count(), made, "{mode:?}, called by {caller}");
    assert_eq!(tally.values.count(), tally.ran.load(SeqCst), "{mode:?}, called by {caller}");
    assert!(tally.ran.load(SeqCst) <= made);
    assert_eq!(Arc::strong_count(&tally), 1, "{mode:?}, called by {caller}");
    progress.round();
}

#[test]
fn each_closure_and_each_value_is_dropped_once() {
    each_size("each_closure_and_each_value_is_dropped_once", |workers, progress| {
        let mut random = Random::new(workers as u64);
        for _ in 0..amount(100, 1500, 50_000) {
            round(workers, &mut random, progress);
        }
    });
}

/// A deadline passes, and the pool is dropped with its work still running: all is dropped once,
/// though later.
#[test]
fn given_up_work_is_dropped_once_as_well() {
    each_size("given_up_work_is_dropped_once_as_well", |workers, progress| {
        let mut random = Random::new(workers as u64);
        for _ in 0..amount(10, 100, 5000) {
            let pool = progress.pool(workers);
            let tally = Arc::new(Tally::default());
            let mut kept = Vec::new();
            let stuck = Stuck::new(&pool, workers);
            for _ in 0..100 {
                assert!(tally.submit(&pool, &mut random, &mut kept));
            }
            let report = pool.shutdown(Shutdown::DrainFor(Duration::ZERO));
            assert_eq!((report.ran, report.stragglers.len()), (0, workers));
            // What was queued is gone already; some of it had been aborted before.
            assert_eq!((tally.ran.load(SeqCst), tally.closures.count()), (0, 100));
            drop(pool);
            if random.below(2) == 0 {
                kept.drain(..).for_each(|task| task.end(&mut random));
            }
            stuck.release();
            for handle in stuck.handles() {
                handle.join().expect("it ran to its end");
            }
            kept.into_iter().for_each(|task| task.end(&mut random));
            assert_eq!(tally.values.count(), 0);
            wait_until(|| Arc::strong_count(&tally) == 1);
            progress.round();
        }
    });
}
