//! A closure and its value share one place in memory: of whatever size and alignment they are, and in
//! whichever way the closure ends, each is whole where it is used, and is dropped once.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{JoinHandle, Shutdown, ThreadPool};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::sync::thread;
use support::{Stuck, silence_thrown, throw, watchdog};

static MADE: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicUsize = AtomicUsize::new(0);

/// `N` bytes at the alignment of `A`, which has no bytes itself. Its drop is counted, and is where it is
/// looked at.
struct Shape<A, const N: usize>([A; 0], [u8; N]);

impl<A, const N: usize> Shape<A, N> {
    fn new() -> Self {
        MADE.fetch_add(1, SeqCst);
        Self([], std::array::from_fn(|n| n as u8 ^ 0xA5))
    }

    #[track_caller]
    fn is_whole(&self) {
        assert!((&raw const *self).is_aligned());
        assert!(self.1.iter().enumerate().all(|(n, &byte)| byte == n as u8 ^ 0xA5));
    }
}

impl<A, const N: usize> Drop for Shape<A, N> {
    fn drop(&mut self) {
        self.is_whole();
        DROPPED.fetch_add(1, SeqCst);
    }
}

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line;

#[derive(Clone, Copy)]
#[repr(align(256))]
struct Wide;

/// What becomes of a closure.
#[derive(Clone, Copy, Debug)]
enum Way {
    Joined,
    /// Before it begins: its runner is alone with it.
    DroppedBefore,
    DroppedAfter,
    /// With somebody who could still abort it.
    DroppedBesideAnAborter,
    Aborted,
    /// By somebody else, without a handle.
    AbortedWithoutAHandle,
    Called,
}

const WAYS: [Way; 7] = [
    Way::Joined,
    Way::DroppedBefore,
    Way::DroppedAfter,
    Way::DroppedBesideAnAborter,
    Way::Aborted,
    Way::AbortedWithoutAHandle,
    Way::Called,
];

fn spawn<C, V>(pool: &ThreadPool, panics: bool) -> JoinHandle<V>
where
    C: Send + Captured + 'static,
    V: Send + Captured + 'static,
{
    let captured = C::new();
    pool.spawn(move || {
        captured.is_whole();
        drop(captured);
        if panics {
            throw("by the closure");
        }
        V::new()
    })
}

/// A [`Shape`].
trait Captured {
    fn new() -> Self;
    fn is_whole(&self);
}

impl<A, const N: usize> Captured for Shape<A, N> {
    fn new() -> Self {
        Self::new()
    }
    fn is_whole(&self) {
        self.is_whole();
    }
}

fn each_way<C, V>()
where
    C: Send + Captured + 'static,
    V: Send + Captured + 'static,
{
    let pool = ThreadPool::builder().num_threads(1).panic_handler(|_| ()).build().unwrap();
    for (way, panics) in WAYS.into_iter().flat_map(|way| [(way, false), (way, true)]) {
        let stuck = Stuck::new(&pool, 1);
        let handle = spawn::<C, V>(&pool, panics);
        match way {
            Way::Joined => {
                stuck.release();
                match handle.join() {
                    Ok(value) => value.is_whole(),
                    Err(error) => assert!(panics && error.is_panic()),
                }
            }
            Way::DroppedBefore => {
                drop(handle);
                stuck.release();
            }
            Way::DroppedAfter => {
                stuck.release();
                pool.install(|| ());
                assert!(handle.is_finished());
                drop(handle);
            }
            Way::DroppedBesideAnAborter => {
                let aborter = handle.abort_handle();
                drop(handle);
                stuck.release();
                pool.install(|| ());
                aborter.abort();
            }
            Way::Aborted => {
                handle.abort();
                assert!(handle.join().is_err_and(|error| error.is_aborted()));
                stuck.release();
            }
            Way::AbortedWithoutAHandle => {
                let aborter = handle.abort_handle();
                drop(handle);
                aborter.abort();
                drop(aborter);
                stuck.release();
            }
            Way::Called => {
                handle.on_done(|result| drop(result.map(|value| value.is_whole())));
                stuck.release();
            }
        }
        // Its one worker is done with all that came before.
        pool.install(|| ());
        assert_eq!(DROPPED.load(SeqCst), MADE.load(SeqCst), "{way:?}");
    }
    let stuck = Stuck::new(&pool, 1);
    let handle = spawn::<C, V>(&pool, false);
    let report = thread::scope(|s| {
        let ender = s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
        assert!(handle.join().is_err_and(|error| error.is_shut_down()));
        stuck.release();
        ender.join().unwrap()
    });
    assert_eq!(report.cancelled, 1);
    assert_eq!(DROPPED.load(SeqCst), MADE.load(SeqCst), "a shutdown");
}

fn with_each_value<C: Send + Captured + 'static>() {
    each_way::<C, Shape<(), 0>>();
    each_way::<C, Shape<(), 1>>();
    each_way::<C, Shape<u64, 24>>();
    each_way::<C, Shape<u128, 48>>();
    each_way::<C, Shape<Line, 0>>();
    each_way::<C, Shape<Line, 300>>();
    each_way::<C, Shape<Wide, 5>>();
}

#[test]
fn of_any_size_and_alignment() {
    watchdog("of_any_size_and_alignment", || {
        silence_thrown();
        with_each_value::<Shape<(), 0>>();
        with_each_value::<Shape<(), 3>>();
        with_each_value::<Shape<u64, 8>>();
        with_each_value::<Shape<u128, 160>>();
        with_each_value::<Shape<Line, 64>>();
        with_each_value::<Shape<Wide, 0>>();
        with_each_value::<Shape<Wide, 2_000>>();
        assert_ne!(MADE.load(SeqCst), 0);
    });
}
