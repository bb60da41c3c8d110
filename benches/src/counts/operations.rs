//! The programs whose instructions are counted, each arranged so that nothing else is.

use std::{
    hint::black_box,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use scheduler::{Barrier, Context, ThreadPool};

use crate::work::fib;

/// Runs `work` with the collection of instructions on. callgrind finds it by its name.
// SAFETY: no other symbol of this program, its crates or the C library has this name.
#[unsafe(no_mangle)]
#[inline(never)]
fn counts_collect(work: &mut dyn FnMut()) {
    work();
    // Keeps the call above from becoming a jump, which would be no return from here.
    black_box(());
}

/// Runs `work` with the collection off again, inside `counts_collect`.
// SAFETY: as above.
#[unsafe(no_mangle)]
#[inline(never)]
fn counts_pause(work: &mut dyn FnMut()) {
    work();
    // Unlike what is above: two equal functions would become one, of one name.
    black_box(1);
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// The name in the record and on the command line.
    pub name: &'static str,
    /// What one unit is.
    pub what: &'static str,
    pub(super) few: u32,
    pub(super) more: u32,
    pub(super) units: fn(u32) -> u64,
    pub(super) run: fn(u32),
}

fn each(rounds: u32) -> u64 {
    rounds.into()
}

/// All operations. A new form of `join` is one more entry here.
pub const OPERATIONS: [Operation; 15] = [
    Operation {
        name: "call",
        what: "a node of serial fib: what a fork's program costs without the fork",
        few: 18,
        more: 24,
        units: fib::forks,
        run: |n| counted(|| assert_eq!(serial_fib(black_box(n)), fib::value(n))),
    },
    Operation {
        name: "join",
        what: "a node of fib by join, that nobody steals",
        few: 18,
        more: 24,
        units: fib::forks,
        run: join,
    },
    Operation {
        name: "context_join",
        what: "the same by the join of a context",
        few: 18,
        more: 24,
        units: fib::forks,
        run: context_join,
    },
    Operation {
        name: "scope_fork",
        what: "an empty closure forked in a scope without a handle, and run by the same worker",
        few: 20_000,
        more: 40_000,
        units: each,
        run: scope_fork,
    },
    Operation {
        name: "scope_spawn",
        what: "an empty closure spawned in a scope, and run by the same worker",
        few: 20_000,
        more: 40_000,
        units: each,
        run: scope_spawn,
    },
    Operation {
        name: "spawn",
        what: "an empty closure spawned on a worker, its handle dropped, and run there",
        few: 20_000,
        more: 40_000,
        units: each,
        run: spawn,
    },
    Operation {
        name: "submit",
        what: "an empty closure spawned from outside the pool: the caller's part",
        few: 20_000,
        more: 40_000,
        units: each,
        run: |n| outside(n, Side::Caller),
    },
    Operation {
        name: "take_submitted",
        what: "the same: the worker's part, which runs it",
        few: 20_000,
        more: 40_000,
        units: each,
        run: |n| outside(n, Side::Worker),
    },
    Operation {
        name: "pool_execute",
        what: "a boxed empty closure given to a pool from outside, without a handle: the caller's part",
        few: 20_000,
        more: 40_000,
        units: each,
        run: |n| without_handle(n, Side::Caller),
    },
    Operation {
        name: "take_pool_executed",
        what: "the same: the worker's part, which runs it",
        few: 20_000,
        more: 40_000,
        units: each,
        run: |n| without_handle(n, Side::Worker),
    },
    Operation {
        name: "execute",
        what: "a boxed empty closure submitted to an executor from outside: the caller's part",
        few: 20_000,
        more: 40_000,
        units: each,
        run: |n| executor(n, Side::Caller),
    },
    Operation {
        name: "take_executed",
        what: "the same: the worker's part, which runs it",
        few: 20_000,
        more: 40_000,
        units: each,
        run: |n| executor(n, Side::Worker),
    },
    Operation {
        name: "steal_forced",
        what: "a job taken by force out of a blocked worker's head, and run: the thief's part",
        few: 2_000,
        more: 4_000,
        units: each,
        run: steal,
    },
    Operation {
        name: "steal_bundled",
        what: "a job that had been spilled, taken in a bundle and run: the thief's part",
        few: 1 << 14,
        more: 1 << 15,
        units: each,
        run: steal,
    },
    Operation {
        name: "join_stolen",
        what: "a fork that wakes a sleeper and is stolen: the part of the worker that forks",
        few: 100,
        more: 200,
        units: each,
        run: join_stolen,
    },
];

fn counted(mut work: impl FnMut()) {
    counts_collect(&mut work);
}

fn pool(workers: usize) -> ThreadPool {
    let pool = ThreadPool::new(workers);
    pool.unwrap_or_else(|e| panic!("cannot start a pool of {workers}: {e}"))
}

fn serial_fib(n: u32) -> u64 {
    if n < 2 { n.into() } else { serial_fib(n - 1) + serial_fib(n - 2) }
}

fn join(n: u32) {
    fn fib(n: u32) -> u64 {
        if n < 2 {
            return n.into();
        }
        let (a, b) = scheduler::join(|| fib(n - 1), || fib(n - 2));
        a + b
    }
    pool(1).install(|| counted(|| assert_eq!(fib(black_box(n)), fib::value(n))));
}

fn context_join(n: u32) {
    fn by_context(cx: Context<'_>, n: u32) -> u64 {
        if n < 2 {
            return n.into();
        }
        let (a, b) = cx.join(|cx| by_context(cx, n - 1), |cx| by_context(cx, n - 2));
        a + b
    }
    pool(1).with_context(|cx| {
        counted(|| assert_eq!(by_context(cx, black_box(n)), fib::value(n)));
    });
}

fn scope_fork(rounds: u32) {
    let fork_all = || {
        scheduler::scope(|s| {
            for _ in 0..rounds {
                s.fork(|| ());
            }
        });
    };
    pool(1).install(|| counted(fork_all));
}

fn scope_spawn(rounds: u32) {
    let spawn_all = || {
        scheduler::scope(|s| {
            for _ in 0..rounds {
                s.spawn(|| ());
            }
        });
    };
    pool(1).install(|| counted(spawn_all));
}

fn spawn(rounds: u32) {
    let spawn_all = || {
        // Newest first: when the first has run, all have.
        let first = scheduler::spawn(|| ());
        for _ in 1..rounds {
            drop(scheduler::spawn(|| ()));
        }
        first.join().expect("an empty closure does not panic");
    };
    pool(1).install(|| counted(spawn_all));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Caller,
    Worker,
}

/// Submits to a pool whose one worker is blocked until everything is submitted.
fn outside(rounds: u32, side: Side) {
    let collect = move |on: Side, work: &mut dyn FnMut()| {
        if side == on { counts_collect(work) } else { work() }
    };
    let pool = pool(1);
    let (begun, has_begun) = mpsc::channel();
    let (submitted, last) = mpsc::channel::<scheduler::JoinHandle<()>>();
    let worker = pool.spawn(move || {
        begun.send(()).expect("the caller waits");
        // Oldest first: when the last has run, all have.
        let mut last = last.recv().ok();
        collect(Side::Worker, &mut || {
            last.take().expect("joined once").join().expect("an empty closure does not panic");
        });
    });
    has_begun.recv().expect("the worker begins");
    let mut last = None;
    collect(Side::Caller, &mut || {
        for _ in 0..rounds {
            last = Some(pool.spawn(|| ()));
        }
    });
    submitted.send(last.expect("at least one round")).expect("the worker waits");
    worker.join().expect("the worker has joined everything");
}

/// Submits to a pool whose one worker is blocked until everything is submitted, and then takes it in its
/// main loop. All that the worker does is counted on its side: what is not a round cancels.
fn main_loop<H>(rounds: u32, side: Side, submitter: impl FnOnce(&'static ThreadPool) -> H)
where
    H: Fn(Box<dyn FnOnce() + Send>),
{
    let spawn = move |thread: scheduler::ThreadBuilder| {
        let mut thread = Some(thread);
        let mut run = move || thread.take().expect("run once").run();
        let run = move || if side == Side::Worker { counts_collect(&mut run) } else { run() };
        thread::Builder::new().spawn(run).map(drop)
    };
    let pool = ThreadPool::builder().num_threads(1).spawn_handler(spawn).build();
    let pool = pool.unwrap_or_else(|e| panic!("cannot start a pool of one: {e}"));
    // Until the process ends, which is soon.
    let submit = submitter(Box::leak(Box::new(pool)));
    let (begun, has_begun) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    submit(Box::new(move || {
        begun.send(()).expect("the caller waits");
        gone.recv().expect("the caller says when");
    }));
    has_begun.recv().expect("the worker begins");
    let submit_all = || {
        for _ in 0..rounds {
            // Of no size, so not allocated.
            submit(Box::new(|| ()));
        }
    };
    if side == Side::Caller {
        counted(submit_all)
    } else {
        submit_all()
    }
    let (ended, has_ended) = mpsc::channel();
    submit(Box::new(move || ended.send(()).expect("the caller waits")));
    go.send(()).expect("the worker waits");
    has_ended.recv().expect("the worker comes to the end");
}

fn without_handle(rounds: u32, side: Side) {
    main_loop(rounds, side, |pool| move |job| pool.execute(job).expect("the pool is open"));
}

fn executor(rounds: u32, side: Side) {
    main_loop(rounds, side, |pool| {
        let executor = scheduler::Executor::builder(pool).build();
        let executor = executor.expect("the default options are valid");
        move |job| executor.execute(job).expect("the executor is open")
    });
}

/// Two workers: one fills its deque and blocks, the other then runs all of it. More than the head
/// holds spill to the tail in bundles.
fn steal(rounds: u32) {
    let pool = pool(2);
    let (begun, has_begun) = mpsc::channel();
    let (hand_over, owner) = mpsc::channel::<scheduler::JoinHandle<()>>();
    let (filled, is_filled) = mpsc::channel();
    let thief = pool.spawn(move || {
        begun.send(()).expect("the caller waits");
        let mut owner = owner.recv().ok();
        is_filled.recv().expect("the owner fills its deque");
        counted(|| owner.take().expect("joined once").join().expect("no closure panics"));
    });
    has_begun.recv().expect("the thief begins");
    let owner = pool.spawn(move || {
        let left = AtomicU64::new(rounds.into());
        let (emptied, is_emptied) = mpsc::channel();
        let (left, emptied) = (&left, &emptied);
        scheduler::scope(move |s| {
            for _ in 0..rounds {
                s.spawn(move || {
                    if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                        emptied.send(()).expect("the owner waits");
                    }
                });
            }
            filled.send(()).expect("the thief waits");
            is_emptied.recv().expect("the thief runs everything");
        });
    });
    hand_over.send(owner).expect("the thief waits");
    thief.join().expect("the owner has ended");
}

/// Two workers: one forks when the other sleeps, and waits until it sleeps again.
fn join_stolen(rounds: u32) {
    /// Long enough to get from the announcement of a sleep into it.
    const PAUSE: Duration = Duration::from_micros(200);
    let pool = pool(2);
    let parks = || pool.metrics().workers[1].counts.parks;
    let sleeps_again = |before: u64| {
        while parks() == before {
            thread::sleep(PAUSE);
        }
        thread::sleep(PAUSE);
    };
    // Always the same one: a sleeper is looked for from the first worker on.
    pool.broadcast(|worker| {
        if worker.index() != 0 {
            return;
        }
        sleeps_again(0);
        for _ in 0..rounds {
            let before = parks();
            let mut ran_on = None;
            counted(|| {
                let here = || counts_pause(&mut || sleeps_again(before));
                let there = scheduler::current_thread_index;
                ran_on = scheduler::join(here, there).1;
            });
            assert_eq!(ran_on, Some(1), "the fork was not stolen");
        }
    });
}

/// Runs `operation` for some rounds: what callgrind counts.
///
/// # Errors
/// If the pools of this process do not use the system's asymmetric barrier, where there is one:
/// the counts would be those of another path.
pub fn run(operation: &Operation, rounds: u32) -> Result<(), String> {
    let barrier = pool(1).metrics().barrier;
    if cfg!(target_os = "linux") && barrier != Barrier::Membarrier {
        return Err(format!("pools use {barrier:?} here, so membarrier(2) cannot be counted"));
    }
    (operation.run)(rounds);
    Ok(())
}
