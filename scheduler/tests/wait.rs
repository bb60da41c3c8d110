//! `wait`: for one, for the first panic, or for all; with a time limit; and the handles come back, finished or not.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::WaitUntil::{self, All, FirstCompleted, FirstException};
use scheduler::{JoinHandle, Shutdown, ThreadPool, Waited, wait};
use std::time::{Duration, Instant};
use support::sync::{mpsc, thread};
use support::{Stuck, inside_and_outside, pool, throw, wait_until, watchdog, what};

const EACH: [WaitUntil; 3] = [FirstCompleted, FirstException, All];
const SHORT: Duration = Duration::from_millis(2);

fn indices<T>(handles: &[(usize, JoinHandle<T>)]) -> Vec<usize> {
    handles.iter().map(|&(index, _)| index).collect()
}

/// Which are done, and which are not.
fn split<T>(waited: &Waited<T>) -> (Vec<usize>, Vec<usize>) {
    (indices(&waited.done), indices(&waited.not_done))
}

fn handles<T>(handles: Vec<(usize, JoinHandle<T>)>) -> Vec<JoinHandle<T>> {
    handles.into_iter().map(|(_, handle)| handle).collect()
}

/// A closure that ends, or panics, when it is told.
fn gated(pool: &ThreadPool) -> (mpsc::Sender<bool>, JoinHandle<()>) {
    let (go, gone) = mpsc::channel();
    let handle = pool.spawn(move || {
        if gone.recv() == Ok(true) {
            throw("told to");
        }
    });
    (go, handle)
}

/// One that has ended, or panicked.
fn ended(pool: &ThreadPool, panics: bool) -> JoinHandle<()> {
    let (go, handle) = gated(pool);
    go.send(panics).unwrap();
    wait_until(|| handle.is_finished());
    handle
}

#[test]
fn first_completed() {
    watchdog("first_completed", || {
        let pool = pool(3);
        let ((_a, a), (b, second), (_c, c)) = (gated(&pool), gated(&pool), gated(&pool));
        b.send(false).unwrap();
        let waited = wait([a, second, c], FirstCompleted, None);
        assert_eq!(split(&waited), (vec![1], vec![0, 2]));
    });
}

#[test]
fn first_completed_takes_a_panic_too() {
    watchdog("first_completed_takes_a_panic_too", || {
        let pool = pool(2);
        let ((_a, a), (b, second)) = (gated(&pool), gated(&pool));
        b.send(true).unwrap();
        let mut waited = wait([a, second], FirstCompleted, None);
        assert_eq!(split(&waited), (vec![1], vec![0]));
        let error = waited.done.remove(0).1.join().unwrap_err();
        assert_eq!(what(error.into_panic()), "told to");
    });
}

#[test]
fn what_has_finished_already_ends_the_wait() {
    watchdog("what_has_finished_already_ends_the_wait", || {
        let pool = pool(2);
        for (until, panics) in [(FirstCompleted, false), (FirstException, true)] {
            let (_a, a) = gated(&pool);
            let waited = wait([a, ended(&pool, panics)], until, None);
            assert_eq!(split(&waited), (vec![1], vec![0]));
        }
    });
}

#[test]
fn first_exception() {
    watchdog("first_exception", || {
        let pool = pool(3);
        let ((a, first), (b, second), (_c, c)) = (gated(&pool), gated(&pool), gated(&pool));
        thread::scope(|s| {
            s.spawn(|| {
                a.send(false).unwrap();
                b.send(true).unwrap();
            });
            let waited = wait([first, second, c], FirstException, None);
            let (done, not_done) = split(&waited);
            assert!(done.contains(&1) && not_done.contains(&2), "{done:?} {not_done:?}");
        });
    });
}

#[test]
fn without_an_exception_it_waits_for_all() {
    watchdog("without_an_exception_it_waits_for_all", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let aborted = pool.spawn(|| ());
        aborted.abort();
        let late = pool.spawn(|| ());
        let waited = wait([aborted, late], FirstException, Some(SHORT));
        assert_eq!(split(&waited), (vec![0], vec![1]), "an abort is no exception");
        stuck.release();
        let rest = waited.done.into_iter().chain(waited.not_done).map(|(_, handle)| handle);
        let waited = wait(rest, FirstException, None);
        assert_eq!(split(&waited), (vec![0, 1], vec![]));
    });
}

#[test]
fn all() {
    inside_and_outside("all", |pool| {
        let spawn = |n| pool.spawn(move || if n % 3 == 0 { throw("third") } else { n });
        let waited = wait((0..100).map(spawn), All, None);
        assert_eq!(split(&waited), ((0..100).collect(), vec![]));
        for (index, handle) in waited.done {
            match handle.try_join().expect("it is done") {
                Ok(n) => assert_eq!(n, index),
                Err(error) => assert_eq!((index % 3, what(error.into_panic())), (0, "third")),
            }
        }
    });
}

#[test]
fn each_from_inside() {
    inside_and_outside("each_from_inside", |pool| {
        for until in EACH {
            for timeout in [None, Some(Duration::MAX)] {
                let waited = wait([pool.spawn(|| 1), pool.spawn(|| 2)], until, timeout);
                assert!(!waited.done.is_empty());
                assert_eq!(waited.done.len() + waited.not_done.len(), 2);
            }
        }
    });
}

#[test]
fn a_timeout_gives_all_back() {
    watchdog("a_timeout_gives_all_back", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        for until in EACH {
            for timeout in [Duration::ZERO, SHORT] {
                let before = Instant::now();
                let waited = wait([pool.spawn(|| ())], until, Some(timeout));
                assert!(before.elapsed() >= timeout, "it gave up early");
                assert_eq!(split(&waited), (vec![], vec![0]));
            }
        }
        stuck.release();
    });
}

#[test]
fn a_timeout_of_zero_sorts() {
    watchdog("a_timeout_of_zero_sorts", || {
        let pool = pool(2);
        for until in EACH {
            let ((_a, a), (_b, b)) = (gated(&pool), (0, ended(&pool, false)));
            let waited = wait([a, b, ended(&pool, true)], until, Some(Duration::ZERO));
            assert_eq!(split(&waited), (vec![1, 2], vec![0]), "{until:?}");
        }
    });
}

#[test]
fn of_nothing_there_is_nothing_to_wait_for() {
    for until in EACH {
        let waited: Waited<()> = wait([], until, None);
        assert_eq!(split(&waited), (vec![], vec![]));
    }
}

#[test]
fn the_handles_are_as_before() {
    watchdog("the_handles_are_as_before", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        // Waited for again and again, the handles go through all ways to be waited for.
        let mut left: Vec<_> = (0..5).map(|n| pool.spawn(move || n)).collect();
        for until in EACH {
            left = handles(wait(left, until, Some(SHORT)).not_done);
            assert_eq!(left.len(), 5);
        }
        let (sender, receiver) = mpsc::channel();
        left.remove(0).on_done(move |result| sender.send(result.unwrap()).unwrap());
        left[0].abort();
        drop(left.remove(1));
        stuck.release();
        assert_eq!(receiver.recv().unwrap(), 0);
        let results: Vec<_> = left.into_iter().map(JoinHandle::join).collect();
        assert!(results[0].as_ref().unwrap_err().is_aborted());
        assert_eq!(results[1..].iter().map(|r| *r.as_ref().unwrap()).collect::<Vec<_>>(), [3, 4]);
    });
}

#[test]
fn a_shutdown_ends_the_wait() {
    watchdog("a_shutdown_ends_the_wait", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let queued: Vec<_> = (0..5).map(|_| pool.spawn(|| ())).collect();
        thread::scope(|s| {
            s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
            let waited = wait(queued, FirstException, None);
            assert_eq!(split(&waited), ((0..5).collect(), vec![]));
            assert!(handles(waited.done).into_iter().all(|h| h.join().unwrap_err().is_shut_down()));
            stuck.release();
        });
        let waited = wait([pool.spawn(|| ())], All, None);
        assert_eq!(split(&waited), (vec![0], vec![]), "a refused one is done");
    });
}
