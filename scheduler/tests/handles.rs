//! One handle for every kind of submitted work: waited for, with a time limit or without, awaited,
//! looked at, told of its end, aborted from elsewhere or by its own drop. Each outcome is given once,
//! and the four kinds of it are told apart.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{
    AbortHandle, AbortOnDrop, Elastic, Executor, JoinError, JoinHandle, Shutdown, ThreadPool,
};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use support::future::{block_on, kept, wakes};
use support::sync::{Arc, Mutex, mpsc, thread};
use support::{
    Bomb, Drops, Stuck, caught, each_size, pool, silence_thrown, text, throw, usable, wait_until,
    watchdog, what,
};

const SHORT: Duration = Duration::from_millis(2);

/// One worker, which is busy until the `Stuck` is released.
fn stuck() -> (ThreadPool, Stuck) {
    let pool = pool(1);
    let stuck = Stuck::new(&pool, 1);
    (pool, stuck)
}

#[test]
fn handles_go_where_their_value_may() {
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<JoinHandle<Vec<u8>>>();
    // The value is taken by one thread only, so it need not be `Sync`.
    send_and_sync::<JoinHandle<std::cell::Cell<u8>>>();
    send_and_sync::<AbortOnDrop<std::cell::Cell<u8>>>();
    send_and_sync::<AbortHandle>();
    send_and_sync::<JoinError>();
}

#[test]
fn the_four_errors_are_told_apart() {
    watchdog("the_four_errors_are_told_apart", || {
        let kinds = |error: &JoinError| {
            [
                error.is_panic(),
                error.is_cancelled(),
                error.is_aborted(),
                error.is_shut_down(),
                error.is_discarded(),
            ]
        };
        let (pool, stuck) = stuck();
        let panics = pool.spawn(|| throw("kept"));
        let aborted = pool.spawn(|| ());
        aborted.abort();
        stuck.release();
        let error = panics.join().unwrap_err();
        assert_eq!(kinds(&error), [true, false, false, false, false]);
        assert_eq!(what(error.into_panic()), "kept");
        let error = aborted.join().unwrap_err();
        assert_eq!(kinds(&error), [false, true, true, false, false]);

        let held = Stuck::new(&pool, 1);
        let queued = pool.spawn(|| ());
        thread::scope(|s| {
            s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
            let error = queued.join().unwrap_err();
            assert_eq!(kinds(&error), [false, true, false, true, false]);
            held.release();
        });
        let error = pool.spawn(|| ()).join().unwrap_err();
        assert_eq!(kinds(&error), [false, true, false, true, false]);
    });
}

#[test]
fn join_timeout_gives_the_value_or_the_handle() {
    watchdog("join_timeout_gives_the_value_or_the_handle", || {
        let (pool, stuck) = stuck();
        let mut handle = pool.spawn(|| 7);
        for timeout in [Duration::ZERO, SHORT] {
            let before = Instant::now();
            handle = handle.join_timeout(timeout).expect_err("the worker is stuck");
            assert!(before.elapsed() >= timeout, "it gave up early");
        }
        stuck.release();
        assert_eq!(handle.join_timeout(Duration::MAX).unwrap().unwrap(), 7);
        let finished = pool.spawn(|| 8);
        wait_until(|| finished.is_finished());
        assert_eq!(finished.join_timeout(Duration::ZERO).unwrap().unwrap(), 8);
    });
}

#[test]
fn join_timeout_on_a_worker_helps() {
    watchdog("join_timeout_on_a_worker_helps", || {
        let pool = Arc::new(pool(1));
        let inner = Arc::clone(&pool);
        // The one worker itself has to run what it waits for.
        let helped = pool.install(move || {
            let handle = inner.spawn(scheduler::current_thread_index);
            handle.join_timeout(Duration::MAX)
        });
        assert_eq!(helped.unwrap().unwrap(), Some(0));
    });
}

#[test]
fn join_timeout_on_a_worker_comes_back_in_vain() {
    each_size("join_timeout_on_a_worker_comes_back_in_vain", |workers| {
        let (one, other) = (pool(workers), pool(1));
        let stuck = Stuck::new(&other, 1);
        let handle = other.spawn(|| 1);
        // Nothing to help with, and then something that comes while it sleeps.
        let handle = one.install(|| {
            let before = Instant::now();
            let handle = handle.join_timeout(SHORT).expect_err("the other pool is stuck");
            assert!(before.elapsed() >= SHORT);
            handle
        });
        let ran = Arc::new(AtomicUsize::new(0));
        let handle = thread::scope(|s| {
            let (one, ran) = (&one, &ran);
            let waiting = s.spawn(move || {
                one.install(move || {
                    let mut handle = handle;
                    while ran.load(SeqCst) == 0 {
                        handle = handle.join_timeout(SHORT).expect_err("it is stuck still");
                    }
                    handle
                })
            });
            let ran = Arc::clone(ran);
            one.spawn(move || ran.fetch_add(1, SeqCst)).join().unwrap();
            waiting.join().unwrap()
        });
        stuck.release();
        assert_eq!(handle.join().unwrap(), 1);
        usable(&one);
    });
}

#[test]
fn try_join_never_waits() {
    watchdog("try_join_never_waits", || {
        let (pool, stuck) = stuck();
        let handle = pool.spawn(|| "value").try_join().expect_err("the worker is stuck");
        assert!(!handle.is_finished());
        stuck.release();
        wait_until(|| handle.is_finished());
        assert_eq!(handle.try_join().unwrap().unwrap(), "value");
        let _ = pool.shutdown(Shutdown::Drain);
        assert!(pool.spawn(|| ()).try_join().unwrap().unwrap_err().is_shut_down());
    });
}

#[test]
fn a_handle_is_a_future() {
    each_size("a_handle_is_a_future", |workers| {
        let pool = pool(workers);
        for n in 0..200 {
            assert_eq!(block_on(pool.spawn(move || n)).unwrap(), n);
        }
        assert_eq!(what(block_on(pool.spawn(|| throw("out"))).unwrap_err().into_panic()), "out");
        let _ = pool.shutdown(Shutdown::Drain);
        assert!(block_on(pool.spawn(|| ())).unwrap_err().is_shut_down());
    });
}

#[test]
fn the_last_waker_is_woken_and_once() {
    watchdog("the_last_waker_is_woken_and_once", || {
        let (pool, stuck) = stuck();
        let mut handle = pin!(pool.spawn(|| 3));
        let ((first, early), (second, late)) = (wakes(), wakes());
        for waker in [&early, &late, &late] {
            assert!(handle.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        }
        stuck.release();
        wait_until(|| second.0.load(SeqCst) != 0);
        let ready = handle.as_mut().poll(&mut Context::from_waker(&early));
        assert!(matches!(ready, Poll::Ready(Ok(3))));
        assert_eq!((first.0.load(SeqCst), second.0.load(SeqCst)), (0, 1));
        let again = caught(|| handle.as_mut().poll(&mut Context::from_waker(&late)));
        let expected = "the handle has given its value already, as a future";
        assert_eq!(text(&*again), Some(expected));
    });
}

#[test]
fn a_polled_handle_can_be_joined_or_dropped() {
    watchdog("a_polled_handle_can_be_joined_or_dropped", || {
        let (pool, stuck) = stuck();
        let (woken, waker) = wakes();
        let mut context = Context::from_waker(&waker);
        let mut joined = pool.spawn(|| 1);
        let mut dropped = pool.spawn(|| 2);
        assert!(pin!(&mut joined).poll(&mut context).is_pending());
        assert!(pin!(&mut dropped).poll(&mut context).is_pending());
        drop(dropped);
        thread::scope(|s| {
            let joiner = s.spawn(|| joined.join());
            stuck.release();
            assert_eq!(joiner.join().unwrap().unwrap(), 1);
        });
        drop(pool);
        // The thread may have come late to its wait.
        assert!(woken.0.load(SeqCst) <= 1);
        drop(waker);
        // This one, and the one that is kept.
        assert_eq!(std::sync::Arc::strong_count(&woken), 2, "a waker was left behind");
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
    impl Drop for Explodes {
        fn drop(&mut self) {
            if !thread::panicking() {
                throw("waker's drop");
            }
        }
    }
    watchdog("a_waker_that_panics_hurts_nobody", || {
        silence_thrown();
        let (pool, stuck) = stuck();
        let explodes = || Waker::from(kept(Explodes));
        let mut told = pool.spawn(|| 1);
        let mut untold = pool.spawn(|| 2);
        for handle in [&mut told, &mut untold] {
            let waker = explodes();
            assert!(pin!(handle).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        drop(untold);
        stuck.release();
        wait_until(|| told.is_finished());
        assert_eq!(told.join().unwrap(), 1);
        usable(&pool);
    });
}

#[test]
fn on_done_is_told_once_whenever_it_comes() {
    each_size("on_done_is_told_once_whenever_it_comes", |workers| {
        let pool = pool(workers);
        let told = Arc::new(Mutex::new(Vec::new()));
        for n in 0..300 {
            let handle = pool.spawn(move || n);
            if n % 3 == 0 {
                wait_until(|| handle.is_finished());
            }
            let told = Arc::clone(&told);
            handle.on_done(move |value| told.lock().unwrap().push(value.unwrap()));
        }
        wait_until(|| told.lock().unwrap().len() == 300);
        let mut told = told.lock().unwrap();
        told.sort_unstable();
        assert!(told.iter().copied().eq(0..300));
    });
}

#[test]
fn a_draining_shutdown_returns_after_on_done() {
    watchdog("a_draining_shutdown_returns_after_on_done", || {
        let told = Arc::new(AtomicUsize::new(0));
        let slowly = || {
            let told = Arc::clone(&told);
            move |_| {
                thread::sleep(10 * SHORT);
                told.fetch_add(1, SeqCst);
            }
        };
        for _ in 0..10 {
            let before = told.load(SeqCst);
            let pool = pool(2);
            let executor = Executor::builder(&pool).build().unwrap();
            executor.submit(|| ()).unwrap().on_done(slowly());
            _ = executor.shutdown(Shutdown::Drain);
            assert_eq!(told.load(SeqCst), before + 1, "executor");
            pool.spawn(|| ()).on_done(slowly());
            _ = pool.shutdown(Shutdown::Drain);
            assert_eq!(told.load(SeqCst), before + 2, "pool");
            let threads = Elastic::builder().build().unwrap();
            threads.submit(|| ()).unwrap().on_done(slowly());
            _ = threads.shutdown(Shutdown::Drain);
            assert_eq!(told.load(SeqCst), before + 3, "elastic");
        }
    });
}

#[test]
fn on_done_gets_every_kind_of_outcome() {
    watchdog("on_done_gets_every_kind_of_outcome", || {
        let (pool, stuck) = stuck();
        let (sender, outcomes) = mpsc::channel();
        let tell = || {
            let sender = sender.clone();
            move |outcome: Result<(), JoinError>| sender.send(outcome).unwrap()
        };
        let aborted = pool.spawn(|| ());
        let aborter = aborted.abort_handle();
        aborted.on_done(tell());
        aborter.abort();
        // On this thread, so it has happened.
        assert!(outcomes.try_recv().unwrap().unwrap_err().is_aborted());

        pool.spawn(|| throw("to on_done")).on_done(tell());
        stuck.release();
        assert_eq!(what(outcomes.recv().unwrap().unwrap_err().into_panic()), "to on_done");

        let held = Stuck::new(&pool, 1);
        pool.spawn(|| ()).on_done(tell());
        thread::scope(|s| {
            s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
            assert!(outcomes.recv().unwrap().unwrap_err().is_shut_down());
            held.release();
        });
        pool.spawn(|| ()).on_done(tell());
        assert!(outcomes.try_recv().unwrap().unwrap_err().is_shut_down());
    });
}

#[test]
fn on_done_that_panics_hurts_nobody() {
    each_size("on_done_that_panics_hurts_nobody", |workers| {
        silence_thrown();
        let pool = pool(workers);
        for n in 0..20 {
            let handle = pool.spawn(move || Bomb("value"));
            if n % 2 == 0 {
                wait_until(|| handle.is_finished());
            }
            handle.on_done(|value| {
                std::mem::forget(value);
                throw("callback")
            });
        }
        usable(&pool);
    });
}

#[test]
fn an_abort_handle_outlives_the_handle() {
    watchdog("an_abort_handle_outlives_the_handle", || {
        let (pool, stuck) = stuck();
        let drops = Drops::default();
        let token = drops.token();
        let handle = pool.spawn(move || drop(token));
        let aborters = [handle.abort_handle(), handle.abort_handle().clone()];
        drop(handle);
        assert!(!aborters[0].is_finished() && drops.count() == 0);
        aborters[1].abort();
        assert!(aborters.iter().all(AbortHandle::is_finished));
        assert_eq!(drops.count(), 1, "dropped here and now");
        aborters[0].abort();
        stuck.release();
        drop(pool);
        assert_eq!(drops.count(), 1);
        drop(aborters);
    });
}

/// Races of all that can hold a closure: each is run or dropped once, and so is its value.
#[test]
fn aborters_race_with_everything() {
    each_size("aborters_race_with_everything", |workers| {
        let pool = pool(workers);
        let (closures, values) = (Drops::default(), Drops::default());
        let rounds = 500;
        let mut ran = 0;
        for round in 0..rounds {
            let (closure, value) = (closures.token(), values.token());
            let handle = pool.spawn(move || {
                drop(closure);
                value
            });
            let aborter = handle.abort_handle();
            let other = thread::spawn(move || {
                aborter.abort();
                drop(aborter.clone());
            });
            match round % 3 {
                0 => drop(handle),
                1 => drop(handle.join()),
                _ => handle.on_done(drop),
            }
            other.join().unwrap();
            ran += 1;
        }
        drop(pool);
        assert_eq!((closures.count(), values.count()), (ran, ran));
    });
}

#[test]
fn an_abort_handle_does_not_keep_the_value() {
    watchdog("an_abort_handle_does_not_keep_the_value", || {
        let pool = pool(1);
        let drops = Drops::default();
        let token = drops.token();
        let handle = pool.spawn(move || token);
        let aborter = handle.abort_handle();
        drop(handle);
        wait_until(|| drops.count() == 1);
        assert!(aborter.is_finished() || pool.shutdown(Shutdown::Drain).ran <= 1);
        drop(pool);
        assert!(aborter.is_finished());
        assert_eq!(drops.count(), 1);
    });
}

/// With an aborter beside it as well, a panic that no handle shows goes to the panic handler, at once.
#[test]
fn a_detached_panic_beside_an_abort_handle_goes_to_the_handler() {
    watchdog("a_detached_panic_beside_an_abort_handle_goes_to_the_handler", || {
        let (sender, panics) = mpsc::channel();
        let pool = ThreadPool::builder()
            .num_threads(1)
            .panic_handler(move |payload| sender.send(what(payload)).unwrap())
            .build()
            .unwrap();
        let handle = pool.spawn(|| throw("detached"));
        let aborter = handle.abort_handle();
        drop(handle);
        assert_eq!(panics.recv(), Ok("detached"));
        drop(aborter);
        usable(&pool);
    });
}

#[test]
fn abort_on_drop_aborts_what_has_not_begun() {
    watchdog("abort_on_drop_aborts_what_has_not_begun", || {
        let (pool, stuck) = stuck();
        let drops = Drops::default();
        let token = drops.token();
        let guard = pool.spawn(move || drop(token)).abort_on_drop();
        assert!(!guard.is_finished());
        drop(guard);
        assert_eq!(drops.count(), 1);

        let kept = pool.spawn(|| 5).abort_on_drop().into_inner();
        let awaited = pool.spawn(|| 6).abort_on_drop();
        let joined = pool.spawn(|| 7).abort_on_drop();
        stuck.release();
        assert_eq!(block_on(awaited).unwrap(), 6);
        assert_eq!((kept.join().unwrap(), joined.join().unwrap()), (5, 7));
    });
}
