//! A pool whose threads the system does not give: an error that says which one and why, no thread
//! and no closure left, and a pool with fewer threads works. An elastic pool makes do with the threads
//! that it has, and hands closures back if it has none.
//!
//! In a child process with a lowered limit on the number of threads. The limit counts all threads
//! of a user and does not bind root: as root the child becomes a user that has no other process.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]
#![cfg(target_os = "linux")]

mod support;

use scheduler::{Elastic, RejectedReason, ThreadPool, ThreadPoolBuilder};
use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::stress::{Progress, SIZES, amount, guarded};
use support::sync::{Arc, mpsc};
use support::{Drops, case, child_passes, usable, wait_until};

/// Who the child is in the eyes of the limit.
enum User {
    /// Somebody with other processes, whose number changes.
    Shared,
    /// Nobody else.
    Alone,
}

fn become_bound_by_the_limit() -> User {
    // SAFETY: only reads the process's user.
    if unsafe { libc::geteuid() } != 0 {
        return User::Shared;
    }
    // Another one for each child, so that two of them do not meet; a container may have no more
    // than 65,536.
    let user = 60_000 + std::process::id() % 5000;
    // SAFETY: no memory is involved.
    let result = unsafe { libc::setuid(user) };
    assert_eq!(result, 0, "root becomes user {user}: {}", io::Error::last_os_error());
    User::Alone
}

/// At most so many threads of this user from now on; more than the old limit cannot be had.
fn limit_threads(n: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is one to write to.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NPROC, &mut limit) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    limit.rlim_cur = n.min(limit.rlim_max);
    // SAFETY: `limit` is one to read from.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &limit) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("procfs").count()
}

/// The closures of a builder, each with something to drop.
const CLOSURES: usize = 4;

fn hooked(workers: usize, drops: &Drops, started: &Arc<AtomicUsize>) -> ThreadPoolBuilder {
    let tokens: [_; CLOSURES] = std::array::from_fn(|_| drops.token());
    let [name, start, exit, panic] = tokens;
    let started = Arc::clone(started);
    ThreadPool::builder()
        .num_threads(workers)
        .thread_name(move |index| {
            let _name = &name;
            format!("fails-{index}")
        })
        .start_handler(move |_| {
            let _start = &start;
            started.fetch_add(1, SeqCst);
        })
        .exit_handler(move |_| _ = &exit)
        .panic_handler(move |_| _ = &panic)
}

/// Fails at the thread of index `at`, if that is known, and leaves nothing.
fn fails(workers: usize, at: Option<usize>) {
    let (before, drops, started) = (threads(), Drops::default(), Arc::default());
    let hooked = hooked(workers, &drops, &started);
    fails_as(hooked, workers, at);
    assert_eq!(drops.count(), CLOSURES, "what the builder held is dropped");
    assert_eq!(started.load(SeqCst), 0, "and no worker has called any of it");
    // The kernel lists a thread for a moment after it can be joined.
    wait_until(|| threads() == before);
    // Without hooks the others may have begun to look for work.
    fails_as(ThreadPool::builder().num_threads(workers), workers, at);
    wait_until(|| threads() == before);
}

fn fails_as(builder: ThreadPoolBuilder, workers: usize, at: Option<usize>) {
    let error = builder.build().expect_err("there are not so many threads");
    let said = error.to_string();
    let reason = error.source().expect("the system's error").to_string();
    assert!(said.ends_with(&reason) && !reason.is_empty(), "{said}");
    match at {
        Some(at) => {
            let expected = format!("thread {at} of {workers} could not be spawned: ");
            assert!(said.starts_with(&expected), "{said}");
        }
        None => {
            assert!(said.contains(&format!(" of {workers} could not be spawned: ")), "{said}");
        }
    }
}

fn works(workers: usize) {
    let (before, drops, started) = (threads(), Drops::default(), Arc::default());
    let pool = hooked(workers, &drops, &started).build().expect("there are so many threads");
    usable(&pool);
    drop(pool);
    assert_eq!((drops.count(), started.load(SeqCst)), (CLOSURES, workers));
    wait_until(|| threads() == before);
}

fn limited(workers: usize, progress: &Progress) {
    let user = become_bound_by_the_limit();
    for round in 0..amount(5, 50, 1000) {
        match user {
            User::Alone => {
                // This process's own, and all but one, or fewer, of those asked for.
                let allowed = workers - 1 - round % workers;
                let base = threads() as u64;
                limit_threads(base + allowed as u64);
                fails(workers, Some(allowed));
                // What is left does, and so does the next attempt.
                if allowed > 0 {
                    works(allowed);
                }
                fails(workers, Some(allowed));
                limit_threads(base + workers as u64);
            }
            User::Shared => {
                limit_threads(1);
                fails(workers, Some(0));
                limit_threads(u64::MAX);
            }
        }
        works(workers);
        progress.round();
    }
}

/// Without a thread a closure comes back, with the system's reason; with one, it waits for that.
fn elastic(progress: &Progress) {
    let user = become_bound_by_the_limit();
    for _ in 0..amount(5, 50, 1000) {
        let base = threads() as u64;
        let pool = Elastic::builder().build().expect("no thread yet");
        limit_threads(if matches!(user, User::Alone) { base } else { 1 });
        let rejected = pool.submit(|| 7).expect_err("no thread may be spawned");
        assert_eq!(rejected.reason(), RejectedReason::ThreadSpawn);
        assert!(!rejected.source().expect("the system's error").to_string().is_empty());
        assert_eq!(rejected.into_inner()(), 7);
        assert_eq!(pool.metrics().threads, 0);

        limit_threads(if matches!(user, User::Alone) { base + 1 } else { u64::MAX });
        let (open, is_open) = mpsc::channel::<()>();
        let running = pool.submit(move || is_open.recv().is_err()).expect("a thread");
        limit_threads(if matches!(user, User::Alone) { base + 1 } else { 1 });
        let queued = pool.submit(|| 8).expect("there is a thread that comes to it");
        assert_eq!((pool.metrics().threads, pool.metrics().largest), (1, 1));
        drop(open);
        assert!(running.join().expect("it ran"));
        assert_eq!(queued.join().expect("it ran"), 8);
        drop(pool);
        wait_until(|| threads() as u64 == base);
        progress.round();
    }
}

#[test]
fn a_lowered_limit_on_an_elastic_pool() {
    if case().is_some() {
        return guarded("the child", elastic);
    }
    child_passes("a_lowered_limit_on_an_elastic_pool", "elastic", &[]);
}

#[test]
fn a_lowered_limit() {
    if let Some(case) = case() {
        let workers = case.parse().expect("a number");
        return guarded("the child", move |progress| limited(workers, progress));
    }
    for workers in SIZES {
        child_passes("a_lowered_limit", &workers.to_string(), &[]);
    }
}
