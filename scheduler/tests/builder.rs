//! What can be asked of a pool, and what is said when that cannot be had.
#![cfg_attr(not(feature = "affinity"), allow(dead_code, unused_imports))]
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{Pinning, ThreadBuilder, ThreadPool, ThreadPoolBuilder};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::sync::{Arc, Mutex, thread};
use support::{Drops, SIZES, child_passes, each_size, pool, text, usable, wait_until, watchdog};

fn builder() -> ThreadPoolBuilder {
    ThreadPool::builder()
}

/// What `build` says, and that it has started nobody.
#[track_caller]
fn refused(builder: ThreadPoolBuilder) -> String {
    let started = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&started);
    let error = builder
        .start_handler(move |_| {
            count.fetch_add(1, SeqCst);
        })
        .build()
        .expect_err("it should be refused");
    assert_eq!(started.load(SeqCst), 0);
    assert_eq!(Arc::strong_count(&started), 1, "nothing is left of it");
    error.to_string()
}

// ---- the number of workers

#[test]
fn as_many_workers_as_asked_for() {
    each_size("as_many_workers_as_asked_for", |workers| {
        for pool in [pool(workers), builder().num_threads(workers).build().unwrap()] {
            assert_eq!(pool.current_num_threads(), workers);
            assert_eq!(pool.broadcast(|worker| worker.num_threads()), vec![workers; workers]);
            usable(&pool);
        }
    });
}

#[test]
fn too_many_threads() {
    watchdog("too_many_threads", || {
        let said = "65536 threads are too many: a pool has at most 65535";
        assert_eq!(refused(builder().num_threads(65_536)), said);
        assert_eq!(ThreadPool::new(65_536).unwrap_err().to_string(), said);
        let said = refused(builder().num_threads(usize::MAX));
        assert_eq!(said, format!("{} threads are too many: a pool has at most 65535", usize::MAX));
    });
}

const NUM_THREADS: &str = "SCHEDULER_NUM_THREADS";

/// The variable is the process's, so each case has one of its own.
#[test]
fn the_environment_variable() {
    const NAME: &str = "the_environment_variable";
    let Some(case) = support::case() else {
        child_passes(NAME, "default", &[]);
        for default in ["", "0", " 0 "] {
            child_passes(NAME, "default", &[(NUM_THREADS, default)]);
        }
        child_passes(NAME, "3", &[(NUM_THREADS, "3")]);
        child_passes(NAME, "3", &[(NUM_THREADS, " 3\n")]);
        for wrong in ["abc", "-1", "1.5", "3 4", "99999999999999999999999", "0x10", " "] {
            child_passes(NAME, "wrong", &[(NUM_THREADS, wrong)]);
        }
        child_passes(NAME, "too many", &[(NUM_THREADS, "65536")]);
        return;
    };
    watchdog(NAME, move || match &*case {
        "default" => {
            let parallelism = thread::available_parallelism().map_or(1, |n| n.get());
            assert_eq!(pool(0).current_num_threads(), parallelism);
            assert_eq!(builder().build().unwrap().current_num_threads(), parallelism);
            assert_eq!(pool(5).current_num_threads(), 5);
            assert_eq!(scheduler::current_num_threads(), parallelism);
        }
        "3" => {
            assert_eq!(pool(0).current_num_threads(), 3);
            assert_eq!(builder().build().unwrap().current_num_threads(), 3);
            assert_eq!(pool(5).current_num_threads(), 5, "what is asked for wins");
            assert_eq!(scheduler::global().current_num_threads(), 3);
        }
        "wrong" => {
            let value = std::env::var(NUM_THREADS).unwrap();
            let said = format!(
                "the environment variable {NUM_THREADS} is `{value}`, which is not a number of \
                 threads"
            );
            assert_eq!(refused(builder()), said);
            assert_eq!(ThreadPool::new(0).unwrap_err().to_string(), said);
            assert_eq!(builder().build_global().unwrap_err().to_string(), said);
            assert_eq!(scheduler::try_global().unwrap_err().to_string(), said);
            let panic = support::caught(scheduler::global);
            let expected = format!("the global thread pool cannot be built: {said}");
            assert_eq!(text(&*panic), Some(&*expected));
            let panic = support::caught(|| scheduler::join(|| 1, || 2));
            assert_eq!(text(&*panic), Some(&*expected));
            // Not looked at where it is not used.
            usable(&pool(5));
            builder().num_threads(2).build_global().unwrap();
            assert_eq!(scheduler::join(|| 1, || 2), (1, 2));
            assert_eq!(scheduler::current_num_threads(), 2);
        }
        "too many" => {
            let said = "65536 threads are too many: a pool has at most 65535";
            assert_eq!(refused(builder()), said);
            assert_eq!(scheduler::try_global().unwrap_err().to_string(), said);
        }
        other => panic!("no such case: {other}"),
    });
}

#[test]
#[cfg(unix)]
fn an_environment_variable_that_is_no_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    const NAME: &str = "an_environment_variable_that_is_no_text";
    match support::case() {
        None => {
            let this = std::env::current_exe().unwrap();
            let output = std::process::Command::new(this)
                .args(["--exact", NAME])
                .env("SCHEDULER_TEST_CASE", "bytes")
                .env(NUM_THREADS, OsStr::from_bytes(b"3\xff"))
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        Some(_) => assert!(refused(builder()).contains(NUM_THREADS)),
    }
}

// ---- names, stacks, hooks

#[test]
fn thread_names() {
    each_size("thread_names", |workers| {
        let name = || thread::current().name().map(str::to_owned);
        let default = pool(workers).broadcast(|_| name());
        let expected: Vec<_> = (0..workers).map(|i| Some(format!("scheduler-{i}"))).collect();
        assert_eq!(default, expected);
        let mut calls = 0;
        let named = builder()
            .num_threads(workers)
            .thread_name(move |index| {
                assert_eq!(index, calls, "called in order");
                calls += 1;
                format!("crunch {{{index}}} ü")
            })
            .build()
            .unwrap();
        let expected: Vec<_> = (0..workers).map(|i| Some(format!("crunch {{{i}}} ü"))).collect();
        assert_eq!(named.broadcast(|_| name()), expected);
    });
}

#[test]
fn a_thread_name_with_a_nul() {
    watchdog("a_thread_name_with_a_nul", || {
        let name = |index| if index == 2 { "a\0b".to_owned() } else { "fine".to_owned() };
        let said = refused(builder().num_threads(4).thread_name(name));
        assert_eq!(said, "the name of thread 2 contains a NUL character");
    });
}

#[test]
fn a_thread_name_that_panics_leaves_nothing() {
    watchdog("a_thread_name_that_panics_leaves_nothing", || {
        let drops = Drops::default();
        let token = drops.token();
        let seen = support::thrown(|| {
            builder()
                .num_threads(3)
                .start_handler(move |_| drop(format!("{token:?}")))
                .thread_name(|index| if index == 1 { support::throw("name") } else { "a".into() })
                .build()
        });
        assert_eq!((seen, drops.count()), ("name", 1));
    });
}

/// Uses about `kib` KiB of stack.
fn deep(kib: usize) -> usize {
    let block = std::hint::black_box([1u8; 1024]);
    let below = if kib == 0 { 0 } else { deep(kib - 1) };
    below + block[kib % 1024] as usize
}

#[test]
fn the_stack_size_is_honoured() {
    watchdog("the_stack_size_is_honoured", || {
        // The frames of a debug build are larger than what they hold.
        let pool = builder().num_threads(2).stack_size(128 << 20).build().unwrap();
        assert_eq!(pool.install(|| deep(24 << 10)), (24 << 10) + 1);
        let pool = builder().num_threads(2).build().unwrap();
        assert_eq!(pool.install(|| deep(3 << 10)), (3 << 10) + 1, "8 MiB without asking");
        let pool = builder().num_threads(2).stack_size(64 << 10).build().unwrap();
        assert_eq!(pool.install(|| 6 * 7), 42);
    });
}

#[test]
fn start_and_exit_handlers_run_once_on_each_worker() {
    each_size("start_and_exit_handlers_run_once_on_each_worker", |workers| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let log = Arc::clone(&log);
            move |index| {
                assert_eq!(scheduler::current_thread_index(), Some(index));
                log.lock().unwrap().push((what, index, thread::current().id()));
            }
        };
        let pool = builder()
            .num_threads(workers)
            .start_handler(note("start"))
            .exit_handler(note("exit"))
            .build()
            .unwrap();
        let threads = pool.broadcast(|_| thread::current().id());
        {
            let mut log = log.lock().unwrap();
            log.sort_by_key(|&(_, index, _)| index);
            let expected: Vec<_> =
                threads.iter().enumerate().map(|(i, &id)| ("start", i, id)).collect();
            assert_eq!(*log, expected, "each before its first job");
            log.clear();
        }
        drop(pool);
        let mut log = log.lock().unwrap();
        log.sort_by_key(|&(_, index, _)| index);
        let expected: Vec<_> = threads.iter().enumerate().map(|(i, &id)| ("exit", i, id)).collect();
        assert_eq!(*log, expected, "all before the drop returns");
    });
}

#[test]
fn handlers_can_use_the_pool() {
    each_size("handlers_can_use_the_pool", |workers| {
        let sum = Arc::new(AtomicUsize::new(0));
        let (at_start, at_exit) = (Arc::clone(&sum), Arc::clone(&sum));
        let pool = builder()
            .num_threads(workers)
            .start_handler(move |_| {
                let (a, b) = scheduler::join(|| 1, || 2);
                let sum = Arc::clone(&at_start);
                drop(scheduler::spawn(move || sum.fetch_add(a + b, SeqCst)));
            })
            .exit_handler(move |_| {
                let (a, b) = scheduler::join(|| 10, || 20);
                scheduler::scope(|s| drop(s.spawn(|| at_exit.fetch_add(a + b, SeqCst))));
                assert!(scheduler::spawn(|| ()).join().unwrap_err().is_shut_down());
            })
            .build()
            .unwrap();
        usable(&pool);
        wait_until(|| sum.load(SeqCst) == 3 * workers);
        drop(pool);
        assert_eq!(sum.load(SeqCst), 33 * workers);
    });
}

#[test]
fn what_the_handlers_hold_is_dropped_with_the_pool() {
    each_size("what_the_handlers_hold_is_dropped_with_the_pool", |workers| {
        let drops = Drops::default();
        let held = || {
            let token = drops.token();
            move || drop(format!("{token:?}"))
        };
        let (start, exit, panic) = (held(), held(), held());
        let pool = builder()
            .num_threads(workers)
            .start_handler(move |_| start())
            .exit_handler(move |_| exit())
            .panic_handler(move |_| panic())
            .build()
            .unwrap();
        usable(&pool);
        assert_eq!(drops.count(), 0);
        drop(pool);
        wait_until(|| drops.count() == 3);
    });
}

// ---- pinning

/// The cores that this thread may use, as the pool sees them.
fn cores() -> Option<Vec<usize>> {
    let said = refused_or_nothing(vec![1023])?;
    let list = said.split_once("which may use [")?.1.strip_suffix(']')?;
    Some(list.split(", ").map(|core| core.parse().unwrap()).collect())
}

fn refused_or_nothing(cores: Vec<usize>) -> Option<String> {
    let error = builder().num_threads(1).pinning(Pinning::Cores(cores)).build().err()?;
    Some(error.to_string())
}

#[test]
fn cores_that_are_not_there() {
    watchdog("cores_that_are_not_there", || {
        let pinned = |cores| builder().num_threads(2).pinning(Pinning::Cores(cores));
        let said = refused(pinned(vec![]));
        assert_eq!(said, "the list of cores to pin to is empty");
        for far in [1024, 1_000_000, usize::MAX] {
            let said = refused(pinned(vec![0, far]));
            let expected = format!("core {far} is beyond the largest that can be pinned to, 1023");
            assert_eq!(said, expected);
        }
        let said = refused(pinned(vec![1023]));
        if said != "pinning to cores needs the feature `affinity`, which is off" {
            let expected = "core 1023 is not available to this thread, which may use [";
            assert!(said.starts_with(expected), "{said}");
        }
    });
}

/// Where a worker is surely bound to the core that it is given.
#[cfg(feature = "affinity")]
const PINS: bool = cfg!(any(target_os = "linux", windows));

#[test]
#[cfg(feature = "affinity")]
fn workers_are_pinned_to_the_cores_of_the_list() {
    watchdog("workers_are_pinned_to_the_cores_of_the_list", || {
        let Some(cores) = cores() else { panic!("1,024 cores, or no feature `affinity`") };
        for workers in SIZES {
            for list in [vec![cores[0]], cores.clone(), cores.iter().rev().copied().collect()] {
                let pool = builder()
                    .num_threads(workers)
                    .pinning(Pinning::Cores(list.clone()))
                    .build()
                    .unwrap();
                // A broadcast is over when every worker has started.
                let parallelism =
                    pool.broadcast(|_| thread::available_parallelism().map_or(0, |n| n.get()));
                let expected: Vec<_> = (0..workers).map(|i| Some(list[i % list.len()])).collect();
                let metrics = pool.metrics();
                let pinned: Vec<_> = metrics.workers.iter().map(|w| w.pinned_to).collect();
                // Elsewhere the system may refuse, and the workers run unpinned.
                if PINS {
                    assert_eq!(pinned, expected);
                    assert!(metrics.pinned());
                }
                if cfg!(target_os = "linux") {
                    assert_eq!(parallelism, vec![1; workers], "the mask has one core");
                }
                usable(&pool);
            }
        }
    });
}

#[test]
fn without_pinning_nobody_is_pinned() {
    each_size("without_pinning_nobody_is_pinned", |workers| {
        let pool = builder().num_threads(workers).pinning(Pinning::Off).build().unwrap();
        usable(&pool);
        let metrics = pool.metrics();
        assert!(metrics.workers.iter().all(|worker| worker.pinned_to.is_none()));
        assert!(!metrics.pinned());
    });
}

#[test]
#[cfg(feature = "affinity")]
fn automatic_pinning_is_for_a_worker_on_each_core() {
    watchdog("automatic_pinning_is_for_a_worker_on_each_core", || {
        let Some(mut cores) = cores() else { panic!("1,024 cores, or no feature `affinity`") };
        let pool = |workers| builder().num_threads(workers).build().unwrap();
        let pinned = |workers: usize| {
            let pool = pool(workers);
            usable(&pool);
            let metrics = pool.metrics();
            let mut pinned: Vec<_> = metrics.workers.iter().filter_map(|w| w.pinned_to).collect();
            pinned.sort_unstable();
            pinned
        };
        let parallelism = thread::available_parallelism().map_or(1, |n| n.get());
        cores.sort_unstable();
        if !PINS {
            assert_eq!(pinned(cores.len()), []);
        } else if parallelism >= cores.len() {
            assert_eq!(pinned(cores.len()), cores);
        }
        assert_eq!(pinned(cores.len() + 1), []);
    });
}

// ---- threads that the caller supplies, and threads that cannot be had

#[test]
fn the_caller_supplies_the_threads() {
    each_size("the_caller_supplies_the_threads", |workers| {
        let threads = Arc::new(Mutex::new(Vec::new()));
        let supplied = Arc::clone(&threads);
        let pool = builder()
            .num_threads(workers)
            .thread_name(|index| format!("wish {index}"))
            .stack_size(1 << 20)
            .spawn_handler(move |worker| {
                let mut supplied = supplied.lock().unwrap();
                assert_eq!(worker.index(), supplied.len());
                assert_eq!(worker.name(), format!("wish {}", supplied.len()));
                assert_eq!(worker.stack_size(), 1 << 20);
                assert!(format!("{worker:?}").contains("wish"));
                let name = format!("mine {}", worker.index());
                let run = move || {
                    worker.run();
                    "my thread goes on"
                };
                supplied.push(thread::Builder::new().name(name).spawn(run)?);
                Ok(())
            })
            .build()
            .unwrap();
        usable(&pool);
        let names = pool.broadcast(|_| thread::current().name().map(str::to_owned));
        let expected: Vec<_> = (0..workers).map(|i| Some(format!("mine {i}"))).collect();
        assert_eq!(names, expected);
        drop(pool);
        let threads = std::mem::take(&mut *threads.lock().unwrap());
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == "my thread goes on"));
    });
}

/// The threads may come to it late, on threads that have run something else.
#[test]
fn supplied_threads_may_start_late() {
    each_size("supplied_threads_may_start_late", |workers| {
        let waiting = Arc::new(Mutex::new(Vec::<ThreadBuilder>::new()));
        let kept = Arc::clone(&waiting);
        let pool = builder()
            .num_threads(workers)
            .spawn_handler(move |worker| {
                kept.lock().unwrap().push(worker);
                Ok(())
            })
            .build()
            .unwrap();
        let handle = pool.spawn(|| 5);
        assert!(!handle.is_finished());
        let waiting = std::mem::take(&mut *waiting.lock().unwrap());
        thread::scope(|s| {
            waiting.into_iter().for_each(|worker| drop(s.spawn(|| worker.run())));
            assert_eq!(handle.join().unwrap(), 5);
            usable(&pool);
            drop(pool);
        });
    });
}

/// The worker is bound, and its thread has its own cores again afterwards, whether the pool could be built or not.
#[cfg(all(feature = "affinity", target_os = "linux"))]
#[test]
fn a_supplied_thread_is_not_bound_for_good() {
    let cores = || core_affinity::get_core_ids().unwrap_or_default();
    watchdog("a_supplied_thread_is_not_bound_for_good", move || {
        let before = cores();
        let [first, ..] = before[..] else { return println!("cores are not known here") };
        for fails in [false, true] {
            let threads = Arc::new(Mutex::new(Vec::new()));
            let supplied = Arc::clone(&threads);
            let builder = builder().num_threads(2).pinning(Pinning::Cores(vec![first.id]));
            let pool = builder
                .spawn_handler(move |worker| {
                    if fails && worker.index() == 1 {
                        return Err(io::Error::other("no more threads today"));
                    }
                    let run = move || {
                        worker.run();
                        cores()
                    };
                    supplied.lock().unwrap().push(thread::spawn(run));
                    Ok(())
                })
                .build();
            assert_eq!(pool.is_err(), fails);
            if let Ok(pool) = pool {
                let bound = pool.install(cores);
                assert!(bound == [first] || !pool.metrics().pinned(), "{bound:?}");
            }
            for thread in std::mem::take(&mut *threads.lock().unwrap()) {
                assert_eq!(thread.join().unwrap(), before);
            }
        }
    });
}

/// Who waits for no hook has begun by then, and leaves as well.
#[test]
fn a_spawn_handler_that_fails_without_hooks() {
    each_size("a_spawn_handler_that_fails_without_hooks", |workers| {
        let threads = Arc::new(Mutex::new(Vec::new()));
        let supplied = Arc::clone(&threads);
        let error = builder()
            .num_threads(workers)
            .spawn_handler(move |worker| {
                if worker.index() == workers - 1 {
                    // As long as it takes, or nearly.
                    thread::sleep(std::time::Duration::from_millis(5));
                    return Err(io::Error::other("no more threads today"));
                }
                supplied.lock().unwrap().push(thread::spawn(|| worker.run()));
                Ok(())
            })
            .build()
            .unwrap_err();
        assert!(error.to_string().ends_with("no more threads today"), "{error}");
        let threads = std::mem::take(&mut *threads.lock().unwrap());
        assert_eq!(threads.len(), workers - 1);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// Thread `bad` cannot be spawned: the error says so, and the others leave without a hook.
#[test]
fn a_spawn_handler_that_fails() {
    each_size("a_spawn_handler_that_fails", |workers| {
        for bad in [0, workers / 2, workers - 1] {
            let threads = Arc::new(Mutex::new(Vec::new()));
            let (hooks, drops) = (Arc::new(AtomicUsize::new(0)), Drops::default());
            let hook = || {
                let (hooks, token) = (Arc::clone(&hooks), drops.token());
                move |_| {
                    let _token = &token;
                    hooks.fetch_add(1, SeqCst);
                }
            };
            let (supplied, token) = (Arc::clone(&threads), drops.token());
            let error = builder()
                .num_threads(workers)
                .start_handler(hook())
                .exit_handler(hook())
                .spawn_handler(move |worker| {
                    let _token = &token;
                    if worker.index() == bad {
                        return Err(io::Error::other("no more threads today"));
                    }
                    supplied.lock().unwrap().push(thread::spawn(|| worker.run()));
                    Ok(())
                })
                .build()
                .unwrap_err();
            let said =
                format!("thread {bad} of {workers} could not be spawned: no more threads today");
            assert_eq!(error.to_string(), said);
            let source = std::error::Error::source(&error).unwrap();
            assert_eq!(source.to_string(), "no more threads today");
            let threads = std::mem::take(&mut *threads.lock().unwrap());
            assert_eq!(threads.len(), bad);
            // They end by themselves.
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!((hooks.load(SeqCst), drops.count()), (0, 3));
        }
    });
}

#[test]
fn a_spawn_handler_that_panics() {
    each_size("a_spawn_handler_that_panics", |workers| {
        let threads = Arc::new(Mutex::new(Vec::new()));
        let drops = Drops::default();
        let (supplied, token) = (Arc::clone(&threads), drops.token());
        let seen = support::thrown(|| {
            builder()
                .num_threads(workers)
                .start_handler(move |_| panic!("started with {token:?}"))
                .spawn_handler(move |worker| {
                    if worker.index() == workers - 1 {
                        support::throw("handler");
                    }
                    supplied.lock().unwrap().push(thread::spawn(|| worker.run()));
                    Ok(())
                })
                .build()
        });
        assert_eq!(seen, "handler");
        let threads = std::mem::take(&mut *threads.lock().unwrap());
        assert_eq!(threads.len(), workers - 1);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(drops.count(), 1);
    });
}

/// A stack that no address space has room for.
#[test]
fn a_thread_that_the_system_does_not_spawn() {
    each_size("a_thread_that_the_system_does_not_spawn", |workers| {
        let said = refused(builder().num_threads(workers).stack_size(usize::MAX / 4));
        let expected = format!("thread 0 of {workers} could not be spawned: ");
        assert!(said.starts_with(&expected), "{said}");
        assert!(said.len() > expected.len(), "and the system's reason");
    });
}

#[test]
fn debug_output_names_the_options() {
    let shown = format!("{:?}", builder().num_threads(3).pinning(Pinning::Off).stack_size(1 << 20));
    for part in ["ThreadPoolBuilder", "num_threads: 3", "Off", "1048576"] {
        assert!(shown.contains(part), "{shown}");
    }
    let shown = format!("{:?}", pool(2));
    assert!(shown.starts_with("ThreadPool"), "{shown}");
}

/// The global pool is built by the first `join`, wherever that is.
#[test]
fn a_small_stack_is_enough_to_build_a_pool() {
    watchdog("a_small_stack_is_enough_to_build_a_pool", || {
        let builds = thread::Builder::new().stack_size(128 << 10).spawn(|| usable(&pool(2)));
        builds.expect("threads can be started").join().expect("the pool is usable");
    });
}
