//! `map`, `invoke_all` and `invoke_any` through an executor keep to its bound and its policy.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{
    CancellationToken, Executor, InvokeFailure, RejectionPolicy, Shutdown, ThreadPool, task,
};
use std::time::Duration;
use support::{Stuck, caught, each_size, pool, text, thrown, watchdog};

fn executor(pool: &ThreadPool, capacity: usize, policy: RejectionPolicy) -> Executor {
    Executor::builder(pool).queue_capacity(capacity).on_full(policy).build().unwrap()
}

#[test]
fn map_keeps_order_and_bound() {
    each_size("map_keeps_order_and_bound", |workers| {
        let pool = pool(workers);
        for policy in [RejectionPolicy::Block, RejectionPolicy::CallerRuns] {
            let executor = executor(&pool, 1, policy);
            let doubled = executor.map(0.., |n: u32| 2 * n).take(200);
            assert!(doubled.eq((0..200).map(|n| 2 * n)));
            let mut any: Vec<_> = executor.map_unordered(0..200, |n: u32| n).collect();
            any.sort_unstable();
            assert!(any.into_iter().eq(0..200));
            assert!(executor.metrics().high_water <= 1);
        }
    });
}

#[test]
fn on_the_only_worker_it_goes_on() {
    watchdog("on_the_only_worker_it_goes_on", || {
        let pool = pool(1);
        let executor = executor(&pool, 1, RejectionPolicy::Block);
        let sum = pool.install(|| executor.map(1..=50, |n: u32| n).sum::<u32>());
        assert_eq!(sum, 1275);
        let all = pool.install(|| executor.invoke_all((0..50).map(|n| move || n)));
        assert!(all.into_iter().map(Result::unwrap).eq(0..50));
    });
}

#[test]
fn what_the_policy_refuses_says_so() {
    watchdog("what_the_policy_refuses_says_so", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        for policy in [RejectionPolicy::Abort, RejectionPolicy::Discard] {
            let executor = executor(&pool, 2, policy);
            let results = executor.invoke_all_timeout([|| 1; 3], Duration::ZERO);
            let errors: Vec<_> =
                results.into_iter().map(|result| result.unwrap().unwrap_err()).collect();
            assert!(errors[0].is_aborted() && errors[1].is_aborted() && errors[2].is_discarded());
        }
        stuck.release();
        let executor = executor(&pool, 2, RejectionPolicy::Abort);
        let _ = executor.shutdown(Shutdown::Drain);
        let error = executor.invoke_any([|| Ok::<(), ()>(())]).unwrap_err();
        let [InvokeFailure::Join(error)] = error.failures() else { panic!("{error:?}") };
        assert!(error.is_shut_down());
        let panic = caught(|| executor.map([1], |n: u32| n).next());
        let expected = "the closure did not run: its pool or executor has been shut down";
        assert_eq!(text(&*panic), Some(expected));
    });
}

#[test]
fn a_panic_comes_out_where_its_item_would() {
    each_size("a_panic_comes_out_where_its_item_would", |workers| {
        let pool = pool(workers);
        let executor = executor(&pool, 1, RejectionPolicy::Block);
        let mut items = executor.map(0..3, |n| if n == 1 { support::throw("one") } else { n });
        assert_eq!(items.next(), Some(0));
        assert_eq!(thrown(|| items.next()), "one");
        assert_eq!(items.next(), Some(2));
    });
}

/// What the caller runs for want of room is no part of the caller's task.
#[test]
fn a_closure_that_its_caller_runs_has_not_its_token() {
    watchdog("a_closure_that_its_caller_runs_has_not_its_token", || {
        let pool = pool(2);
        let executor = executor(&pool, 1, RejectionPolicy::CallerRuns);
        let stuck = Stuck::new(&pool, 1);
        let token = CancellationToken::new();
        token.cancel();
        let seen = pool.install(|| {
            token.run(|| {
                // The first waits for a worker; the second finds no room.
                let waits = executor.submit(|| ());
                let here = executor.submit(|| (task::is_cancelled(), task::token().is_none()));
                assert!(task::is_cancelled());
                (waits, here.unwrap().try_join().expect("it has run here").unwrap())
            })
        });
        assert_eq!(seen.1, (false, true));
        stuck.release();
    });
}
