//! A caller that blocks at once is served by a worker on its own core, if one of those sleeps there; so is one that submits, and
//! mostly blocks soon after. One that goes on is not: its core is taken.
//!
//! Who wakes whom is decided before anybody is woken, so that no clock is needed: each call is made when all workers are
//! asleep that are not held. (But for one that is woken in vain by another that leaves its search, which is the first of them:
//! nobody's choice here rests on whether that one sleeps.)
#![cfg(all(feature = "affinity", target_os = "linux"))]
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use core_affinity::CoreId;
use scheduler::{Executor, Pinning, ThreadPool};
use std::fs;
use std::time::Duration;
use support::sync::{mpsc, thread};
use support::{wait_until, watchdog};

/// Runs `body` under a watchdog, with two cores that its threads may run on. A machine, or a container, with one core
/// has nothing to choose from.
fn on_two_cores(name: &str, body: impl FnOnce([usize; 2]) + Send + 'static) {
    watchdog(name, || {
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        match cores[..] {
            [first, second, ..] => body([first.id, second.id]),
            _ => println!("this thread may run on one core only: nothing was tried"),
        }
    });
}

/// Runs `f` on a thread that is bound to `core`.
fn bound_to<R: Send>(core: usize, f: impl FnOnce() -> R + Send) -> R {
    thread::scope(|s| {
        let bound = s.spawn(|| {
            assert!(core_affinity::set_for_current(CoreId { id: core }), "core {core}");
            f()
        });
        bound.join().expect("it does not panic")
    })
}

fn pool(workers: usize, cores: [usize; 2]) -> ThreadPool {
    let builder = ThreadPool::builder().num_threads(workers);
    builder.pinning(Pinning::Cores(cores.to_vec())).build().expect("a pool")
}

/// Until so many workers sleep. Nobody else uses the pool, so they stay asleep.
fn asleep(pool: &ThreadPool, workers: u64) {
    wait_until(|| {
        let total = pool.metrics().total();
        total.parks - total.wakes == workers
    });
}

fn index(pool: &ThreadPool) -> usize {
    pool.current_thread_index().expect("it runs on a worker")
}

const ROUNDS: usize = 200;

#[test]
fn a_caller_that_blocks_is_served_on_its_core() {
    on_two_cores("a_caller_that_blocks_is_served_on_its_core", |cores| {
        let pool = pool(2, cores);
        for (worker, core) in cores.into_iter().enumerate() {
            // Nothing is forked: that would wake the other one, perhaps late.
            let calls: [&(dyn Fn() -> usize + Sync); 3] =
                [&|| pool.install(|| index(&pool)), &|| pool.scope(|_| index(&pool)), &|| {
                    pool.with_context(|_| index(&pool))
                }];
            bound_to(core, || {
                for call in calls.into_iter().cycle().take(ROUNDS) {
                    asleep(&pool, 2);
                    assert_eq!(call(), worker, "the caller is on core {core}");
                }
            });
        }
    });
}

/// How often the calling thread has given up its core to wait for something, if the kernel counts that.
fn times_blocked() -> Option<u64> {
    let status = fs::read_to_string("/proc/thread-self/status").ok()?;
    let mut lines = status.lines();
    lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
}

/// It wakes the first, wherever it is.
#[test]
fn a_caller_that_goes_on_does_not_ask_for_its_core() {
    on_two_cores("a_caller_that_goes_on_does_not_ask_for_its_core", |cores| {
        let pool = pool(2, cores);
        bound_to(cores[1], || {
            let mut calm = 0;
            for _ in 0..ROUNDS / 10 {
                let blocked = times_blocked();
                let mut ran_on = None;
                // Often enough for what this thread did before to be forgotten.
                for _ in 0..20 {
                    asleep(&pool, 2);
                    let handle = pool.spawn(scheduler::current_thread_index);
                    // Without blocking.
                    wait_until(|| handle.is_finished());
                    ran_on = handle.join().unwrap();
                }
                // In a page fault it may block as well.
                if blocked.is_some() && times_blocked() == blocked {
                    assert_eq!(ran_on, Some(0));
                    calm += 1;
                }
            }
            eprintln!("{calm} of {} rounds without blocking", ROUNDS / 10);
        });
    });
}

type Job = Box<dyn FnOnce() + Send>;

/// How long the calling thread has run, if the kernel counts that.
fn has_run() -> Option<Duration> {
    let times = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = times.split(' ').next()?.parse().ok()?;
    (nanos != 0).then(|| Duration::from_nanos(nanos))
}

/// That it will is taken from what it did before: after some rounds it is known. Runs of more than 100 µs in between, as under a
/// sanitizer, make it another case.
#[test]
fn a_caller_that_mostly_blocks_soon_is_served_on_its_core() {
    on_two_cores("a_caller_that_mostly_blocks_soon_is_served_on_its_core", |cores| {
        let pool = pool(2, cores);
        let executor = Executor::builder(&pool).build().expect("an executor");
        let by_pool = |job: Job| drop(pool.spawn(job));
        let by_executor = |job: Job| drop(executor.submit(job));
        let submits: [&(dyn Fn(Job) + Sync); 2] = [&by_pool, &by_executor];
        bound_to(cores[1], || {
            for submit in submits {
                let (sender, receiver) = mpsc::channel();
                let (mut calm, mut known) = (0, 0);
                let mut before = has_run();
                for _ in 0..ROUNDS {
                    thread::sleep(Duration::from_micros(500));
                    let total = pool.metrics().total();
                    let asleep = total.parks - total.wakes == 2;
                    let now = has_run();
                    let ran = now.zip(before).map(|(now, before)| now - before);
                    let is_brief = ran.is_some_and(|ran| ran < Duration::from_micros(40));
                    calm = if asleep && is_brief { calm + 1 } else { 0 };
                    before = now;
                    let sender = sender.clone();
                    submit(Box::new(move || {
                        sender.send(scheduler::current_thread_index()).unwrap()
                    }));
                    let ran_on = receiver.recv().unwrap();
                    // What the machine has charged this thread since then it may have charged before.
                    let after = has_run().zip(now).map(|(after, now)| after - now);
                    if after.is_none_or(|after| after > Duration::from_micros(40)) {
                        calm = 0;
                    }
                    // As many as one answer of the kernel may hold for, twice.
                    if calm > 16 {
                        assert_eq!(ran_on, Some(1), "after {calm} rounds");
                        known += 1;
                    }
                }
                eprintln!("known in {known} of {ROUNDS} rounds");
            }
        });
    });
}

/// A worker of another pool runs that pool's jobs while it waits.
#[test]
fn nor_does_a_worker_of_another_pool() {
    on_two_cores("nor_does_a_worker_of_another_pool", |cores| {
        let (pool, other) = (pool(2, cores), pool(1, [cores[1]; 2]));
        for _ in 0..ROUNDS {
            asleep(&pool, 2);
            assert_eq!(other.install(|| pool.install(|| index(&pool))), 0);
        }
    });
}

/// The workers 1 and 3 are on the second core. A caller there goes to the second of them if the first is held, and to
/// another core if both are.
#[test]
fn a_caller_whose_core_has_nobody_asleep_wakes_another() {
    on_two_cores("a_caller_whose_core_has_nobody_asleep_wakes_another", |cores| {
        let pool = &pool(4, cores);
        thread::scope(|s| {
            let mut release = Vec::new();
            for (held, next) in [1, 3, 0].into_iter().enumerate() {
                asleep(pool, 4 - held as u64);
                let (begins, begun) = mpsc::channel();
                let (releases, released) = mpsc::channel::<()>();
                s.spawn(move || {
                    bound_to(cores[1], move || {
                        pool.install(move || {
                            begins.send(index(pool)).unwrap();
                            // Blocked, until the sender is gone.
                            released.recv().unwrap_err();
                        });
                    });
                });
                assert_eq!(begun.recv().unwrap(), next, "while {held} are held");
                release.push(releases);
            }
        });
    });
}
