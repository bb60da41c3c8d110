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

use scheduler::Counts;

use self::{
    loads::{BURST, Load, PRODUCERS, Tally, body},
    pools::POOLS,
};
use crate::{
    model::probe,
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
    FloodVain,
    FloodFailed,
    FloodSwitches,
    TreeNs,
    TreeVain,
    TreeFailed,
    TreeSwitches,
    TreeSteals,
    LatencyP50,
    LatencyP99,
    LatencyP999,
}

/// Quantity, heading of its figure, its unit.
const FIGURES: [(Quantity, &str, &str); 12] = [
    (Quantity::FloodNs, "Submitted from outside", NS),
    (Quantity::FloodVain, "Submitted from outside: time at the lock or in failed steals", VAIN),
    (Quantity::FloodFailed, "Submitted from outside: failed steals", FAILED),
    (Quantity::FloodSwitches, "Submitted from outside: context switches", SWITCHES),
    (Quantity::TreeNs, "A tree of tasks", NS),
    (Quantity::TreeVain, "A tree of tasks: time at the lock or in failed steals", VAIN),
    (Quantity::TreeFailed, "A tree of tasks: failed steals", FAILED),
    (Quantity::TreeSwitches, "A tree of tasks: context switches", SWITCHES),
    (Quantity::TreeSteals, "A tree of tasks: steals", STEALS),
    (Quantity::LatencyP50, "Bursts: submission to start, half", LATENCY),
    (Quantity::LatencyP99, "Bursts: submission to start, 99 %", LATENCY),
    (Quantity::LatencyP999, "Bursts: submission to start, 99.9 %", LATENCY),
];

const NS: &str = "ns per task";
const VAIN: &str = "share of all threads' time";
const FAILED: &str = "share of all attempts to steal";
const SWITCHES: &str = "context switches per task";
const STEALS: &str = "steals per task";
const LATENCY: &str = "µs";

/// Loads, with what is taken of them beside latencies and steals.
const LOADS: [(Load, [Quantity; 4]); 2] = {
    use Quantity::*;
    [
        (Load::Flood, [FloodNs, FloodVain, FloodFailed, FloodSwitches]),
        (Load::Tree, [TreeNs, TreeVain, TreeFailed, TreeSwitches]),
    ]
};

/// By pool and number of workers, one for each round.
type Samples = BTreeMap<(Quantity, &'static str, usize), Vec<f64>>;

/// Runs all loads on all pools, round by round. `progress` hears before each pool how many are
/// done, and of how many.
///
/// # Panics
/// If a pool cannot be started.
pub fn measure(plan: &Plan, progress: impl Fn(usize, usize)) -> Section {
    let tally = Tally::new();
    let look_ns = look_ns();
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
                for (load, [ns, vain, failed, switches]) in LOADS {
                    let before = (pool.waited_for_lock(), pool.counts());
                    let seen = load.run(&*pool, &tally, plan.tasks);
                    let waited = pool.waited_for_lock().zip(before.0).map(|(to, from)| to - from);
                    let counted = pool.counts().zip(before.1).map(|(to, from)| to.since(&from));
                    let each = |all: f64| all / load.tasks(plan.tasks) as f64;
                    let elapsed_ns = seen.elapsed.as_nanos() as f64;
                    let outside = if load == Load::Flood { PRODUCERS as usize } else { 0 };
                    let threads = (workers + outside) as f64;
                    let vain_ns = waited
                        .map(|waited| waited.as_nanos() as f64)
                        .or_else(|| counted.map(|counts| counts.failed_steals() as f64 * look_ns));
                    put(ns, Some(each(elapsed_ns)));
                    put(vain, vain_ns.map(|ns| ns / elapsed_ns / threads));
                    put(failed, counted.and_then(failed_share));
                    put(switches, seen.switches.map(|switches| each(switches as f64)));
                    if load == Load::Tree {
                        let stolen = counted.map(|counts| each(counts.stolen() as f64));
                        put(Quantity::TreeSteals, stolen);
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
    section(plan, &samples, look_ns)
}

/// `None` if nobody has tried.
fn failed_share(counts: Counts) -> Option<f64> {
    let attempts = counts.failed_steals() + counts.steals();
    (attempts != 0).then(|| counts.failed_steals() as f64 / attempts as f64)
}

fn section(plan: &Plan, samples: &Samples, look_ns: f64) -> Section {
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
             Time at the lock is that of the pool with a lock: who does not get it at once takes \
             the time until it has it. What a woken worker waits to have it back is not in that. \
             The channel has no lock, and what its threads wait for each other is in its times \
             only. Steals are those of our pool, from its metrics: from tails and by force. Its \
             failed ones are looks at another worker's queue that found nothing, and attempts there \
             and at the global queue that lost to somebody quicker. Time in them is their number \
             times what a look into another's empty queue costs alone; pauses between looks, and \
             the barrier before a sleep, are not in that. Nobody else counts."
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
                row("a look into an empty queue alone", format!("{look_ns:.1} ns")),
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

/// What a worker of ours pays for a look at another's queue that finds nothing.
fn look_ns() -> f64 {
    const TIMES: usize = 9;
    median((0..TIMES).map(|_| probe()).collect()).expect("it was taken")
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
        let points = |figure: &Figure| {
            figure.series.iter().flat_map(|line| line.points.clone()).collect::<Vec<_>>()
        };
        let tree = figure("A tree of tasks");
        assert_eq!(tree.series.len(), POOLS.len());
        assert!(points(tree).iter().all(|&(_, ns)| ns > 0.0), "{tree:?}");
        for line in &tree.series {
            assert_eq!(line.points.iter().map(|&(x, _)| x).collect::<Vec<_>>(), [1.0, 2.0]);
        }
        for load in ["A tree of tasks", "Submitted from outside"] {
            for (what, pools) in [
                ("time at the lock or in failed steals", &["mutex+condvar", "ours"][..]),
                ("failed steals", &["ours"]),
            ] {
                let figure = figure(&format!("{load}: {what}"));
                let names: Vec<_> = figure.series.iter().map(|line| &*line.name).collect();
                assert_eq!(names, pools);
                let shares = points(figure);
                assert_eq!(shares.len(), 2 * pools.len(), "{figure:?}");
                assert!(shares.iter().all(|(_, share)| (0.0..=1.0).contains(share)), "{figure:?}");
            }
        }
    }
}
