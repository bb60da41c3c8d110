//! One scope, many empty closures: the price of a spawn.

use crate::contender::Pool;

/// Closures spawned.
pub(crate) const SPAWNS: u64 = 1_000_000;

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

/// Spawns [`SPAWNS`] empty closures on `pool`.
pub(crate) fn run(pool: &Pool) -> u64 {
    let spawns = std::hint::black_box(SPAWNS);
    on_scope!(pool, flood(spawns))
}
