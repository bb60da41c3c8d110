//! What an executor has done.

use super::recorder::{Counter, Gauge, Publication};
use crate::executor::{ExecutorMetrics, Histogram};
use metrics::Unit;

/// The published buckets end just below these powers of two, in nanoseconds: from 1 µs, below which
/// reading the clock is most of it, to 69 s. All of them each time, since a series that comes and goes
/// breaks what is computed from it.
const EXPONENTS: std::ops::RangeInclusive<u32> = 10..=36;

const GAUGES: &[Gauge<ExecutorMetrics>] = &[
    Gauge {
        name: "scheduler_executor_queue_length",
        help: "Closures that wait to start.",
        of: |metrics| metrics.queue_len,
    },
    Gauge {
        name: "scheduler_executor_queue_length_max",
        help: "The most closures that have waited at a time.",
        of: |metrics| metrics.high_water,
    },
];

const ENDED: Counter<ExecutorMetrics> = Counter {
    name: "scheduler_executor_ended_total",
    help: "Closures of the queue that completed, panicked, or were cancelled unrun.",
    label: None,
    of: |metrics| metrics.completed,
};

const REFUSED: Counter<ExecutorMetrics> = Counter {
    name: "scheduler_executor_refused_total",
    help: "Closures that were not queued, or not kept there, for want of room.",
    label: None,
    of: |metrics| metrics.rejected,
};

const COUNTERS: &[Counter<ExecutorMetrics>] = &[
    Counter {
        name: "scheduler_executor_submitted_total",
        help: "Closures that were taken into the queue.",
        label: None,
        of: |metrics| metrics.submitted,
    },
    Counter { label: Some(("how", "completed")), of: |metrics| metrics.completed, ..ENDED },
    Counter { label: Some(("how", "panicked")), of: |metrics| metrics.panicked, ..ENDED },
    Counter { label: Some(("how", "cancelled")), of: |metrics| metrics.cancelled, ..ENDED },
    Counter {
        name: "scheduler_executor_blocked_total",
        help: "Submissions that had to wait for room.",
        label: None,
        of: |metrics| metrics.blocked,
    },
    Counter { label: Some(("how", "rejected")), of: |metrics| metrics.rejected, ..REFUSED },
    Counter { label: Some(("how", "timed_out")), of: |metrics| metrics.timed_out, ..REFUSED },
    Counter { label: Some(("how", "discarded")), of: |metrics| metrics.discarded, ..REFUSED },
    Counter {
        label: Some(("how", "discarded_oldest")),
        of: |metrics| metrics.discarded_oldest,
        ..REFUSED
    },
    Counter { label: Some(("how", "caller_ran")), of: |metrics| metrics.caller_ran, ..REFUSED },
];

/// How a histogram is called.
struct Times {
    bucket: &'static str,
    count: &'static str,
    sum: &'static str,
    help: &'static str,
}

const QUEUE_WAIT: Times = Times {
    bucket: "scheduler_executor_queue_wait_seconds_bucket",
    count: "scheduler_executor_queue_wait_seconds_count",
    sum: "scheduler_executor_queue_wait_seconds_sum",
    help: "How long closures waited in the queue that have run.",
};

const RUN_TIME: Times = Times {
    bucket: "scheduler_executor_run_time_seconds_bucket",
    count: "scheduler_executor_run_time_seconds_count",
    sum: "scheduler_executor_run_time_seconds_sum",
    help: "How long closures ran.",
};

impl ExecutorMetrics {
    /// Hands the figures to the recorder of the `metrics` crate, under the label `executor` with that name.
    /// See [`publish`](crate::publish) for what they are called.
    ///
    /// # Examples
    ///
    /// ```
    /// use metrics_exporter_prometheus::PrometheusBuilder;
    /// use scheduler::{Executor, ThreadPool};
    ///
    /// let recorder = PrometheusBuilder::new().build_recorder();
    /// let pool = ThreadPool::new(2)?;
    /// let thumbnails = Executor::builder(&pool).timings(true).build()?;
    /// thumbnails.submit(|| 6 * 7)?.join()?;
    /// metrics::with_local_recorder(&recorder, || thumbnails.metrics().publish("thumbnails"));
    /// let page = recorder.handle().render();
    /// assert!(page.contains(r#"scheduler_executor_submitted_total{executor="thumbnails"} 1"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn publish(&self, executor: &str) {
        Publication::with("executor", executor, |publication| {
            publication.gauges(GAUGES, self);
            publication.counters(COUNTERS, self);
            for (times, histogram) in [(QUEUE_WAIT, &self.queue_wait), (RUN_TIME, &self.run_time)] {
                if let Some(histogram) = histogram {
                    publish_times(publication, &times, histogram);
                }
            }
        });
    }
}

/// As the series of a Prometheus histogram: each bucket counts what is in those below as well.
fn publish_times(publication: &Publication<'_>, times: &Times, histogram: &Histogram) {
    let &Times { bucket, count, sum, help } = times;
    publication.describe_gauge(bucket, Unit::Count, help);
    publication.describe_gauge(count, Unit::Count, help);
    publication.describe_gauge(sum, Unit::Seconds, help);
    let mut upto = 0;
    let mut buckets = histogram.buckets().peekable();
    for exponent in EXPONENTS {
        // As in the histogram: the longest time that is in it.
        let bound = (1 << exponent) - 1;
        while let Some((_, n)) = buckets.next_if(|(longest, _)| longest.as_nanos() <= bound) {
            upto += n;
        }
        let seconds = bound as f64 / 1e9;
        publication.labelled("le", seconds.to_string()).gauge(bucket, upto as f64);
    }
    let all = histogram.count() as f64;
    publication.labelled("le", "+Inf").gauge(bucket, all);
    publication.gauge(count, all);
    publication.gauge(sum, histogram.sum().as_secs_f64());
}
