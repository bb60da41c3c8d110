//! `map` and `map_unordered`: every value once, in order or as it is ready; lazy, with a bounded window; a panic comes at
//! its item's turn; what is left when they are dropped does not run.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Executor, RejectionPolicy, Shutdown, ThreadPool};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use support::sync::{Arc, Mutex, mpsc, thread};
use support::{
    Drops, Stuck, caught, inside_and_outside, pool, text, throw, thrown, usable, wait_until,
    watchdog,
};

/// Counts what is drawn from it; has no end.
struct Endless(Arc<AtomicUsize>);

impl Iterator for Endless {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        Some(self.0.fetch_add(1, SeqCst))
    }
}

#[test]
fn values_come_in_the_order_of_the_items() {
    inside_and_outside("values_come_in_the_order_of_the_items", |pool| {
        let values: Vec<usize> = pool.map(0..1000, |n| 2 * n).collect();
        assert!(values.into_iter().eq((0..1000).map(|n| 2 * n)));
        let mut values: Vec<usize> = pool.map_unordered(0..1000, |n| 2 * n).collect();
        values.sort_unstable();
        assert!(values.into_iter().eq((0..1000).map(|n| 2 * n)));
    });
}

#[test]
fn unordered_values_come_as_they_are_ready() {
    watchdog("unordered_values_come_as_they_are_ready", || {
        let pool = pool(3);
        let (gates, gated): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel::<()>()).unzip();
        let mut values = pool.map_unordered(gated.into_iter().enumerate(), |(n, gone)| {
            gone.recv().unwrap();
            n
        });
        for n in [1, 2, 0] {
            gates[n].send(()).unwrap();
            assert_eq!(values.next(), Some(n));
        }
        assert_eq!(values.next(), None);
    });
}

#[test]
fn an_endless_iterator_is_drawn_no_further_than_the_window() {
    inside_and_outside("an_endless_iterator_is_drawn_no_further_than_the_window", |pool| {
        for window in [1, 2, 7] {
            for ordered in [true, false] {
                let drawn = Arc::new(AtomicUsize::new(0));
                let items = Endless(Arc::clone(&drawn));
                let mut values: Box<dyn Iterator<Item = usize>> = if ordered {
                    Box::new(pool.map(items, |n| n).window(window))
                } else {
                    Box::new(pool.map_unordered(items, |n| n).window(window))
                };
                assert_eq!(drawn.load(SeqCst), 0, "nothing before the first call");
                for returned in 1..50 {
                    values.next().expect("it has no end");
                    assert_eq!(drawn.load(SeqCst), returned - 1 + window);
                }
            }
        }
    });
}

#[test]
fn the_window_is_twice_the_workers_and_at_least_one() {
    watchdog("the_window_is_twice_the_workers_and_at_least_one", || {
        let pool = pool(3);
        for (window, expected) in [(None, 6), (Some(0), 1)] {
            let drawn = Arc::new(AtomicUsize::new(0));
            let mut values = pool.map(Endless(Arc::clone(&drawn)), |n| n);
            if let Some(window) = window {
                values = values.window(window);
            }
            assert_eq!((values.next(), drawn.load(SeqCst)), (Some(0), expected));
        }
    });
}

#[test]
fn no_more_run_at_once_than_the_window() {
    watchdog("no_more_run_at_once_than_the_window", || {
        let pool = pool(8);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (r, m) = (Arc::clone(&running), Arc::clone(&most));
        let work = move |n: u32| {
            m.fetch_max(r.fetch_add(1, SeqCst) + 1, SeqCst);
            thread::yield_now();
            r.fetch_sub(1, SeqCst);
            n
        };
        assert_eq!(pool.map(0..500, work).window(3).sum::<u32>(), 124_750);
        assert!(most.load(SeqCst) <= 3);
    });
}

#[test]
fn a_panic_comes_at_its_turn_and_the_rest_after_it() {
    inside_and_outside("a_panic_comes_at_its_turn_and_the_rest_after_it", |pool| {
        let mut values = pool.map(0..10, |n| if n == 4 { throw("four") } else { n });
        assert!(values.by_ref().take(4).eq(0..4));
        assert_eq!(thrown(|| values.next()), "four");
        assert!(values.eq(5..10));

        let mut values = pool.map_unordered(0..10, |n| if n == 4 { throw("four") } else { n });
        let (mut sum, mut panics) = (0, 0);
        for _ in 0..10 {
            match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| values.next())) {
                Ok(n) => sum += n.expect("ten outcomes"),
                Err(payload) => {
                    assert_eq!(support::what(payload), "four");
                    panics += 1;
                }
            }
        }
        assert_eq!((sum, panics, values.next()), (41, 1, None));
    });
}

#[test]
fn a_panic_of_the_items_passes_through() {
    watchdog("a_panic_of_the_items_passes_through", || {
        let pool = pool(2);
        let items = || (0..).map(|n| if n == 3 { throw("items") } else { n });
        let mut values = pool.map(items(), |n| n).window(2);
        assert_eq!((values.next(), values.next()), (Some(0), Some(1)));
        // The window is filled first.
        assert_eq!(thrown(|| values.next()), "items");
        assert_eq!(values.next(), Some(2), "what was drawn is not lost");
        let mut values = pool.map_unordered(items(), |n| n).window(8);
        assert_eq!(thrown(|| values.next()), "items");
        drop(values);
        usable(&pool);
    });
}

/// The item that it was asked about is lost; what had been drawn before is not.
#[test]
fn a_panic_of_a_policy_passes_through() {
    watchdog("a_panic_of_a_policy_passes_through", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = Executor::builder(&pool)
            .queue_capacity(1)
            .on_full(RejectionPolicy::custom(|_| throw("policy")))
            .build()
            .unwrap();
        let mut values = executor.map(0..4, |n| n).window(2);
        let mut unordered = executor.map_unordered(10..12, |n| n).window(1);
        // The first is queued, the second is lost; then there is no room for the others either.
        assert_eq!(thrown(|| values.next()), "policy");
        assert_eq!(thrown(|| unordered.next()), "policy");
        stuck.release();
        let has_room = || wait_until(|| executor.queue_len() == 0);
        has_room();
        assert_eq!((unordered.next(), unordered.next()), (Some(11), None));
        for expected in [Some(0), Some(2), Some(3), None] {
            has_room();
            assert_eq!(values.next(), expected);
        }
        usable(&pool);
    });
}

/// On one worker: the first item is done, the second runs until `go` is dropped, the rest is queued.
fn begun(
    pool: &ThreadPool,
    drops: &Drops,
    ordered: bool,
) -> (mpsc::Sender<()>, Box<dyn Iterator<Item = ()>>) {
    let (go, gone) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let gone = Mutex::new(Some(gone));
    let made = drops.clone();
    let items = (0..).map(move |n| (n, made.token()));
    let work = move |(n, _token)| {
        if n == 1 {
            begun.send(()).unwrap();
            let gone = gone.lock().unwrap().take().expect("one second item");
            let _ = gone.recv();
        }
    };
    let mut values: Box<dyn Iterator<Item = ()>> = if ordered {
        Box::new(pool.map(items, work).window(8))
    } else {
        Box::new(pool.map_unordered(items, work).window(8))
    };
    assert_eq!(values.next(), Some(()));
    has_begun.recv().unwrap();
    (go, values)
}

#[test]
fn dropping_it_aborts_what_has_not_begun() {
    watchdog("dropping_it_aborts_what_has_not_begun", || {
        for ordered in [true, false] {
            let (pool, drops) = (pool(1), Drops::default());
            let (go, values) = begun(&pool, &drops, ordered);
            assert_eq!(drops.count(), 1);
            drop(values);
            assert_eq!(drops.count(), 7, "all but the one that runs, at once");
            drop(go);
            usable(&pool);
            drop(pool);
            assert_eq!(drops.count(), 8);
        }
    });
}

#[test]
fn a_shutdown_comes_at_each_turn() {
    watchdog("a_shutdown_comes_at_each_turn", || {
        for ordered in [true, false] {
            let (pool, drops) = (pool(1), Drops::default());
            let (go, mut values) = begun(&pool, &drops, ordered);
            thread::scope(|s| {
                s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
                wait_until(|| drops.count() == 7);
                drop(go);
            });
            let mut outcomes = (0..20).map(|_| {
                let next = std::panic::AssertUnwindSafe(|| values.next());
                let payload = std::panic::catch_unwind(next).err()?;
                text(&*payload).map(str::to_owned)
            });
            let refused = outcomes.by_ref().flatten().take(10).collect::<Vec<_>>();
            assert_eq!(
                refused,
                ["the closure did not run: its pool or executor has been shut down"; 10]
            );
        }
    });
}

#[test]
fn maps_within_maps_on_one_worker() {
    inside_and_outside("maps_within_maps_on_one_worker", |pool| {
        let inner = |n: u64| scheduler::map(0..n, |m| m).sum::<u64>();
        let total: u64 = pool.map(0..30, inner).sum();
        assert_eq!(total, (0..30).map(|n: u64| n * n.saturating_sub(1) / 2).sum());
        let inner = |n: u64| scheduler::map_unordered(0..n, |m| m).sum::<u64>();
        assert_eq!(pool.map_unordered(0..30, inner).sum::<u64>(), total);
    });
}

#[test]
fn the_free_functions_use_the_current_pool() {
    watchdog("the_free_functions_use_the_current_pool", || {
        let pool = pool(3);
        pool.install(|| {
            assert!(scheduler::map(0..20, |_| scheduler::current_num_threads()).all(|n| n == 3));
            let mut sizes = scheduler::map_unordered(0..20, |_| scheduler::current_num_threads());
            assert!(sizes.all(|n| n == 3));
        });
    });
}

#[test]
fn it_knows_its_length_and_stays_at_its_end() {
    watchdog("it_knows_its_length_and_stays_at_its_end", || {
        /// Begins anew after its end.
        struct Restarts(u32);
        impl Iterator for Restarts {
            type Item = u32;
            fn next(&mut self) -> Option<u32> {
                self.0 += 1;
                (!self.0.is_multiple_of(3)).then_some(self.0)
            }
        }
        let pool = pool(2);
        let mut values = pool.map(vec![1, 2, 3, 4, 5, 6, 7], |n| n);
        for left in (0..7).rev() {
            assert!(values.next().is_some());
            assert_eq!((values.len(), values.size_hint()), (left, (left, Some(left))));
        }
        let mut values = pool.map(Restarts(0), |n| n);
        assert_eq!(
            (0..5).map(|_| values.next()).collect::<Vec<_>>(),
            [Some(1), Some(2), None, None, None]
        );
        let values = pool.map_unordered(Restarts(0), |n| n);
        assert_eq!(values.count(), 2);
        let mut values = pool.map_unordered(vec![1, 2, 3], |n| n);
        values.next();
        assert_eq!(values.len(), 2);
    });
}

#[test]
fn the_function_is_dropped_with_the_last_call() {
    watchdog("the_function_is_dropped_with_the_last_call", || {
        let (pool, drops) = (pool(2), Drops::default());
        let token = drops.token();
        let values = pool.map(0..100, move |n| {
            let _ = &token;
            n
        });
        assert_eq!(values.sum::<i32>(), 4950);
        drop(pool);
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a_report_names_the_line_of_the_call() {
    watchdog("a_report_names_the_line_of_the_call", || {
        let pool = pool(1);
        let (go, gone) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        let gone = Mutex::new(gone);
        thread::scope(|s| {
            let line = line!() + 1;
            let mut values = pool.map(0..1, move |_| {
                begun.send(()).unwrap();
                let _ = gone.lock().unwrap().recv();
            });
            s.spawn(move || values.next());
            has_begun.recv().unwrap();
            let report = pool.shutdown(Shutdown::DrainFor(Duration::ZERO));
            let lines: Vec<_> = report.stragglers.iter().map(|s| s.spawned_at.line()).collect();
            assert_eq!(lines, [line]);
            drop(go);
        });
    });
}

#[test]
fn a_pool_that_is_shut_down_refuses() {
    let pool = pool(1);
    let _ = pool.shutdown(Shutdown::Drain);
    let payload = caught(|| pool.map(0.., |n: u32| n).next());
    assert_eq!(
        text(&*payload),
        Some("the closure did not run: its pool or executor has been shut down")
    );
    let payload = caught(|| pool.map_unordered(0.., |n: u32| n).next());
    assert_eq!(
        text(&*payload),
        Some("the closure did not run: its pool or executor has been shut down")
    );
}
