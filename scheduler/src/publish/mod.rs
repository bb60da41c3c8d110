//! Figures of pools and executors for the recorder of the [`metrics`](https://docs.rs/metrics) crate, and so
//! for whichever exporter a program has: Prometheus, StatsD, OpenTelemetry.
//!
//! Feature `metrics`. A snapshot, of [`ThreadPool::metrics`], [`Executor::metrics`] or
//! [`Elastic::metrics`], is handed to the recorder by its `publish` method, with a name that tells the pool
//! or the executor from others. Do that before each scrape, or every few seconds: nothing is published in
//! between, and workers do nothing more than they always do. Without a recorder `publish` does nothing.
//!
//! ```
//! use metrics_exporter_prometheus::PrometheusBuilder;
//! use scheduler::ThreadPool;
//!
//! // In a program: `PrometheusBuilder::new().install_recorder()`, for the whole process.
//! let recorder = PrometheusBuilder::new().build_recorder();
//! let pool = ThreadPool::new(2)?;
//! pool.install(|| scheduler::join(|| 1, || 2));
//!
//! metrics::with_local_recorder(&recorder, || pool.metrics().publish("images"));
//! let page = recorder.handle().render();
//! assert!(page.contains(r#"scheduler_workers{pool="images"} 2"#));
//! assert!(page.contains(r#"scheduler_jobs_total{pool="images",worker="0"}"#));
//! # Ok::<(), scheduler::BuildError>(())
//! ```
//!
//! # Names
//!
//! Counters end in `_total`, and count from when the pool or the executor was built; the rest are gauges.
//! Give a name to one pool only: a recorder takes no counter back, so that of a second pool under the same
//! name would stand still until it has overtaken the first one's.
//!
//! Of a [`ThreadPool`], with the label `pool`; those of a worker have its index as the label `worker`:
//!
//! | name | labels | what it is |
//! |---|---|---|
//! | `scheduler_workers` | | workers |
//! | `scheduler_workers_pinned` | | those that are pinned to a core |
//! | `scheduler_jobs_total` | `worker` | jobs taken from a queue and run |
//! | `scheduler_steals_total` | `worker`, `from` | jobs taken from elsewhere: from another worker's public `tail`, by force out of its private `head`, from the pool's `injector` |
//! | `scheduler_failed_steals_total` | `worker`, `reason` | attempts to steal that gave no job: the other worker's queue was `empty`, or the job was `lost` to somebody quicker |
//! | `scheduler_publishes_total` | `worker` | own jobs made public because somebody was idle |
//! | `scheduler_parks_total` | `worker` | times the worker blocked its thread |
//! | `scheduler_wakes_total` | `worker` | times it was woken to look for work |
//! | `scheduler_spilled_total` | `worker` | own jobs made public because the private head was full |
//!
//! Of an [`Executor`], with the label `executor`:
//!
//! | name | labels | what it is |
//! |---|---|---|
//! | `scheduler_executor_queue_length` | | closures that wait to start |
//! | `scheduler_executor_queue_length_max` | | the most that have waited at a time |
//! | `scheduler_executor_submitted_total` | | closures that were taken into the queue |
//! | `scheduler_executor_ended_total` | `how` | those of them that `completed`, `panicked`, or were `cancelled` unrun |
//! | `scheduler_executor_blocked_total` | | submissions that had to wait for room |
//! | `scheduler_executor_refused_total` | `how` | for want of room: `rejected`, `timed_out`, `discarded`; `discarded_oldest` are queued ones that made room, and count as `cancelled` as well; `caller_ran` were run by who submitted them |
//! | `scheduler_executor_queue_wait_seconds_bucket` | `le` | how many waited so long in the queue, or less |
//! | `scheduler_executor_queue_wait_seconds_count` | | how many that is of |
//! | `scheduler_executor_queue_wait_seconds_sum` | | how long they waited, together |
//! | `scheduler_executor_run_time_seconds_bucket` | `le` | how many ran so long, or less |
//! | `scheduler_executor_run_time_seconds_count` | | how many that is of |
//! | `scheduler_executor_run_time_seconds_sum` | | how long they ran, together |
//!
//! Of an [`Elastic`] pool, with the label `pool`:
//!
//! | name | labels | what it is |
//! |---|---|---|
//! | `scheduler_elastic_threads` | | threads now |
//! | `scheduler_elastic_threads_idle` | | those of them that have nothing to do |
//! | `scheduler_elastic_threads_largest` | | the most threads that there have been at a time |
//! | `scheduler_elastic_threads_core` | | how many stay when there is nothing to do |
//! | `scheduler_elastic_threads_limit` | | how many there may be |
//! | `scheduler_elastic_queue_length` | | closures that wait for a thread |
//! | `scheduler_elastic_running` | | closures that run now |
//! | `scheduler_elastic_completed_total` | | closures that have run, to their end or to a panic |
//! | `scheduler_elastic_rejected_total` | | closures that were handed back or discarded |
//!
//! # Times
//!
//! The times of an executor are there if it was built with
//! [`timings`](crate::ExecutorBuilder::timings). They are counted in buckets, each twice as long as the
//! one before, since the executor was built. The crate's own histograms take single values, which are not
//! kept here; so the counts are published as they are: as gauges which only grow, named as Prometheus names
//! the series of a histogram. What works on such a histogram works on them:
//! `histogram_quantile(0.99, rate(scheduler_executor_run_time_seconds_bucket[5m]))`. The buckets reach from
//! 1 µs to 69 s, with `+Inf` for what is longer.
//!
//! [`ThreadPool`]: crate::ThreadPool
//! [`ThreadPool::metrics`]: crate::ThreadPool::metrics
//! [`Executor`]: crate::Executor
//! [`Executor::metrics`]: crate::Executor::metrics
//! [`Elastic`]: crate::Elastic
//! [`Elastic::metrics`]: crate::Elastic::metrics

mod elastic;
mod executor;
mod pool;
mod recorder;
