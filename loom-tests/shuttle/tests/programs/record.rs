//! The schedule that runs, written down so that a failing one can be kept and run again.
//!
//! What is kept is a text: a few lines that say which search failed and where, an empty line, and
//! shuttle's replay string, which names the thread of each step. The string is exact, and so it is
//! good only for the sources that it was made from: with one atomic operation more it runs into
//! something else, or does not fit at all. The lines above it, which are enough to *search* for
//! the failure again, outlive it; see `regressions/README.md`.

use super::search::{Search, Strategy};
use super::{program, search};
use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use shuttle_engine::scheduler::serialization::serialize_schedule;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

std::thread_local! {
    static SCHEDULE: RefCell<Schedule> = RefCell::default();
    static SCHEDULES: Cell<usize> = const { Cell::new(0) };
}

/// How many schedules have begun on this OS thread.
pub(crate) fn schedules() -> usize {
    SCHEDULES.get()
}

/// A failure that can be found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) search: Search,
    /// Which schedule of the search failed, from 1 on.
    pub(crate) nth: usize,
    pub(crate) message: String,
    /// That schedule as a replay string; empty in what is kept for longer.
    pub(crate) string: String,
}

impl Kept {
    /// The current schedule of a search, as far as it has come. `None` inside a choice of the
    /// scheduler.
    pub(crate) fn now(search: Search, message: &str) -> Option<Self> {
        SCHEDULE.with(|schedule| {
            let schedule = schedule.try_borrow().ok()?;
            // A random schedule has a seed of its own.
            let (seed, nth) = match search.strategy {
                Strategy::Random => (schedule.seed, 1),
                Strategy::Pct => (search.seed, schedules()),
            };
            Some(Self {
                search: Search { seed, schedules: nth, ..search },
                nth,
                message: message.to_owned(),
                string: serialize_schedule(&schedule),
            })
        })
    }

    pub(crate) fn write(&self, path: &Path) {
        if let Err(error) = fs::write(path, self.to_string()) {
            eprintln!("{}: {error}", path.display());
        }
    }

    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).map_err(|error| error.to_string());
        let kept = text.and_then(|text| text.parse());
        kept.unwrap_or_else(|error: String| panic!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Search { program, strategy, seed, fault, .. } = self.search;
        writeln!(f, "program {}\nstrategy {strategy}\nseed {seed}", program.name)?;
        writeln!(f, "schedule {}", self.nth)?;
        if let Some(fault) = fault {
            writeln!(f, "fault {fault}")?;
        }
        writeln!(f, "message {}\n\n{}", self.message, self.string)
    }
}

impl FromStr for Kept {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (head, string) = text.split_once("\n\n").unwrap_or((text, ""));
        let line = |key: &str| {
            let found = head.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
            found.ok_or_else(|| format!("there is no line `{key}`"))
        };
        let number = |key| Ok::<u64, String>(line(key)?.parse().map_err(|_| "no number")?);
        let nth = number("schedule")? as usize;
        let search = Search {
            program: program(line("program")?),
            strategy: line("strategy")?.parse()?,
            seed: number("seed")?,
            schedules: nth,
            fault: line("fault").ok().map(|fault| &*fault.to_owned().leak()),
        };
        let message = line("message")?.to_owned();
        Ok(Self { search, nth, message, string: string.trim().to_owned() })
    }
}

/// Where a failing schedule of the tests is kept.
pub(crate) fn path(search: &Search) -> PathBuf {
    let Search { program, strategy, .. } = search;
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{strategy}.schedule", program.name))
}

/// Passes on what another scheduler chooses, and writes it down.
pub(crate) struct Recorder(pub(crate) Chooser);

/// Any of shuttle's schedulers.
pub(crate) type Chooser = Box<dyn Scheduler + Send>;

impl Scheduler for Recorder {
    fn new_execution(&mut self) -> Option<Schedule> {
        let schedule = self.0.new_execution()?;
        SCHEDULES.set(SCHEDULES.get() + 1);
        SCHEDULE.set(schedule.clone());
        Some(schedule)
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let next = self.0.next_task(runnable, current, is_yielding)?;
        SCHEDULE.with_borrow_mut(|schedule| schedule.push_task(next));
        search::count_step();
        Some(next)
    }

    fn next_u64(&mut self) -> u64 {
        SCHEDULE.with_borrow_mut(Schedule::push_random);
        self.0.next_u64()
    }
}
