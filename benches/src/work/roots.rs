//! The sum of many square roots: next to nothing to do for each element, by joins down to a grain,
//! and by a loop.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Job, Sample, check};
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

/// The roots of `1..=roots`, and their sum as a plain loop rounds it.
#[derive(Debug)]
pub(crate) struct Roots {
    roots: u64,
    by: By,
    sum: f64,
}

/// How the work is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    /// By joins, down to a grain.
    Join(u64),
    /// By a loop, in chunks.
    Loop(usize),
}

impl Roots {
    pub(crate) fn new(roots: u64, by: By) -> Roots {
        Roots { roots, by, sum: add(1, roots + 1) }
    }

    /// In another order other sums are rounded. A lost root would differ by more.
    fn is_close(&self, sum: f64) -> bool {
        (sum - self.sum).abs() <= self.sum * 1e-11
    }

    fn in_chunks(&self, contender: &Contender, grain: usize) -> (Sample, f64) {
        let end = std::hint::black_box(self.roots) as usize + 1;
        let sums: Vec<_> = (0..self.forks()).map(|_| AtomicU64::new(0)).collect();
        Sample::wall(|| {
            contender.parallel_for(1..end, grain, &|chunk| {
                let sum = add(chunk.start as u64, chunk.end as u64);
                sums[(chunk.start - 1) / grain].store(sum.to_bits(), Relaxed);
            });
            sums.iter().map(|sum| f64::from_bits(sum.load(Relaxed))).sum()
        })
    }
}

impl Job for Roots {
    fn title(&self) -> String {
        let by = match self.by {
            By::Join(grain) => format!("joins down to {grain}"),
            By::Loop(grain) => format!("a loop in chunks of {grain}"),
        };
        format!("sum of {} square roots, {by}", self.roots)
    }

    fn forks(&self) -> u64 {
        fn joins(roots: u64, grain: u64) -> u64 {
            if roots <= grain {
                return 0;
            }
            let half = roots / 2;
            1 + joins(half, grain) + joins(roots - half, grain)
        }
        match self.by {
            By::Join(grain) => joins(self.roots, grain),
            By::Loop(grain) => self.roots.div_ceil(grain as u64),
        }
    }

    fn run(&self, contender: &Contender) -> Sample {
        let end = std::hint::black_box(self.roots + 1);
        let (sample, sum) = match self.by {
            By::Join(grain) => Sample::wall(|| on_join!(contender, sum(1, end, grain))),
            By::Loop(grain) => self.in_chunks(contender, grain),
        };
        // The sums themselves would nearly always differ.
        check(self, contender, self.is_close(sum), true);
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_root_is_noticed() {
        let roots = 10_000_000;
        let job = Roots::new(roots, By::Join(1));
        let backwards = (1..=roots).rev().map(|n| (n as f64).sqrt());
        assert!(job.is_close(backwards.sum()));
        assert!(!job.is_close(add(2, roots + 1)));
    }
}
