//! One queue for all against a queue for each, as workers grow.
//!
//! Tiny tasks on every pool with the same code around them: from outside as fast as two threads
//! can submit, as a tree of tasks that submit tasks, and in bursts, of which the latency is taken.
//! Every submission boxes its closure, also where the pool could do without.
//!
//! More workers than cores show what crowding costs, not what cores bring: figures and JSON say
//! which is which. What many cores would do is the cost model's part.

pub(crate) mod loads;
pub(crate) mod pools;

use std::{collections::BTreeMap, thread, time::Instant};

use self::{
    loads::{BURST, Load, PRODUCERS, Tally, body},
    pools::POOLS,
};
use crate::{
    section::{Facts, Figure, Section, Series},
    stats::{median, quantile},
};

/// How much is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Numbers of workers.
    pub workers: Vec<usize>,
    /// Tasks of each load, about.
    pub tasks: u64,
    /// Rounds; a figure is the median of them.
    pub rounds: usize,
}

/// What is measured, in the order of the report.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Quantity {
    FloodNs,
    FloodLock,
    FloodSwitches,
    TreeNs,
    TreeLock,
    TreeSwitches,
    TreeSteals,
    LatencyP50,
    LatencyP99,
    LatencyP999,
}

/// Quantity, heading of its figure, its unit.
const FIGURES: [(Quantity, &str, &str); 10] = [
    (Quantity::FloodNs, "Submitted from outside", NS),
    (Quantity::FloodLock, "Submitted from outside: time in the lock", LOCK),
    (Quantity::FloodSwitches, "Submitted from outside: context switches", SWITCHES),
    (Quantity::TreeNs, "A tree of tasks", NS),
    (Quantity::TreeLock, "A tree of tasks: time in the lock", LOCK),
    (Quantity::TreeSwitches, "A tree of tasks: context switches", SWITCHES),
    (Quantity::TreeSteals, "A tree of tasks: steals", STEALS),
    (Quantity::LatencyP50, "Bursts: submission to start, half", LATENCY),
    (Quantity::LatencyP99, "Bursts: submission to start, 99 %", LATENCY),
    (Quantity::LatencyP999, "Bursts: submission to start, 99.9 %", LATENCY),
];

const NS: &str = "ns per task";
const LOCK: &str = "share of all threads' time waiting for the lock";
const SWITCHES: &str = "context switches per task";
const STEALS: &str = "steals per task";
const LATENCY: &str = "µs";

/// By pool and number of workers, one for each round.
type Samples = BTreeMap<(Quantity, &'static str, usize), Vec<f64>>;

/// Runs all loads on all pools, round by round. `progress` hears before each pool how many are
/// done, and of how many.
///
/// # Panics
/// If a pool cannot be started.
pub fn measure(plan: &Plan, progress: impl Fn(usize, usize)) -> Section {
    let tally = Tally::new();
    let mut samples = Samples::new();
    let all = plan.rounds * plan.workers.len() * POOLS.len();
    let mut done = 0;
    for _ in 0..plan.rounds {
        for &workers in &plan.workers {
            for (name, start) in POOLS {
                progress(done, all);
                let pool = start(workers);
                // Threads are started and caches filled before the clock.
                Load::Tree.run(&*pool, &tally, plan.tasks / 16);
                let mut put = |quantity, value: Option<f64>| {
                    let place = samples.entry((quantity, name, workers)).or_default();
                    place.extend(value);
                };
                let loads = [
                    (Load::Flood, Quantity::FloodNs, Quantity::FloodLock, Quantity::FloodSwitches),
                    (Load::Tree, Quantity::TreeNs, Quantity::TreeLock, Quantity::TreeSwitches),
                ];
                for (load, ns, lock, switches) in loads {
                    let before = (pool.waited_for_lock(), pool.steals());
                    let seen = load.run(&*pool, &tally, plan.tasks);
                    let each = |all: f64| all / load.tasks(plan.tasks) as f64;
                    let elapsed = seen.elapsed.as_secs_f64();
                    let outside = if load == Load::Flood { PRODUCERS as usize } else { 0 };
                    let waited = pool.waited_for_lock().zip(before.0);
                    let threads = (workers + outside) as f64;
                    put(ns, Some(each(elapsed * 1e9)));
                    put(
                        lock,
                        waited.map(|(to, from)| (to - from).as_secs_f64() / elapsed / threads),
                    );
                    put(switches, seen.switches.map(|switches| each(switches as f64)));
                    if load == Load::Tree {
                        let stolen = pool.steals().zip(before.1);
                        put(
                            Quantity::TreeSteals,
                            stolen.map(|(to, from)| each((to - from) as f64)),
                        );
                    }
                }
                let seen = Load::Bursts.run(&*pool, &tally, plan.tasks);
                let sorted: Vec<_> = seen.latencies.iter().map(|&ns| ns as f64 / 1e3).collect();
                put(Quantity::LatencyP50, quantile(&sorted, 0.5));
                put(Quantity::LatencyP99, quantile(&sorted, 0.99));
                put(Quantity::LatencyP999, quantile(&sorted, 0.999));
                done += 1;
            }
        }
    }
    section(plan, &samples)
}

fn section(plan: &Plan, samples: &Samples) -> Section {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let crowded = plan.workers.iter().any(|&workers| workers > cores);
    let note = if crowded {
        format!("{cores} cores: to the right of {cores}, workers share them")
    } else {
        format!("{cores} cores")
    };
    let figure = |&(quantity, title, y_label): &(Quantity, &str, &str)| {
        let line = |name: &'static str| {
            let point = |&workers: &usize| {
                let values = samples.get(&(quantity, name, workers))?.clone();
                Some((workers as f64, median(values)?))
            };
            Series { name: name.into(), points: plan.workers.iter().filter_map(point).collect() }
        };
        let lines = POOLS.iter().map(|&(name, _)| line(name));
        Figure {
            title: title.into(),
            note: note.clone(),
            x_label: "workers".into(),
            y_label: y_label.into(),
            log_x: true,
            log_y: [NS, LATENCY].contains(&y_label),
            series: lines.filter(|line| !line.points.is_empty()).collect(),
        }
    };
    let row = |name: &str, value: String| (name.into(), value);
    Section {
        title: "Contention as workers grow".into(),
        text: format!(
            "Tasks of some dozens of nanoseconds, on pools with one queue and on pools with a \
             queue for each worker. {PRODUCERS} threads outside submit; or each task submits two; \
             or one thread submits {BURST} at a time and waits for them. This machine has {cores} \
             cores: more workers than that say what crowding costs, and little about more cores. \
             Time in the lock is that of the pool with a lock, without what a woken worker waits \
             to have it back. Steals are those of our pool, from its metrics: from tails and by \
             force. Nobody counts failed ones."
        ),
        figures: FIGURES.iter().map(figure).collect(),
        facts: vec![Facts {
            title: "Contention: what was run".into(),
            rows: vec![
                row("cores", cores.to_string()),
                row("more workers than cores", if crowded { "yes" } else { "no" }.into()),
                row("tasks of each load, about", plan.tasks.to_string()),
                row("rounds, of which the median", plan.rounds.to_string()),
                row("a task's body alone", format!("{:.1} ns", body_ns())),
            ],
        }],
    }
}

fn body_ns() -> f64 {
    const TIMES: u32 = 100_000;
    let begun = Instant::now();
    (0..TIMES).for_each(|_| body());
    begun.elapsed().as_nanos() as f64 / f64::from(TIMES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_every_pool_at_every_number_of_workers() {
        let plan = Plan { workers: vec![1, 2], tasks: 500, rounds: 1 };
        let section = measure(&plan, |_, _| ());
        let figure = |title: &str| {
            section.figures.iter().find(|figure| figure.title == title).expect("see FIGURES")
        };
        let tree = &figure("A tree of tasks").series;
        assert_eq!(tree.len(), POOLS.len());
        for line in tree {
            assert!(line.points.iter().all(|&(_, ns)| ns > 0.0), "{line:?}");
            assert_eq!(line.points.iter().map(|&(x, _)| x).collect::<Vec<_>>(), [1.0, 2.0]);
        }
        let locks = &figure("A tree of tasks: time in the lock").series;
        assert_eq!(locks.iter().map(|line| &*line.name).collect::<Vec<_>>(), ["mutex+condvar"]);
    }
}
