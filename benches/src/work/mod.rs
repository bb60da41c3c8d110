//! What is computed: a file per work.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::Contender;

pub(crate) mod fib;
pub(crate) mod flood;
pub(crate) mod late;
pub(crate) mod matmul;
pub(crate) mod nbody;
pub(crate) mod ping_pong;
pub(crate) mod queens;
pub(crate) mod roots;
pub(crate) mod sort;
pub(crate) mod start;
pub(crate) mod submit;
pub(crate) mod tree;
pub(crate) mod uts;
pub(crate) mod wake;
pub(crate) mod words;

/// What each work's file implements: one input, the same for every contender.
pub(crate) trait Job: fmt::Debug + Send + Sync {
    /// What it is, in words and numbers.
    fn title(&self) -> String;

    /// See [`crate::Work::forks`].
    fn forks(&self) -> u64 {
        0
    }

    /// See [`crate::Work::plan`].
    fn plan(&self, _workers: usize) -> Option<Duration> {
        None
    }

    /// Runs it once. What is measured is the work; its input is prepared before, and its result is
    /// checked by [`check`] after.
    fn run(&self, contender: &Contender) -> Sample;
}

/// What one run of a work measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// How long all of it took.
    Wall(Duration),
    /// Many moments.
    Latencies {
        /// How long each took, in nanoseconds and in order of time.
        ns: Vec<u64>,
        /// CPU time of the process for each, in nanoseconds, where the system tells it.
        cpu: Option<f64>,
    },
}

impl Sample {
    /// Runs `f`, and says how long that took.
    fn wall<R>(f: impl FnOnce() -> R) -> (Sample, R) {
        let start = Instant::now();
        let result = f();
        (Sample::Wall(start.elapsed()), result)
    }

    /// The wall time, or all latencies together: the same, where each moment follows the one before at once.
    pub fn total(&self) -> Duration {
        match self {
            Sample::Wall(time) => *time,
            Sample::Latencies { ns, .. } => Duration::from_nanos(ns.iter().sum()),
        }
    }
}

/// Compares a result with the one that serial code gives.
///
/// # Panics
/// If they differ.
fn check<T: PartialEq + fmt::Debug>(job: &dyn Job, contender: &Contender, got: T, expected: T) {
    let (name, title) = (contender.name, job.title());
    assert_eq!(got, expected, "{name} gives a wrong result for {title}");
}

/// The next of a sequence of numbers that look random, the same in every run (SplitMix64).
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *seed;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
