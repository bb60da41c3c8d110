//! Tokens with a deadline: when they are cancelled, what children have of it, and what is left behind.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{CancellationToken, task};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use support::future::wakes;
use support::{each_size, pool, wait_until, watchdog};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(20);

#[test]
fn not_before_its_time() {
    watchdog("not_before_its_time", || {
        let deadline = Instant::now() + SHORT;
        let token = CancellationToken::new();
        let timed = token.with_deadline(deadline);
        assert_eq!((timed.deadline(), token.deadline()), (Some(deadline), None));
        timed.wait();
        assert!(Instant::now() >= deadline);
        assert!(timed.is_cancelled() && !token.is_cancelled());
    });
}

#[test]
fn a_time_that_has_passed() {
    let token = CancellationToken::new();
    assert!(token.with_deadline(Instant::now()).is_cancelled());
    assert!(token.with_timeout(Duration::ZERO).is_cancelled());
    assert!(token.with_timeout(Duration::ZERO).with_timeout(LONG).is_cancelled());
    assert!(!token.is_cancelled());
}

#[test]
fn no_time_is_too_long() {
    let token = CancellationToken::new().with_timeout(Duration::MAX);
    assert_eq!((token.deadline(), token.is_cancelled()), (None, false));
}

#[test]
fn the_earlier_deadline_counts() {
    watchdog("the_earlier_deadline_counts", || {
        let outer = CancellationToken::new().with_timeout(SHORT);
        let later = outer.with_timeout(LONG);
        let none = later.child_token();
        let earlier = CancellationToken::new().with_timeout(LONG).with_timeout(SHORT);
        assert_eq!((later.deadline(), none.deadline()), (outer.deadline(), outer.deadline()));
        assert!(earlier.deadline().expect("there is one") < Instant::now() + LONG / 2);
        none.wait();
        earlier.wait();
        assert!(outer.is_cancelled() && later.is_cancelled());
    });
}

#[test]
fn cancelled_before_its_time() {
    let token = CancellationToken::new();
    let timed = token.with_timeout(LONG);
    let below = timed.with_timeout(LONG / 2);
    token.cancel();
    assert!(timed.is_cancelled() && below.is_cancelled());
    let other = CancellationToken::new().with_timeout(LONG);
    other.cancel();
    assert!(other.is_cancelled());
    assert!(token.with_timeout(LONG).is_cancelled(), "made too late");
}

/// The timer keeps nothing of a token that nobody has any more.
#[test]
fn a_token_that_goes_before_its_time() {
    watchdog("a_token_that_goes_before_its_time", || {
        let root = CancellationToken::new();
        for _ in 0..1000 {
            let timed = root.with_timeout(Duration::from_millis(1));
            drop(timed.clone());
            let below = timed.child_token();
            drop(timed);
            drop(below);
        }
        let (counted, waker) = wakes();
        let timed = root.with_timeout(SHORT);
        let mut cancelled = pin!(timed.cancelled());
        let mut context = Context::from_waker(&waker);
        assert_eq!(cancelled.as_mut().poll(&mut context), Poll::Pending);
        wait_until(|| counted.0.load(Ordering::SeqCst) == 1);
        assert_eq!(cancelled.as_mut().poll(&mut context), Poll::Ready(()));
        assert!(!root.is_cancelled());
    });
}

#[test]
fn a_task_ends_at_its_deadline() {
    fn endless(depth: u32) {
        while task::checkpoint().is_ok() {
            if depth > 0 {
                scheduler::join(|| endless(depth - 1), || endless(depth - 1));
            }
        }
    }
    each_size("a_task_ends_at_its_deadline", |workers| {
        let pool = pool(workers);
        let begin = Instant::now();
        let token = CancellationToken::new().with_timeout(SHORT);
        token.run(|| pool.install(|| endless(4)));
        assert!(begin.elapsed() >= SHORT);
    });
}
