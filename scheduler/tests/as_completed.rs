//! `as_completed`: each result once, in the order of finishing, with its place in the input; waited for from anywhere,
//! with a time limit, or awaited.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{AsCompleted, JoinHandle, Shutdown, TimedOut, as_completed};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use support::future::{block_on, kept, wakes};
use support::sync::{Arc, mpsc, thread};
use support::{
    Drops, Stuck, each_size, inside_and_outside, pool, throw, wait_until, watchdog, what,
};

const SHORT: Duration = Duration::from_millis(2);

#[test]
fn results_come_in_the_order_of_finishing() {
    watchdog("results_come_in_the_order_of_finishing", || {
        let pool = pool(4);
        let (gates, handles): (Vec<_>, Vec<_>) = (0..4)
            .map(|n| {
                let (go, gone) = mpsc::channel::<()>();
                (go, pool.spawn(move || gone.recv().map(|()| 10 * n)))
            })
            .unzip();
        let mut results = as_completed(handles);
        for n in [2, 0, 3, 1] {
            assert_eq!(results.next_timeout(Duration::ZERO).unwrap_err(), TimedOut);
            gates[n].send(()).unwrap();
            let (index, result) = results.next().expect("one is left");
            assert_eq!((index, result.unwrap()), (n, Ok(10 * n)));
        }
        assert!(results.next().is_none());
    });
}

#[test]
fn what_finished_before_the_call_comes_as_well() {
    watchdog("what_finished_before_the_call_comes_as_well", || {
        let pool = pool(2);
        let (go, gone) = mpsc::channel::<()>();
        let mut handles = vec![pool.spawn(move || _ = gone.recv())];
        handles.extend((0..5).map(|_| pool.spawn(|| ())));
        wait_until(|| handles[1..].iter().all(JoinHandle::is_finished));
        let mut results = as_completed(handles);
        let first: Vec<_> = results.by_ref().take(5).map(|(index, _)| index).collect();
        assert_eq!(first, [1, 2, 3, 4, 5]);
        drop(go);
        assert_eq!(results.map(|(index, _)| index).collect::<Vec<_>>(), [0]);
    });
}

#[test]
fn each_result_comes_once() {
    inside_and_outside("each_result_comes_once", |pool| {
        let spawn = |n| pool.spawn(move || if n % 7 == 3 { throw("third") } else { n });
        let results = as_completed((0..500).map(spawn));
        let mut seen = vec![false; 500];
        assert_eq!(results.len(), 500);
        for (index, result) in results {
            assert!(!std::mem::replace(&mut seen[index], true), "{index} came twice");
            match result {
                Ok(n) => assert_eq!(n, index),
                Err(error) => {
                    assert_eq!((index % 7, what(error.into_panic())), (3, "third"));
                }
            }
        }
        assert!(seen.into_iter().all(|seen| seen));
    });
}

#[test]
fn nested_on_the_only_worker() {
    watchdog("nested_on_the_only_worker", || {
        fn sum(depth: u32) -> u32 {
            if depth == 0 {
                return 1;
            }
            let parts = (0..3).map(|_| scheduler::spawn(move || sum(depth - 1)));
            as_completed(parts).map(|(_, result)| result.unwrap()).sum()
        }
        assert_eq!(pool(1).install(|| sum(5)), 3u32.pow(5));
    });
}

#[test]
fn next_timeout_waits_as_long_as_it_says() {
    watchdog("next_timeout_waits_as_long_as_it_says", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let mut results = as_completed([pool.spawn(|| 7)]);
        for timeout in [Duration::ZERO, SHORT] {
            let before = Instant::now();
            assert_eq!(results.next_timeout(timeout).unwrap_err(), TimedOut);
            assert!(before.elapsed() >= timeout, "it gave up early");
            assert_eq!(results.len(), 1);
        }
        stuck.release();
        let (index, result) = results.next_timeout(Duration::MAX).unwrap().expect("one is left");
        assert_eq!((index, result.unwrap()), (0, 7));
        assert!(results.next_timeout(Duration::ZERO).unwrap().is_none());
        assert!(results.next_timeout(Duration::MAX).unwrap().is_none());
    });
}

#[test]
fn next_timeout_on_the_only_worker_helps() {
    watchdog("next_timeout_on_the_only_worker_helps", || {
        let pool = pool(1);
        let helped = pool.install(|| {
            let mut results = as_completed([pool.spawn(scheduler::current_thread_index)]);
            let zero = results.next_timeout(Duration::ZERO).unwrap_err();
            (zero, results.next_timeout(Duration::MAX).unwrap().unwrap().1.unwrap())
        });
        assert_eq!(helped, (TimedOut, Some(0)));
    });
}

#[test]
fn abort_all_drops_what_has_not_begun() {
    watchdog("abort_all_drops_what_has_not_begun", || {
        let pool = pool(1);
        let (go, gone) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        let drops = Drops::default();
        let mut handles = vec![pool.spawn(move || {
            begun.send(()).unwrap();
            let _ = gone.recv();
        })];
        has_begun.recv().unwrap();
        handles.extend((0..9).map(|_| {
            let token = drops.token();
            pool.spawn(move || drop(token))
        }));
        let mut results = as_completed(handles);
        results.abort_all();
        assert_eq!(drops.count(), 9, "at once, here");
        for _ in 0..9 {
            let (index, result) = results.next().expect("nine were aborted");
            assert!(index > 0 && result.unwrap_err().is_aborted());
        }
        drop(go);
        assert!(matches!(results.next(), Some((0, Ok(())))), "what ran went on");
        assert!(results.next().is_none());
    });
}

#[test]
fn an_abort_from_elsewhere_ends_the_wait() {
    watchdog("an_abort_from_elsewhere_ends_the_wait", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let handle = pool.spawn(|| ());
        let aborter = handle.abort_handle();
        let mut results = as_completed([handle]);
        thread::scope(|s| {
            s.spawn(|| aborter.abort());
            assert!(results.next().expect("one").1.unwrap_err().is_aborted());
        });
        stuck.release();
    });
}

#[test]
fn a_shutdown_ends_the_wait() {
    watchdog("a_shutdown_ends_the_wait", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let queued = as_completed((0..5).map(|_| pool.spawn(|| ())));
        thread::scope(|s| {
            s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
            let ends = queued.map(|(_, result)| result.unwrap_err().is_shut_down());
            assert_eq!(ends.collect::<Vec<_>>(), [true; 5]);
            stuck.release();
        });
        let mut refused = as_completed((0..3).map(|_| pool.spawn(|| ())));
        assert!(refused.all(|(_, result)| result.unwrap_err().is_shut_down()));
    });
}

#[test]
fn dropping_it_detaches_the_rest() {
    watchdog("dropping_it_detaches_the_rest", || {
        let unclaimed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&unclaimed);
        let pool = scheduler::ThreadPool::builder()
            .num_threads(1)
            .panic_handler(move |_| {
                counter.fetch_add(1, SeqCst);
            })
            .build()
            .unwrap();
        let stuck = Stuck::new(&pool, 1);
        let drops = Drops::default();
        let spawn = |n| {
            let token = drops.token();
            pool.spawn(move || {
                drop(token);
                if n % 2 == 0 {
                    throw("nobody looks")
                }
            })
        };
        let mut results = as_completed((0..6).map(spawn));
        assert_eq!(results.next_timeout(Duration::ZERO).unwrap_err(), TimedOut);
        drop(results);
        assert_eq!(drops.count(), 0);
        stuck.release();
        drop(pool);
        assert_eq!((drops.count(), unclaimed.load(SeqCst)), (6, 3));
    });
}

#[test]
fn of_nothing_there_is_nothing() {
    let mut results: AsCompleted<()> = as_completed([]);
    assert_eq!((results.len(), results.size_hint()), (0, (0, Some(0))));
    assert!(results.next().is_none());
    assert!(results.next_timeout(Duration::MAX).unwrap().is_none());
    assert!(block_on(results.next_async()).is_none());
    assert!(results.next().is_none(), "and so it stays");
    results.abort_all();
}

#[test]
fn it_can_be_awaited() {
    each_size("it_can_be_awaited", |workers| {
        let pool = pool(workers);
        let mut results = as_completed((0..100usize).map(|n| pool.spawn(move || n)));
        let mut sum = 0;
        while let Some((index, result)) = block_on(results.next_async()) {
            assert_eq!(result.unwrap(), index);
            sum += index;
        }
        assert_eq!(sum, 4950);
    });
}

#[test]
fn the_waker_of_the_last_poll_is_woken_once() {
    watchdog("the_waker_of_the_last_poll_is_woken_once", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let mut results = as_completed([pool.spawn(|| 1), pool.spawn(|| 2)]);
        let ((first, first_waker), (second, second_waker)) = (wakes(), wakes());
        for waker in [&first_waker, &second_waker] {
            assert!(results.poll_next(&mut Context::from_waker(waker)).is_pending());
        }
        stuck.release();
        drop(pool);
        assert_eq!((first.0.load(SeqCst), second.0.load(SeqCst)), (0, 1));
        for _ in 0..2 {
            let next = results.poll_next(&mut Context::from_waker(&second_waker));
            assert!(matches!(next, Poll::Ready(Some((_, Ok(_))))));
        }
        let end = results.poll_next(&mut Context::from_waker(&second_waker));
        assert!(matches!(end, Poll::Ready(None)));
        assert_eq!(second.0.load(SeqCst), 1);
    });
}

#[test]
fn a_dropped_future_loses_nothing() {
    watchdog("a_dropped_future_loses_nothing", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let mut results = as_completed([pool.spawn(|| 5)]);
        let (_, waker) = wakes();
        assert!(pin!(results.next_async()).poll(&mut Context::from_waker(&waker)).is_pending());
        stuck.release();
        assert!(matches!(results.next(), Some((0, Ok(5)))));
    });
}

#[test]
fn a_waker_that_panics_hurts_nobody() {
    struct Explodes;
    impl Wake for Explodes {
        fn wake(self: std::sync::Arc<Self>) {
            throw("waker");
        }
    }
    watchdog("a_waker_that_panics_hurts_nobody", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let mut results = as_completed([pool.spawn(|| 5)]);
        let waker = Waker::from(kept(Explodes));
        assert!(results.poll_next(&mut Context::from_waker(&waker)).is_pending());
        stuck.release();
        assert!(matches!(results.next(), Some((0, Ok(5)))));
        support::usable(&pool);
    });
}

#[cfg(feature = "stream")]
#[test]
fn it_is_a_stream() {
    use futures_core::{FusedStream, Stream};
    watchdog("it_is_a_stream", || {
        let pool = pool(2);
        let mut results = as_completed((0..50usize).map(|n| pool.spawn(move || n)));
        assert_eq!(Stream::size_hint(&results), (50, Some(50)));
        let mut stream = pin!(&mut results);
        let mut seen = 0;
        while let Some((index, result)) =
            block_on(std::future::poll_fn(|context| stream.as_mut().poll_next(context)))
        {
            assert_eq!(result.unwrap(), index);
            seen += 1;
        }
        assert_eq!(seen, 50);
        assert!(results.is_terminated());
    });
}
