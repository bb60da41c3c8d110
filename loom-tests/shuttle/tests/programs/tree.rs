//! Forks over forks: a tree of 512 leaves on 8 workers.

use super::ledger::{self, Drops};
use super::search::count;
use scheduler_shuttle::{Pinning, ThreadPool, checker, join};
use shuttle::rand::{Rng, thread_rng};
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

const LEAVES: usize = 512;
const WORKERS: usize = 8;

pub(crate) fn pool(workers: usize) -> ThreadPool {
    let builder = ThreadPool::builder().num_threads(workers).pinning(Pinning::Off);
    builder.build().expect("shuttle spawns threads")
}

/// What a job does that takes its time: points at which the others may go on.
pub(crate) fn work(steps: usize) {
    (0..steps).for_each(|_| shuttle::thread::sleep(Duration::ZERO));
}

/// The pool still does all that a pool does; its jobs have the ids from `first` on.
pub(crate) fn usable(pool: &ThreadPool, first: usize) {
    pool.install(|| leaves(first..first + 8));
    pool.spawn(move || ledger::run(first + 8)).join().expect("it runs");
    (first..first + 9).for_each(|id| assert_eq!(ledger::runs(id), 1));
}

fn leaves(ids: Range<usize>) {
    if ids.len() == 1 {
        work(2);
        return ledger::run(ids.start);
    }
    let middle = ids.start + ids.len() / 2;
    join(|| leaves(ids.start..middle), || leaves(middle..ids.end));
}

fn forks(n: usize) {
    let pool = pool(WORKERS);
    pool.install(|| leaves(0..n));
    ledger::all_ran(n);
    count(&pool);
}

/// Each leaf runs once.
pub(crate) fn join_tree() {
    forks(LEAVES);
}

/// A smaller one where there is no asymmetric barrier: nobody takes by force, and every fork is
/// published.
pub(crate) fn join_tree_without_a_barrier() {
    checker::set_absent(true);
    forks(LEAVES / 4);
}

/// What a node of the tree throws: its id.
struct Thrown(usize);

/// The nodes of a binary heap: node `n` has the children `2n` and `2n + 1`, and the leaves are
/// `LEAVES .. 2 * LEAVES`.
fn node(id: usize, throwers: &[usize]) {
    if throwers.contains(&id) {
        panic::resume_unwind(Box::new(Thrown(id)));
    }
    if id >= LEAVES {
        work(1);
        return ledger::run(id - LEAVES);
    }
    let branch = |id| {
        let captured = Drops::new(id);
        move || {
            node(id, throwers);
            drop(captured);
        }
    };
    join(branch(2 * id), branch(2 * id + 1));
}

/// The ids of a node's leaves.
fn leaves_below(node: usize) -> Range<usize> {
    let (mut first, mut end) = (node, node + 1);
    while first < LEAVES {
        (first, end) = (2 * first, 2 * end);
    }
    first - LEAVES..end - LEAVES
}

/// A few nodes panic, wherever they are run. The panic that comes out is the one that a caller
/// without threads would see; what was to run before it has run, and what it has cut off has been
/// dropped, once.
pub(crate) fn join_tree_with_panics() {
    let mut rng = thread_rng();
    let throwers: Vec<usize> =
        (0..rng.gen_range(0..4)).map(|_| rng.gen_range(1..2 * LEAVES)).collect();
    let pool = pool(WORKERS);
    let result = panic::catch_unwind(AssertUnwindSafe(|| pool.install(|| node(1, &throwers))));
    // A node above another one throws before that is reached.
    let first = throwers.iter().copied().min_by_key(|&node| (leaves_below(node).start, node));
    match (result, first) {
        (Ok(()), None) => ledger::all_ran(LEAVES),
        (Err(payload), Some(first)) => {
            let thrown = payload.downcast::<Thrown>().expect("nothing else is thrown");
            assert_eq!(thrown.0, first, "another panic than the first came out");
            ledger::all_ran(leaves_below(first).start);
            let mut below = throwers.iter().flat_map(|&node| leaves_below(node));
            assert!(below.all(|id| ledger::runs(id) == 0), "a leaf ran below a panic");
        }
        (Ok(()), Some(node)) => panic!("the panic of node {node} is lost"),
        (Err(_), None) => panic!("a panic that nobody threw"),
    }
    ledger::all_dropped();
    usable(&pool, LEAVES);
    count(&pool);
}
