//! No panic of the user's loses a worker: whatever throws, and wherever, the pool has the same threads
//! afterwards, all of them do their part, and it ends as it should.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Shutdown, ThreadPool, ThreadPoolBuilder, join, scope};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicUsize, Ordering};
use support::sync::{Arc, Mutex, thread};
use support::{Bomb, SIZES, silence_thrown, throw, usable, wait_until, watchdog};

/// Who starts the threads.
#[derive(Clone, Copy, Debug)]
enum Threads {
    OfThePool,
    OfTheCaller,
}

/// A pool, and its threads if it has not started them itself.
fn build(
    workers: usize,
    threads: Threads,
    options: impl Fn(ThreadPoolBuilder) -> ThreadPoolBuilder,
) -> (ThreadPool, Arc<Mutex<Vec<thread::JoinHandle<()>>>>) {
    silence_thrown();
    let supplied = Arc::new(Mutex::new(Vec::new()));
    let builder = options(ThreadPool::builder().num_threads(workers));
    let builder = match threads {
        Threads::OfThePool => builder,
        Threads::OfTheCaller => {
            let supplied = Arc::clone(&supplied);
            builder.spawn_handler(move |worker| {
                let thread = thread::Builder::new().spawn(move || worker.run())?;
                supplied.lock().unwrap().push(thread);
                Ok(())
            })
        }
    };
    (builder.build().expect("a pool"), supplied)
}

/// Runs `attack` on pools of all sizes and kinds.
fn survives(
    name: &'static str,
    options: fn(ThreadPoolBuilder) -> ThreadPoolBuilder,
    attack: fn(&ThreadPool),
) {
    for threads in [Threads::OfThePool, Threads::OfTheCaller] {
        for workers in SIZES {
            watchdog(&format!("{name}, {workers} workers, {threads:?}"), move || {
                let (pool, supplied) = build(workers, threads, options);
                let ids = || pool.broadcast(|worker| (worker.index(), std::thread::current().id()));
                let before = ids();
                for _ in 0..3 {
                    attack(&pool);
                }
                assert_eq!(ids(), before, "another thread, or one that is gone");
                usable(&pool);
                let report = pool.shutdown(Shutdown::Drain);
                assert!(report.stragglers.is_empty());
                drop(pool);
                for thread in supplied.lock().unwrap().drain(..) {
                    thread.join().expect("nothing comes through");
                }
            });
        }
    }
}

fn plain(builder: ThreadPoolBuilder) -> ThreadPoolBuilder {
    builder
}

/// Throws what throws when it is dropped.
fn throw_a_bomb() -> ! {
    silence_thrown();
    panic_any(Bomb("a payload"))
}

/// Drops what may throw when it is dropped. (While another panic goes on, that would end the process.)
fn defuse(payload: Box<dyn Any + Send>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
}

/// Some of the pool's workers throw in detached closures, and the others run what is queued behind.
fn detached_panics(pool: &ThreadPool) {
    let ended = Arc::new(AtomicUsize::new(0));
    for round in 0..20 {
        let ended = Arc::clone(&ended);
        drop(pool.spawn(move || {
            ended.fetch_add(1, Ordering::SeqCst);
            if round % 2 == 0 { throw("detached") } else { throw_a_bomb() }
        }));
    }
    wait_until(|| ended.load(Ordering::SeqCst) == 20);
}

#[test]
fn the_start_handler() {
    fn throws(builder: ThreadPoolBuilder) -> ThreadPoolBuilder {
        builder.start_handler(|_| throw("at the start"))
    }
    survives("the_start_handler", throws, detached_panics);
}

#[test]
fn the_exit_handler() {
    fn throws(builder: ThreadPoolBuilder) -> ThreadPoolBuilder {
        builder.exit_handler(|_| throw_a_bomb())
    }
    survives("the_exit_handler", throws, detached_panics);
}

#[test]
fn the_panic_handler() {
    fn throws(builder: ThreadPoolBuilder) -> ThreadPoolBuilder {
        builder.panic_handler(|payload| {
            defuse(payload);
            throw_a_bomb()
        })
    }
    survives("the_panic_handler", throws, detached_panics);
}

#[test]
fn all_handlers_at_once() {
    fn throws(builder: ThreadPoolBuilder) -> ThreadPoolBuilder {
        builder
            .start_handler(|_| throw_a_bomb())
            .exit_handler(|_| throw("at the end"))
            .panic_handler(|payload| {
                drop(payload);
                throw("in the handler")
            })
    }
    survives("all_handlers_at_once", throws, detached_panics);
}

#[test]
fn handlers_that_throw_after_they_forked() {
    fn forks_and_throws(builder: ThreadPoolBuilder) -> ThreadPoolBuilder {
        let throws = |_| {
            join(|| (), || throw("in a fork of a handler"));
        };
        builder.start_handler(throws).exit_handler(throws)
    }
    survives("handlers_that_throw_after_they_forked", forks_and_throws, detached_panics);
}

#[test]
fn the_destructor_of_a_closure() {
    survives("the_destructor_of_a_closure", plain, |pool| {
        for _ in 0..10 {
            let captured = Bomb("what a closure captured");
            let handle = pool.spawn(move || {
                let _captured = captured;
            });
            assert!(handle.join().is_err());
            // Dropped unrun.
            let captured = Bomb("what an aborted closure captured");
            let handle = pool.spawn(move || {
                let _captured = captured;
            });
            handle.abort();
            assert!(handle.join().is_err());
        }
    });
}

#[test]
fn the_destructor_of_a_value() {
    survives("the_destructor_of_a_value", plain, |pool| {
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            let ran = Arc::clone(&ran);
            drop(pool.spawn(move || {
                ran.fetch_add(1, Ordering::SeqCst);
                Bomb("a detached value")
            }));
        }
        wait_until(|| ran.load(Ordering::SeqCst) == 10);
        let left =
            || -> (Bomb, ()) { pool.join(|| Bomb("the left value"), || throw("beside a value")) };
        assert!(catch_unwind(AssertUnwindSafe(left)).is_err());
    });
}

#[test]
fn the_destructor_of_a_payload() {
    survives("the_destructor_of_a_payload", plain, |pool| {
        detached_panics(pool);
        for _ in 0..10 {
            let thrown = catch_unwind(AssertUnwindSafe(|| {
                pool.install(|| scope(|s| (0..3).for_each(|_| s.fork(|| throw_a_bomb()))));
            }));
            defuse(thrown.expect_err("a bomb"));
            drop(pool.spawn(|| throw_a_bomb()));
        }
    });
}

#[test]
fn every_worker_at_once() {
    survives("every_worker_at_once", plain, |pool| {
        let thrown = catch_unwind(AssertUnwindSafe(|| {
            pool.broadcast(|_| -> () { throw("on every worker") })
        }));
        assert!(thrown.is_err());
    });
}
