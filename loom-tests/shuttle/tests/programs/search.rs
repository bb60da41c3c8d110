//! Runs a program under many schedules.
//!
//! Two things that shuttle does not see to:
//! - the library catches what jobs throw, so a failed assertion inside a job could vanish. Here
//!   the panic hook notes the first panic, and the schedule fails at its end. A program that means
//!   to panic uses `resume_unwind`, which does not call the hook;
//! - a search may have reached so little that it shows nothing. The figures of the pools are added
//!   up, and the tests look at them.

use super::record::{self, Chooser, Kept, Recorder};
use super::{Program, ledger};
use scheduler_shuttle::{Counts, ThreadPool, checker};
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

/// For PCT: one more than the number of places where it lowers a thread's priority.
const PCT_DEPTH: usize = 3;
/// Steps of one schedule: a program that needs more has a loop without an end.
const MAX_STEPS: usize = 1_000_000;
/// The stack of the threads that the programs spawn; workers get what the library asks for.
const STACK: usize = 1 << 20;
/// What the library throws at callers who come too late. A program that does not mean it fails all
/// the same, since the panic ends its thread.
const MEANT: &[&str] = &[
    "the thread pool has been shut down",
    "the thread pool was shut down before the closure could run",
];

std::thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
    static FIRST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    static SEEN: Cell<Counts> = Cell::default();
    static STEPS: Cell<u64> = const { Cell::new(0) };
    static KEEP: RefCell<Option<(Search, PathBuf)>> = const { RefCell::new(None) };
}

/// Who chooses the schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Any thread that can go on, at each step.
    Random,
    /// The one of the highest priority, with a few changes of priority (Burckhardt et al.,
    /// ASPLOS 2010).
    Pct,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Random => "random",
            Self::Pct => "pct",
        })
    }
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "random" => Ok(Self::Random),
            "pct" => Ok(Self::Pct),
            _ => Err(format!("no strategy is called {name}")),
        }
    }
}

/// A program and the schedules for it. The same search takes the same schedules every time, as
/// long as the sources are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    pub(crate) program: Program,
    pub(crate) strategy: Strategy,
    pub(crate) seed: u64,
    pub(crate) schedules: usize,
    /// Seeded while it runs.
    pub(crate) fault: Option<&'static str>,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    search: Search,
    /// Run, the failing one included.
    pub(crate) schedules: usize,
    /// The first panic, if there was one.
    pub(crate) failure: Option<String>,
    /// What the workers of all pools counted, in all schedules.
    pub(crate) counts: Counts,
    steps: u64,
    time: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Search { program, strategy, .. } = self.search;
        let Self { schedules, steps, time, .. } = self;
        let Counts { jobs, steals_tail, steals_forced, publishes, spilled, parks, .. } =
            self.counts;
        write!(
            f,
            "{}, {strategy}: {schedules} schedules, {steps} steps, {time:.2?}; {jobs} jobs, \
             {steals_tail} stolen, {steals_forced} forced, {publishes} published, \
             {spilled} spilled, {parks} parks",
            program.name
        )
    }
}

impl Search {
    /// Until a schedule fails; that one is kept in a file, if there is a path for it.
    pub(crate) fn run(self, keep: Option<PathBuf>) -> Report {
        let Self { strategy, seed, schedules, .. } = self;
        self.alone(keep, move || match strategy {
            Strategy::Random => Box::new(RandomScheduler::new_from_seed(seed, schedules)),
            Strategy::Pct => Box::new(PctScheduler::new_from_seed(seed, PCT_DEPTH, schedules)),
        })
    }

    /// Runs the one schedule that the string stands for.
    pub(crate) fn replay(self, string: &str) -> Report {
        let string = string.to_owned();
        self.alone(None, move || Box::new(ReplayScheduler::new_from_encoded(&string)))
    }

    /// On an OS thread of its own, so that nothing is left of a search before it.
    fn alone(self, keep: Option<PathBuf>, scheduler: impl FnOnce() -> Chooser + Send) -> Report {
        take_the_hook();
        thread::scope(|s| {
            let search = s.spawn(|| {
                KEEP.set(keep.map(|path| (self, path)));
                self.here(scheduler())
            });
            search.join().expect("a search catches its panics")
        })
    }

    fn here(self, scheduler: Chooser) -> Report {
        if let Some(fault) = self.fault {
            checker::seed(fault);
        }
        let body = self.program.body;
        let start = Instant::now();
        RUNNING.set(true);
        let run = panic::catch_unwind(AssertUnwindSafe(|| {
            Runner::new(Recorder(scheduler), config()).run(move || {
                ledger::open();
                checker::set_absent(false);
                body();
                // Of a job, say, where the library has caught it.
                if FIRST_PANIC.with_borrow(Option::is_some) {
                    panic::resume_unwind(Box::new("a panic before this one"));
                }
            });
        }));
        RUNNING.set(false);
        let time = start.elapsed();
        let failure = FIRST_PANIC.take();
        let failure = failure.or_else(|| run.is_err().then(|| "a panic without a hook".to_owned()));
        if let Some(message) = &failure {
            // Once more, with the end of the schedule.
            keep(message);
        }
        let schedules = record::schedules();
        Report { search: self, schedules, failure, counts: SEEN.get(), steps: STEPS.get(), time }
    }
}

fn keep(message: &str) {
    KEEP.with_borrow(|keep| {
        if let Some((search, path)) = keep
            && let Some(kept) = Kept::now(*search, message)
        {
            kept.write(path);
        }
    });
}

/// At the end of a pool that has nothing more to do: what it did is part of the report.
pub(crate) fn count(pool: &ThreadPool) {
    let mut seen = SEEN.get();
    seen += pool.metrics().total();
    SEEN.set(seen);
}

/// At each step of the schedule.
pub(crate) fn count_step() {
    STEPS.set(STEPS.get() + 1);
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    config.failure_persistence = FailurePersistence::None;
    config.silence_warnings = true;
    config
}

/// A program's threads all run on the thread that searches, so its hook's notes are its own.
fn take_the_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        // Shuttle puts its own hook there when it runs for the first time, and then never again.
        Runner::new(RandomScheduler::new(1), config()).run(|| ());
        drop(panic::take_hook());
        panic::set_hook(Box::new(move |info| {
            if !RUNNING.get() {
                return before(info);
            }
            let text = info.payload_as_str().unwrap_or("a panic without a text");
            let text = text.lines().next().unwrap_or_default();
            if MEANT.contains(&text) {
                return;
            }
            // Which threads are blocked says little: they are known by their numbers.
            let text = text.split(" blocked tasks: ").next().unwrap_or_default();
            let first = FIRST_PANIC.try_with(|first| {
                let mut first = first.try_borrow_mut().ok()?;
                first.is_none().then(|| *first = Some(text.to_owned()))
            });
            if let Ok(Some(())) = first {
                // At once: the process may not live to see the end of the schedule.
                eprintln!("schedule {}: {text}", record::schedules());
                keep(text);
            }
        }));
    });
}
