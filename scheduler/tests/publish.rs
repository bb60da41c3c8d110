//! What the recorder of the `metrics` crate is told is what the snapshot says, under the documented names.
#![cfg(feature = "metrics")]
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use metrics::{
    CounterFn, GaugeFn, HistogramFn, Key, KeyName, Metadata, SharedString, Unit,
    with_local_recorder,
};
use scheduler::{
    Elastic, ElasticMetrics, Executor, ExecutorMetrics, Histogram, Metrics, RejectionPolicy,
    Shutdown, ThreadPool,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use support::sync::{Arc, Mutex, mpsc, thread};
use support::{Stuck, each_size, pool, silence_thrown, throw, wait_until, watchdog};

/// Whether it is a counter, its unit and its description.
type Described = (bool, Option<Unit>, String);

/// Remembers what it is told. `metrics` counts references by `std`'s `Arc`.
#[derive(Default)]
struct Recorder(std::sync::Arc<Told>);

#[derive(Default)]
struct Told {
    values: Mutex<BTreeMap<String, f64>>,
    described: Mutex<BTreeMap<String, Described>>,
}

/// A counter or a gauge.
struct Series {
    key: String,
    told: std::sync::Arc<Told>,
}

impl Series {
    fn set(&self, value: f64) {
        self.told.values.lock().unwrap().insert(self.key.clone(), value);
    }
}

impl CounterFn for Series {
    fn increment(&self, _: u64) {
        panic!("counters are absolute");
    }

    fn absolute(&self, value: u64) {
        self.set(value as f64);
    }
}

impl GaugeFn for Series {
    fn increment(&self, _: f64) {
        panic!("gauges are set");
    }

    fn decrement(&self, _: f64) {
        panic!("gauges are set");
    }

    fn set(&self, value: f64) {
        self.set(value);
    }
}

impl HistogramFn for Series {
    fn record(&self, _: f64) {
        panic!("there are no single values");
    }
}

impl Recorder {
    fn describe(&self, name: KeyName, counts: bool, unit: Option<Unit>, help: SharedString) {
        let entry = (counts, unit, help.into_owned());
        self.0.described.lock().unwrap().insert(name.as_str().to_owned(), entry);
    }

    fn series(&self, key: &Key) -> std::sync::Arc<Series> {
        let told = std::sync::Arc::clone(&self.0);
        std::sync::Arc::new(Series { key: text(key), told })
    }

    /// What was told of it.
    #[track_caller]
    fn get(&self, key: &str) -> f64 {
        let values = self.0.values.lock().unwrap();
        *values.get(key).unwrap_or_else(|| panic!("{key} is not among {values:#?}"))
    }

    fn all(&self) -> BTreeMap<String, f64> {
        self.0.values.lock().unwrap().clone()
    }

    #[track_caller]
    fn says(&self, figures: &[(&str, u64)]) {
        for &(key, value) in figures {
            assert_eq!(self.get(key), value as f64, "{key}");
        }
    }
}

/// `name{key=value,…}`, in the order of the keys.
fn text(key: &Key) -> String {
    let mut labels: Vec<_> =
        key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
    labels.sort();
    format!("{}{{{}}}", key.name(), labels.join(","))
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.describe(name, true, unit, help);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.describe(name, false, unit, help);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("{} is no histogram", name.as_str());
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        metrics::Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        metrics::Gauge::from_arc(self.series(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        metrics::Histogram::from_arc(self.series(key))
    }
}

/// What `publish` tells.
fn told(publish: impl FnOnce()) -> Recorder {
    let recorder = Recorder::default();
    with_local_recorder(&recorder, publish);
    recorder
}

fn is_pool(recorder: &Recorder, name: &str, snapshot: &Metrics) {
    let pinned = snapshot.workers.iter().filter(|worker| worker.pinned_to.is_some()).count();
    recorder.says(&[
        (&format!("scheduler_workers{{pool={name}}}"), snapshot.workers.len() as u64),
        (&format!("scheduler_workers_pinned{{pool={name}}}"), pinned as u64),
    ]);
    for (index, worker) in snapshot.workers.iter().enumerate() {
        let counts = worker.counts;
        let of = |what: &str| format!("scheduler_{what}_total{{pool={name},worker={index}}}");
        let from =
            |what| format!("scheduler_steals_total{{from={what},pool={name},worker={index}}}");
        let failed = |why| {
            format!("scheduler_failed_steals_total{{pool={name},reason={why},worker={index}}}")
        };
        recorder.says(&[
            (&of("jobs"), counts.jobs),
            (&from("tail"), counts.steals_tail),
            (&from("head"), counts.steals_forced),
            (&from("injector"), counts.steals_injected),
            (&failed("empty"), counts.steals_empty),
            (&failed("lost"), counts.steals_lost),
            (&of("publishes"), counts.publishes),
            (&of("parks"), counts.parks),
            (&of("wakes"), counts.wakes),
            (&of("spilled"), counts.spilled),
        ]);
    }
}

#[test]
fn a_pool() {
    each_size("a_pool", |workers| {
        let pool = pool(workers);
        pool.install(|| {
            // More than the head has room for, so that all is counted that there is.
            scheduler::scope(|s| (0..20_000).for_each(|_| s.fork(thread::yield_now)));
        });
        let snapshot = pool.metrics();
        let recorder = told(|| snapshot.publish("work"));
        is_pool(&recorder, "work", &snapshot);
        assert_eq!(recorder.all().len(), 2 + 10 * workers, "and no more");
        assert!(snapshot.total().steals_injected > 0);
        // Without a barrier nothing stays in the head, so nothing spills.
        assert_eq!(snapshot.total().spilled > 0, snapshot.barrier != scheduler::Barrier::Fence);
    });
}

#[test]
fn again_and_beside_each_other() {
    watchdog("again_and_beside_each_other", || {
        let (first, second) = (pool(1), pool(2));
        let recorder = Recorder::default();
        with_local_recorder(&recorder, || {
            for _ in 0..3 {
                first.install(|| ());
                let (one, two) = (first.metrics(), second.metrics());
                one.publish("first");
                two.publish("second \"and last\"");
                is_pool(&recorder, "first", &one);
                is_pool(&recorder, "second \"and last\"", &two);
            }
        });
        recorder.says(&[("scheduler_steals_total{from=injector,pool=first,worker=0}", 3)]);
    });
}

fn is_executor(recorder: &Recorder, name: &str, snapshot: &ExecutorMetrics) {
    let of = |what: &str| format!("scheduler_executor_{what}{{executor={name}}}");
    let how = |what: &str, how| format!("scheduler_executor_{what}{{executor={name},how={how}}}");
    recorder.says(&[
        (&of("queue_length"), snapshot.queue_len as u64),
        (&of("queue_length_max"), snapshot.high_water as u64),
        (&of("submitted_total"), snapshot.submitted),
        (&how("ended_total", "completed"), snapshot.completed),
        (&how("ended_total", "panicked"), snapshot.panicked),
        (&how("ended_total", "cancelled"), snapshot.cancelled),
        (&of("blocked_total"), snapshot.blocked),
        (&how("refused_total", "timed_out"), snapshot.timed_out),
        (&how("refused_total", "rejected"), snapshot.rejected),
        (&how("refused_total", "discarded"), snapshot.discarded),
        (&how("refused_total", "discarded_oldest"), snapshot.discarded_oldest),
        (&how("refused_total", "caller_ran"), snapshot.caller_ran),
    ]);
    for (what, histogram) in
        [("queue_wait", &snapshot.queue_wait), ("run_time", &snapshot.run_time)]
    {
        let count = of(&format!("{what}_seconds_count"));
        match histogram {
            Some(histogram) => is_histogram(recorder, name, what, histogram),
            None => assert!(!recorder.all().contains_key(&count), "{count}"),
        }
    }
}

fn is_histogram(recorder: &Recorder, name: &str, what: &str, histogram: &Histogram) {
    let of = |part| format!("scheduler_executor_{what}_seconds_{part}{{executor={name}}}");
    assert_eq!(recorder.get(&of("count")), histogram.count() as f64);
    assert_eq!(recorder.get(&of("sum")), histogram.sum().as_secs_f64());
    let prefix = format!("scheduler_executor_{what}_seconds_bucket{{executor={name},le=");
    let bound = |key: &str| -> Option<f64> {
        Some(key.strip_prefix(&prefix)?.strip_suffix('}')?.parse().expect("a number of seconds"))
    };
    let all = recorder.all();
    let mut buckets: Vec<(f64, f64)> =
        all.iter().filter_map(|(key, &n)| Some((bound(key)?, n))).collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(buckets.len(), 28);
    let upto = |bound: f64| {
        let within = |&(longest, _): &(Duration, u64)| longest.as_secs_f64() <= bound;
        histogram.buckets().filter(within).map(|(_, n)| n).sum::<u64>() as f64
    };
    for &(bound, n) in &buckets[..27] {
        assert_eq!(n, upto(bound), "{what} up to {bound} s");
    }
    assert_eq!(buckets[27], (f64::INFINITY, histogram.count() as f64));
}

/// One executor for each policy, all with a full queue, so that every figure is there.
#[test]
fn an_executor() {
    watchdog("an_executor", || {
        silence_thrown();
        let policies = [
            ("abort", RejectionPolicy::Abort),
            ("block_for", RejectionPolicy::BlockFor(Duration::from_millis(1))),
            ("discard", RejectionPolicy::Discard),
            ("discard_oldest", RejectionPolicy::DiscardOldest),
            ("caller_runs", RejectionPolicy::CallerRuns),
        ];
        let mut seen = BTreeMap::new();
        for (name, policy) in policies {
            let pool = pool(1);
            let builder = Executor::builder(&pool).queue_capacity(2).on_full(policy);
            let executor = builder.timings(true).build().expect("a capacity");
            let before = executor.metrics();
            is_executor(&told(|| before.publish(name)), name, &before);
            let stuck = Stuck::new(&pool, 1);
            let mut handles = Vec::new();
            for _ in 0..5 {
                handles.extend(executor.submit(|| ()));
            }
            let full = executor.metrics();
            is_executor(&told(|| full.publish(name)), name, &full);
            stuck.release();
            drop(handles.into_iter().map(|handle| handle.join()).collect::<Vec<_>>());
            drop(executor.submit(|| throw("one of them")).expect("there is room").join());
            let _ = executor.shutdown(Shutdown::Drain);
            let after = executor.metrics();
            let recorder = told(|| after.publish(name));
            is_executor(&recorder, name, &after);
            for (key, value) in recorder.all() {
                *seen.entry(key.replace(&format!("executor={name}"), "")).or_insert(0.0) += value;
            }
        }
        for (key, value) in seen {
            let may_be_none = key.contains("le=") || key.contains("queue_length{");
            assert!(value > 0.0 || may_be_none, "{key} has never been counted");
        }
    });
}

#[test]
fn an_executor_without_times() {
    watchdog("an_executor_without_times", || {
        let pool = pool(1);
        let executor = Executor::builder(&pool).build().expect("the defaults");
        executor.submit(|| ()).expect("there is room").join().expect("no panic");
        let snapshot = executor.metrics();
        let recorder = told(|| snapshot.publish("plain"));
        is_executor(&recorder, "plain", &snapshot);
        assert_eq!(recorder.all().len(), 12);
    });
}

fn is_elastic(recorder: &Recorder, name: &str, snapshot: &ElasticMetrics) {
    let of = |what| format!("scheduler_elastic_{what}{{pool={name}}}");
    recorder.says(&[
        (&of("threads"), snapshot.threads as u64),
        (&of("threads_idle"), snapshot.idle as u64),
        (&of("threads_largest"), snapshot.largest as u64),
        (&of("threads_core"), snapshot.core as u64),
        (&of("threads_limit"), snapshot.max as u64),
        (&of("queue_length"), snapshot.queue_len as u64),
        (&of("running"), snapshot.running as u64),
        (&of("completed_total"), snapshot.completed),
        (&of("rejected_total"), snapshot.rejected),
    ]);
    assert_eq!(recorder.all().len(), 9, "and no more");
}

#[test]
fn an_elastic_pool() {
    watchdog("an_elastic_pool", || {
        let builder = Elastic::builder().core_threads(1).max_threads(2).queue_capacity(3);
        let pool = builder.build().expect("valid options");
        let (go, gone) = mpsc::channel::<()>();
        let gone = Arc::new(Mutex::new(gone));
        let (began, has_begun) = mpsc::channel();
        let submit = |_| {
            let (gone, began) = (Arc::clone(&gone), began.clone());
            pool.submit(move || {
                began.send(()).expect("it listens");
                let _ = gone.lock().unwrap().recv();
            })
        };
        let handles: Vec<_> = (0..6).map(submit).collect();
        (0..2).for_each(|_| has_begun.recv().expect("two threads"));
        let busy = pool.metrics();
        assert_eq!((busy.queue_len, busy.rejected), (3, 1));
        is_elastic(&told(|| busy.publish("files")), "files", &busy);
        drop(go);
        for handle in handles.into_iter().flatten() {
            handle.join().expect("no panic");
        }
        // A thread counts when its handle has the value already.
        wait_until(|| pool.metrics().completed == 5);
        let after = pool.metrics();
        is_elastic(&told(|| after.publish("files")), "files", &after);
    });
}

/// Without one nothing happens; the process's is used where the thread has none of its own.
#[test]
fn without_a_recorder_and_with_the_process_s() {
    watchdog("without_a_recorder_and_with_the_process_s", || {
        let pool: ThreadPool = pool(1);
        pool.metrics().publish("nobody listens");
        let recorder = Recorder::default();
        let told = Recorder(std::sync::Arc::clone(&recorder.0));
        assert!(metrics::set_global_recorder(recorder).is_ok());
        let snapshot = pool.install(|| {
            let snapshot = pool.metrics();
            snapshot.publish("inside");
            snapshot
        });
        is_pool(&told, "inside", &snapshot);
        assert_eq!(told.all().len(), 12);
    });
}

/// The tables of the module's documentation have every name with its labels, and no other.
#[test]
fn names_are_those_of_the_documentation() {
    watchdog("names_are_those_of_the_documentation", || {
        let pool = pool(1);
        let executor = Executor::builder(&pool).timings(true).build().expect("the defaults");
        let elastic = Elastic::builder().build().expect("the defaults");
        let recorder = told(|| {
            pool.metrics().publish("");
            executor.metrics().publish("");
            elastic.metrics().publish("");
        });
        let label_names = |key: &str| -> (String, BTreeSet<String>) {
            let (name, labels) = key.strip_suffix('}').unwrap().split_once('{').unwrap();
            let names = labels.split(',').map(|label| label.split_once('=').unwrap().0.to_owned());
            (name.to_owned(), names.filter(|name| name != "pool" && name != "executor").collect())
        };
        let published: BTreeMap<_, _> = recorder.all().keys().map(|key| label_names(key)).collect();

        let mut documented = BTreeMap::new();
        for line in include_str!("../src/publish/mod.rs").lines() {
            let Some(row) = line.strip_prefix("//! | `scheduler_") else { continue };
            let cells: Vec<_> = row.split('|').collect();
            let name = format!("scheduler_{}", cells[0].trim().trim_end_matches('`'));
            let labels = cells[1].split(',').map(|label| label.trim().trim_matches('`').to_owned());
            let labels = labels.filter(|label| !label.is_empty()).collect();
            assert!(documented.insert(name, labels).is_none(), "{line} is there twice");
        }
        assert_eq!(published, documented);

        let described = recorder.0.described.lock().unwrap();
        assert!(described.keys().eq(documented.keys()));
        for (name, (counts, unit, help)) in &*described {
            assert_eq!(*counts, name.ends_with("_total"), "{name}");
            let seconds = name.ends_with("_seconds_sum");
            assert_eq!(*unit, Some(if seconds { Unit::Seconds } else { Unit::Count }), "{name}");
            assert!(help.ends_with('.') && help.len() > 5, "{name}: {help}");
        }
    });
}
