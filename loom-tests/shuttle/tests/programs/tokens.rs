//! Tokens: carried by whatever forks, and waited for while they are cancelled.

use super::ledger;
use super::search::count;
use super::tree::{pool, work};
use scheduler_shuttle::{CancellationToken, join, scope, task, yield_now};
use shuttle::rand::{Rng, thread_rng};
use std::sync::Arc;
use std::time::Duration;

const DEPTH: u32 = 4;
const WORKERS: usize = 4;
const JOBS: usize = 12;

/// The token that a task has.
#[derive(Clone, Copy)]
enum Has {
    None,
    Live,
    Cancelled,
}

struct Tokens {
    live: CancellationToken,
    cancelled: CancellationToken,
}

impl Has {
    fn look(self) {
        let cancelled = task::token().map(|token| token.is_cancelled());
        let expected = match self {
            Self::None => None,
            Self::Live => Some(false),
            Self::Cancelled => Some(true),
        };
        assert_eq!(cancelled, expected, "a task has another token than its own");
    }
}

/// A call of a task, which has its token before and after whatever it does.
fn call(depth: u32, tokens: &Arc<Tokens>, has: Has) {
    let id = ledger::next();
    let mut rng = thread_rng();
    let deeper = || call(depth - 1, tokens, has);
    has.look();
    match rng.gen_range(0..if depth == 0 { 2 } else { 8 }) {
        0 => work(1),
        1 => _ = yield_now(),
        2 | 3 => _ = join(deeper, deeper),
        4 => scope(|s| {
            (0..rng.gen_range(1..4)).for_each(|_| s.fork(deeper));
            deeper();
        }),
        5 => tokens.live.run(|| call(depth - 1, tokens, Has::Live)),
        6 => tokens.cancelled.run(|| call(depth - 1, tokens, Has::Cancelled)),
        _ => {
            let others = Arc::clone(tokens);
            let handle = task::spawn(move || call(depth - 1, &others, Has::None));
            work(1);
            handle.join().expect("it runs");
        }
    }
    has.look();
    ledger::run(id);
}

pub(crate) fn tokens_of_tasks_at_random() {
    let pool = pool(WORKERS);
    let tokens = Tokens { live: CancellationToken::new(), cancelled: CancellationToken::new() };
    tokens.cancelled.cancel();
    let tokens = Arc::new(tokens);
    pool.install(|| {
        join(
            || call(DEPTH, &tokens, Has::None),
            || tokens.live.run(|| call(DEPTH, &tokens, Has::Live)),
        );
    });
    ledger::all_ran(ledger::next());
    count(&pool);
}

/// Children are made, waited for and dropped while their parent is cancelled, from a job: each of
/// them is told.
pub(crate) fn children_of_a_cancelled_token() {
    let pool = pool(WORKERS);
    let root = CancellationToken::new();
    let mut rng = thread_rng();
    let canceller = rng.gen_range(0..JOBS);
    let job = |id| {
        let root = root.clone();
        let steps = rng.gen_range(0..4);
        let kind = if id == canceller { 3 } else { rng.gen_range(0..3) };
        pool.spawn(move || {
            work(steps);
            let child = root.child_token();
            let below = child.child_token();
            match kind {
                0 => {
                    child.wait();
                    assert!(child.is_cancelled());
                    // The canceller may be on its way down.
                    below.wait();
                }
                1 => while !below.wait_timeout(Duration::from_millis(1)) {},
                2 => {
                    drop(child);
                    below.wait();
                }
                _ => root.cancel(),
            }
            assert!(below.is_cancelled());
            ledger::run(id);
        })
    };
    let handles: Vec<_> = (0..JOBS).map(job).collect();
    handles.into_iter().for_each(|handle| handle.join().expect("it runs"));
    ledger::all_ran(JOBS);
    count(&pool);
}
