//! Programs over the real sources of `scheduler`, each under thousands of schedules that shuttle
//! chooses. `cargo test -p shuttle-tests`
//!
//! Loom (`loom-tests`) searches small models completely, weak memory included; here the programs
//! are as large as those that people write, the memory is sequentially consistent, and the
//! schedules are a sample.
//!
//! - `PROGRAM_SCHEDULES=200000` runs that many schedules of each program instead of its own number;
//! - `PROGRAM_SEED=7` takes other ones;
//! - `PROGRAM_REPLAY=file` with `-- --ignored --exact replay::of_the_file --nocapture` runs the one
//!   schedule that a failed search has kept, again (see `record.rs`).

mod ending;
mod executor;
mod handles;
mod kill_table;
mod ledger;
mod mixed;
mod nest;
mod record;
mod replay;
mod search;
mod stuck;
mod tokens;
mod tree;

use search::{Search, Strategy};
use std::env;

/// One program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    schedules: usize,
    body: fn(),
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Program {}

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value} is not a number")))
}

fn run(name: &str, strategy: Strategy) {
    let program = program(name);
    let schedules = number("PROGRAM_SCHEDULES").map_or(program.schedules, |n| n as usize);
    let seed = number("PROGRAM_SEED").unwrap_or(1);
    let search = Search { program, strategy, seed, schedules, fault: None };
    let path = record::path(&search);
    let report = search.run(Some(path.clone()));
    println!("{report}");
    if let Some(message) = report.failure {
        panic!(
            "{name}, {strategy}, schedule {}: {message}\n\
             once more: PROGRAM_REPLAY={} cargo test -p shuttle-tests -- --ignored --exact \
             replay::of_the_file --nocapture",
            report.schedules,
            path.display()
        );
    }
    assert_eq!(report.schedules, schedules);
}

pub(crate) fn program(name: &str) -> Program {
    let found = PROGRAMS.iter().find(|program| program.name == name);
    *found.unwrap_or_else(|| panic!("no program is called {name}"))
}

macro_rules! programs {
    ($($module:ident, $schedules:literal schedules { $($name:ident,)* })*) => {
        /// All of them.
        pub(crate) const PROGRAMS: &[Program] = &[$($(
            Program { name: stringify!($name), schedules: $schedules, body: $module::$name },
        )*)*];

        mod random {
            use super::search::Strategy;
            $($(#[test] fn $name() { super::run(stringify!($name), Strategy::Random); })*)*
        }

        mod pct {
            use super::search::Strategy;
            $($(#[test] fn $name() { super::run(stringify!($name), Strategy::Pct); })*)*
        }
    };
}

/// The sizes in `sync/shuttle.rs` are small enough for a tree of forks to get everywhere.
#[test]
fn trees_reach_all_of_the_deque() {
    let program = program("join_tree");
    let counts = |strategy| {
        let search = Search { program, strategy, seed: 1, schedules: 100, fault: None };
        search.run(None).counts
    };
    let mut total = counts(Strategy::Random);
    total += counts(Strategy::Pct);
    let reached = [
        total.steals_tail,
        total.steals_forced,
        total.steals_injected,
        total.steals_empty,
        total.steals_lost,
        total.publishes,
        total.spilled,
        total.parks,
        total.wakes,
    ];
    assert!(reached.iter().all(|&count| count > 0), "{total:?}");
}

programs! {
    tree, 2_000 schedules {
        join_tree,
        join_tree_without_a_barrier,
        join_tree_with_panics,
    }
    nest, 2_000 schedules {
        nested_scopes_on_a_worker,
        nested_scopes_in_place,
        nested_scopes_with_panics,
    }
    ending, 2_000 schedules {
        submit_racing_drain,
        submit_racing_drain_for,
        submit_racing_cancel,
        submit_racing_abort,
        install_racing_a_shutdown,
        aborts_racing_a_shutdown,
        two_shutdowns_at_once,
        shutdown_from_a_job,
        cancel_behind_stuck_workers,
        short_lives,
    }
    executor, 2_000 schedules {
        executors_at_random,
    }
    handles, 1_000 schedules {
        handles_at_random,
        panics_that_nobody_takes,
    }
    mixed, 2_000 schedules {
        calls_at_random,
    }
    stuck, 1_000 schedules {
        jobs_that_wait_for_each_other,
        branches_that_wait_for_each_other,
        parts_that_wait_for_each_other,
        broadcasts_and_spawns,
        broadcasts_to_sleepers,
        two_pools_that_call_each_other,
    }
    tokens, 1_000 schedules {
        tokens_of_tasks_at_random,
        children_of_a_cancelled_token,
    }
}
