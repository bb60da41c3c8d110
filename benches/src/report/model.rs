//! What a run leaves behind: plain data, the same in memory and in the JSON file.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Machine, Sample, Share,
    section::Section,
    stats::{Summary, quantile},
};

/// Everything that one invocation measured, and where, when and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The machine and the versions.
    pub machine: Machine,
    /// When it began, UTC.
    pub date: String,
    /// The command line that repeats it.
    pub command: String,
    /// Measured rounds, the warm-up not counted.
    pub rounds: usize,
    /// In the order in which they ran.
    pub works: Vec<WorkReport>,
    /// What other programs have contributed.
    #[serde(default)]
    pub sections: Vec<Section>,
}

/// All contenders at one work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkReport {
    /// What a command line calls it.
    pub name: String,
    /// What it is.
    pub title: String,
    /// How often a contender forks in one run; 0 where that is not the point.
    pub forks: u64,
    /// What others took of the machine meanwhile.
    pub share: Option<Share>,
    /// One for each contender and number of workers.
    pub rows: Vec<Row>,
}

/// One contender with one number of workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Which contender.
    pub contender: String,
    /// How many threads computed.
    pub workers: usize,
    /// What the work itself allows, in milliseconds, where that is known.
    pub plan_ms: Option<f64>,
    /// In their order.
    pub rounds: Vec<Round>,
}

/// What one round gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Round {
    /// How long the work took, in milliseconds.
    WallMs(f64),
    /// How long each of many events took, in nanoseconds.
    LatenciesNs(Vec<u64>),
    /// The same, and the CPU time of the process for each of them.
    Events {
        /// How long each took.
        latencies_ns: Vec<u64>,
        /// In nanoseconds.
        cpu_ns: f64,
    },
}

impl Round {
    fn latencies_ns(&self) -> Option<&[u64]> {
        match self {
            Round::WallMs(_) => None,
            Round::LatenciesNs(ns) | Round::Events { latencies_ns: ns, .. } => Some(ns),
        }
    }
}

impl From<Sample> for Round {
    fn from(sample: Sample) -> Round {
        match sample {
            Sample::Wall(time) => Round::WallMs(time.as_secs_f64() * 1e3),
            Sample::Latencies { ns, cpu: None } => Round::LatenciesNs(ns),
            Sample::Latencies { ns, cpu: Some(cpu_ns) } => {
                Round::Events { latencies_ns: ns, cpu_ns }
            }
        }
    }
}

/// What is compared: one number for each round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Metric {
    /// The wall time, in milliseconds.
    Wall,
    /// This quantile of the latencies, in microseconds.
    Latency(f64),
    /// CPU time of the process for an event, in microseconds.
    Cpu,
}

impl Metric {
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Metric::Wall => "ms",
            Metric::Latency(_) | Metric::Cpu => "µs",
        }
    }

    /// What distinguishes it from others of the same work.
    pub(crate) fn label(self) -> Option<String> {
        match self {
            Metric::Wall => None,
            Metric::Latency(q) => Some(format!("p{}", q * 100.0)),
            Metric::Cpu => Some("CPU time for each".into()),
        }
    }
}

impl WorkReport {
    /// What its rounds are compared by, the most important first.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let first = self.rows.iter().find_map(|row| row.rounds.first());
        let Some(ns) = first.and_then(Round::latencies_ns) else { return vec![Metric::Wall] };
        // A percentile that no event lies beyond is but the maximum.
        let quantiles = [(0.5, 2), (0.99, 100), (0.999, 1_000)].into_iter();
        let quantiles = quantiles.filter(|&(_, least)| ns.len() >= least);
        let cpu = matches!(first, Some(Round::Events { .. })).then_some(Metric::Cpu);
        quantiles.map(|(q, _)| Metric::Latency(q)).chain(cpu).collect()
    }

    /// The numbers of workers that somebody ran with, ascending; the plain program does not count.
    pub(crate) fn worker_counts(&self) -> Vec<usize> {
        let mut counts: Vec<_> =
            self.rows.iter().filter(|row| !row.is_serial()).map(|row| row.workers).collect();
        counts.sort_unstable();
        counts.dedup();
        counts
    }

    /// The plain program.
    pub(crate) fn serial(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.is_serial())
    }

    /// Everybody with `workers` but the plain program, with their figures, the best first.
    pub(crate) fn ranking(&self, workers: usize, metric: Metric) -> Vec<(&Row, Summary)> {
        let rows = self.rows.iter().filter(|row| row.workers == workers && !row.is_serial());
        let mut ranking: Vec<_> =
            rows.filter_map(|row| Some((row, row.summary(metric)?))).collect();
        ranking.sort_by(|(_, a), (_, b)| a.median.total_cmp(&b.median));
        ranking
    }
}

impl Row {
    pub(crate) fn is_serial(&self) -> bool {
        self.contender == "serial"
    }

    /// Whether it is a form of this project.
    pub(crate) fn is_ours(&self) -> bool {
        self.contender == "ours" || self.contender.starts_with("ours-")
    }

    /// `None` if no round has what the metric needs.
    pub(crate) fn summary(&self, metric: Metric) -> Option<Summary> {
        let figure = |round: &Round| match (metric, round) {
            (Metric::Wall, Round::WallMs(ms)) => Some(*ms),
            (Metric::Latency(q), round) => {
                let ns = round.latencies_ns()?;
                let mut us: Vec<_> = ns.iter().map(|&ns| ns as f64 / 1e3).collect();
                us.sort_by(f64::total_cmp);
                quantile(&us, q)
            }
            (Metric::Cpu, Round::Events { cpu_ns, .. }) => Some(cpu_ns / 1e3),
            _ => None,
        };
        Summary::of(self.rounds.iter().filter_map(figure).collect())
    }
}

impl Run {
    /// Writes it as JSON.
    ///
    /// # Errors
    /// If the file cannot be written; names the file.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let mut text = serde_json::to_string(self).expect("a run has no keys but strings");
        text.push('\n');
        write(path, &text)
    }

    /// Puts `section` into the place of the one with the same title, or to the end.
    pub fn include(&mut self, section: Section) {
        match self.sections.iter_mut().find(|old| old.title == section.title) {
            Some(old) => *old = section,
            None => self.sections.push(section),
        }
    }
}

/// Reads a run, or a section, that was written as JSON.
///
/// # Errors
/// If the file cannot be read or is something else; names the file.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a file.
///
/// # Errors
/// If that fails; names the file.
pub fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
