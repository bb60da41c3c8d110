//! What is measured, by name.

use std::{path::PathBuf, time::Duration};

use crate::{
    Ability, Contender, Sample,
    work::{
        Job,
        fib::Fib,
        flood::Flood,
        late::Late,
        matmul::Matmul,
        nbody::Nbody,
        ping_pong::PingPong,
        queens::{Fork, Queens},
        roots::{By, Roots},
        sort::{Method, Sort},
        start::Start,
        submit::Submit,
        tree::Sums,
        uts,
        wake::Wake,
        words::Words,
    },
};

/// What the works' sizes depend on.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// The argument of naive Fibonacci.
    pub fib: u32,
    /// The length of each of the two late leaves.
    pub leaf: Duration,
    /// The folder whose words are counted.
    pub words: PathBuf,
    /// Whether all else is too small to be measured, see [`Sizes::toy`].
    pub toy: bool,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes {
            fib: 38,
            leaf: Duration::from_millis(500),
            words: concat!(env!("CARGO_MANIFEST_DIR"), "/..").into(),
            toy: false,
        }
    }
}

impl Sizes {
    /// So small that they only show that a work runs, and gives the right result.
    pub fn toy() -> Sizes {
        Sizes {
            fib: 15,
            leaf: Duration::from_millis(1),
            words: concat!(env!("CARGO_MANIFEST_DIR"), "/src/contender").into(),
            toy: true,
        }
    }

    fn or_toy<T>(&self, full: T, toy: T) -> T {
        if self.toy { toy } else { full }
    }

    fn tree(&self, tree: uts::Tree) -> uts::Tree {
        if self.toy { tree.sapling() } else { tree }
    }

    /// A million, of whatever it is.
    fn million(&self) -> u64 {
        self.or_toy(1_000_000, 1_000)
    }
}

/// What a sample of a work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How long a run took: [`Sample::Wall`].
    Run,
    /// How long single events within it took: [`Sample::Latencies`].
    Event,
    /// The same, where one event begins as soon as the one before is over: together they are the run.
    Turn,
}

/// A work to be built when its turn comes: the largest tree takes half a gigabyte.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What to call it on a command line.
    pub name: &'static str,
    /// What its samples are.
    pub unit: Unit,
    /// Whether it is short enough for a run that has to be.
    pub in_quick: bool,
    suits: fn(&Contender) -> bool,
    make: fn(&Sizes) -> Box<dyn Job>,
}

impl Entry {
    const fn new(
        name: &'static str,
        suits: fn(&Contender) -> bool,
        make: fn(&Sizes) -> Box<dyn Job>,
    ) -> Entry {
        Entry { name, unit: Unit::Run, in_quick: true, suits, make }
    }

    const fn of_events(self) -> Entry {
        Entry { unit: Unit::Event, ..self }
    }

    const fn of_turns(self) -> Entry {
        Entry { unit: Unit::Turn, ..self }
    }

    const fn not_in_quick(self) -> Entry {
        Entry { in_quick: false, ..self }
    }

    /// Whether `contender` can do what this work is about.
    pub fn suits(&self, contender: &Contender) -> bool {
        (self.suits)(contender)
    }

    /// Builds the input.
    pub fn build(&self, sizes: &Sizes) -> Work {
        Work { name: self.name, job: (self.make)(sizes) }
    }
}

fn joins(contender: &Contender) -> bool {
    contender.can(Ability::Join)
}

fn scopes(contender: &Contender) -> bool {
    contender.can(Ability::Scope)
}

fn submits(contender: &Contender) -> bool {
    contender.can(Ability::Submit)
}

fn loops(contender: &Contender) -> bool {
    contender.can(Ability::Loop)
}

fn sorts(contender: &Contender) -> bool {
    contender.can(Ability::Join) || contender.can(Ability::Sort)
}

/// Who does not run a submitted job on the spot.
fn wakes(contender: &Contender) -> bool {
    contender.can(Ability::HandOver)
        || contender.can(Ability::Submit) && contender.can(Ability::Threads)
}

fn calls(contender: &Contender) -> bool {
    contender.can(Ability::Call)
}

fn starts(contender: &Contender) -> bool {
    contender.can(Ability::Life) || contender.can(Ability::Loop) && contender.can(Ability::Threads)
}

/// All works, in the order in which reports list them.
pub const CATALOG: &[Entry] = &[
    Entry::new("fib", joins, |sizes| Box::new(Fib(sizes.fib))),
    Entry::new("queens-join", joins, |sizes| {
        Box::new(Queens::new(Fork::Joins, sizes.or_toy(12, 6)))
    }),
    Entry::new("queens-scope", scopes, |sizes| {
        Box::new(Queens::new(Fork::Scopes, sizes.or_toy(12, 6)))
    }),
    Entry::new("tree-1k", joins, |sizes| Box::new(Sums::new(10, sizes.or_toy(2_000, 2)))),
    Entry::new("tree-100k", joins, |sizes| Box::new(Sums::new(sizes.or_toy(17, 5), 20))),
    Entry::new("tree-16m", joins, |sizes| Box::new(Sums::new(sizes.or_toy(24, 12), 1))),
    Entry::new("uts-t1", joins, |sizes| Box::new(sizes.tree(uts::T1))),
    Entry::new("uts-t3", joins, |sizes| Box::new(sizes.tree(uts::T3))),
    Entry::new("uts-t1l", joins, |sizes| Box::new(sizes.tree(uts::T1L))).not_in_quick(),
    Entry::new("quicksort", sorts, |sizes| {
        Box::new(Sort::new(Method::Quick, sizes.or_toy(10_000_000, 20_000)))
    }),
    Entry::new("mergesort", sorts, |sizes| {
        Box::new(Sort::new(Method::Merge, sizes.or_toy(10_000_000, 20_000)))
    }),
    Entry::new("matmul", joins, |sizes| Box::new(Matmul::new(sizes.or_toy(16, 1)))),
    Entry::new("roots-1", joins, |sizes| Box::new(Roots::new(10 * sizes.million(), By::Join(1)))),
    Entry::new("roots-1024", joins, |sizes| {
        Box::new(Roots::new(10 * sizes.million(), By::Join(1_024)))
    }),
    Entry::new("loop-64", loops, |sizes| Box::new(Roots::new(10 * sizes.million(), By::Loop(64)))),
    Entry::new("loop-1024", loops, |sizes| {
        Box::new(Roots::new(10 * sizes.million(), By::Loop(1_024)))
    }),
    Entry::new("n-body", loops, |sizes| {
        Box::new(Nbody::new(sizes.or_toy(2_048, 70), sizes.or_toy(10, 2)))
    }),
    Entry::new("words", loops, |sizes| Box::new(Words::new(&sizes.words))),
    Entry::new("flood", scopes, |sizes| Box::new(Flood(sizes.million()))),
    Entry::new("submit-1", submits, |sizes| Box::new(Submit::new(sizes.million(), 1))),
    Entry::new("submit-2", submits, |sizes| Box::new(Submit::new(sizes.million(), 2))),
    Entry::new("submit-4", submits, |sizes| Box::new(Submit::new(sizes.million(), 4))),
    Entry::new("wake-100us", wakes, |sizes| {
        Box::new(Wake { samples: sizes.or_toy(1_000, 3), gap: Duration::from_micros(100) })
    })
    .of_events(),
    Entry::new("wake-5ms", wakes, |sizes| {
        Box::new(Wake { samples: sizes.or_toy(100, 3), gap: Duration::from_millis(5) })
    })
    .of_events(),
    Entry::new("ping-pong", calls, |sizes| Box::new(PingPong::new(sizes.or_toy(1_000, 10))))
        .of_turns(),
    Entry::new("start", starts, |_| Box::new(Start)),
    Entry::new("late", joins, |sizes| Box::new(Late(sizes.leaf))),
];

/// One input, the same for every contender, and its result.
#[derive(Debug)]
pub struct Work {
    /// The name of its entry.
    pub name: &'static str,
    job: Box<dyn Job>,
}

impl Work {
    /// What it is, in words and numbers.
    pub fn title(&self) -> String {
        self.job.title()
    }

    /// How often a contender forks, submits or cuts off a chunk in one run; 0 where that is not the
    /// point.
    pub fn forks(&self) -> u64 {
        self.job.forks()
    }

    /// How long it takes if nothing waits for a worker that is there, where that follows from the
    /// work alone.
    pub fn plan(&self, workers: usize) -> Option<Duration> {
        self.job.plan(workers)
    }

    /// Runs it once on `contender`, measures that, and checks the result.
    ///
    /// # Panics
    /// If the result is not the one that serial code gives; if the work does not suit the
    /// contender.
    pub fn run(&self, contender: &Contender) -> Sample {
        self.job.run(contender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_agrees_with_serial_code() {
        crate::on_big_stack(|| {
            let contenders = Contender::line_up(&[1, 2, 5]);
            for entry in CATALOG {
                let work = entry.build(&Sizes::toy());
                for contender in contenders.iter().filter(|contender| entry.suits(contender)) {
                    let sample = work.run(contender);
                    let wall = matches!(sample, Sample::Wall(_));
                    assert_eq!(wall, entry.unit == Unit::Run, "{}", entry.name);
                }
            }
        });
    }

    #[test]
    fn everybody_has_something_to_do() {
        for name in Contender::NAMES {
            let contender = Contender::start(name, 1).expect("everybody can have one worker");
            assert!(CATALOG.iter().any(|entry| entry.suits(&contender)), "{name}");
        }
    }
}
