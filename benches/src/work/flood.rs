//! One scope, many empty closures: the price of a spawn.

use super::{Job, Sample, check};
use crate::Contender;

/// How many closures.
#[derive(Debug)]
pub(crate) struct Flood(pub(crate) u64);

fn serial(spawns: u64) -> u64 {
    for _ in 0..spawns {
        // A call that cannot be inlined away, but nothing else.
        std::hint::black_box(|| ())();
    }
    spawns
}

per_scope! {
    pub(super) fn flood(spawns: u64) -> u64 {
        // Only the scope counts the closures: a counter of theirs would cost as much as a spawn.
        scope(|s| {
            for _ in 0..spawns {
                spawn(s, || ());
            }
            spawns
        })
    }
}

impl Job for Flood {
    fn title(&self) -> String {
        format!("{} empty closures in one scope", self.0)
    }

    fn forks(&self) -> u64 {
        self.0
    }

    fn run(&self, contender: &Contender) -> Sample {
        let spawns = std::hint::black_box(self.0);
        let (sample, result) = Sample::wall(|| on_scope!(contender, flood(spawns)));
        check(self, contender, result, spawns);
        sample
    }
}
