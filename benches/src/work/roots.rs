//! The sum of many square roots: next to nothing to do for each element, by joins down to a grain,
//! and by a loop.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Job, Sample};
use crate::Contender;

/// Adds the roots of `from..to`.
// Not inlined: every contender must run the same machine code.
#[inline(never)]
fn add(from: u64, to: u64) -> f64 {
    (from..to).map(|n| (n as f64).sqrt()).sum()
}

fn serial(from: u64, to: u64, _grain: u64) -> f64 {
    add(from, to)
}

per_join! {
    use super::add;

    pub(super) fn sum(cx: Cx<'_, '_>, from: u64, to: u64, grain: u64) -> f64 {
        if to - from <= grain {
            // A call for a single root would cost more than the root.
            return if grain == 1 { (from as f64).sqrt() } else { add(from, to) };
        }
        let middle = from.midpoint(to);
        let (a, b) = join(cx, |cx| sum(cx, from, middle, grain), |cx| sum(cx, middle, to, grain));
        a + b
    }
}

/// What else a sum in another order, and of fewer rounding errors, may be; a lost root would be
/// more.
fn check(job: &dyn Job, contender: &Contender, got: f64, roots: u64) {
    let expected = add(1, roots + 1);
    let close = (got - expected).abs() <= expected * 1e-11;
    assert!(close, "{} gives {got} instead of {expected} for {}", contender.name, job.title());
}

/// The roots of `1..=roots`, by joins.
#[derive(Debug)]
pub(crate) struct ByJoin {
    pub(crate) roots: u64,
    pub(crate) grain: u64,
}

impl Job for ByJoin {
    fn title(&self) -> String {
        format!("sum of {} square roots, joins down to {}", self.roots, self.grain)
    }

    fn forks(&self) -> u64 {
        fn forks(len: u64, grain: u64) -> u64 {
            if len <= grain { 0 } else { 1 + forks(len / 2, grain) + forks(len - len / 2, grain) }
        }
        match self.grain {
            1 => self.roots - 1,
            grain => forks(self.roots, grain),
        }
    }

    fn run(&self, contender: &Contender) -> Sample {
        let (to, grain) = (std::hint::black_box(self.roots + 1), self.grain);
        let (sample, result) = Sample::wall(|| on_join!(contender, sum(1, to, grain)));
        check(self, contender, result, self.roots);
        sample
    }
}

/// The roots of `1..=roots`, by a loop.
#[derive(Debug)]
pub(crate) struct ByLoop {
    pub(crate) roots: u64,
    pub(crate) grain: usize,
}

impl Job for ByLoop {
    fn title(&self) -> String {
        format!("sum of {} square roots, a loop in chunks of {}", self.roots, self.grain)
    }

    fn forks(&self) -> u64 {
        self.roots.div_ceil(self.grain as u64)
    }

    fn run(&self, contender: &Contender) -> Sample {
        let end = std::hint::black_box(self.roots) as usize + 1;
        let sums: Vec<_> = (0..self.forks()).map(|_| AtomicU64::new(0)).collect();
        let (sample, result) = Sample::wall(|| {
            contender.parallel_for(1..end, self.grain, &|chunk| {
                let sum = add(chunk.start as u64, chunk.end as u64);
                sums[(chunk.start - 1) / self.grain].store(sum.to_bits(), Relaxed);
            });
            sums.iter().map(|sum| f64::from_bits(sum.load(Relaxed))).sum()
        });
        check(self, contender, result, self.roots);
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_are_what_the_recursion_does() {
        fn forks(from: u64, to: u64, grain: u64) -> u64 {
            if to - from <= grain {
                return 0;
            }
            let middle = from.midpoint(to);
            1 + forks(from, middle, grain) + forks(middle, to, grain)
        }
        for roots in 1..200 {
            for grain in [1, 7, 64] {
                let job = ByJoin { roots, grain };
                assert_eq!(job.forks(), forks(1, roots + 1, grain), "{job:?}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "serial gives")]
    fn a_lost_root_is_noticed() {
        let serial = Contender::start("serial", 1).expect("always there");
        let job = ByJoin { roots: 1_000_000, grain: 1 };
        check(&job, &serial, add(2, 1_000_001), 1_000_000);
    }
}
