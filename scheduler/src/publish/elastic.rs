//! What an elastic pool does.

use super::recorder::{Counter, Gauge, Publication};
use crate::blocking::ElasticMetrics;

const GAUGES: &[Gauge<ElasticMetrics>] = &[
    Gauge {
        name: "scheduler_elastic_threads",
        help: "Threads now.",
        of: |metrics| metrics.threads,
    },
    Gauge {
        name: "scheduler_elastic_threads_idle",
        help: "Threads that have nothing to do.",
        of: |metrics| metrics.idle,
    },
    Gauge {
        name: "scheduler_elastic_threads_largest",
        help: "The most threads that there have been at a time.",
        of: |metrics| metrics.largest,
    },
    Gauge {
        name: "scheduler_elastic_threads_core",
        help: "Threads that stay when there is nothing to do.",
        of: |metrics| metrics.core,
    },
    Gauge {
        name: "scheduler_elastic_threads_limit",
        help: "Threads that there may be.",
        of: |metrics| metrics.max,
    },
    Gauge {
        name: "scheduler_elastic_queue_length",
        help: "Closures that wait for a thread.",
        of: |metrics| metrics.queue_len,
    },
    Gauge {
        name: "scheduler_elastic_running",
        help: "Closures that run now.",
        of: |metrics| metrics.running,
    },
];

const COUNTERS: &[Counter<ElasticMetrics>] = &[
    Counter {
        name: "scheduler_elastic_completed_total",
        help: "Closures that have run, to their end or to a panic.",
        label: None,
        of: |metrics| metrics.completed,
    },
    Counter {
        name: "scheduler_elastic_rejected_total",
        help: "Closures that were handed back or discarded.",
        label: None,
        of: |metrics| metrics.rejected,
    },
];

impl ElasticMetrics {
    /// Hands the figures to the recorder of the `metrics` crate, under the label `pool` with that name. See
    /// [`publish`](crate::publish) for what they are called.
    ///
    /// # Examples
    ///
    /// ```
    /// use metrics_exporter_prometheus::PrometheusBuilder;
    /// use scheduler::Elastic;
    ///
    /// let recorder = PrometheusBuilder::new().build_recorder();
    /// let pool = Elastic::builder().max_threads(3).build()?;
    /// metrics::with_local_recorder(&recorder, || pool.metrics().publish("files"));
    /// let page = recorder.handle().render();
    /// assert!(page.contains(r#"scheduler_elastic_threads_limit{pool="files"} 3"#));
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn publish(&self, pool: &str) {
        Publication::with("pool", pool, |publication| {
            publication.gauges(GAUGES, self);
            publication.counters(COUNTERS, self);
        });
    }
}
