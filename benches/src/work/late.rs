//! Late demand: two long leaves forked while no worker wants one, and then nothing forks any more.
//!
//! Of two workers, one is busy for [`BUSY`]. The other, after [`LEAD`], forks two leaves and starts
//! on the first. When the busy one is done it finds its neighbour inside a leaf, where no fork will
//! ever notice the demand. Whoever can take the second leaf nevertheless finishes it after `BUSY +
//! leaf`; else it waits for the first.

use std::time::{Duration, Instant};

use super::{Job, Sample, check};
use crate::Contender;

/// How long each leaf takes.
#[derive(Debug)]
pub(crate) struct Late(pub(crate) Duration);

/// How long the other workers are busy.
const BUSY: Duration = Duration::from_millis(50);
/// How long before the leaves are forked.
const LEAD: Duration = Duration::from_millis(25);
/// A fork each so often during [`LEAD`]: those who share only at forks get their chance to share
/// the busy part.
const TICK: Duration = Duration::from_micros(5);

/// What all of this takes when nothing waits for a worker that is there.
fn plan(leaf: Duration, workers: usize) -> Duration {
    match workers {
        1 => BUSY + LEAD + 2 * leaf,
        // The second leaf is best left to the forking worker if that is done before the other.
        _ => (BUSY + leaf).min(BUSY.max(LEAD + 2 * leaf)),
    }
}

/// Computes for as long as the clock says: that other programs slow the machine down must not look
/// like bad scheduling.
fn spin(length: Duration) -> u64 {
    let start = Instant::now();
    while start.elapsed() < length {
        std::hint::spin_loop();
    }
    1
}

/// The parts that take long.
const PARTS: u64 = 3;

fn serial(leaf: Duration) -> u64 {
    spin(LEAD);
    spin(leaf) + spin(leaf) + spin(BUSY)
}

per_join! {
    use std::time::{Duration, Instant};

    use super::{BUSY, LEAD, TICK, spin};

    pub(super) fn late(cx: Cx<'_, '_>, leaf: Duration) -> u64 {
        // The caller takes the forking side, so that it is the idle worker that has to find the
        // leaf.
        let (a, b) = if LEFT_FIRST {
            join(cx, |cx| forking(cx, leaf), |_| spin(BUSY))
        } else {
            join(cx, |_| spin(BUSY), |cx| forking(cx, leaf))
        };
        a + b
    }

    fn forking(cx: Cx<'_, '_>, leaf: Duration) -> u64 {
        let start = Instant::now();
        while start.elapsed() < LEAD {
            join(cx, |_| spin(TICK), |_| spin(TICK));
        }
        let (a, b) = join(cx, |_| spin(leaf), |_| spin(leaf));
        a + b
    }
}

impl Job for Late {
    fn title(&self) -> String {
        format!("late demand, two leaves of {:?}", self.0)
    }

    fn plan(&self, workers: usize) -> Option<Duration> {
        Some(plan(self.0, workers))
    }

    fn run(&self, contender: &Contender) -> Sample {
        let leaf = self.0;
        let (sample, result) = Sample::wall(|| on_join!(contender, late(leaf)));
        check(self, contender, result, PARTS);
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_is_the_shortest_schedule() {
        let plan = |leaf, workers| plan(Duration::from_millis(leaf), workers).as_millis();
        assert_eq!((plan(500, 1), plan(500, 2)), (1_075, 550));
        assert_eq!((plan(20, 2), plan(1, 2)), (65, 50));
    }
}
