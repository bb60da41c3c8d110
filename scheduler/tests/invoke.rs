//! `invoke_all` and `invoke_any`: the results of all closures, with a time limit or without, or the first success.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{InvokeFailure, JoinHandle, Shutdown};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use support::sync::{Arc, mpsc, thread};
use support::{
    Drops, Stuck, inside_and_outside, pool, throw, thrown, usable, wait_until, watchdog, what,
};

const SHORT: Duration = Duration::from_millis(2);

type Boxed<T> = Box<dyn FnOnce() -> T + Send>;

#[test]
fn all_results_in_the_order_of_the_closures() {
    inside_and_outside("all_results_in_the_order_of_the_closures", |pool| {
        let results = pool.invoke_all((0..300).map(|n| move || n));
        assert!(results.into_iter().map(Result::unwrap).eq(0..300));
        assert!(pool.invoke_all(None::<fn()>).is_empty());
    });
}

#[test]
fn a_panic_is_one_result_among_others() {
    inside_and_outside("a_panic_is_one_result_among_others", |pool| {
        let closures: [Boxed<u32>; 3] =
            [Box::new(|| 1), Box::new(|| throw("second")), Box::new(|| 3)];
        let [first, second, third] = <[_; 3]>::try_from(pool.invoke_all(closures)).unwrap();
        assert_eq!((first.unwrap(), third.unwrap()), (1, 3));
        assert_eq!(what(second.unwrap_err().into_panic()), "second");
    });
}

#[test]
fn nested_on_the_only_worker() {
    watchdog("nested_on_the_only_worker", || {
        fn sum(depth: u32) -> u32 {
            if depth == 0 {
                return 1;
            }
            let parts = scheduler::invoke_all((0..3).map(|_| move || sum(depth - 1)));
            parts.into_iter().map(Result::unwrap).sum()
        }
        assert_eq!(pool(1).install(|| sum(5)), 3u32.pow(5));
    });
}

#[test]
fn a_panic_of_the_iterator_aborts_what_has_not_begun() {
    watchdog("a_panic_of_the_iterator_aborts_what_has_not_begun", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let drops = Drops::default();
        let closures = || {
            (0..5).map(|n| {
                if n == 4 {
                    throw("iterator")
                }
                let token = drops.token();
                move || {
                    drop(token);
                    Ok::<(), ()>(())
                }
            })
        };
        assert_eq!(thrown(|| pool.invoke_all(closures())), "iterator");
        assert_eq!(thrown(|| pool.invoke_all_timeout(closures(), SHORT)), "iterator");
        assert_eq!(thrown(|| pool.invoke_any(closures())), "iterator");
        assert_eq!(drops.count(), 12, "at once, here");
        stuck.release();
        usable(&pool);
    });
}

#[test]
fn at_the_end_of_the_time_each_is_done_or_aborted_or_runs() {
    watchdog("at_the_end_of_the_time_each_is_done_or_aborted_or_runs", || {
        let pool = pool(1);
        let mut timeout = SHORT;
        // Until it is long enough for the second closure to begin.
        loop {
            let (go, gone) = mpsc::channel::<()>();
            let (begun, has_begun) = mpsc::channel();
            let drops = Drops::default();
            let token = drops.token();
            let closures: [Boxed<u32>; 3] = [
                Box::new(|| 1),
                Box::new(move || {
                    begun.send(()).unwrap();
                    let _ = gone.recv();
                    2
                }),
                Box::new(move || {
                    drop(token);
                    3
                }),
            ];
            let before = Instant::now();
            let results = pool.invoke_all_timeout(closures, timeout);
            assert!(before.elapsed() >= timeout, "it gave up early");
            let [first, second, third] = <[_; 3]>::try_from(results).unwrap();
            assert!(third.unwrap().unwrap_err().is_aborted());
            assert_eq!(drops.count(), 1);
            if has_begun.try_recv().is_ok() {
                assert_eq!(first.unwrap().unwrap(), 1);
                let running = second.unwrap_err();
                drop(go);
                assert_eq!(running.join().unwrap(), 2, "it goes on");
                return;
            }
            timeout *= 2;
        }
    });
}

#[test]
fn no_time_at_all() {
    watchdog("no_time_at_all", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let drops = Drops::default();
        for timeout in [Duration::ZERO, SHORT] {
            let before = Instant::now();
            let closures = (0..5).map(|_| {
                let token = drops.token();
                move || drop(token)
            });
            let results = pool.invoke_all_timeout(closures, timeout);
            assert!(before.elapsed() >= timeout, "it gave up early");
            assert_eq!(results.len(), 5);
            assert!(results.into_iter().all(|r| r.unwrap().unwrap_err().is_aborted()));
        }
        assert_eq!(drops.count(), 10);
        stuck.release();
        assert!(pool.invoke_all_timeout(None::<fn()>, Duration::MAX).is_empty());
    });
}

#[test]
fn enough_time() {
    inside_and_outside("enough_time", |pool| {
        let results = pool.invoke_all_timeout((0..50).map(|n| move || n), Duration::MAX);
        assert!(results.into_iter().map(|result| result.unwrap().unwrap()).eq(0..50));
    });
}

#[test]
fn no_time_on_the_only_worker() {
    watchdog("no_time_on_the_only_worker", || {
        let pool = pool(1);
        let results = pool.install(|| pool.invoke_all_timeout([|| 1, || 2], Duration::ZERO));
        assert!(results.into_iter().all(|r| r.unwrap().unwrap_err().is_aborted()));
    });
}

#[test]
fn the_first_success_is_enough() {
    inside_and_outside("the_first_success_is_enough", |pool| {
        let closures = (0..40).map(|n| move || if n == 23 { Ok(n) } else { Err(n) });
        assert_eq!(pool.invoke_any(closures).unwrap(), 23);
        let one = pool.invoke_any((0..40).map(|n| move || Ok::<_, ()>(n))).unwrap();
        assert!((0..40).contains(&one));
    });
}

#[test]
fn losers_are_aborted_or_go_on() {
    watchdog("losers_are_aborted_or_go_on", || {
        let pool = pool(2);
        let (go, gone) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        let ran = Arc::new(AtomicUsize::new(0));
        let drops = Drops::default();
        let first_ran = Arc::clone(&ran);
        let mut closures: Vec<Boxed<Result<u32, ()>>> = vec![
            Box::new(move || {
                begun.send(()).unwrap();
                let _ = gone.recv();
                first_ran.fetch_add(1, SeqCst);
                Ok(1)
            }),
            // Wins once the first runs, while the rest waits behind the two.
            Box::new(move || {
                has_begun.recv().unwrap();
                Ok(2)
            }),
        ];
        closures.extend((0..5).map(|_| {
            let (token, ran) = (drops.token(), Arc::clone(&ran));
            Box::new(move || {
                drop(token);
                ran.fetch_add(10, SeqCst);
                Err(())
            }) as Boxed<_>
        }));
        assert_eq!(pool.invoke_any(closures).unwrap(), 2);
        wait_until(|| drops.count() == 5);
        drop(go);
        drop(pool);
        assert_eq!(ran.load(SeqCst) % 10, 1, "what ran went on");
    });
}

#[test]
fn if_all_fail_all_failures_come_in_order() {
    inside_and_outside("if_all_fail_all_failures_come_in_order", |pool| {
        let fail = |n| move || -> Result<(), u32> { if n == 2 { throw("two") } else { Err(n) } };
        let error = pool.invoke_any((0..5).map(fail)).unwrap_err();
        assert_eq!(error.to_string(), "all 5 closures failed");
        assert_eq!(error.failures().len(), 5);
        for (n, failure) in (0..).zip(error.into_failures()) {
            match failure {
                InvokeFailure::Returned(returned) => assert_eq!(returned, n),
                InvokeFailure::Join(error) => {
                    assert_eq!((n, what(error.into_panic())), (2, "two"));
                }
            }
        }
        let none = pool.invoke_any(None::<fn() -> Result<(), u32>>).unwrap_err();
        assert!(none.failures().is_empty());
        assert_eq!(none.to_string(), "there was no closure to run");
    });
}

#[test]
fn a_panic_does_not_keep_another_from_winning() {
    inside_and_outside("a_panic_does_not_keep_another_from_winning", |pool| {
        let closure =
            |n| move || -> Result<u32, ()> { if n == 0 { throw("first") } else { Ok(n) } };
        assert_eq!(pool.invoke_any([0, 1].map(closure)).unwrap(), 1);
    });
}

#[test]
fn a_pool_that_is_shut_down_refuses() {
    watchdog("a_pool_that_is_shut_down_refuses", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        thread::scope(|s| {
            let waits = s.spawn(|| pool.invoke_all((0..5).map(|n| move || n)));
            let any = s.spawn(|| pool.invoke_any((0..5).map(|n| move || Ok::<u32, ()>(n))));
            // Whether the cancelling comes before them or after, nothing of theirs runs.
            s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
            assert!(waits.join().unwrap().into_iter().all(|r| r.unwrap_err().is_shut_down()));
            let failures = any.join().unwrap().unwrap_err().into_failures();
            assert_eq!(failures.len(), 5);
            for failure in failures {
                assert!(matches!(failure, InvokeFailure::Join(e) if e.is_shut_down()));
            }
            stuck.release();
        });
        let results = pool.invoke_all_timeout([|| 1], Duration::ZERO);
        assert!(results.into_iter().all(|r| r.unwrap().unwrap_err().is_shut_down()));
    });
}

#[test]
fn the_free_functions_use_the_current_pool() {
    watchdog("the_free_functions_use_the_current_pool", || {
        let size = || scheduler::current_num_threads();
        pool(3).install(|| {
            assert_eq!(scheduler::invoke_all([size])[0].as_ref().unwrap(), &3);
            assert_eq!(scheduler::invoke_any([move || Ok::<_, ()>(size())]).unwrap(), 3);
            let mut results = scheduler::invoke_all_timeout([size], Duration::MAX);
            assert_eq!(results.pop().unwrap().map_err(drop::<JoinHandle<_>>).unwrap().unwrap(), 3);
        });
    });
}

/// The losers of `invoke_any` that run already are asked to stop, with all that they have forked.
#[test]
fn running_losers_are_asked_to_stop() {
    watchdog("running_losers_are_asked_to_stop", || {
        let pool = pool(3);
        let (stopped, has_stopped) = mpsc::channel();
        let (began, has_begun) = mpsc::channel();
        let loser: Box<dyn FnOnce() -> Result<&'static str, ()> + Send> = Box::new(move || {
            scheduler::join(
                || wait_until(scheduler::task::is_cancelled),
                || {
                    began.send(()).unwrap();
                    wait_until(scheduler::task::is_cancelled);
                },
            );
            stopped.send(()).unwrap();
            Err(())
        });
        let winner: Box<dyn FnOnce() -> Result<&'static str, ()> + Send> = Box::new(move || {
            // The other one runs, on two workers.
            has_begun.recv().unwrap();
            Ok("first")
        });
        assert_eq!(pool.invoke_any([loser, winner]).unwrap(), "first");
        assert_eq!(has_stopped.recv(), Ok(()));
    });
}

/// The same, if the iterator panics when some of the closures run already.
#[test]
fn a_panic_of_the_iterator_stops_what_runs() {
    watchdog("a_panic_of_the_iterator_stops_what_runs", || {
        let pool = pool(2);
        let (began, has_begun) = mpsc::channel();
        let (stopped, has_stopped) = mpsc::channel();
        let mut first = Some(move || {
            let token = scheduler::task::token().expect("`invoke_any` has given it one");
            began.send(()).unwrap();
            wait_until(|| token.is_cancelled());
            stopped.send(()).unwrap();
            Err::<(), ()>(())
        });
        let closures = std::iter::from_fn(|| {
            first.take().or_else(|| {
                has_begun.recv().unwrap();
                throw("iterator")
            })
        });
        assert_eq!(thrown(|| pool.invoke_any(closures)), "iterator");
        assert_eq!(has_stopped.recv(), Ok(()));
        usable(&pool);
    });
}

/// What runs goes on, and has its say; what has not begun says that it was shut down.
#[test]
fn a_shutdown_in_the_middle_fails_each_that_has_not_begun() {
    watchdog("a_shutdown_in_the_middle_fails_each_that_has_not_begun", || {
        for through_executor in [false, true] {
            let pool = pool(1);
            let executor = scheduler::Executor::builder(&pool).build().unwrap();
            let (began, has_begun) = mpsc::channel();
            let (submits, submitted) = mpsc::channel();
            let (go, gone) = mpsc::channel::<()>();
            let mut running = Some((began, gone));
            let closures = (0..4).map(move |n| {
                let running = running.take();
                move || {
                    if let Some((began, gone)) = running {
                        began.send(()).unwrap();
                        let _ = gone.recv();
                    }
                    Err::<(), _>(n)
                }
            });
            // Asked for one more, when all are queued.
            let closures = closures.chain(std::iter::from_fn(move || {
                submits.send(()).unwrap();
                None
            }));
            let (pool, executor) = (&pool, &executor);
            let error = thread::scope(|s| {
                s.spawn(move || {
                    has_begun.recv().unwrap();
                    submitted.recv().unwrap();
                    drop(if through_executor {
                        executor.shutdown_now()
                    } else {
                        pool.shutdown_now()
                    });
                    drop(go);
                });
                if through_executor {
                    executor.invoke_any(closures).unwrap_err()
                } else {
                    pool.invoke_any(closures).unwrap_err()
                }
            });
            let [first, rest @ ..] = error.failures() else { panic!("four failures") };
            assert!(matches!(first, InvokeFailure::Returned(0)));
            assert_eq!(rest.len(), 3);
            let is_shut_down = |failure: &InvokeFailure<_>| matches!(failure, InvokeFailure::Join(error) if error.is_shut_down());
            assert!(rest.iter().all(is_shut_down));
        }
    });
}

/// The caller's own token reaches the closures.
#[test]
fn a_cancelled_caller_cancels_the_closures() {
    watchdog("a_cancelled_caller_cancels_the_closures", || {
        let pool = pool(2);
        let token = scheduler::CancellationToken::new();
        let canceller = token.clone();
        let closures = [move || {
            canceller.cancel();
            scheduler::task::checkpoint()
        }];
        let error = token.run(|| pool.invoke_any(closures)).unwrap_err();
        assert!(matches!(error.failures(), [InvokeFailure::Returned(scheduler::Cancelled)]));
    });
}
