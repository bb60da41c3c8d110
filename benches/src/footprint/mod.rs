//! What a scheduler costs beside its throughput: how fast work gets to another worker, and what
//! pools and tasks take while nothing happens.
//!
//! Each case runs in a process of its own, which nothing else has warmed or filled, and whose
//! memory and CPU time are the pool's. A round runs all cases of a subject once, beginning with
//! another one each time.

mod alloc;
mod build;
mod idle;
mod latency;
mod memory;
mod pool;
mod ramp;

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use clap::ValueEnum;

pub use self::alloc::Counting;
use crate::{
    section::{Facts, Section},
    stats::{median, quantile},
};

/// What can be measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Subject {
    /// From a fork until another worker has begun it
    Latency,
    /// From the start of a burst of forks until all workers run
    Ramp,
    /// CPU time of workers without work
    Idle,
    /// Memory of a pool
    Pool,
    /// Memory and allocations of a waiting task
    Task,
    /// Time to build a minimal program, and its size
    Build,
}

/// How much is run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Size {
    /// For figures to quote.
    Full,
    /// To see that it works.
    Quick,
}

impl Size {
    fn pick(self, full: usize, quick: usize) -> usize {
        match self {
            Size::Full => full,
            Size::Quick => quick,
        }
    }

    fn rounds(self) -> usize {
        self.pick(5, 1)
    }
}

/// Samples by the name of the quantity.
type Reading = BTreeMap<String, Vec<f64>>;

/// One thing that is measured of one contender.
struct Case {
    name: String,
    run: Box<dyn Fn(Size) -> Reading>,
}

impl Case {
    fn new(name: String, run: impl Fn(Size) -> Reading + 'static) -> Case {
        Case { name, run: Box::new(run) }
    }
}

impl Subject {
    fn heading(self) -> &'static str {
        match self {
            Subject::Latency => "Stealing: from the fork to the start on the other worker",
            Subject::Ramp => "Ramp-up: until all workers run after a burst of forks",
            Subject::Idle => "CPU time of an idle pool of 8 workers",
            Subject::Pool => "Memory of a pool",
            Subject::Task => "Memory of a waiting task",
            Subject::Build => "A minimal program: time to build, size",
        }
    }

    /// What the figures say, and what they do not.
    fn note(self) -> &'static str {
        match self {
            Subject::Latency => {
                "Pools of 2. The forking worker computes until the other one has begun, or gives up \
                 after 5 ms; `then more forks`: it forks 5 µs of work twice, again and again. \
                 `Asleep`: the other one has had nothing for 2 ms; `awake`: for 2 µs. With fewer \
                 than two free cores, this is the kernel's time to let the other thread run. A \
                 sleeper's wake is mostly the kernel's. Where others compete for the cores, the p99 \
                 is theirs. chili shares at forks alone; tokio's worker keeps the task that it \
                 spawned last to itself"
            }
            Subject::Ramp => {
                "Tasks of 200 µs by the clock, 100 for each worker, forked one by one or by halving; \
                 all workers were asleep, but for the one that forks. It counts as running when it \
                 begins a task itself, which is after the last fork where they are forked one by \
                 one. With more workers than cores, the kernel's time slices are most of it, \
                 but for tasks that block: these leave the cores to whoever is to be woken"
            }
            Subject::Idle => {
                "All workers have worked before. Of the whole process, in ms of CPU for each second; \
                 1000 is a core. `Beside a busy worker`: all but the thread that computes. It is an \
                 interval without any work: what looking for work costs after each job is not in it"
            }
            Subject::Pool => {
                "A process of its own for each. `Started`: nothing has run yet; `used`: after a burst \
                 of 1000 empty tasks for each worker. Resident memory includes what the C library's \
                 allocator keeps, and grows by pages; reserved stacks that were never touched, and \
                 the kernel's own memory for a thread, are in neither figure"
            }
            Subject::Task => {
                "The closure captures one word. Pools of 2 whose workers are blocked, or busy with \
                 the spawning. What the process asked the allocator for, queues included; what the \
                 allocator adds to it is not seen. Queues that double have their worst and best \
                 numbers of tasks. What follows are allocations in the same pool: for 100,000 that all wait, \
                 then for as many of which so many wait at a time, with nobody blocked. `Nobody \
                 stealing`: 100 at a time, the other worker blocked. In scopes of ours, what is \
                 allocated is for tasks that are published or spilled together, and for memory that \
                 many tasks share"
            }
            Subject::Build => {
                "Everything from nothing, dependencies included, in release, with `strip = true`; \
                 the same toolchain and flags. The time depends on the number of cores and on who \
                 else uses them; most of the size is the standard library. At most 3 rounds"
            }
        }
    }

    fn cases(self) -> Vec<Case> {
        match self {
            Subject::Latency => latency::cases(),
            Subject::Ramp => ramp::cases(),
            Subject::Idle => idle::cases(),
            Subject::Pool => memory::pool_cases(),
            Subject::Task => memory::task_cases(),
            Subject::Build => Vec::new(),
        }
    }

    /// A case's samples, in one line.
    fn line(self, reading: &Reading) -> String {
        let of = |name: &str| reading.get(name).cloned().unwrap_or_default();
        let middle = |name: &str, show: &dyn Fn(f64) -> String| {
            median(of(name)).map_or("unknown".into(), show)
        };
        match self {
            Subject::Latency => quantiles(of("µs"), &of("missed"), "not taken"),
            Subject::Ramp => quantiles(of("µs"), &of("missed"), "never on all"),
            Subject::Idle => {
                let show = |cpu: f64| format!("{cpu:.3} ms/s");
                format!("{}; beside a busy worker {}", middle("idle", &show), middle("busy", &show))
            }
            Subject::Pool => {
                let show = |bytes: f64| format!("{:.0} KiB", bytes / 1024.0);
                let when = |when: &str| {
                    let [resident, allocated] = ["resident", "allocated"]
                        .map(|what| middle(&format!("{when} {what}"), &show));
                    format!("{when}: {resident} resident, {allocated} allocated")
                };
                format!("{}; {}", when("started"), when("used"))
            }
            Subject::Task => {
                let each = |each: f64| format!("{each:.4}");
                let alone = median(of("alone")).map(each);
                let alone = alone.map(|each| format!(", nobody stealing: {each}"));
                format!(
                    "{}, {} allocations; 100,000 again: {}; 1000 at a time: {}, 100: {}{}",
                    middle("bytes", &|bytes| format!("{bytes:.1} bytes")),
                    middle("first", &each),
                    middle("again", &each),
                    middle("by 1000", &each),
                    middle("by 100", &each),
                    alone.unwrap_or_default(),
                )
            }
            Subject::Build => unreachable!("it has no cases"),
        }
    }
}

/// Fewer samples have no 99th percentile.
const SAMPLES_FOR_P99: usize = 100;

fn quantiles(mut samples: Vec<f64>, missed: &[f64], what_missed: &str) -> String {
    samples.sort_by(f64::total_cmp);
    let missed: f64 = missed.iter().sum();
    let tries = samples.len() as f64 + missed;
    let (most, share) = if samples.len() < SAMPLES_FOR_P99 { ("most", 1.0) } else { ("p99", 0.99) };
    let (Some(half), Some(tail)) = (quantile(&samples, 0.5), quantile(&samples, share)) else {
        return format!("{what_missed}: {missed} of {tries}");
    };
    let line = format!("p50 {half:.1} µs, {most} {tail:.1} µs of {tries}");
    if missed == 0.0 { line } else { format!("{line}; {missed} {what_missed}") }
}

/// Measures each of `subjects` by processes of `program`, which has to run [`probe`] when it is
/// started with `--only SUBJECT --probe CASE`. `progress` hears what is about to run.
///
/// # Errors
/// If a process fails, or cargo does where something is built.
pub fn measure(
    program: &Path,
    subjects: &[Subject],
    size: Size,
    progress: impl Fn(&str),
) -> Result<Section, String> {
    let facts = subjects.iter().map(|&subject| {
        let mut rows = match subject {
            Subject::Build => build::measure(size.rounds().min(3), &progress)?,
            _ => measure_cases(program, subject, size, &progress)?,
        };
        rows.push(("note".into(), subject.note().into()));
        Ok(Facts { title: subject.heading().into(), rows })
    });
    let facts = facts.collect::<Result<_, String>>()?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (rounds, quick) = (size.rounds(), size == Size::Quick);
    let trust = if quick { " A quick run: not to be quoted." } else { "" };
    Ok(Section {
        title: "Footprint and latency".into(),
        text: format!(
            "What throughput does not show. Each figure is taken in a process of its own, in \
             turn with the others' (rounds: {rounds}); quantiles are of all their samples, the rest are \
             medians. Allocations are counted, which makes each of them some nanoseconds slower. \
             This machine has {cores} cores.{trust}\n\nLong leaves that were forked while everybody \
             was busy are the work `late` of the comparison: its time with 2 workers over its plan."
        ),
        figures: Vec::new(),
        facts,
    })
}

fn measure_cases(
    program: &Path,
    subject: Subject,
    size: Size,
    progress: &dyn Fn(&str),
) -> Result<Vec<(String, String)>, String> {
    let cases = subject.cases();
    let mut readings = vec![Reading::new(); cases.len()];
    for round in 0..size.rounds() {
        for turn in 0..cases.len() {
            let index = (round + turn) % cases.len();
            progress(&cases[index].name);
            for (name, samples) in probe_by(program, subject, size, &cases[index].name)? {
                readings[index].entry(name).or_default().extend(samples);
            }
        }
    }
    let lines = cases.into_iter().zip(&readings);
    Ok(lines.map(|(case, reading)| (case.name, subject.line(reading))).collect())
}

fn probe_by(program: &Path, subject: Subject, size: Size, case: &str) -> Result<Reading, String> {
    let subject = subject.to_possible_value().expect("no subject is hidden");
    let mut probe = Command::new(program);
    probe.args(["--only", subject.get_name(), "--probe", case]).stderr(Stdio::inherit());
    if size == Size::Quick {
        probe.arg("--quick");
    }
    let out = probe.output().map_err(|e| format!("cannot start {}: {e}", program.display()))?;
    if !out.status.success() {
        return Err(format!("{case}: its process ended with {}", out.status));
    }
    serde_json::from_slice(&out.stdout).map_err(|e| format!("{case}: {e}"))
}

/// Runs one case in this process, and gives its samples as JSON.
///
/// # Errors
/// If `subject` has no such case.
pub fn probe(subject: Subject, size: Size, case: &str) -> Result<String, String> {
    let cases = subject.cases();
    let found = cases.iter().find(|known| known.name == case);
    let found = found.ok_or_else(|| format!("{subject:?} has no case {case:?}"))?;
    Ok(serde_json::to_string(&(found.run)(size)).expect("a reading has no keys but strings"))
}

/// Computes for as long as the clock says.
fn spin(length: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < length {
        std::hint::spin_loop();
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn quantiles_say_of_how_many_and_what_was_missed() {
        let samples: Vec<_> = (0..=100).rev().map(f64::from).collect();
        assert_eq!(quantiles(samples.clone(), &[], "lost"), "p50 50.0 µs, p99 99.0 µs of 101");
        let some = quantiles(samples, &[1.0, 2.0], "lost");
        assert_eq!(some, "p50 50.0 µs, p99 99.0 µs of 104; 3 lost");
        assert_eq!(quantiles(Vec::new(), &[20.0], "lost"), "lost: 20 of 20");
        assert_eq!(quantiles(vec![3.0, 1.0, 2.0], &[], ""), "p50 2.0 µs, most 3.0 µs of 3");
    }

    #[test]
    fn every_case_has_a_name_of_its_own() {
        for &subject in Subject::value_variants() {
            let cases = subject.cases();
            let names: BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
            assert_eq!(names.len(), cases.len(), "{subject:?}");
            assert_eq!(cases.is_empty(), subject == Subject::Build, "{subject:?}");
        }
    }

    #[test]
    fn a_probe_of_nothing_is_an_error() {
        let error = probe(Subject::Idle, Size::Quick, "nobody").expect_err("there is none");
        assert!(error.contains("\"nobody\""), "{error}");
    }
}
