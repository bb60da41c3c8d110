//! What is measured, by name.

use std::time::Duration;

use crate::{Contender, fib, flood, late, queens, tree, uts};

/// What some works' sizes depend on.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The argument of naive Fibonacci.
    pub fib: u32,
    /// The length of each of the two late leaves.
    pub leaf: Duration,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes { fib: 38, leaf: Duration::from_millis(500) }
    }
}

/// A work to be built when its turn comes: the largest tree takes half a gigabyte.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What to call it on a command line.
    pub name: &'static str,
    forks: Forks,
    make: fn(&Sizes) -> Job,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Forks {
    Joins,
    Scopes,
}

impl Entry {
    /// Whether `contender` has the kind of fork that this work is about.
    pub fn suits(&self, contender: &Contender) -> bool {
        self.forks == Forks::Joins || contender.has_scopes()
    }

    /// Builds the input.
    pub fn build(&self, sizes: &Sizes) -> Work {
        Work { name: self.name, job: (self.make)(sizes) }
    }
}

/// All works, in the order in which reports list them.
pub fn catalog() -> Vec<Entry> {
    use Forks::{Joins, Scopes};
    let entry = |name, forks, make| Entry { name, forks, make };
    vec![
        entry("fib", Joins, |sizes| Job::Fib(sizes.fib)),
        entry("queens-join", Joins, |_| Job::QueensByJoin),
        entry("queens-scope", Scopes, |_| Job::QueensByScope),
        entry("tree-1k", Joins, |_| Job::Tree { tree: tree::Tree::new(10), times: 2_000 }),
        entry("tree-100k", Joins, |_| Job::Tree { tree: tree::Tree::new(17), times: 20 }),
        entry("tree-16m", Joins, |_| Job::Tree { tree: tree::Tree::new(24), times: 1 }),
        entry("uts-t1", Joins, |_| Job::Uts(uts::T1)),
        entry("uts-t3", Joins, |_| Job::Uts(uts::T3)),
        entry("flood", Scopes, |_| Job::Flood),
        entry("late", Joins, |sizes| Job::Late(sizes.leaf)),
    ]
}

#[derive(Debug)]
enum Job {
    Fib(u32),
    QueensByJoin,
    QueensByScope,
    Tree { tree: tree::Tree, times: u32 },
    Uts(uts::Tree),
    Flood,
    Late(Duration),
}

/// One input, the same for every contender, and its result.
#[derive(Debug)]
pub struct Work {
    /// The name of its entry.
    pub name: &'static str,
    job: Job,
}

impl Work {
    /// What it is, in words and numbers.
    pub fn title(&self) -> String {
        match &self.job {
            Job::Fib(n) => format!("naive fib({n})"),
            Job::QueensByJoin => format!("{} queens, two-way joins", queens::N),
            Job::QueensByScope => format!("{} queens, a scope per board", queens::N),
            Job::Tree { tree, times } => {
                format!("sum of a tree of {} nodes, {times} times", tree.nodes())
            }
            Job::Uts(tree) => format!("UTS {} of {} nodes", tree.name, tree.nodes),
            Job::Flood => "empty closures in one scope".into(),
            Job::Late(leaf) => format!("late demand, two leaves of {leaf:?}"),
        }
    }

    /// How often a contender forks in one run; 0 where that is not the point.
    pub fn forks(&self) -> u64 {
        match &self.job {
            Job::Fib(n) => fib::forks(*n),
            Job::QueensByJoin => queens::JOINS,
            Job::QueensByScope => queens::PLACEMENTS,
            Job::Tree { tree, times } => tree.nodes() * u64::from(*times),
            Job::Uts(tree) => tree.leaves - 1,
            Job::Flood => flood::SPAWNS,
            Job::Late(_) => 0,
        }
    }

    /// How long it takes if nothing waits for a worker that is there, where that follows from the
    /// work alone.
    pub fn plan(&self, workers: usize) -> Option<Duration> {
        match self.job {
            Job::Late(leaf) => Some(late::plan(leaf, workers)),
            _ => None,
        }
    }

    /// Runs it once on `contender` and checks the result.
    ///
    /// # Panics
    /// If the result is not the one that serial code gives; if the work does not suit the
    /// contender.
    pub fn run(&self, contender: &Contender) {
        let pool = &contender.pool;
        let result = match &self.job {
            Job::Fib(n) => fib::run(pool, *n),
            Job::QueensByJoin => queens::by_join(pool),
            Job::QueensByScope => queens::by_scope(pool),
            Job::Tree { tree, times } => tree::run(pool, tree, *times),
            Job::Uts(tree) => uts::run(pool, tree),
            Job::Flood => flood::run(pool),
            Job::Late(leaf) => late::run(pool, *leaf),
        };
        assert_eq!(
            result,
            self.expected(),
            "{} gives a wrong result for {}",
            contender.name,
            self.title()
        );
    }

    /// Known without any contender, and what the tests hold the serial code to.
    fn expected(&self) -> u64 {
        match &self.job {
            Job::Fib(n) => fib::value(*n),
            Job::QueensByJoin | Job::QueensByScope => queens::SOLUTIONS,
            Job::Tree { tree, times } => tree.total() * u64::from(*times),
            Job::Uts(tree) => tree.nodes,
            Job::Flood => flood::SPAWNS,
            Job::Late(_) => late::PARTS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Too large for code that is not optimised; smaller ones of the same kind are run instead.
    const LARGE: [&str; 4] = ["tree-100k", "tree-16m", "uts-t1", "uts-t3"];

    #[test]
    fn every_contender_agrees_with_serial_code() {
        let sizes = Sizes { fib: 15, leaf: Duration::from_millis(1) };
        crate::on_big_stack(|| {
            let contenders = Contender::line_up();
            for entry in catalog().iter().filter(|entry| !LARGE.contains(&entry.name)) {
                let work = entry.build(&sizes);
                let suited = contenders.iter().filter(|contender| entry.suits(contender));
                suited.for_each(|contender| work.run(contender));
            }
        });
    }
}
