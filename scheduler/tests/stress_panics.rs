//! One job in a thousand panics, among joins, scopes and spawns: each panic arrives where it
//! belongs and nowhere else, everything else runs, and the pool stays usable.
#![cfg_attr(scheduler_tsan, feature(arbitrary_self_types, custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{ThreadPool, join, spawn};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::stress::{Progress, amount, guarded};
use support::sync::{Arc, thread};
use support::{Drops, silence_thrown, usable, wait_until};

/// One in each thousand, at ever another place in it.
fn is_bad(job: usize) -> bool {
    let thousand = job / 1000;
    (job + thousand * 377) % 1000 == 500
}

fn bad(jobs: std::ops::Range<usize>) -> usize {
    jobs.filter(|&job| is_bad(job)).count()
}

/// What a job panics with: its number. Counted when it is dropped.
struct Thrown {
    job: usize,
    _token: support::Token,
}

/// What one kind of jobs has come to.
#[derive(Default)]
struct Tally {
    ran: AtomicUsize,
    threw: AtomicUsize,
    closures: Drops,
    payloads: Drops,
}

impl Tally {
    /// A job that counts itself, and panics if it is one of the few.
    fn job(self: &Arc<Self>, job: usize) -> impl FnOnce() -> usize + Send + use<> {
        let (tally, token) = (Arc::clone(self), self.closures.token());
        move || {
            let _token = token;
            tally.ran.fetch_add(1, SeqCst);
            if is_bad(job) {
                tally.threw.fetch_add(1, SeqCst);
                let token = tally.payloads.token();
                // The hook prints nothing of a panic that is resumed.
                panic::resume_unwind(Box::new(Thrown { job, _token: token }));
            }
            job
        }
    }
}

fn number(payload: Box<dyn std::any::Any + Send>) -> usize {
    payload.downcast::<Thrown>().expect("a job's own panic").job
}

/// A tree over the jobs; where one panics, its subtree is given up.
fn by_join(from: usize, to: usize, tally: &Arc<Tally>) -> usize {
    if to - from == 1 {
        return tally.job(from)();
    }
    let middle = from + (to - from) / 2;
    let (a, b) = join(|| by_join(from, middle, tally), || by_join(middle, to, tally));
    a + b
}

/// A tree of a hundred jobs gives the sum, or the panic of the one of them that throws.
fn joins(pool: &ThreadPool, jobs: usize, progress: &Progress) {
    let tally = Arc::new(Tally::default());
    let mut seen = 0;
    for from in (0..jobs).step_by(100) {
        let to = from + 100;
        let result =
            panic::catch_unwind(AssertUnwindSafe(|| pool.install(|| by_join(from, to, &tally))));
        match result {
            Ok(sum) => assert_eq!(sum, (from..to).sum()),
            Err(payload) => {
                assert!((from..to).contains(&number(payload)));
                seen += 1;
            }
        }
        assert_eq!(bad(0..to), seen, "no other than the expected one");
        progress.round();
    }
    let ran = tally.ran.load(SeqCst);
    assert_eq!(tally.threw.load(SeqCst), seen);
    assert_eq!(tally.closures.count(), ran, "each that began has ended");
    assert!(ran + seen * 99 >= jobs, "only beside a panic something was given up");
    assert_eq!(tally.payloads.count(), seen);
}

/// All parts of a scope run, whichever throws; the scope throws one of what its parts did.
fn scopes(pool: &ThreadPool, jobs: usize, progress: &Progress) {
    let tally = Arc::new(Tally::default());
    for from in (0..jobs).step_by(4000) {
        // Of each four panics one goes to its handle, and the scope does not see it.
        let to_handle = |job: usize| is_bad(job) && (job / 1000).is_multiple_of(4);
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            pool.scope(|s| {
                for job in from..from + 4000 {
                    let handle = s.spawn(tally.job(job));
                    if to_handle(job) {
                        let error = handle.join().expect_err("it throws");
                        assert_eq!(number(error.into_panic()), job);
                    }
                }
            });
        }));
        let job = number(caught.expect_err("three parts have thrown"));
        assert!((from..from + 4000).contains(&job) && !to_handle(job), "{job}");
        assert_eq!(tally.ran.load(SeqCst), from + 4000);
        progress.round();
    }
    assert_eq!(tally.threw.load(SeqCst), bad(0..jobs));
    assert_eq!(tally.closures.count(), jobs);
    assert_eq!(tally.payloads.count(), bad(0..jobs));
}

/// Joined, the panic is in the result; detached, it goes to the handler, once.
fn spawns(pool: &ThreadPool, jobs: usize, handled: &AtomicUsize, progress: &Progress) {
    let tally = Arc::new(Tally::default());
    let before = handled.load(SeqCst);
    for from in (0..jobs).step_by(1000) {
        let middle = from + 300;
        let joined: Vec<_> = (from..middle).map(|job| pool.spawn(tally.job(job))).collect();
        // From outside and from a worker; some handles are dropped before the job runs, some
        // after.
        let outside = (middle..middle + 350).map(|job| pool.spawn(tally.job(job)));
        outside.for_each(drop);
        let kept: Vec<_> =
            pool.install(|| (middle + 350..from + 1000).map(|job| spawn(tally.job(job))).collect());
        for (job, handle) in (from..middle).zip(joined) {
            match handle.join() {
                Ok(value) => assert_eq!(value, job),
                Err(error) => assert_eq!(number(error.into_panic()), job),
            }
        }
        wait_until(|| kept.iter().all(scheduler::JoinHandle::is_finished));
        drop(kept);
        progress.round();
    }
    let all = bad(0..jobs);
    let to_handles = (0..jobs).filter(|&job| job % 1000 < 300 && is_bad(job)).count();
    // The last detached ones may still be on their way.
    wait_until(|| tally.payloads.count() == all && tally.closures.count() == jobs);
    assert_eq!(tally.ran.load(SeqCst), jobs);
    assert_eq!(tally.threw.load(SeqCst), all);
    assert_eq!(handled.load(SeqCst) - before, all - to_handles);
}

fn one_in_a_thousand(workers: usize, jobs: usize, progress: &Progress) {
    let handled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&handled);
    let pool = ThreadPool::builder()
        .num_threads(workers)
        .panic_handler(move |payload| {
            number(payload);
            count.fetch_add(1, SeqCst);
        })
        .build()
        .expect("a pool");
    let pool = Arc::new(pool);
    progress.watch(&pool);
    thread::scope(|s| {
        s.spawn(|| joins(&pool, jobs, progress));
        s.spawn(|| scopes(&pool, jobs, progress));
        spawns(&pool, jobs, &handled, progress);
    });
    usable(&pool);
}

#[test]
fn one_job_in_a_thousand_panics() {
    silence_thrown();
    for workers in support::stress::SIZES {
        guarded(&format!("one_job_in_a_thousand_panics, {workers} workers"), move |progress| {
            one_in_a_thousand(workers, amount(8000, 200_000, 20_000_000), progress);
        });
    }
}
