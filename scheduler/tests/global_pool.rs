//! The global pool is built once: at its first use, or by `build_global`.
//!
//! There is one in a process, so each test runs in a process of its own.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Shutdown, ThreadPool, current_num_threads, current_thread_index};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::sync::{Arc, Barrier, mpsc, thread};
use support::{caught, child_passes, fib, text, usable, watchdog};

/// Runs `body` in a child.
fn in_own_process(name: &str, body: fn()) {
    match support::case() {
        None => child_passes(name, "alone", &[]),
        Some(_) => watchdog(name, body),
    }
}

const EXISTS: &str = "the global pool has been built already";

#[test]
fn the_first_use_builds_it() {
    in_own_process("the_first_use_builds_it", || {
        assert_eq!(current_thread_index(), None);
        assert_eq!(fib(15), 610);
        let global = scheduler::global();
        let default = ThreadPool::new(0).unwrap();
        assert_eq!(global.current_num_threads(), default.current_num_threads());
        assert_eq!(current_num_threads(), global.current_num_threads());
        assert!(global.metrics().total().jobs >= 1);
        assert!(std::ptr::eq(global, scheduler::try_global().unwrap()));
        let error = ThreadPool::builder().num_threads(3).build_global().unwrap_err();
        assert_eq!(error.to_string(), EXISTS);
        usable(global);
    });
}

#[test]
fn build_global_sets_its_options() {
    in_own_process("build_global_sets_its_options", || {
        let name = |index| format!("global {index}");
        let built = ThreadPool::builder().num_threads(3).thread_name(name).build_global();
        assert!(built.is_ok());
        assert_eq!(current_num_threads(), 3);
        let names = scheduler::broadcast(|_| thread::current().name().map(str::to_owned));
        assert_eq!(names, [0, 1, 2].map(|i| Some(format!("global {i}"))));
        // A second time starts nobody.
        let started = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&started);
        let again = ThreadPool::builder()
            .num_threads(2)
            .start_handler(move |_| {
                count.fetch_add(1, SeqCst);
            })
            .build_global();
        assert_eq!(again.unwrap_err().to_string(), EXISTS);
        assert_eq!(started.load(SeqCst), 0);
        usable(scheduler::global());
    });
}

#[test]
fn an_error_leaves_none() {
    in_own_process("an_error_leaves_none", || {
        let error = ThreadPool::builder().num_threads(70_000).build_global().unwrap_err();
        assert!(error.to_string().contains("70000"), "{error}");
        ThreadPool::builder().num_threads(2).build_global().unwrap();
        assert_eq!(current_num_threads(), 2);
    });
}

#[test]
fn many_threads_use_it_first() {
    in_own_process("many_threads_use_it_first", || {
        let start = Barrier::new(8);
        let built = AtomicUsize::new(0);
        let pools: Vec<usize> = thread::scope(|s| {
            let first_use = |n: usize| {
                let (start, built) = (&start, &built);
                s.spawn(move || {
                    start.wait();
                    if n.is_multiple_of(2)
                        && ThreadPool::builder().num_threads(2).build_global().is_ok()
                    {
                        built.fetch_add(1, SeqCst);
                    }
                    assert_eq!(fib(10), 55);
                    std::ptr::from_ref(scheduler::global()).addr()
                })
            };
            let threads: Vec<_> = (0..8).map(first_use).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(pools.iter().all(|&pool| pool == pools[0]), "one for all");
        assert!(built.load(SeqCst) <= 1);
    });
}

#[test]
fn all_free_functions_use_it() {
    in_own_process("all_free_functions_use_it", || {
        ThreadPool::builder().num_threads(2).build_global().unwrap();
        let on = || (current_thread_index().is_some(), current_num_threads());
        let here = (true, 2);
        assert_eq!(scheduler::join(on, on), (here, here));
        assert_eq!(scheduler::join!(on, on, on), (here, here, here));
        assert_eq!(scheduler::scope(|s| s.spawn(on).join().unwrap()), here);
        assert_eq!(scheduler::in_place_scope(|s| s.spawn(on).join().unwrap()), here);
        assert_eq!(scheduler::spawn(on).join().unwrap(), here);
        assert_eq!(scheduler::broadcast(|_| on()), [here, here]);
        assert_eq!((scheduler::yield_now(), current_thread_index()), (None, None));
        let other = ThreadPool::new(3).unwrap();
        let seen = other.install(|| (current_num_threads(), scheduler::global().install(on)));
        assert_eq!(seen, (3, here), "inside another pool, only by name");
        assert_eq!(other.install(|| scheduler::spawn(on).join().unwrap()), (true, 3));
    });
}

#[test]
fn it_can_be_shut_down_and_then_says_so() {
    in_own_process("it_can_be_shut_down_and_then_says_so", || {
        ThreadPool::builder().num_threads(2).build_global().unwrap();
        assert_eq!(fib(10), 55);
        assert_eq!(scheduler::global().shutdown(Shutdown::Drain).cancelled, 0);
        let panic = caught(|| scheduler::join(|| 1, || 2));
        assert_eq!(text(&*panic), Some("the thread pool has been shut down"));
        assert!(scheduler::spawn(|| ()).join().unwrap_err().is_shut_down());
        let error = ThreadPool::builder().build_global().unwrap_err();
        assert_eq!(error.to_string(), EXISTS);
    });
}

/// Its threads are not waited for when the program ends.
#[test]
fn a_program_ends_while_it_works() {
    in_own_process("a_program_ends_while_it_works", || {
        let (started, is_started) = mpsc::channel();
        drop(scheduler::spawn(move || {
            started.send(()).unwrap();
            loop {
                thread::park();
            }
        }));
        is_started.recv().unwrap();
    });
}
