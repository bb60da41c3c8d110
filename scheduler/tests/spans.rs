//! Feature `tracing`: the current span goes where the work goes, and nowhere else; submitted closures and
//! workers have spans of their own; each is closed once.
#![cfg(feature = "tracing")]
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

#[path = "support/subscriber.rs"]
mod subscriber;
mod support;

use scheduler::{
    CancellationToken, Context, Elastic, Executor, JoinHandle, RejectionPolicy, Shutdown, TaskSet,
    ThreadPool, task,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use subscriber::{Recorder, Span, path, path_and_recorder};
use support::sync::{Arc, mpsc, thread};
use support::{
    Stuck, case, child_passes, each_size, each_size_from_two, fib, pool, silence_thrown, throw,
    thrown, usable, wait_until, watchdog,
};
use tracing::level_filters::LevelFilter;
use tracing::{info_span, trace_span};

/// The subscriber of the process.
fn recorder() -> &'static Recorder {
    static RECORDER: OnceLock<Recorder> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let recorder = Recorder::new(LevelFilter::TRACE);
        tracing::subscriber::set_global_default(recorder.clone()).expect("there is no other");
        recorder
    })
}

/// Runs `body` inside a span `top`, and checks that it and all below it have come to their end.
#[track_caller]
fn in_top<R>(body: impl FnOnce() -> R) -> R {
    let recorder = recorder();
    let top = info_span!(parent: None, "top");
    let value = top.in_scope(body);
    let spans = recorder.below(&top);
    assert_eq!(recorder.get(&top).inside, 0);
    for span in spans {
        assert!(span.is_closed() && span.inside == 0 && span.enters > 0, "{span:#?}");
    }
    let number = top.id().expect("it is enabled").into_u64();
    drop(top);
    assert!(recorder.spans()[&number].is_closed(), "somebody holds it: {:#?}", recorder.spans());
    recorder.no_errors();
    value
}

/// An event here is in these spans, outermost first.
#[track_caller]
fn is_in(spans: &[&str]) {
    assert_eq!(path().expect("there is a subscriber"), spans);
}

/// Outside of all spans but the worker's.
#[track_caller]
fn is_in_none() {
    let path = path().expect("there is a subscriber");
    assert!(path.is_empty() || path == ["worker"], "{path:?}");
}

/// A tree of joins, with a span for each branch: at every place the path is that of the calls.
fn join_tree(depth: u32, place: &[&'static str]) {
    is_in(place);
    if depth == 0 {
        return thread::yield_now();
    }
    let below = |name| [place, &[name]].concat();
    let branch = || join_tree(depth - 1, place);
    scheduler::join(branch, || {
        info_span!("right").in_scope(|| join_tree(depth - 1, &below("right")));
        is_in(place);
    });
    is_in(place);
    let _entered = info_span!("inner").entered();
    let place = &below("inner");
    scheduler::join(|| is_in(place), || is_in(place));
    is_in(place);
}

fn context_tree(cx: Context<'_>, depth: u32, place: &[&'static str]) {
    is_in(place);
    if depth == 0 {
        return thread::yield_now();
    }
    cx.join(
        |cx| context_tree(cx, depth - 1, place),
        |cx| {
            let _entered = info_span!("right").entered();
            context_tree(cx, depth - 1, &[place, &["right"]].concat());
        },
    );
    is_in(place);
}

/// Parts that are spawned in spans which are over when they run.
fn scope_tree(depth: u32, place: &[&'static str]) {
    let (first, second) = ([place, &["first"]].concat(), [place, &["second"]].concat());
    scheduler::scope(|s| {
        is_in(place);
        for _ in 0..depth {
            info_span!("first").in_scope(|| s.fork(|| scope_tree(depth - 1, &first)));
        }
        let handle = info_span!("second").in_scope(|| s.spawn(|| is_in(&second)));
        s.fork(|| is_in(place));
        handle.join().expect("no panic");
        is_in(place);
    });
    is_in(place);
}

#[test]
fn forks_are_in_the_span_where_they_were_made() {
    each_size("forks_are_in_the_span_where_they_were_made", |workers| {
        let pool = pool(workers);
        in_top(|| {
            pool.install(|| join_tree(6, &["top"]));
            pool.with_context(|cx| context_tree(cx, 7, &["top"]));
            pool.install(|| scope_tree(4, &["top"]));
            is_in(&["top"]);
        });
        pool.install(is_in_none);
        pool.install(|| scheduler::join(is_in_none, is_in_none));
        pool.install(|| scheduler::scope(|s| s.fork(is_in_none)));
    });
}

#[test]
fn large_closures_and_the_macro() {
    each_size("large_closures_and_the_macro", |workers| {
        let pool = pool(workers);
        let large = [1_u64; 8];
        let sum = move || {
            is_in(&["top"]);
            large.iter().sum::<u64>()
        };
        let sums = in_top(|| pool.install(|| scheduler::join!(sum, sum, sum, sum)));
        assert_eq!(sums, (8, 8, 8, 8));
    });
}

/// The owner cannot go on before a thief has run the other branch.
#[test]
fn stolen_for_sure() {
    each_size_from_two("stolen_for_sure", |workers| {
        let pool = pool(workers);
        for _ in 0..50 {
            let stolen = AtomicUsize::new(0);
            let fork = |check: &(dyn Fn() + Sync)| {
                let before = stolen.load(Ordering::SeqCst);
                let branch = || {
                    check();
                    stolen.fetch_add(1, Ordering::SeqCst);
                };
                let wait = || wait_until(|| stolen.load(Ordering::SeqCst) > before);
                scheduler::join(wait, branch);
                scheduler::scope(|s| {
                    s.fork(branch);
                    wait_until(|| stolen.load(Ordering::SeqCst) > before + 1);
                });
            };
            in_top(|| pool.install(|| fork(&|| is_in(&["top"]))));
            pool.install(|| fork(&is_in_none));
            in_top(|| {
                pool.install(|| info_span!("in").in_scope(|| fork(&|| is_in(&["top", "in"]))))
            });
        }
    });
}

/// Beside the token, which takes the same way.
#[test]
fn beside_a_token() {
    each_size("beside_a_token", |workers| {
        let pool = pool(workers);
        let token = CancellationToken::new();
        token.cancel();
        in_top(|| {
            pool.install(|| {
                let with_both = || {
                    is_in(&["top"]);
                    assert!(task::is_cancelled());
                };
                let with_span = || {
                    is_in(&["top"]);
                    assert!(!task::is_cancelled());
                };
                for _ in 0..100 {
                    token.run(|| scheduler::join(with_both, with_both));
                    scheduler::join(with_span, with_span);
                    token.run(|| scheduler::scope(|s| s.fork(with_both)));
                }
            });
        });
    });
}

#[test]
fn shares_of_a_broadcast() {
    each_size("shares_of_a_broadcast", |workers| {
        let pool = pool(workers);
        in_top(|| {
            pool.broadcast(|_| is_in(&["top"]));
            pool.install(|| scheduler::broadcast(|_| is_in(&["top"])));
        });
        pool.broadcast(|_| is_in_none());
    });
}

#[test]
fn into_a_pool_and_into_another() {
    each_size("into_a_pool_and_into_another", |workers| {
        let (first, second) = (pool(workers), pool(workers));
        in_top(|| {
            first.install(|| {
                let _entered = info_span!("first").entered();
                second.install(|| join_tree(4, &["top", "first"]));
                is_in(&["top", "first"]);
            });
            first.in_place_scope(|s| s.fork(|| is_in(&["top"])));
        });
    });
}

/// More parts than the head has room for.
#[test]
fn in_a_full_head() {
    const WIDE: usize = 10_000;
    each_size("in_a_full_head", |workers| {
        let pool = pool(workers);
        let ran = AtomicUsize::new(0);
        let part = || {
            is_in(&["top"]);
            ran.fetch_add(1, Ordering::Relaxed);
        };
        in_top(|| pool.install(|| scheduler::scope(|s| (0..WIDE).for_each(|_| s.fork(part)))));
        assert_eq!(ran.into_inner(), WIDE);
    });
}

/// The one worker waits inside a span, in every way that there is, and runs a stranger meanwhile.
#[test]
fn a_stranger_on_top_of_the_task() {
    fn stranger() -> JoinHandle<()> {
        scheduler::spawn(|| {
            is_in(&["task"]);
            scheduler::join(|| is_in(&["task"]), || is_in(&["task"]));
        })
    }
    fn waits(how: impl FnOnce() + Send) {
        let pool = pool(1);
        in_top(|| {
            pool.install(|| {
                let _entered = info_span!("inner").entered();
                how();
                is_in(&["top", "inner"]);
            });
        });
    }
    /// Spawned outside of all spans.
    fn outside<R>(spawn: impl FnOnce() -> R) -> R {
        tracing::dispatcher::with_default(&tracing::Dispatch::none(), spawn)
    }
    watchdog("a_stranger_on_top_of_the_task", || {
        recorder();
        waits(|| outside(stranger).join().expect("no panic"));
        waits(|| {
            let done = Arc::new(AtomicBool::new(false));
            let (handle, last) = (outside(stranger), Arc::clone(&done));
            drop(scheduler::spawn(move || last.store(true, Ordering::SeqCst)));
            while !done.load(Ordering::SeqCst) {
                assert_eq!(scheduler::yield_now(), Some(scheduler::Yield::Executed));
                is_in(&["top", "inner"]);
            }
            handle.join().expect("no panic");
        });
        // The second branch lies below the stranger in the deque.
        waits(|| {
            scheduler::join(|| drop(outside(stranger)), || is_in(&["top", "inner"]));
        });
        waits(|| scheduler::scope(|_| drop(outside(stranger))));
        waits(|| {
            drop(outside(stranger));
            pool(1).install(|| is_in(&["top", "inner"]));
        });
        waits(|| {
            drop(outside(stranger));
            CancellationToken::new().wait_timeout(Duration::from_millis(10));
        });
        waits(|| {
            drop(outside(stranger));
            scheduler::broadcast(|_| is_in(&["top", "inner"]));
        });
        // Nested spans, one of them twice.
        waits(|| {
            let twice = info_span!("twice");
            let (_one, _two) = (twice.enter(), info_span!("between").entered());
            let _three = twice.enter();
            outside(stranger).join().expect("no panic");
            is_in(&["top", "inner", "twice"]);
        });
    });
}

/// The spans called `task` below `top`, which is current.
fn tasks_of(top: &tracing::Span) -> Vec<Span> {
    let below = recorder().below(top);
    below.into_iter().filter(|span| span.target == "scheduler::task").collect()
}

#[test]
fn spawned_closures_have_a_span() {
    each_size("spawned_closures_have_a_span", |workers| {
        let pool = pool(workers);
        in_top(|| {
            let top = tracing::Span::current();
            let line = line!() + 1;
            let handle = pool.spawn(|| join_tree(3, &["top", "task"]));
            handle.join().expect("no panic");
            let tasks = tasks_of(&top);
            let [task] = &tasks[..] else { panic!("one task: {tasks:#?}") };
            assert_eq!((task.name, task.enters), ("task", task.enters.max(1)));
            let fields = format!(r#"kind="spawn" loc.file={:?} loc.line={line} loc.col="#, file!());
            assert!(task.fields.starts_with(&fields), "{}", task.fields);
            assert!(task.is_closed(), "it is over when its handle says so");
            // From inside another task, and from a thread that is in no span.
            pool.spawn(|| scheduler::spawn(|| is_in(&["top", "task", "task"])).join())
                .join()
                .expect("no panic")
                .expect("no panic");
        });
        pool.spawn(|| is_in(&["task"])).join().expect("no panic");
        pool.install(|| scheduler::spawn(|| is_in(&["task"])).join()).expect("no panic");
    });
}

#[test]
fn many_at_once() {
    each_size("many_at_once", |workers| {
        let pool = pool(workers);
        in_top(|| {
            let path = |_| path().expect("there is a subscriber");
            let all: Vec<_> = pool.map(0..100, path).collect();
            assert_eq!(all, vec![vec!["top", "task"]; 100]);
            for limit in [usize::MAX, 2] {
                let mut set = TaskSet::new(&pool).limit(limit);
                for _ in 0..20 {
                    set.spawn(move || path(0));
                }
                let all: Vec<_> = set.join_all().into_iter().map(Result::unwrap).collect();
                assert_eq!(all, vec![vec!["top", "task"]; 20], "limit {limit}");
            }
        });
        let mut set = TaskSet::new(&pool).limit(1);
        (0..5).for_each(|_| drop(set.spawn(|| is_in(&["task"]))));
        assert!(set.join_all().iter().all(Result::is_ok));
    });
}

#[test]
fn closures_of_an_executor() {
    each_size("closures_of_an_executor", |workers| {
        let pool = pool(workers);
        let executor = Executor::builder(&pool).name("sums").queue_capacity(1000).build().unwrap();
        in_top(|| {
            let top = tracing::Span::current();
            let one = executor.submit(|| join_tree(3, &["top", "task"])).expect("there is room");
            one.join().expect("no panic");
            let tasks = tasks_of(&top);
            assert_eq!(tasks.len(), 1, "and none for a ticket: {tasks:#?}");
            assert!(tasks[0].fields.starts_with(r#"kind="executor" name="sums" loc.file="#));
            let all = executor.submit_all((0..50).map(|_| || is_in(&["top", "task"])));
            for handle in all.expect("there is room") {
                handle.join().expect("no panic");
            }
        });
        executor.submit(|| is_in(&["task"])).expect("there is room").join().expect("no panic");
    });
}

/// What somebody else runs, who is in spans himself.
#[test]
fn closures_that_a_submitter_runs() {
    watchdog("closures_that_a_submitter_runs", || {
        let pool = pool(1);
        let executor = |policy| {
            Executor::builder(&pool).queue_capacity(1).on_full(policy).build().expect("a capacity")
        };
        let (runs, blocks) =
            (executor(RejectionPolicy::CallerRuns), executor(RejectionPolicy::Block));
        in_top(|| {
            let stuck = Stuck::new(&pool, 1);
            let queued = runs.submit(|| is_in(&["top", "task"])).expect("there is room");
            let inner = info_span!("inner");
            let submit = || runs.submit(|| is_in(&["top", "inner", "task"])).expect("run here");
            let here = inner.in_scope(submit);
            here.join().expect("no panic");
            stuck.release();
            queued.join().expect("no panic");
            stuck.handles().into_iter().for_each(|handle| handle.join().expect("no panic"));

            // On a worker a submission that would wait runs the oldest closure first.
            let pool = &pool;
            pool.install(|| {
                let oldest = blocks.submit(|| is_in(&["top", "task"])).expect("there is room");
                let _entered = info_span!("inner").entered();
                let next =
                    blocks.submit(|| is_in(&["top", "inner", "task"])).expect("there is room");
                assert!(oldest.is_finished());
                is_in(&["top", "inner"]);
                oldest.join().expect("no panic");
                next.join().expect("no panic");
            });
        });
    });
}

#[test]
fn closures_of_an_elastic_pool() {
    watchdog("closures_of_an_elastic_pool", || {
        let builder = Elastic::builder().max_threads(1).queue_capacity(1).thread_name("files");
        let elastic = builder.on_full(RejectionPolicy::CallerRuns).build().expect("valid options");
        in_top(|| {
            let top = tracing::Span::current();
            let (go, gone) = mpsc::channel::<()>();
            let wait = move || {
                is_in(&["top", "task"]);
                let _ = gone.recv();
            };
            let running = elastic.submit(wait).expect("there is room");
            let queued = elastic.submit(|| is_in(&["top", "task"])).expect("there is room");
            let inner = info_span!("inner");
            let submit = || elastic.submit(|| is_in(&["top", "inner", "task"])).expect("run here");
            inner.in_scope(submit).join().expect("no panic");
            drop(go);
            running.join().expect("no panic");
            queued.join().expect("no panic");
            let tasks = tasks_of(&top);
            assert_eq!(tasks.len(), 3);
            for task in tasks {
                assert!(task.fields.starts_with(r#"kind="elastic" name="files" loc.file="#));
            }
        });
        elastic.submit(|| is_in(&["task"])).expect("there is room").join().expect("no panic");
        in_top(|| scheduler::spawn_blocking(|| is_in(&["top", "task"])).join().expect("no panic"));
    });
}

#[test]
fn delayed_and_periodic_closures() {
    each_size("delayed_and_periodic_closures", |workers| {
        let pool = pool(workers);
        in_top(|| {
            let top = tracing::Span::current();
            let soon = Duration::from_millis(1);
            pool.schedule(soon, || is_in(&["top", "task"])).join().expect("no panic");
            let series = pool.schedule_at_fixed_rate(soon, soon, || is_in(&["top", "task"]));
            wait_until(|| series.runs() >= 3);
            series.abort();
            let end = series.join();
            assert!(end.is_aborted(), "{end}");
            let tasks = tasks_of(&top);
            let kinds = |kind| tasks.iter().filter(|task| task.fields.starts_with(kind)).count();
            assert_eq!(kinds(r#"kind="delayed""#), 1);
            assert!(kinds(r#"kind="periodic""#) >= 3);
            assert_eq!(kinds(r#"kind="spawn""#), 0, "{tasks:#?}");
        });
    });
}

/// What does not run lets go of the span that it was submitted in.
#[test]
fn closures_that_do_not_run() {
    watchdog("closures_that_do_not_run", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let executor = Executor::builder(&pool).queue_capacity(2).build().expect("a capacity");
        in_top(|| {
            let aborted = pool.spawn(|| ());
            aborted.abort();
            assert!(aborted.join().unwrap_err().is_aborted());
            let queued = executor.submit(|| ()).expect("there is room");
            drop(executor.submit(|| ()).expect("there is room").abort_on_drop());
            drop(executor.submit(|| ()).expect("there is room"));
            assert!(executor.submit(|| ()).is_err(), "handed back");
            let _ = executor.shutdown(Shutdown::CancelQueued);
            assert!(queued.join().unwrap_err().is_shut_down());
            let late = pool.schedule(Duration::from_secs(3600), || ());
            late.abort();
            assert!(late.join().unwrap_err().is_aborted());
        });
        stuck.release();
    });
}

/// Taken back by a shutdown and run elsewhere: in the spans of who submitted it.
#[test]
fn closures_that_were_handed_back() {
    watchdog("closures_that_were_handed_back", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        in_top(|| {
            let handle = pool.spawn(|| is_in(&["top", "task"]));
            let tasks = pool.shutdown_now();
            assert_eq!(tasks.len(), 1);
            info_span!("elsewhere").in_scope(|| {
                tasks.into_iter().for_each(scheduler::Task::run);
                is_in(&["top", "elsewhere"]);
            });
            handle.join().expect("no panic");
        });
        stuck.release();
    });
}

#[test]
fn after_a_panic_as_before() {
    each_size("after_a_panic_as_before", |workers| {
        silence_thrown();
        let pool = pool(workers);
        let throws = |f: &dyn Fn()| assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
        in_top(|| {
            pool.install(|| {
                let place = ["top", "inner"];
                let inside = |name| {
                    let _entered = info_span!("deeper").entered();
                    throw(name)
                };
                let _entered = info_span!("inner").entered();
                for _ in 0..20 {
                    throws(&|| {
                        let _ = scheduler::join(|| inside("left"), || is_in(&place));
                    });
                    is_in(&place);
                    throws(&|| {
                        let _ = scheduler::join(|| is_in(&place), || inside("right"));
                    });
                    is_in(&place);
                    throws(&|| scheduler::scope(|s| s.fork(|| inside("a part"))));
                    is_in(&place);
                    throws(&|| drop(scheduler::broadcast(|_| -> () { inside("a share") })));
                    is_in(&place);
                }
            });
            let spawned = pool.spawn(|| {
                let _entered = info_span!("deeper").entered();
                throw("a task")
            });
            let outcome: Result<(), _> = spawned.join();
            assert!(outcome.unwrap_err().is_panic());
            assert_eq!(thrown(|| pool.install(|| throw("installed"))), "installed");
        });
        pool.install(is_in_none);
        usable(&pool);
    });
}

#[test]
fn workers_and_elastic_threads_have_a_span() {
    watchdog("workers_and_elastic_threads_have_a_span", || {
        let recorder = recorder();
        let name = |index| format!("span-worker-{index}");
        let pool = ThreadPool::builder().num_threads(3).thread_name(name).build().unwrap();
        let workers = || {
            let spans = recorder.spans().into_values();
            let mine = |span: &Span| span.name == "worker" && span.fields.contains("span-worker");
            spans.filter(mine).collect::<Vec<_>>()
        };
        let paths = pool.broadcast(|_| path().expect("there is a subscriber"));
        assert_eq!(paths, [["worker"]; 3]);
        let mut fields: Vec<_> = workers().into_iter().map(|span| span.fields).collect();
        fields.sort();
        let expected =
            [0, 1, 2].map(|index| format!(r#"index={index} thread="span-worker-{index}" "#));
        assert_eq!(fields, expected);
        let _ = pool.shutdown(Shutdown::Drain);
        for span in workers() {
            assert!(span.is_closed() && (span.parent, span.inside) == (None, 0), "{span:?}");
        }

        let elastic = Elastic::builder().thread_name("span-elastic").build().unwrap();
        elastic.submit(|| ()).expect("there is room").join().expect("no panic");
        let _ = elastic.shutdown(Shutdown::Drain);
        let threads = recorder.spans().into_values().filter(|span| span.name == "elastic");
        let mine: Vec<_> = threads.filter(|span| span.fields.contains("span-elastic")).collect();
        let [thread] = &mine[..] else { panic!("one thread: {mine:?}") };
        assert_eq!(thread.fields, r#"index=0 thread="span-elastic-0" "#);
        assert!(thread.is_closed() && thread.inside == 0);

        // What they tell of themselves is in that span.
        let park = (r#"message=park "#.to_owned(), vec!["worker"]);
        assert!(recorder.events().contains(&park));
        let stolen = |(event, _): &(String, _)| event == r#"message=steal from="injector" "#;
        assert!(recorder.events().iter().any(stolen));
    });
}

/// A subscriber that only this thread has goes along, and one that is not interested in the scheduler's
/// own spans as well.
#[test]
fn a_subscriber_of_one_thread() {
    each_size("a_subscriber_of_one_thread", |workers| {
        recorder();
        let pool = pool(workers);
        for level in [LevelFilter::TRACE, LevelFilter::INFO] {
            let own = Recorder::new(level);
            let task: &[_] =
                if level == LevelFilter::TRACE { &["mine", "task"] } else { &["mine"] };
            tracing::subscriber::with_default(own.clone(), || {
                let mine = info_span!("mine");
                let check = |place: &[&str]| {
                    let (number, path) = path_and_recorder().expect("there is a subscriber");
                    assert_eq!((number, &path[..]), (own.number(), place));
                };
                mine.in_scope(|| {
                    pool.install(|| {
                        check(&["mine"]);
                        scheduler::join(|| check(&["mine"]), || check(&["mine"]));
                        scheduler::scope(|s| s.fork(|| check(&["mine"])));
                    });
                    pool.broadcast(|_| check(&["mine"]));
                    let (number, task) = (own.number(), task.to_vec());
                    let spawned =
                        pool.spawn(move || assert_eq!(path_and_recorder(), Some((number, task))));
                    spawned.join().expect("no panic");
                });
            });
            own.no_errors();
            let spans = own.spans();
            assert!(spans.values().all(|span| span.is_closed() && span.inside == 0), "{spans:#?}");
            pool.install(is_in_none);
        }
        recorder().no_errors();
    });
}

/// Its span has the number that the worker's has in the subscriber of the process.
#[test]
fn two_subscribers_with_the_same_numbers() {
    const NAME: &str = "two_subscribers_with_the_same_numbers";
    if case().is_none() {
        return watchdog(NAME, || child_passes(NAME, "same", &[]));
    }
    let recorder = recorder();
    let pool = pool(1);
    pool.broadcast(|_| ());
    let own = Recorder::new(LevelFilter::INFO);
    tracing::subscriber::with_default(own.clone(), || {
        let mine = info_span!("mine");
        assert!(own.spans().keys().eq(recorder.spans().keys()));
        let inside = || assert_eq!(path_and_recorder(), Some((own.number(), vec!["mine"])));
        mine.in_scope(|| pool.install(inside));
    });
    own.no_errors();
}

/// Nothing is recorded while nobody listens; the next jobs of a pool that has worked before are.
#[test]
fn a_subscriber_that_comes_late() {
    const NAME: &str = "a_subscriber_that_comes_late";
    if case().is_none() {
        return watchdog(NAME, || child_passes(NAME, "late", &[]));
    }
    let pool = pool(2);
    // From here on all workers run.
    pool.broadcast(|_| ());
    let work = || {
        let outer = info_span!("outer");
        assert!(outer.is_none());
        outer.in_scope(|| pool.install(|| fib(15)));
        pool.spawn(|| assert_eq!(path(), None)).join().expect("no panic");
        pool.install(|| scheduler::scope(|s| s.fork(|| assert_eq!(path(), None))));
    };
    work();
    let early = pool.schedule(Duration::from_millis(20), || is_in(&[]));
    let recorder = recorder();
    assert!(recorder.spans().is_empty());
    early.join().expect("no panic");
    in_top(|| pool.install(|| join_tree(6, &["top"])));
    in_top(|| pool.spawn(|| is_in(&["top", "task"])).join()).expect("no panic");
    drop(pool);
    recorder.no_errors();
}

/// One that throws at whatever it is told must not cost a worker.
#[test]
fn a_subscriber_that_panics() {
    const NAME: &str = "a_subscriber_that_panics";
    if case().is_none() {
        return watchdog(NAME, || child_passes(NAME, "panics", &[]));
    }
    struct Throws;
    impl tracing::Subscriber for Throws {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            metadata.target() == "scheduler::worker"
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::Id {
            throw("new span")
        }
        fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            throw("event")
        }
        fn enter(&self, _: &tracing::Id) {}
        fn exit(&self, _: &tracing::Id) {}
    }
    silence_thrown();
    tracing::subscriber::set_global_default(Throws).expect("there is no other");
    let pool = pool(3);
    usable(&pool);
    assert_eq!(pool.broadcast(|worker| worker.index()), [0, 1, 2]);
    let _ = pool.shutdown(Shutdown::Drain);
}

/// An executor asks for the current span outside of its lock: a subscriber that submits something to it just
/// then does not wait for itself.
#[test]
fn a_subscriber_that_submits_to_the_same_executor() {
    const NAME: &str = "a_subscriber_that_submits_to_the_same_executor";
    if case().is_none() {
        return watchdog(NAME, || child_passes(NAME, "submits", &[]));
    }
    static EXECUTOR: OnceLock<Executor> = OnceLock::new();
    static SUBMITTED: AtomicUsize = AtomicUsize::new(0);
    std::thread_local! {
        static ASKED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
    /// Submits whenever it is asked for a span or told of one, but not while it does that.
    fn submit() {
        let Some(executor) = EXECUTOR.get() else { return };
        if !ASKED.replace(true) {
            executor.execute(|| _ = SUBMITTED.fetch_add(1, Ordering::SeqCst)).expect("it is open");
            ASKED.set(false);
        }
    }
    #[derive(Clone)]
    struct Submits(Recorder);
    impl tracing::Subscriber for Submits {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            self.0.enabled(metadata)
        }
        fn new_span(&self, attributes: &tracing::span::Attributes<'_>) -> tracing::Id {
            self.0.new_span(attributes)
        }
        fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            self.0.event(event);
        }
        fn enter(&self, id: &tracing::Id) {
            self.0.enter(id);
        }
        fn exit(&self, id: &tracing::Id) {
            self.0.exit(id);
        }
        fn clone_span(&self, id: &tracing::Id) -> tracing::Id {
            submit();
            self.0.clone_span(id)
        }
        fn try_close(&self, id: tracing::Id) -> bool {
            self.0.try_close(id)
        }
        fn current_span(&self) -> tracing_core::span::Current {
            submit();
            self.0.current_span()
        }
    }
    let subscriber = Submits(Recorder::new(LevelFilter::TRACE));
    tracing::subscriber::set_global_default(subscriber.clone()).expect("there is no other");
    let pool = pool(1);
    let executor = Executor::builder(&pool).build().expect("no bound, no error");
    assert!(EXECUTOR.set(executor.clone()).is_ok());
    info_span!("outer").in_scope(|| {
        executor.execute(|| ()).expect("it is open");
        let handles = executor.submit_all([|| 1, || 2]).expect("it is open");
        let sum: i32 = handles.into_iter().map(|handle| handle.join().expect("no panic")).sum();
        assert_eq!(sum + executor.submit(|| 3).expect("it is open").join().expect("no panic"), 6);
    });
    wait_until(|| SUBMITTED.load(Ordering::SeqCst) >= 3);
    drop(pool);
    subscriber.0.no_errors();
}

/// What was submitted outside of all spans is in none, also where somebody runs it who is in some.
#[test]
fn a_closure_without_a_span_run_in_one() {
    watchdog("a_closure_without_a_span_run_in_one", || {
        let pool = pool(1);
        let stuck = Stuck::new(&pool, 1);
        let own = Recorder::new(LevelFilter::INFO);
        tracing::subscriber::with_default(own.clone(), || {
            let handle = pool.spawn(path);
            let tasks = pool.shutdown_now();
            let (_outer, inner) = (info_span!("outer").entered(), info_span!("inner"));
            inner.in_scope(|| tasks.into_iter().for_each(scheduler::Task::run));
            stuck.release();
            assert_eq!(handle.join().expect("no panic"), Some(vec![]));
            assert_eq!(path(), Some(vec!["outer"]));
        });
        own.no_errors();
    });
}

/// A span that is too unimportant for the subscriber is none, and the one around it goes along.
#[test]
fn a_disabled_span() {
    each_size("a_disabled_span", |workers| {
        let pool = pool(workers);
        let own = Recorder::new(LevelFilter::INFO);
        tracing::subscriber::with_default(own.clone(), || {
            let _outer = info_span!("outer").entered();
            let _unseen = trace_span!("unseen").entered();
            pool.install(|| {
                scheduler::join(
                    || assert_eq!(path(), Some(vec!["outer"])),
                    || assert_eq!(path(), Some(vec!["outer"])),
                );
            });
        });
        own.no_errors();
    });
}
