//! Calls of the library inside each other, as the dice fall.

use super::ledger;
use super::search::count;
use super::tree::{pool, work};
use scheduler_shuttle::{Shutdown, join, scope, task, yield_now};
use shuttle::rand::{Rng, thread_rng};

const DEPTH: u32 = 4;
const WORKERS: usize = 4;

/// Each call enters a number of its own when it is done, and a caller waits for what it has called,
/// except for what it has detached.
fn call(depth: u32) {
    let id = ledger::next();
    let mut rng = thread_rng();
    let deeper = || call(depth - 1);
    match rng.gen_range(0..if depth == 0 { 2 } else { 8 }) {
        0 => work(2),
        1 => _ = yield_now(),
        2 | 3 => _ = join(deeper, deeper),
        4 => scope(|s| {
            (0..rng.gen_range(1..4)).for_each(|_| drop(s.spawn(deeper)));
            deeper();
        }),
        5 => scope(|s| {
            // The innermost branch may run the ones around it.
            let yields = || {
                let _ = yield_now();
                drop(s.spawn(deeper));
            };
            join(|| join(yields, deeper), deeper);
        }),
        6 => {
            let handle = task::spawn(move || call(depth - 1));
            work(1);
            // What is detached goes on when the pool is shut down, and then it is refused more.
            assert!(handle.join().err().is_none_or(|error| error.is_shut_down()));
        }
        _ => drop(task::spawn(move || call(depth - 1))),
    }
    ledger::run(id);
}

pub(crate) fn calls_at_random() {
    let pool = pool(WORKERS);
    pool.install(|| {
        join(|| call(DEPTH), || call(DEPTH));
    });
    assert_eq!(pool.shutdown(Shutdown::Drain).cancelled, 0);
    ledger::all_ran(ledger::next());
    count(&pool);
}
