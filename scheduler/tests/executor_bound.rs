//! The capacity of an executor counts what waits to start, and is never exceeded; room that becomes free
//! goes to who has waited for it longest.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Executor, RejectedReason, RejectionPolicy, Shutdown, SubmitAsync, ThreadPool};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use support::future::wakes;
use support::sync::{Arc, thread};
use support::{Drops, Stuck, each_size, pool, usable, wait_until, watchdog};

fn executor(pool: &ThreadPool, capacity: usize) -> Executor {
    let builder = Executor::builder(pool).queue_capacity(capacity);
    builder.on_full(RejectionPolicy::Block).build().expect("it has room")
}

fn poll<F, T>(
    future: &mut SubmitAsync<F, T>,
    waker: &Waker,
) -> Poll<<SubmitAsync<F, T> as Future>::Output>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

#[test]
fn the_capacity_is_never_exceeded() {
    each_size("the_capacity_is_never_exceeded", |workers| {
        let pool = pool(workers);
        for capacity in [1, 2, 7] {
            let executor = executor(&pool, capacity);
            let ran = Arc::new(AtomicUsize::new(0));
            thread::scope(|s| {
                for _ in 0..4 {
                    s.spawn(|| {
                        for n in 0..200 {
                            assert!(executor.queue_len() <= capacity);
                            let ran = Arc::clone(&ran);
                            let f = move || _ = ran.fetch_add(1, SeqCst);
                            match n % 3 {
                                0 => executor.execute(f).unwrap(),
                                1 => drop(executor.submit_all([f]).unwrap()),
                                _ => {
                                    let f = executor.try_submit(f).map(drop);
                                    if let Err(rejected) = f {
                                        assert_eq!(rejected.reason(), RejectedReason::Full);
                                        executor.execute(rejected.into_inner()).unwrap();
                                    }
                                }
                            }
                        }
                    });
                }
            });
            let _ = executor.shutdown(Shutdown::Drain);
            let metrics = executor.metrics();
            assert_eq!((ran.load(SeqCst), metrics.completed), (800, 800));
            assert!(metrics.high_water <= capacity, "{metrics}");
        }
        usable(&pool);
    });
}

#[test]
fn what_runs_does_not_count() {
    each_size("what_runs_does_not_count", |workers| {
        let pool = pool(workers);
        let executor = executor(&pool, 1);
        let released = Arc::new(AtomicUsize::new(0));
        // One at a time, each of which is taken out to run.
        for _ in 0..workers {
            let released = Arc::clone(&released);
            executor.execute(move || wait_until(|| released.load(SeqCst) == 1)).unwrap();
        }
        wait_until(|| executor.queue_len() == 0);
        let queued = executor.try_submit(|| 1).unwrap();
        assert_eq!(executor.try_submit(|| 2).unwrap_err().reason(), RejectedReason::Full);
        released.store(1, SeqCst);
        assert_eq!(queued.join().unwrap(), 1);
    });
}

#[test]
fn an_aborted_closure_frees_its_room_at_once() {
    watchdog("an_aborted_closure_frees_its_room_at_once", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 3);
        let drops = Drops::default();
        let submit = || {
            let token = drops.token();
            executor.try_submit(move || drop(token)).map_err(|rejected| rejected.reason())
        };
        let mut handles: Vec<_> = (0..3).map(|_| submit().unwrap()).collect();
        assert_eq!(submit().unwrap_err(), RejectedReason::Full);
        assert_eq!(drops.count(), 1);
        // In the middle, by the handle; at the ends, by others.
        handles[1].abort();
        assert_eq!((executor.queue_len(), drops.count()), (2, 2));
        let aborters: Vec<_> = handles.iter().map(|handle| handle.abort_handle()).collect();
        aborters[0].abort();
        drop(handles.swap_remove(2).abort_on_drop());
        assert_eq!((executor.queue_len(), drops.count()), (0, 4));
        aborters.iter().for_each(|aborter| aborter.abort());
        assert!(handles.into_iter().all(|handle| handle.join().unwrap_err().is_aborted()));
        let again: Vec<_> = (0..3).map(|_| submit().unwrap()).collect();
        stuck.release();
        assert!(again.into_iter().all(|handle| handle.join().is_ok()));
        assert_eq!(drops.count(), 7);
        let metrics = executor.metrics();
        assert_eq!((metrics.submitted, metrics.completed, metrics.cancelled), (6, 3, 3));
    });
}

#[test]
fn an_abort_lets_a_blocked_submitter_in() {
    watchdog("an_abort_lets_a_blocked_submitter_in", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 1);
        let queued = executor.submit(|| 1).unwrap();
        let blocked = {
            let executor = executor.clone();
            thread::spawn(move || executor.submit(|| 2).unwrap())
        };
        wait_until(|| executor.metrics().blocked == 1);
        queued.abort();
        let handle = blocked.join().unwrap();
        assert_eq!(executor.queue_len(), 1);
        stuck.release();
        assert_eq!(handle.join().unwrap(), 2);
    });
}

#[test]
fn aborts_race_with_workers() {
    each_size("aborts_race_with_workers", |workers| {
        let pool = pool(workers);
        let executor = executor(&pool, 16);
        let drops = Drops::default();
        let mut ended = [0, 0];
        for n in 0..2000 {
            let token = drops.token();
            let handle = executor.submit(move || drop(token)).unwrap();
            if n % 2 == 0 {
                handle.abort();
            }
            match handle.join() {
                Ok(()) => ended[0] += 1,
                Err(error) => {
                    assert!(error.is_aborted());
                    ended[1] += 1;
                }
            }
        }
        let report = executor.shutdown(Shutdown::Drain);
        assert_eq!(report.cancelled, 0);
        assert_eq!(drops.count(), 2000);
        let metrics = executor.metrics();
        assert_eq!([metrics.completed, metrics.cancelled], ended);
        drop(pool);
    });
}

#[test]
fn a_future_waits_for_room() {
    watchdog("a_future_waits_for_room", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 1);
        let (wakes, waker) = wakes();
        let [mut first, mut second] = [1, 2].map(|n| executor.submit_async(move || n));
        assert_eq!(executor.queue_len(), 0, "nothing happens before it is polled");
        let Poll::Ready(first) = poll(&mut first, &waker) else { panic!("there is room") };
        assert!(poll(&mut second, &waker).is_pending());
        assert!(poll(&mut second, &waker).is_pending());
        assert_eq!((wakes.0.load(SeqCst), executor.metrics().blocked), (0, 1));
        stuck.release();
        wait_until(|| wakes.0.load(SeqCst) == 1);
        let Poll::Ready(second) = poll(&mut second, &waker) else { panic!("it was woken") };
        let joined = [first, second].map(|handle| handle.unwrap().join().unwrap());
        assert_eq!(joined, [1, 2]);
    });
}

#[test]
fn futures_get_room_in_their_order_and_nobody_overtakes() {
    watchdog("futures_get_room_in_their_order_and_nobody_overtakes", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 1);
        let (_, waker) = wakes();
        let mut queued = executor.submit(|| 0).unwrap();
        let mut futures: Vec<_> = (1..5).map(|n| executor.submit_async(move || n)).collect();
        assert!(futures.iter_mut().all(|future| poll(future, &waker).is_pending()));
        for n in 1..5 {
            queued.abort();
            // The room is kept: nobody else gets it, and nobody who stands further back.
            assert_eq!(executor.queue_len(), 0);
            assert_eq!(executor.try_submit(|| 9).unwrap_err().reason(), RejectedReason::Full);
            assert!(futures.iter_mut().skip(1).all(|future| poll(future, &waker).is_pending()));
            let mut first = futures.remove(0);
            let Poll::Ready(handle) = poll(&mut first, &waker) else { panic!("{n} is next") };
            queued = handle.unwrap();
        }
        stuck.release();
        assert_eq!(queued.join().unwrap(), 4);
    });
}

#[test]
fn a_future_that_is_dropped_gives_its_place_back() {
    watchdog("a_future_that_is_dropped_gives_its_place_back", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 1);
        let drops = Drops::default();
        let future = || {
            let token = drops.token();
            executor.submit_async(move || drop(token))
        };
        let queued = executor.submit(|| 0).unwrap();
        let (wakes, waker) = wakes();
        let [mut a, mut b, mut c] = [future(), future(), future()];
        for future in [&mut a, &mut b, &mut c] {
            assert!(poll(future, &waker).is_pending());
        }
        drop(b);
        queued.abort();
        assert_eq!((wakes.0.load(SeqCst), drops.count()), (1, 1));
        // It has been given room, which goes on to the next.
        drop(a);
        assert_eq!((wakes.0.load(SeqCst), drops.count()), (2, 2));
        assert!(poll(&mut c, &waker).is_ready());
        stuck.release();
        wait_until(|| drops.count() == 3);
    });
}

#[test]
fn a_future_ends_with_the_executor_and_hands_back() {
    watchdog("a_future_ends_with_the_executor_and_hands_back", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 1);
        let queued = executor.submit(|| 0).unwrap();
        let (wakes, waker) = wakes();
        let mut future = executor.submit_async(|| 7);
        assert!(poll(&mut future, &waker).is_pending());
        drop(executor.shutdown_now());
        assert_eq!(wakes.0.load(SeqCst), 1);
        let Poll::Ready(Err(rejected)) = poll(&mut future, &waker) else { panic!("it is closed") };
        assert_eq!(rejected.reason(), RejectedReason::ShutDown);
        assert_eq!(rejected.into_inner()(), 7);
        let mut late = executor.submit_async(|| 8);
        assert!(matches!(poll(&mut late, &waker), Poll::Ready(Err(_))));
        assert!(queued.join().unwrap_err().is_shut_down());
        stuck.release();
    });
}

#[test]
fn a_submitter_that_gives_up_lets_the_next_in() {
    watchdog("a_submitter_that_gives_up_lets_the_next_in", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 4);
        let queued: Vec<_> = (0..4).map(|n| executor.submit(move || n).unwrap()).collect();
        // A batch that wants all, in front of one that wants little.
        let front = {
            let executor = executor.clone();
            thread::spawn(move || {
                let patient = Executor::submit_all(&executor, (0..4).map(|n| move || n));
                patient.map(|handles| handles.len()).map_err(|rejected| rejected.reason())
            })
        };
        wait_until(|| executor.metrics().blocked == 4);
        queued[0].abort();
        let timed_out = executor.submit_timeout(|| 5, Duration::from_millis(5)).unwrap_err();
        assert_eq!(timed_out.reason(), RejectedReason::TimedOut, "nobody is overtaken");
        queued.iter().for_each(|handle| handle.abort());
        assert_eq!(front.join().unwrap(), Ok(4));
        stuck.release();
    });
}

/// Each has its own bound; a full one does not stop the others.
#[test]
fn executors_on_one_pool_do_not_share_their_bounds() {
    each_size("executors_on_one_pool_do_not_share_their_bounds", |workers| {
        let pool = pool(workers);
        let executors = [1, 2, 3].map(|capacity| executor(&pool, capacity));
        let ran = Arc::new(AtomicUsize::new(0));
        thread::scope(|s| {
            for executor in &executors {
                s.spawn(|| {
                    for _ in 0..300 {
                        let ran = Arc::clone(&ran);
                        executor.execute(move || _ = ran.fetch_add(1, SeqCst)).unwrap();
                    }
                });
            }
        });
        let total: u64 = executors
            .iter()
            .map(|executor| {
                let _ = executor.shutdown(Shutdown::Drain);
                executor.metrics().completed
            })
            .sum();
        assert_eq!((ran.load(SeqCst), total), (900, 900));
        usable(&pool);
    });
}

/// A closure that waits for a later one of the same queue: a worker is found for that one, if only the
/// one that waits.
#[test]
fn a_closure_can_wait_for_a_later_one() {
    each_size("a_closure_can_wait_for_a_later_one", |workers| {
        let pool = pool(workers);
        let executor = Executor::builder(&pool).build().unwrap();
        let inner = executor.clone();
        let outer = executor.submit(move || {
            let later: Vec<_> = (0..20).map(|n| inner.submit(move || n).unwrap()).collect();
            later.into_iter().map(|handle| handle.join().unwrap()).sum::<i32>()
        });
        assert_eq!(outer.unwrap().join().unwrap(), 190);
    });
}

/// What runs waits for a submitter that is blocked: it gets in although nothing else is taken.
#[test]
fn a_closure_can_wait_for_a_blocked_submitter() {
    watchdog("a_closure_can_wait_for_a_blocked_submitter", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = executor(&pool, 8);
        let is_in = Arc::new(AtomicUsize::new(0));
        let wait = Arc::clone(&is_in);
        executor.execute(move || wait_until(|| wait.load(SeqCst) == 1)).unwrap();
        (0..7).for_each(|_| executor.execute(|| ()).unwrap());
        let blocked = {
            let executor = executor.clone();
            thread::spawn(move || {
                executor.execute(|| ()).unwrap();
                is_in.store(1, SeqCst);
            })
        };
        wait_until(|| executor.metrics().blocked == 1);
        stuck.release();
        blocked.join().unwrap();
        let _ = executor.shutdown(Shutdown::Drain);
        assert_eq!(executor.metrics().completed, 9);
    });
}

#[test]
fn closures_start_in_their_order() {
    watchdog("closures_start_in_their_order", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = Executor::builder(&pool).build().unwrap();
        let order = Arc::new(support::sync::Mutex::new(Vec::new()));
        for n in 0..200 {
            let order = Arc::clone(&order);
            executor.execute(move || order.lock().unwrap().push(n)).unwrap();
        }
        stuck.release();
        let _ = executor.shutdown(Shutdown::Drain);
        assert!(order.lock().unwrap().iter().copied().eq(0..200));
    });
}
