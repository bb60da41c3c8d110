//! `map`, `invoke_all` and `invoke_any` on an elastic pool keep to its threads, its bound and its policy, and so does
//! `submit_timeout`.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{
    Elastic, ElasticBuilder, InvokeFailure, RejectedReason, RejectionPolicy, Shutdown, task,
};
use std::time::Duration;
use support::sync::mpsc::{self, Sender};
use support::{caught, each_size, pool, text, thrown, watchdog};

const LONG: Duration = Duration::from_secs(60);

fn elastic(threads: usize, options: impl FnOnce(ElasticBuilder) -> ElasticBuilder) -> Elastic {
    options(Elastic::builder().max_threads(threads)).build().unwrap()
}

/// Keeps one thread of the pool until what it returns is dropped.
fn occupy(pool: &Elastic) -> Sender<()> {
    let (go, gone) = mpsc::channel();
    let (began, has_begun) = mpsc::channel();
    drop(pool.submit(move || {
        began.send(()).unwrap();
        let _ = gone.recv();
    }));
    has_begun.recv().unwrap();
    go
}

#[test]
fn map_keeps_order_and_bounds() {
    watchdog("map_keeps_order_and_bounds", || {
        for policy in [RejectionPolicy::Block, RejectionPolicy::CallerRuns] {
            let pool = elastic(2, |builder| builder.queue_capacity(1).on_full(policy));
            let doubled = pool.map(0.., |n: u32| 2 * n).take(200);
            assert!(doubled.eq((0..200).map(|n| 2 * n)));
            let mut any: Vec<_> = pool.map_unordered(0..200, |n: u32| n).collect();
            any.sort_unstable();
            assert!(any.into_iter().eq(0..200));
            assert!(pool.metrics().largest <= 2);
        }
    });
}

#[test]
fn any_number_of_threads_will_do() {
    watchdog("any_number_of_threads_will_do", || {
        let pool = elastic(usize::MAX, |builder| builder);
        assert!(pool.map(0..3, |n| n).eq(0..3));
    });
}

#[test]
fn a_worker_that_waits_for_them_runs_other_jobs() {
    each_size("a_worker_that_waits_for_them_runs_other_jobs", |workers| {
        let (pool, elastic) = (pool(workers), elastic(1, |builder| builder));
        let outcomes = pool.install(|| {
            let (sender, receiver) = mpsc::channel();
            // Nobody else has the time to run it.
            drop(scheduler::spawn(move || sender.send("help")));
            elastic.invoke_all([move || receiver.recv().unwrap()])
        });
        assert_eq!(outcomes.into_iter().next().unwrap().unwrap(), "help");
    });
}

#[test]
fn what_the_policy_refuses_says_so() {
    watchdog("what_the_policy_refuses_says_so", || {
        for policy in [RejectionPolicy::Abort, RejectionPolicy::Discard] {
            let pool = elastic(1, |builder| builder.queue_capacity(2).on_full(policy));
            let go = occupy(&pool);
            let results = pool.invoke_all_timeout([|| 1; 3], Duration::ZERO);
            let errors: Vec<_> =
                results.into_iter().map(|result| result.unwrap().unwrap_err()).collect();
            assert!(errors[0].is_aborted() && errors[1].is_aborted() && errors[2].is_discarded());
            drop(go);
        }
    });
}

#[test]
fn after_a_shutdown_they_say_so() {
    watchdog("after_a_shutdown_they_say_so", || {
        let pool = elastic(1, |builder| builder);
        let mut mapped = pool.map(0.., |n: u32| n);
        assert_eq!(mapped.next(), Some(0));
        // What has been drawn is run.
        let _ = pool.shutdown(Shutdown::Drain);
        assert_eq!(mapped.next(), Some(1));
        let error = pool.invoke_any([|| Ok::<(), ()>(())]).unwrap_err();
        let [InvokeFailure::Join(error)] = error.failures() else { panic!("{error:?}") };
        assert!(error.is_shut_down());
        assert!(pool.invoke_all([|| ()])[0].as_ref().unwrap_err().is_shut_down());
        drop(pool);
        let panic = caught(|| mapped.nth(2));
        let expected = "the closure did not run: its pool or executor has been shut down";
        assert_eq!(text(&*panic), Some(expected));
    });
}

#[test]
fn the_first_success_cancels_the_others() {
    watchdog("the_first_success_cancels_the_others", || {
        let pool = elastic(2, |builder| builder);
        let (began, has_begun) = mpsc::channel();
        let waits = move || {
            began.send(()).unwrap();
            task::token().unwrap().wait();
            Err("cancelled")
        };
        let first = move || {
            has_begun.recv().unwrap();
            Ok("first")
        };
        type Closure = Box<dyn FnOnce() -> Result<&'static str, &'static str> + Send>;
        let closures: [Closure; 2] = [Box::new(waits), Box::new(first)];
        assert_eq!(pool.invoke_any(closures).unwrap(), "first");
        // Not before the other has seen it.
        let _ = pool.shutdown(Shutdown::Drain);
        assert_eq!(pool.metrics().completed, 2);
    });
}

#[test]
fn a_panic_comes_out_where_its_item_would() {
    watchdog("a_panic_comes_out_where_its_item_would", || {
        let pool = elastic(2, |builder| builder);
        let mut items = pool.map(0..3, |n| if n == 1 { support::throw("one") } else { n });
        assert_eq!(items.next(), Some(0));
        assert_eq!(thrown(|| items.next()), "one");
        assert_eq!(items.next(), Some(2));
    });
}

#[test]
fn a_time_for_room_is_kept_whatever_the_policy_is() {
    watchdog("a_time_for_room_is_kept_whatever_the_policy_is", || {
        for policy in [RejectionPolicy::Abort, RejectionPolicy::Block, RejectionPolicy::CallerRuns]
        {
            let pool = elastic(1, |builder| builder.queue_capacity(0).on_full(policy));
            let go = occupy(&pool);
            let mut late = || "late";
            for timeout in [Duration::ZERO, Duration::from_millis(1)] {
                let rejected = pool.submit_timeout(late, timeout).unwrap_err();
                assert_eq!(rejected.reason(), RejectedReason::TimedOut);
                late = rejected.into_inner();
            }
            assert_eq!(pool.metrics().rejected, 2);
            let handle = std::thread::scope(|scope| {
                let waits = scope.spawn(|| pool.submit_timeout(late, LONG));
                drop(go);
                waits.join().unwrap().unwrap()
            });
            assert_eq!(handle.join().unwrap(), "late");
            let _ = pool.shutdown(Shutdown::Drain);
            let rejected = pool.submit_timeout(late, LONG).unwrap_err();
            assert_eq!(rejected.reason(), RejectedReason::ShutDown);
        }
    });
}

/// It would wait for itself.
#[test]
fn a_thread_of_the_pool_runs_what_finds_no_room() {
    watchdog("a_thread_of_the_pool_runs_what_finds_no_room", || {
        let pool = std::sync::Arc::new(elastic(1, |builder| builder.queue_capacity(0)));
        let inner = std::sync::Arc::clone(&pool);
        let nested = pool.submit(move || {
            let here = std::thread::current().id();
            let handle = inner.submit_timeout(|| std::thread::current().id(), LONG).unwrap();
            (here, handle.join().unwrap())
        });
        let (outer, inner) = nested.unwrap().join().unwrap();
        assert_eq!(outer, inner);
        // The closure's reference may be the last: a pool that ends on its own thread does not wait for it.
        drop(pool);
    });
}
