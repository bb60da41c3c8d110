//! The simulations' results, from one core to 256.

use super::{Costs, Outcome, Scheme, Workload, simulate};
use crate::section::{Facts, Figure, Section, Series};

const CORES: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

const MICROSECOND: u64 = 1_000_000;

const WORKLOADS: [(&str, Workload); 4] = [
    (
        "Fork/join tree of 65,536 leaves of 1 µs",
        Workload::Tree { leaves: 1 << 16, body: MICROSECOND },
    ),
    (
        "65,536 tasks of 1 µs from one producer",
        Workload::Flood { tasks: 1 << 16, body: MICROSECOND, many: false },
    ),
    (
        "65,536 tasks of 1 µs, every second core produces",
        Workload::Flood { tasks: 1 << 16, body: MICROSECOND, many: true },
    ),
    (
        "Parallel loop, chunks of about 1 µs",
        Workload::Loop { iterations: 1 << 25, grain: 512, body: MICROSECOND / 512 },
    ),
];

/// Simulates everything with these costs.
pub fn report(costs: &Costs, seed: u64) -> Section {
    let figures = WORKLOADS.iter().flat_map(|&(title, workload)| {
        let outcomes = Scheme::ALL.map(|scheme| {
            let outcome = |cores| (cores, simulate(costs, scheme, workload, cores, seed));
            (scheme, CORES.map(outcome))
        });
        let figure = |quantity: &str, log_y, value: fn(&Outcome, usize) -> f64| Figure {
            title: format!("Model: {title}: {quantity}"),
            note: "simulated, from the costs of two real cores".into(),
            x_label: "cores".into(),
            y_label: quantity.into(),
            log_x: true,
            log_y,
            series: outcomes
                .iter()
                .map(|(scheme, outcomes)| Series {
                    name: scheme.name().into(),
                    points: outcomes
                        .iter()
                        .map(|(cores, outcome)| (*cores as f64, value(outcome, *cores)))
                        .collect(),
                })
                .collect(),
        };
        [
            figure("speed-up over the plain program", true, |outcome, _| outcome.speed_up()),
            figure("share of the cores' time wasted", false, Outcome::wasted),
        ]
    });
    let costs = costs.rows().map(|(name, ns)| (name.into(), format!("{ns:.1} ns")));
    Section {
        title: "A model of more cores".into(),
        text: format!(
            "A simulation of equal cores, in which a scheduler is the sum of costs measured on two \
             real ones: the shapes of the curves mean more than their heights. What is modelled, \
             and what is not, stands in benches/model/mod.rs. Seed {seed}."
        ),
        figures: figures.collect(),
        facts: vec![Facts { title: "Model: costs measured here".into(), rows: costs.into() }],
    }
}
