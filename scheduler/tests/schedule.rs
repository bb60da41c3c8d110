//! Delayed and periodic work runs no earlier than it should, as often as it should, and never
//! after it has been aborted or its pool shut down.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Shutdown, ThreadPool};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::sync::{Arc, Mutex, mpsc, thread};
use support::{
    Bomb, Drops, Stuck, caught, pool, silence_thrown, text, throw, wait_until, watchdog, what,
};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Returns when all that is due now is in its pool's queue: the timer calls one after another, in the
/// order of their times.
fn let_the_timer_call_what_is_due() {
    pool(1).schedule(MS, || ()).join().unwrap();
}

/// With one worker; what its panic handler gets is received.
fn reporting_pool() -> (ThreadPool, mpsc::Receiver<&'static str>) {
    let (sender, receiver) = mpsc::channel();
    let sender = Mutex::new(sender);
    let handler = move |payload| sender.lock().unwrap().send(what(payload)).unwrap();
    let pool = ThreadPool::builder().num_threads(1).panic_handler(handler);
    (pool.build().unwrap(), receiver)
}

#[test]
fn a_delayed_closure_does_not_run_early() {
    watchdog("early", || {
        let pool = pool(1);
        for delay in [Duration::ZERO, MS, 20 * MS] {
            let begin = Instant::now();
            let handle = pool.schedule(delay, move || begin.elapsed());
            assert!(handle.join().unwrap() >= delay, "a delay of {delay:?}");
        }
    });
}

#[test]
fn it_runs_on_a_worker_of_its_pool() {
    watchdog("on a worker", || {
        let (one, other) = (pool(1), pool(2));
        let index = other.schedule(MS, scheduler::current_num_threads);
        // A worker that waits for it helps, and takes nothing from the other pool.
        assert_eq!(one.install(|| index.join().unwrap()), 2);
        let inside = one.install(|| one.schedule(MS, || 7));
        assert_eq!(inside.join().unwrap(), 7);
    });
}

#[test]
fn earlier_ones_come_first() {
    watchdog("order", || {
        let pool = pool(1);
        let (sender, receiver) = mpsc::channel();
        for number in [3, 1, 2] {
            let sender = sender.clone();
            drop(pool.schedule(number * 15 * MS, move || sender.send(number).unwrap()));
        }
        drop(sender);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [1, 2, 3]);
    });
}

#[test]
fn a_wait_with_a_limit_gives_the_handle_back() {
    watchdog("limit", || {
        let pool = pool(1);
        let handle = pool.schedule(HOUR, || 7);
        let handle = handle.join_timeout(Duration::ZERO).unwrap_err();
        let handle = handle.join_timeout(MS).unwrap_err();
        handle.try_join().unwrap_err().abort();
        let begin = Instant::now();
        let mut handle = pool.schedule(10 * MS, || 7);
        let value = loop {
            match handle.try_join() {
                Ok(value) => break value.unwrap(),
                Err(unfinished) => handle = unfinished,
            }
        };
        assert!(value == 7 && begin.elapsed() >= 10 * MS);
        let soon = pool.schedule(MS, || 8);
        assert_eq!(soon.join_timeout(Duration::MAX).unwrap().unwrap(), 8);
    });
}

#[test]
fn it_can_be_awaited() {
    watchdog("await", || {
        struct Unpark(thread::Thread);
        impl std::task::Wake for Unpark {
            fn wake(self: std::sync::Arc<Self>) {
                self.0.unpark();
            }
        }
        // Outlives the pool: ThreadSanitizer does not see how `std` counts its references.
        let waker = std::sync::Arc::new(Unpark(thread::current())).into();
        let pool = pool(1);
        let mut context = std::task::Context::from_waker(&waker);
        let mut handle = std::pin::pin!(pool.schedule(10 * MS, || 7));
        let value = loop {
            match handle.as_mut().poll(&mut context) {
                std::task::Poll::Ready(value) => break value.unwrap(),
                std::task::Poll::Pending => thread::park(),
            }
        };
        assert_eq!(value, 7);
    });
}

#[test]
fn its_panic_goes_to_the_handle_or_the_panic_handler() {
    watchdog("panic", || {
        let (pool, receiver) = reporting_pool();
        let handle = pool.schedule(MS, || throw("held"));
        assert_eq!(what(handle.join().unwrap_err().into_panic()), "held");
        drop(pool.schedule(MS, || throw("detached")));
        assert_eq!(receiver.recv().unwrap(), "detached");
    });
}

#[test]
fn abort_drops_it_at_once() {
    watchdog("abort", || {
        let pool = pool(1);
        let drops = Drops::default();
        let token = drops.token();
        let handle = pool.schedule(HOUR, move || drop(token));
        assert!(!handle.is_finished() && handle.remaining() > HOUR / 2);
        handle.abort();
        assert!(handle.is_finished());
        assert_eq!(drops.count(), 1);
        handle.abort();
        assert!(handle.join().unwrap_err().is_aborted());
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn abort_against_the_time() {
    watchdog("abort against the time", || {
        let pool = pool(2);
        let drops = Drops::default();
        let ran = Arc::new(AtomicUsize::new(0));
        let mut cancelled = 0;
        for _ in 0..300 {
            let (token, ran) = (drops.token(), Arc::clone(&ran));
            let handle = pool.schedule(MS / 20, move || {
                let _token = token;
                ran.fetch_add(1, Ordering::SeqCst);
            });
            thread::sleep(MS / 20);
            handle.abort();
            cancelled += usize::from(handle.join().is_err());
        }
        wait_until(|| drops.count() == 300);
        assert_eq!(ran.load(Ordering::SeqCst) + cancelled, 300);
    });
}

#[test]
fn a_detached_one_runs() {
    watchdog("detached", || {
        let pool = pool(1);
        let (sender, receiver) = mpsc::channel();
        drop(pool.schedule(MS, move || sender.send(()).unwrap()));
        receiver.recv().unwrap();
    });
}

#[test]
fn a_shutdown_does_not_wait_for_what_is_not_due() {
    let modes = [
        Shutdown::Drain,
        Shutdown::DrainFor(Duration::ZERO),
        Shutdown::DrainFor(HOUR),
        Shutdown::CancelQueued,
        Shutdown::Abort,
    ];
    for mode in modes {
        watchdog("shutdown", move || {
            let pool = pool(1);
            let drops = Drops::default();
            let (once, again) = (drops.token(), drops.token());
            let once = pool.schedule(HOUR, move || drop(once));
            let again = pool.schedule_at_fixed_rate(HOUR, MS, move || _ = &again);
            let _ = pool.shutdown(mode);
            assert_eq!(drops.count(), 2, "{mode:?}");
            assert!(once.is_finished() && again.is_finished(), "{mode:?}");
            assert!(once.join().unwrap_err().is_shut_down(), "{mode:?}");
            assert!(again.join().is_shut_down(), "{mode:?}");
        });
    }
}

#[test]
fn dropping_the_pool_drops_what_is_delayed() {
    watchdog("drop", || {
        let pool = pool(1);
        let drops = Drops::default();
        for _ in 0..100 {
            let token = drops.token();
            drop(pool.schedule(HOUR, move || drop(token)));
        }
        drop(pool);
        assert_eq!(drops.count(), 100);
    });
}

#[test]
fn what_comes_after_the_shutdown_is_refused() {
    watchdog("refused", || {
        let pool = pool(1);
        let _ = pool.shutdown(Shutdown::Drain);
        let drops = Drops::default();
        let (once, again) = (drops.token(), drops.token());
        let once = pool.schedule(Duration::ZERO, move || drop(once));
        let again = pool.schedule_with_fixed_delay(MS, MS, move || _ = &again);
        assert_eq!(drops.count(), 2);
        assert!(once.join().unwrap_err().is_shut_down());
        assert_eq!(again.runs(), 0);
        assert!(again.join().is_shut_down());
    });
}

#[test]
fn a_shutdown_against_the_time() {
    watchdog("shutdown against the time", || {
        for round in 0..100 {
            let pool = pool(1);
            let drops = Drops::default();
            let handles: Vec<_> = (0..20)
                .map(|n| {
                    let token = drops.token();
                    pool.schedule(n * MS / 10, move || drop(token))
                })
                .collect();
            let series = pool.schedule_at_fixed_rate(Duration::ZERO, MS / 10, || ());
            thread::sleep(MS * (round % 3));
            let mode = if round % 2 == 0 { Shutdown::Drain } else { Shutdown::Abort };
            let _ = pool.shutdown(mode);
            assert!(series.join().is_shut_down());
            for handle in handles {
                // Either is right; none may hang.
                let _ = handle.join();
            }
            assert_eq!(drops.count(), 20);
        }
    });
}

#[test]
fn what_is_due_and_queued_is_drained() {
    watchdog("drained", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let handle = pool.schedule(Duration::ZERO, || 7);
        let_the_timer_call_what_is_due();
        thread::scope(|scope| {
            let shutdown = scope.spawn(|| pool.shutdown(Shutdown::Drain));
            wait_until(|| pool.try_spawn(|| ()).is_err());
            stuck.release();
            assert!(shutdown.join().unwrap().ran >= 2);
        });
        assert_eq!(handle.join().unwrap(), 7);
    });
}

#[test]
fn a_destructor_that_panics_hurts_nobody() {
    watchdog("destructor", || {
        silence_thrown();
        let pool = pool(1);
        let bomb = Bomb("in a delayed closure");
        let handle = pool.schedule(HOUR, move || drop(bomb));
        handle.abort();
        assert!(handle.join().unwrap_err().is_aborted());
        let bomb = Bomb("in a series");
        let series = pool.schedule_at_fixed_rate(HOUR, HOUR, move || _ = &bomb);
        series.abort();
        assert!(series.join().is_aborted());
        let bomb = Bomb("at the shutdown");
        let handle = pool.schedule(HOUR, move || drop(bomb));
        let _ = pool.shutdown(Shutdown::Drain);
        assert!(handle.join().unwrap_err().is_shut_down());
    });
}

#[test]
fn a_fixed_rate_does_not_run_early_and_catches_up() {
    watchdog("rate", || {
        let pool = pool(1);
        let (sender, receiver) = mpsc::channel();
        let begin = Instant::now();
        let mut number = 0_u32;
        let series = pool.schedule_at_fixed_rate(5 * MS, 4 * MS, move || {
            let _ = sender.send((number, begin.elapsed()));
            if number == 0 {
                // The next five are late by then, and come one after another.
                thread::sleep(25 * MS);
            }
            number += 1;
        });
        for (number, at) in receiver.iter().take(12) {
            assert!(at >= 5 * MS + number * 4 * MS, "run {number} at {at:?}");
        }
        series.abort();
        assert!(series.join().is_aborted());
    });
}

#[test]
fn a_fixed_delay_is_kept_between_runs() {
    watchdog("delay", || {
        let pool = pool(1);
        let (sender, receiver) = mpsc::channel();
        let series = pool.schedule_with_fixed_delay(Duration::ZERO, 5 * MS, move || {
            let begin = Instant::now();
            thread::sleep(2 * MS);
            let _ = sender.send((begin, Instant::now()));
        });
        let runs: Vec<_> = receiver.iter().take(4).collect();
        series.abort();
        for pair in runs.windows(2) {
            assert!(pair[1].0 - pair[0].1 >= 5 * MS);
        }
    });
}

#[test]
fn runs_of_a_series_do_not_overlap() {
    watchdog("overlap", || {
        let pool = pool(4);
        let running = Arc::new(AtomicBool::new(false));
        let series = pool.schedule_at_fixed_rate(Duration::ZERO, MS / 10, move || {
            assert!(!running.swap(true, Ordering::SeqCst), "two at once");
            thread::sleep(MS / 2);
            running.store(false, Ordering::SeqCst);
        });
        wait_until(|| series.runs() >= 20 || series.is_finished());
        series.abort();
        assert!(series.join().is_aborted(), "no panic");
    });
}

#[test]
fn abort_ends_a_series_also_from_within() {
    watchdog("abort a series", || {
        let pool = pool(2);
        let drops = Drops::default();
        let token = drops.token();
        let (sender, receiver) = mpsc::channel::<scheduler::PeriodicHandle>();
        let series = pool.schedule_at_fixed_rate(Duration::ZERO, MS, move || {
            let _token = &token;
            let series = receiver.recv().unwrap();
            series.abort();
            assert!(!series.is_finished(), "this run is under way");
        });
        sender.send(series).unwrap();
        wait_until(|| drops.count() == 1);
    });
}

#[test]
fn a_panic_ends_the_series() {
    watchdog("panic in a series", || {
        let pool = pool(1);
        let mut left = 3;
        let series = pool.schedule_with_fixed_delay(Duration::ZERO, MS, move || {
            if left == 0 {
                throw("none left");
            }
            left -= 1;
        });
        wait_until(|| series.is_finished());
        assert_eq!(series.runs(), 3);
        assert_eq!(what(series.join().into_panic()), "none left");
        support::usable(&pool);
    });
}

#[test]
fn an_unseen_panic_of_a_series_goes_to_the_panic_handler() {
    watchdog("unseen panic", || {
        let (pool, receiver) = reporting_pool();
        drop(pool.schedule_at_fixed_rate(MS, MS, || throw("detached")));
        assert_eq!(receiver.recv().unwrap(), "detached");
        let series = pool.schedule_at_fixed_rate(Duration::ZERO, MS, || throw("dropped unread"));
        wait_until(|| series.is_finished());
        drop(series);
        assert_eq!(receiver.recv().unwrap(), "dropped unread");
    });
}

#[test]
fn a_series_without_a_pause_is_an_error() {
    watchdog("no pause", || {
        let pool = pool(1);
        let rate = caught(|| drop(pool.schedule_at_fixed_rate(MS, Duration::ZERO, || ())));
        assert_eq!(text(&*rate), Some("the period of a series is zero"));
        let delay = caught(|| drop(pool.schedule_with_fixed_delay(MS, Duration::ZERO, || ())));
        assert_eq!(text(&*delay), Some("the delay of a series is zero"));
    });
}

#[test]
fn the_longest_times_do_not_overflow() {
    watchdog("longest", || {
        let pool = pool(1);
        let once = pool.schedule(Duration::MAX, || ());
        let series = pool.schedule_at_fixed_rate(Duration::ZERO, Duration::MAX, || ());
        wait_until(|| series.runs() == 1);
        assert!(!once.is_finished() && !series.is_finished());
        drop(pool);
        assert!(once.join().is_err() && series.join().is_shut_down());
    });
}

#[test]
fn many_that_are_aborted_leave_no_trace() {
    watchdog("many", || {
        let pool = pool(1);
        let drops = Drops::default();
        for _ in 0..20_000 {
            let token = drops.token();
            pool.schedule(HOUR, move || drop(token)).abort();
        }
        assert_eq!(drops.count(), 20_000);
    });
}

#[test]
fn shutdown_now_hands_back_what_is_due_and_drops_the_rest() {
    watchdog("shutdown_now", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let (due, later) = (pool.schedule(Duration::ZERO, || 7), pool.schedule(HOUR, || 8));
        let series = pool.schedule_at_fixed_rate(HOUR, HOUR, || ());
        let_the_timer_call_what_is_due();
        let tasks = pool.shutdown_now();
        assert_eq!(tasks.len(), 1);
        assert!(later.join().unwrap_err().is_shut_down() && series.join().is_shut_down());
        stuck.release();
        drop(pool);
        tasks.into_iter().for_each(scheduler::Task::run);
        assert_eq!(due.join().unwrap(), 7);
    });
}
