//! What the workers have done.

use super::recorder::{Counter, Gauge, Publication};
use crate::observe::{Counts, Metrics};

const GAUGES: &[Gauge<Metrics>] = &[
    Gauge { name: "scheduler_workers", help: "Workers.", of: |metrics| metrics.workers.len() },
    Gauge {
        name: "scheduler_workers_pinned",
        help: "Workers that are pinned to a core.",
        of: |metrics| metrics.workers.iter().filter(|worker| worker.pinned_to.is_some()).count(),
    },
];

const STEALS: Counter<Counts> = Counter {
    name: "scheduler_steals_total",
    help: "Jobs taken from elsewhere: another worker's tail or head, or the injector.",
    label: None,
    of: |counts| counts.steals_tail,
};

const FAILED_STEALS: Counter<Counts> = Counter {
    name: "scheduler_failed_steals_total",
    help: "Attempts to steal that gave no job: nothing was there, or somebody was quicker.",
    label: None,
    of: |counts| counts.steals_empty,
};

const COUNTERS: &[Counter<Counts>] = &[
    Counter {
        name: "scheduler_jobs_total",
        help: "Jobs taken from a queue and run.",
        label: None,
        of: |counts| counts.jobs,
    },
    Counter { label: Some(("from", "tail")), of: |counts| counts.steals_tail, ..STEALS },
    Counter { label: Some(("from", "head")), of: |counts| counts.steals_forced, ..STEALS },
    Counter { label: Some(("from", "injector")), of: |counts| counts.steals_injected, ..STEALS },
    Counter { label: Some(("reason", "empty")), of: |counts| counts.steals_empty, ..FAILED_STEALS },
    Counter { label: Some(("reason", "lost")), of: |counts| counts.steals_lost, ..FAILED_STEALS },
    Counter {
        name: "scheduler_publishes_total",
        help: "Own jobs made public because somebody was idle.",
        label: None,
        of: |counts| counts.publishes,
    },
    Counter {
        name: "scheduler_parks_total",
        help: "Times the worker blocked its thread.",
        label: None,
        of: |counts| counts.parks,
    },
    Counter {
        name: "scheduler_wakes_total",
        help: "Times the worker was woken to look for work.",
        label: None,
        of: |counts| counts.wakes,
    },
    Counter {
        name: "scheduler_spilled_total",
        help: "Own jobs made public because the private head was full.",
        label: None,
        of: |counts| counts.spilled,
    },
];

impl Metrics {
    /// Hands the figures to the recorder of the `metrics` crate, under the label `pool` with that name. See
    /// [`publish`](crate::publish) for what they are called.
    ///
    /// # Examples
    ///
    /// ```
    /// use metrics_exporter_prometheus::PrometheusBuilder;
    ///
    /// let recorder = PrometheusBuilder::new().build_recorder();
    /// let pool = scheduler::ThreadPool::new(2)?;
    /// metrics::with_local_recorder(&recorder, || pool.metrics().publish("images"));
    /// let page = recorder.handle().render();
    /// assert!(page.contains(r#"scheduler_parks_total{pool="images",worker="1"}"#));
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn publish(&self, pool: &str) {
        Publication::with("pool", pool, |publication| {
            publication.gauges(GAUGES, self);
            for (index, worker) in self.workers.iter().enumerate() {
                let worker_publication = publication.labelled("worker", index.to_string());
                worker_publication.counters(COUNTERS, &worker.counts);
            }
        });
    }
}
