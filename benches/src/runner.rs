//! One work, all contenders, interleaved.

use std::{thread, time::Duration};

use crate::{
    Contender, Entry, Load, Sizes, Work,
    report::{Row, WorkReport},
};

/// Long enough for a pool to go to sleep before the next one is timed.
const PAUSE: Duration = Duration::from_millis(2);

/// Runs a work once on every contender to warm up, then once per round, and calls `done` with the
/// contender after each.
pub fn measure(
    entry: &Entry,
    contenders: &[&Contender],
    sizes: &Sizes,
    rounds: usize,
    mut done: impl FnMut(&Contender),
) -> WorkReport {
    let work = entry.build(sizes);
    let mut rows: Vec<_> = contenders.iter().map(|contender| row(&work, contender)).collect();
    for contender in contenders {
        work.run(contender);
        done(contender);
    }
    let before = Load::now();
    for round in 0..rounds {
        // Each begins a round in turn, so that nobody always follows the same neighbour's caches
        // and clock.
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            thread::sleep(PAUSE);
            rows[index].rounds.push(work.run(contenders[index]).into());
            done(contenders[index]);
        }
    }
    let share = Load::now().since(&before);
    WorkReport { name: entry.name.into(), title: work.title(), forks: work.forks(), share, rows }
}

fn row(work: &Work, contender: &Contender) -> Row {
    let plan = work.plan(contender.workers);
    Row {
        contender: contender.name.into(),
        workers: contender.workers,
        plan_ms: plan.map(|plan| plan.as_secs_f64() * 1e3),
        rounds: Vec::new(),
    }
}
