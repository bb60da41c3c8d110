//! The system knows the threads by names that fit into its 15 bytes, as `top -H` shows them.
#![cfg(target_os = "linux")]
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Elastic, ThreadPool};
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;
use support::sync::{Arc, mpsc, thread};
use support::{case, child_passes, pool, wait_until, watchdog};

/// What the kernel calls the threads of this process that the scheduler has started.
fn names() -> BTreeSet<String> {
    let tasks = fs::read_dir("/proc/self/task").expect("the threads of this process");
    // A thread may end meanwhile.
    let name = |path: &std::path::Path| fs::read_to_string(path.join("comm")).ok();
    let names = tasks.filter_map(|task| name(&task.expect("a thread").path()));
    let names = names.map(|name| name.trim_end_matches('\n').to_owned());
    let ours = ["scheduler", "elastic", "blocking", "sched", "work", "a-name"];
    names.filter(|name| ours.iter().any(|prefix| name.starts_with(prefix))).collect()
}

#[track_caller]
fn has_just(expected: &[&str]) {
    // A thread names itself when it runs first.
    let expected: BTreeSet<String> = expected.iter().map(|&name| name.to_owned()).collect();
    wait_until(|| names().is_superset(&expected));
    assert_eq!(names(), expected);
}

/// Runs `body` in a process of its own, which has no other threads of ours.
fn in_a_process(name: &'static str, body: fn()) {
    match case() {
        None => child_passes(name, "alone", &[]),
        Some(_) => watchdog(name, body),
    }
}

#[test]
fn of_workers() {
    in_a_process("of_workers", || {
        let first = pool(3);
        has_just(&["scheduler-0", "scheduler-1", "scheduler-2"]);
        let builder = ThreadPool::builder().num_threads(2);
        let second = builder.thread_name(|index| format!("work-{index}")).build().expect("a pool");
        has_just(&["scheduler-0", "scheduler-1", "scheduler-2", "work-0", "work-1"]);
        drop((first, second));
        has_just(&[]);
        // The last of the largest pool.
        assert!("scheduler-65534".len() <= 15);
    });
}

/// The end of a name that is too long is lost, and the worker is not.
#[test]
fn that_are_too_long() {
    in_a_process("that_are_too_long", || {
        let builder = ThreadPool::builder().num_threads(2);
        let named = builder.thread_name(|index| format!("a-name-of-{index}-which-is-long"));
        let pool = named.build().expect("a pool");
        has_just(&["a-name-of-0-whi", "a-name-of-1-whi"]);
        let whole = pool.install(|| thread::current().name().map(str::to_owned));
        assert!(whole.expect("it has one").ends_with("-which-is-long"));
    });
}

#[test]
fn of_elastic_threads() {
    in_a_process("of_elastic_threads", || {
        let elastic = Elastic::builder().build().expect("the defaults");
        let (go, gone) = mpsc::channel::<()>();
        let gone = Arc::new(std::sync::Mutex::new(gone));
        let block = || {
            let gone = Arc::clone(&gone);
            move || drop(gone.lock().map(|gone| gone.recv()))
        };
        let running = [0, 1].map(|_| elastic.submit(block()).expect("there is room"));
        let blocking = scheduler::spawn_blocking(block());
        has_just(&["elastic-0", "elastic-1", "blocking-0"]);
        drop(go);
        for handle in running {
            handle.join().expect("no panic");
        }
        blocking.join().expect("no panic");
    });
}

#[test]
fn of_the_timer() {
    in_a_process("of_the_timer", || {
        let pool = pool(1);
        pool.schedule(Duration::ZERO, || ()).join().expect("no panic");
        has_just(&["scheduler-0", "scheduler-timer"]);
    });
}

/// Not under ThreadSanitizer, which does not see how `signal-hook` counts references.
#[cfg(all(feature = "signal", not(scheduler_tsan)))]
#[test]
fn of_signals() {
    in_a_process("of_signals", || {
        let pool = pool(1);
        let signals = pool.shutdown_on(&[scheduler::signal::SIGUSR1], Duration::from_secs(3600));
        let signals = signals.expect("a guard");
        has_just(&["scheduler-0", "scheduler-sig"]);
        let stuck = support::Stuck::new(&pool, 1);
        signal_hook::low_level::raise(scheduler::signal::SIGUSR1).expect("it is handled");
        has_just(&["scheduler-0", "scheduler-sig", "scheduler-drain"]);
        stuck.release();
        assert!(signals.wait().stragglers.is_empty());
    });
}
