//! A worker takes several short closures of an executor at a time. Those that it has not begun wait as
//! all others do: they count, can be aborted, displaced and taken back, and others run them.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Executor, JoinHandle, RejectedReason, RejectionPolicy, Shutdown, ThreadPool};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use support::sync::{Arc, Mutex};
use support::{Drops, Stuck, each_size, each_size_from_two, pool, usable, wait_until, watchdog};

/// Closures that are queued.
const N: usize = 60;
/// More than a worker takes at a time.
const PLACES: usize = 40;

/// An executor that is full of `N` closures, of which one runs until it is released, and all before it have
/// run or begun.
struct Case {
    release: Release,
    executor: Executor,
    handles: Vec<JoinHandle<usize>>,
    /// Their numbers, in the order in which they began.
    began: Arc<Mutex<Vec<usize>>>,
    drops: Drops,
    pool: ThreadPool,
}

/// Lets the closure end, also where a test fails.
struct Release(Arc<AtomicBool>);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

impl Case {
    fn new(workers: usize, place: usize, policy: RejectionPolicy) -> Self {
        let pool = pool(workers);
        let executor = Executor::builder(&pool).queue_capacity(N).on_full(policy).build().unwrap();
        let stuck = Stuck::new(&pool, workers);
        let released = Arc::new(AtomicBool::new(false));
        let began = Arc::new(Mutex::new(Vec::new()));
        let drops = Drops::default();
        let closure = |number| {
            let (released, began) = (Arc::clone(&released), Arc::clone(&began));
            let token = drops.token();
            move || {
                let _token = token;
                began.lock().unwrap().push(number);
                wait_until(|| number != place || released.load(SeqCst));
                number
            }
        };
        let handles = (0..N).map(|number| executor.submit(closure(number)).unwrap()).collect();
        stuck.release();
        let case = Self { release: Release(released), executor, handles, began, drops, pool };
        wait_until(|| case.began.lock().unwrap().contains(&place));
        case
    }

    fn release(&self) {
        self.release.0.store(true, SeqCst);
    }

    /// Nothing is lost.
    fn finish(self) {
        self.release();
        let _ = self.executor.shutdown(Shutdown::Drain);
        drop(self.handles);
        assert_eq!(self.drops.count(), N);
        usable(&self.pool);
    }
}

#[test]
fn they_count_and_leave_no_room() {
    watchdog("they_count_and_leave_no_room", || {
        for place in 0..PLACES {
            let case = Case::new(1, place, RejectionPolicy::Abort);
            assert_eq!(case.executor.queue_len(), N - place - 1);
            assert_eq!(case.executor.metrics().high_water, N);
            let more: Vec<_> =
                (0..=place).map(|number| case.executor.submit(move || number).unwrap()).collect();
            let rejected = case.executor.submit(|| 0).unwrap_err();
            assert_eq!(rejected.reason(), RejectedReason::Full);
            case.release();
            for (number, handle) in more.into_iter().enumerate() {
                assert_eq!(handle.join().unwrap(), number);
            }
            let began = case.began.lock().unwrap().clone();
            assert!(began.into_iter().eq(0..N), "first in, first out");
            case.finish();
        }
    });
}

#[test]
fn they_are_taken_back_in_order() {
    watchdog("they_are_taken_back_in_order", || {
        for place in 0..PLACES {
            let case = Case::new(1, place, RejectionPolicy::Abort);
            let tasks = case.executor.shutdown_now();
            assert_eq!((tasks.len(), case.executor.queue_len()), (N - place - 1, 0));
            tasks.into_iter().for_each(scheduler::Task::run);
            let began = case.began.lock().unwrap().clone();
            assert!(began.into_iter().eq(0..N), "oldest first");
            case.finish();
        }
    });
}

#[test]
fn they_are_aborted_and_make_room() {
    watchdog("they_are_aborted_and_make_room", || {
        for place in 0..PLACES {
            let mut case = Case::new(1, place, RejectionPolicy::Abort);
            // The newest first, so that each is looked for where the others still are.
            for handle in case.handles.drain(place + 1..).rev() {
                handle.abort();
                assert!(handle.join().unwrap_err().is_cancelled());
            }
            assert_eq!((case.executor.queue_len(), case.drops.count()), (0, N - 1));
            let more: Vec<_> = (0..N).map(|_| case.executor.submit(|| ()).unwrap()).collect();
            assert!(case.executor.submit(|| ()).is_err());
            case.release();
            more.into_iter().for_each(|handle| handle.join().unwrap());
            case.finish();
        }
    });
}

#[test]
fn the_oldest_of_them_has_to_leave_first() {
    watchdog("the_oldest_of_them_has_to_leave_first", || {
        for place in 0..PLACES {
            let mut case = Case::new(1, place, RejectionPolicy::DiscardOldest);
            let more = (0..place + 3).map(|_| case.executor.submit(|| ()).unwrap());
            let more: Vec<_> = more.collect();
            let mut rest = case.handles.drain(place + 1..);
            for oldest in rest.by_ref().take(2) {
                assert!(oldest.join().unwrap_err().is_discarded());
            }
            assert!(rest.all(|handle| !handle.is_finished()));
            drop(rest);
            case.release();
            more.into_iter().for_each(|handle| handle.join().unwrap());
            case.finish();
        }
    });
}

#[test]
fn other_workers_run_them() {
    each_size_from_two("other_workers_run_them", |workers| {
        for place in 0..PLACES {
            let case = Case::new(workers, place, RejectionPolicy::Abort);
            wait_until(|| case.drops.count() == N - 1);
            assert!(!case.handles[place].is_finished());
            case.finish();
        }
    });
}

/// Each closure waits for the next one, on as few threads.
#[test]
fn a_closure_can_wait_for_the_next() {
    each_size("a_closure_can_wait_for_the_next", |workers| {
        let pool = pool(workers);
        let executor = Executor::builder(&pool).build().unwrap();
        let sum = Arc::new(AtomicUsize::new(0));
        for waits in 0..PLACES {
            let stuck = Stuck::new(&pool, workers);
            let next = Arc::new(Mutex::new(None::<JoinHandle<usize>>));
            for number in 0..N {
                if number == waits + 1 {
                    *next.lock().unwrap() = Some(executor.submit(move || number).unwrap());
                    continue;
                }
                let (next, sum) = (Arc::clone(&next), Arc::clone(&sum));
                let closure = move || {
                    if number == waits {
                        let handle = next.lock().unwrap().take().expect("it is there");
                        sum.fetch_add(handle.join().unwrap(), SeqCst);
                    }
                };
                executor.execute(closure).unwrap();
            }
            stuck.release();
        }
        let _ = executor.shutdown(Shutdown::Drain);
        assert_eq!(sum.load(SeqCst), (1..=PLACES).sum());
        usable(&pool);
    });
}
