//! Tokens: what is cancelled by what, who is told of it, and what is left behind.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::CancellationToken;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use support::future::{Wakes, kept, wakes};
use support::sync::{Arc, thread};
use support::{Thrown, pool, throw, wait_until, watchdog};

/// How many wakers hold it. One reference is the test's, one is that of `support`, which keeps it.
fn wakers(of: &std::sync::Arc<Wakes>) -> usize {
    std::sync::Arc::strong_count(of) - 2
}

fn poll(future: Pin<&mut impl Future<Output = ()>>, waker: &Waker) -> Poll<()> {
    future.poll(&mut Context::from_waker(waker))
}

#[test]
fn down_the_tree_and_never_up() {
    let root = CancellationToken::new();
    let (left, right) = (root.child_token(), root.child_token());
    let (below_left, below_right) = (left.child_token(), right.child_token());
    left.cancel();
    let states =
        || [&root, &left, &right, &below_left, &below_right].map(CancellationToken::is_cancelled);
    assert_eq!(states(), [false, true, false, true, false]);
    root.cancel();
    assert_eq!(states(), [true; 5]);
    root.cancel();
    assert!(below_left.child_token().is_cancelled(), "made too late");
}

#[test]
fn a_clone_is_the_same_token() {
    let token = CancellationToken::default();
    let clone = token.clone();
    let child = clone.child_token();
    drop(token);
    clone.cancel();
    assert!(child.is_cancelled());
    assert_eq!(format!("{clone:?}"), "CancellationToken { cancelled: true, remaining: None }");
}

#[test]
fn a_child_outlives_the_handles_of_its_parent() {
    let root = CancellationToken::new();
    let grandchild = {
        let child = root.child_token();
        child.child_token()
    };
    assert!(!grandchild.is_cancelled());
    root.cancel();
    assert!(grandchild.is_cancelled(), "the token between has no handle any more");
    let orphan = CancellationToken::new().child_token();
    assert!(!orphan.is_cancelled(), "dropping a token does not cancel it");
    orphan.cancel();
    assert!(orphan.is_cancelled());
}

/// As deep as no stack: neither the cancellation nor the end is a recursion.
#[test]
fn a_chain_of_a_hundred_thousand() {
    const DEPTH: usize = 100_000;
    watchdog("a_chain_of_a_hundred_thousand", || {
        let root = CancellationToken::new();
        let mut chain = vec![root.clone()];
        for depth in 0..DEPTH {
            chain.push(chain[depth].child_token());
        }
        root.cancel();
        assert!(chain.iter().all(CancellationToken::is_cancelled));
        // The last one holds all the others.
        let last = chain.pop();
        drop((chain, root));
        drop(last);
        let mut token = CancellationToken::new();
        for _ in 0..DEPTH {
            token = token.child_token();
        }
        drop(token);
    });
}

#[test]
fn a_guard_cancels_when_it_goes() {
    let token = CancellationToken::new();
    let inside = token.clone();
    let result = thread::spawn(move || {
        let _guard = inside.drop_guard();
        throw("on the way out");
    })
    .join();
    assert!(result.is_err());
    assert!(token.is_cancelled());

    let kept = CancellationToken::new();
    let token = kept.clone().drop_guard().disarm();
    drop(token);
    assert!(!kept.is_cancelled());
}

#[test]
fn a_thread_waits() {
    watchdog("a_thread_waits", || {
        let token = CancellationToken::new();
        let told = Arc::new(AtomicUsize::new(0));
        let wait = |token: CancellationToken| {
            let told = Arc::clone(&told);
            thread::spawn(move || {
                token.wait();
                assert!(token.is_cancelled());
                told.fetch_add(1, Ordering::SeqCst);
            })
        };
        let child = token.child_token();
        let threads = [wait(token.clone()), wait(token.clone()), wait(child)];
        thread::yield_now();
        assert_eq!(told.load(Ordering::SeqCst), 0);
        token.cancel();
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        token.wait();
    });
}

/// The only worker waits for a token that a job cancels which only it can run.
#[test]
fn a_worker_that_waits_helps() {
    watchdog("a_worker_that_waits_helps", || {
        let pool = pool(1);
        let token = CancellationToken::new();
        let canceller = token.clone();
        pool.install(|| {
            drop(scheduler::spawn(move || canceller.cancel()));
            token.wait();
        });
        assert!(token.is_cancelled());
    });
}

#[test]
fn a_wait_with_a_limit() {
    watchdog("a_wait_with_a_limit", || {
        let patience = Duration::from_millis(20);
        let pool = pool(1);
        for on_worker in [false, true] {
            let token = CancellationToken::new();
            let run = |f: &(dyn Fn() -> bool + Sync)| if on_worker { pool.install(f) } else { f() };
            let begin = Instant::now();
            assert!(!run(&|| token.wait_timeout(patience)));
            assert!(begin.elapsed() >= patience);
            assert!(!run(&|| token.wait_timeout(Duration::ZERO)));
            let canceller = token.clone();
            let thread = thread::spawn(move || canceller.cancel());
            assert!(run(&|| token.wait_timeout(Duration::MAX)));
            thread.join().expect("no panic");
            assert!(run(&|| token.wait_timeout(Duration::ZERO)));
        }
        let canceller = CancellationToken::new();
        let token = canceller.child_token();
        let helps = pool.install(|| {
            drop(scheduler::spawn(move || canceller.cancel()));
            token.wait_timeout(Duration::from_secs(3600))
        });
        assert!(helps);
    });
}

#[test]
fn a_future_is_told_once() {
    let token = CancellationToken::new();
    let (wakes, waker) = wakes();
    let mut cancelled = pin!(token.cancelled());
    assert_eq!(poll(cancelled.as_mut(), &waker), Poll::Pending);
    assert_eq!(poll(cancelled.as_mut(), &waker), Poll::Pending);
    assert_eq!(wakes.0.load(Ordering::SeqCst), 0);
    token.cancel();
    token.cancel();
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    assert_eq!(poll(cancelled.as_mut(), &waker), Poll::Ready(()));
    assert_eq!(poll(cancelled.as_mut(), &waker), Poll::Ready(()), "also a second time");
    assert_eq!(poll(pin!(token.cancelled()), &waker), Poll::Ready(()), "at once");
}

/// A future that moved to another task wakes that one.
#[test]
fn the_last_waker_counts() {
    let token = CancellationToken::new();
    let ((before, first), (after, second)) = (wakes(), wakes());
    let mut cancelled = pin!(token.cancelled());
    assert_eq!(poll(cancelled.as_mut(), &first), Poll::Pending);
    drop(first);
    assert_eq!(poll(cancelled.as_mut(), &second), Poll::Pending);
    assert_eq!(wakers(&before), 0, "it is gone");
    assert_eq!(wakers(&after), 2, "the test's, and the future's");
    token.cancel();
    let wakes = [&before, &after].map(|wakes| wakes.0.load(Ordering::SeqCst));
    assert_eq!(wakes, [0, 1]);
}

#[test]
fn a_future_that_is_dropped_leaves_nothing() {
    let token = CancellationToken::new();
    let (wakes, waker) = wakes();
    {
        let mut cancelled = pin!(token.cancelled());
        assert_eq!(poll(cancelled.as_mut(), &waker), Poll::Pending);
    }
    drop(waker);
    assert_eq!(wakers(&wakes), 0);
    token.cancel();
    assert_eq!(wakes.0.load(Ordering::SeqCst), 0);
}

/// A waker's code may do with the token whatever it likes: no lock of ours is held.
#[test]
fn a_waker_uses_the_token() {
    struct Uses(CancellationToken);
    impl Wake for Uses {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.cancel();
            assert!(self.0.child_token().is_cancelled());
        }
    }
    impl Drop for Uses {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }
    watchdog("a_waker_uses_the_token", || {
        let token = CancellationToken::new();
        let waker: Waker = std::sync::Arc::new(Uses(token.clone())).into();
        let mut cancelled = pin!(token.cancelled());
        assert_eq!(poll(cancelled.as_mut(), &waker), Poll::Pending);
        drop(waker);
        // Dropped by the next poll, outside the lock.
        assert_eq!(poll(cancelled.as_mut(), Waker::noop()), Poll::Ready(()));
        assert!(token.is_cancelled());
    });
}

#[test]
fn a_waker_that_panics_does_not_stop_the_others() {
    struct Throws;
    impl Wake for Throws {
        fn wake(self: std::sync::Arc<Self>) {
            throw("a waker");
        }
    }
    let token = CancellationToken::new();
    let ((first, before), (last, after)) = (wakes(), wakes());
    let throws: Waker = kept(Throws).into();
    let mut waiting: Vec<_> = [&before, &throws, &throws, &after]
        .into_iter()
        .map(|waker| {
            let mut future = Box::pin(token.cancelled());
            assert_eq!(poll(future.as_mut(), waker), Poll::Pending);
            future
        })
        .collect();
    let child = token.child_token();
    let panic = std::panic::catch_unwind(|| token.cancel()).expect_err("the first waker's panic");
    assert_eq!(panic.downcast_ref(), Some(&Thrown("a waker")));
    let wakes = [&first, &last].map(|wakes| wakes.0.load(Ordering::SeqCst));
    assert_eq!(wakes, [1, 1]);
    assert!(child.is_cancelled());
    waiting.iter_mut().for_each(|future| {
        assert_eq!(poll(future.as_mut(), Waker::noop()), Poll::Ready(()));
    });
}

/// From many threads at once: whoever has seen it cancelled sees all below it cancelled, once its
/// canceller is back.
#[test]
fn cancelled_while_children_come_and_go() {
    watchdog("cancelled_while_children_come_and_go", || {
        for _ in 0..50 {
            let root = CancellationToken::new();
            let stop = Arc::new(AtomicBool::new(false));
            let thread = |_| {
                let (root, stop) = (root.clone(), Arc::clone(&stop));
                thread::spawn(move || {
                    let mut kept = Vec::new();
                    while !stop.load(Ordering::SeqCst) {
                        let child = root.child_token();
                        kept.push(child.child_token());
                        if kept.len() % 3 == 0 {
                            kept.swap_remove(0);
                        }
                    }
                    kept
                })
            };
            let threads: Vec<_> = (0..3).map(thread).collect();
            thread::yield_now();
            root.cancel();
            stop.store(true, Ordering::SeqCst);
            for thread in threads {
                let kept = thread.join().expect("no panic");
                assert!(kept.iter().all(CancellationToken::is_cancelled));
            }
        }
    });
}

#[test]
fn waited_for_from_all_sides() {
    watchdog("waited_for_from_all_sides", || {
        let pool = pool(3);
        for _ in 0..50 {
            let token = CancellationToken::new();
            let started = Arc::new(AtomicUsize::new(0));
            let waiters: Vec<_> = (0..4)
                .map(|_| {
                    let (token, started) = (token.child_token(), Arc::clone(&started));
                    pool.spawn(move || {
                        started.fetch_add(1, Ordering::SeqCst);
                        token.wait();
                    })
                })
                .collect();
            wait_until(|| started.load(Ordering::SeqCst) > 0);
            token.cancel();
            waiters.into_iter().for_each(|waiter| waiter.join().expect("no panic"));
        }
    });
}
