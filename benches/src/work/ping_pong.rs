//! A tiny job for a pool that has nothing else to do, and the way back: the caller blocks until it has
//! the result, and hands over the next one at once.

use std::time::Instant;

use super::{Job, Sample, check, random};
use crate::{Contender, clock};

/// Round trips, one after the other.
#[derive(Debug)]
pub(crate) struct PingPong {
    rounds: usize,
    expected: u64,
}

impl PingPong {
    pub(crate) fn new(rounds: usize) -> PingPong {
        PingPong { rounds, expected: (0..rounds).fold(0, |ball, _| strike(ball)) }
    }
}

/// What each job does with the result of the one before: a result that is another job's shows in all that follow.
fn strike(mut ball: u64) -> u64 {
    ball ^ random(&mut ball)
}

impl Job for PingPong {
    fn title(&self) -> String {
        format!("{} round trips, the caller blocked meanwhile", self.rounds)
    }

    fn run(&self, contender: &Contender) -> Sample {
        let mut ball = 0;
        let round = |_| {
            let handed_over = Instant::now();
            ball = contender.call(move || strike(ball));
            handed_over.elapsed().as_nanos() as u64
        };
        let before = clock::process();
        let ns: Vec<_> = (0..self.rounds).map(round).collect();
        let used = clock::process().zip(before).map(|(now, before)| now.saturating_sub(before));
        let cpu = used.map(|used| used.as_nanos() as f64 / ns.len() as f64);
        check(self, contender, ball, self.expected);
        Sample::Latencies { ns, cpu }
    }
}
