//! Predictions beside measurement, with 1 and 2 workers.

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use super::{Costs, Scheme, Workload, sim::Task, simulate};
use crate::{
    contention::{
        loads::Tally,
        pools::{self, Pool},
    },
    section::{Facts, Section},
    stats::median,
};

/// How often each is measured.
const ROUNDS: usize = 9;

/// How often the end of a run is looked for.
const POLL: Duration = Duration::from_micros(50);

const WORKLOADS: [(&str, Workload); 3] = [
    ("tree, leaves of 1 µs", Workload::Tree { leaves: 20_000, body: 1_000_000 }),
    (
        "one producer, tasks of 1 µs",
        Workload::Flood { tasks: 20_000, body: 1_000_000, many: false },
    ),
    (
        "loop, chunks of about 1 µs",
        Workload::Loop { iterations: 10_000_000, grain: 512, body: 2_000 },
    ),
];

/// A workload whose bodies take the time that they should.
#[derive(Clone, Copy)]
struct Real {
    workload: Workload,
    /// Of a step of a body, in picoseconds.
    step: u64,
}

/// Never inlined: everybody runs the same code.
#[inline(never)]
fn spin(steps: u64) {
    let _ = (0..steps).fold(1_u64, |x, _| black_box(x.wrapping_mul(3)));
}

impl Real {
    fn new(workload: Workload) -> Real {
        const STEPS: u64 = 1_000_000;
        let times = (0..ROUNDS).map(|_| {
            let begun = Instant::now();
            spin(STEPS);
            begun.elapsed().as_nanos() as f64 * 1e3 / STEPS as f64
        });
        let step = median(times.collect()).expect("there are rounds");
        Real { workload, step: (step.round() as u64).max(1) }
    }

    fn body(&self, task: Task) {
        spin(self.workload.body(task) / self.step);
    }

    /// The plain program.
    fn serial(&self, task: Task) {
        match self.workload.split(task) {
            Some((one, other)) => {
                self.serial(one);
                self.serial(other);
            }
            None => self.body(task),
        }
    }

    fn join(&self, task: Task) {
        match self.workload.split(task) {
            Some((one, other)) => {
                scheduler::join(|| self.join(one), || self.join(other));
            }
            None => self.body(task),
        }
    }

    fn scope(&self, mut task: Task) {
        scheduler::scope(|s| {
            while let Some((rest, one)) = self.workload.split(task) {
                s.spawn(move || self.body(one));
                task = rest;
            }
            self.body(task);
        });
    }

    fn submit(self, pool: &'static dyn Pool, tally: &'static Tally, mut task: Task) {
        while let Some((rest, other)) = self.workload.split(task) {
            pool.submit(Box::new(move || self.submit(pool, tally, other)));
            task = rest;
        }
        self.body(task);
        tally.end_task();
    }

    fn leaves(&self, task: Task) -> u64 {
        match self.workload.split(task) {
            Some((one, other)) => self.leaves(one) + self.leaves(other),
            None => 1,
        }
    }
}

/// Who runs it.
enum Runner {
    Queue { pool: &'static dyn Pool, tally: &'static Tally },
    Ours(scheduler::ThreadPool),
}

impl Runner {
    fn start(scheme: Scheme, workers: usize) -> Runner {
        // Leaked: tasks outlive no pool that way, and their counting costs the pool nothing.
        let queue = |pool| Runner::Queue {
            pool: Box::leak(pool),
            tally: Box::leak(Box::new(Tally::new())),
        };
        match scheme {
            Scheme::Locked => queue(pools::locked(workers)),
            Scheme::LockFree => queue(pools::channel(workers)),
            Scheme::Stealing => Runner::Ours(pools::ours(workers)),
        }
    }

    /// Milliseconds.
    fn run(&self, real: Real, root: Task, leaves: u64) -> f64 {
        let begun = Instant::now();
        match self {
            Runner::Ours(pool) => pool.install(|| match real.workload {
                Workload::Flood { .. } => real.scope(root),
                _ => real.join(root),
            }),
            &Runner::Queue { pool, tally } => {
                let before = tally.ended();
                pool.submit(Box::new(move || real.submit(pool, tally, root)));
                while tally.ended() - before < leaves {
                    thread::sleep(POLL);
                }
            }
        }
        begun.elapsed().as_secs_f64() * 1e3
    }
}

/// Runs workloads on real pools of 1 and, if there are two cores, 2 workers, and sets the times
/// beside the predictions from these costs.
///
/// # Panics
/// If a pool cannot be started.
pub fn check(costs: &Costs, seed: u64) -> Section {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let runners: Vec<_> = [1, 2]
        .into_iter()
        .filter(|&workers| workers <= cores)
        .flat_map(|workers| Scheme::ALL.map(|scheme| (scheme, workers)))
        .map(|(scheme, workers)| (scheme, workers, Runner::start(scheme, workers)))
        .collect();
    let tables = WORKLOADS.map(|(name, workload)| {
        let real = Real::new(workload);
        let root = workload.roots(1, seed)[0];
        let leaves = real.leaves(root);
        let mut times = vec![Vec::new(); runners.len()];
        let mut plain = Vec::new();
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            real.serial(root);
            plain.push(begun.elapsed().as_secs_f64() * 1e3);
            for (times, (_, _, runner)) in times.iter_mut().zip(&runners) {
                times.push(runner.run(real, root, leaves));
            }
        }
        let beside = |predicted: f64, measured: Vec<f64>| {
            let measured = median(measured).expect("there are rounds");
            let ratio = measured / predicted;
            format!("predicted {predicted:.2} ms, measured {measured:.2} ms: ratio {ratio:.2}")
        };
        let ms = |ps: u64| ps as f64 / 1e9;
        let mut rows =
            vec![("the plain program".into(), beside(ms(workload.serial(1, seed)), plain))];
        for (&(scheme, workers, _), times) in runners.iter().zip(times) {
            let predicted = simulate(costs, scheme, workload, workers, seed).time;
            rows.push((
                format!("{}, workers: {workers}", scheme.name()),
                beside(ms(predicted), times),
            ));
        }
        Facts { title: format!("Model against measurement: {name}"), rows }
    });
    Section {
        title: "The model against measurement".into(),
        text: "Where both exist. The queues are the pool with mutex and condvar and the one on a \
               crossbeam channel; stealing is this project. A ratio above 1: slower than predicted."
            .into(),
        figures: Vec::new(),
        facts: tables.into(),
    }
}
