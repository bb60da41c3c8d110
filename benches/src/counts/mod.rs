//! Instructions of the scheduler's operations, counted by callgrind.
//!
//! A count is stable where a time is not: on a shared machine the same loop takes half as long
//! again from one second to the next, but executes the same instructions. What it does not show
//! is what they wait for: a store that the next load needs, a line on another core.
//!
//! # How it is counted
//!
//! Each operation runs in a process of its own under callgrind, once with few rounds and once
//! with more; the difference, divided, is the figure, and the start-up cancels. Only what runs
//! inside `counts_collect` and outside `counts_pause` is collected, on whichever thread
//! calls it. The programs are arranged so that the order of events does not depend on the
//! kernel's scheduler: whoever is not counted is blocked meanwhile. So the figures are the same
//! in every run, to 0.2 instructions. Only in `join_stolen` is the other worker just almost
//! certainly asleep: a late one changes the figure by 0.3 %.
//!
//! callgrind runs one thread at a time and hands system calls through, `membarrier` included:
//! the barrier counted is that of a normal run, and [`run`] refuses to count another one. A
//! system call is one instruction here, whatever it costs.

mod operations;

use std::{collections::BTreeMap, fmt::Write, path::Path, process::Command, time::SystemTime};

use serde::{Deserialize, Serialize};

pub use operations::{OPERATIONS, Operation, run};

/// By how much a count may grow before it has to be recorded anew.
pub const TOLERANCE: f64 = 0.05;

/// The figures, and what they were counted with.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Record {
    /// The compiler.
    pub rustc: String,
    /// The architecture; the target CPU is the compiler's default for it.
    pub arch: String,
    /// When.
    pub date: String,
    /// The command that writes this.
    pub command: String,
    /// Instructions per operation.
    pub instructions: BTreeMap<String, f64>,
}

impl Record {
    /// Counts everything, in processes of `program`, the binary `counts`.
    ///
    /// # Errors
    /// If valgrind cannot be started, or one of the programs fails under it.
    pub fn count(program: &Path) -> Result<Record, String> {
        let figure = |operation: &Operation| {
            let rounds = [operation.few, operation.more];
            let [few, more] = rounds.map(|rounds| under_callgrind(program, operation, rounds));
            let [from, to] = rounds.map(operation.units);
            let each = (more? as f64 - few? as f64) / (to - from) as f64;
            Ok((operation.name.into(), (each * 10.0).round() / 10.0))
        };
        Ok(Record {
            rustc: env!("BENCHES_RUSTC").into(),
            arch: std::env::consts::ARCH.into(),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            command: "cargo run --release -p benches --bin counts -- record".into(),
            instructions: OPERATIONS.iter().map(figure).collect::<Result<_, String>>()?,
        })
    }

    /// Reads a record.
    ///
    /// # Errors
    /// If `text` is not one.
    pub fn parse(text: &str) -> Result<Record, String> {
        toml::from_str(text).map_err(|e| format!("not a record of counts: {e}"))
    }

    /// What is wrong with `counted`, compared with this; empty if nothing is.
    pub fn complaints(&self, counted: &Record) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, &now) in &counted.instructions {
            match self.instructions.get(name) {
                None => complaints.push(format!("{name}: {now} instructions, and no record")),
                Some(&then) if now > then * (1.0 + TOLERANCE) => complaints.push(format!(
                    "{name}: {now} instructions, {then} recorded: {:+.1} %",
                    (now / then - 1.0) * 100.0
                )),
                Some(_) => {}
            }
        }
        let gone =
            self.instructions.keys().filter(|name| !counted.instructions.contains_key(*name));
        complaints.extend(gone.map(|name| format!("{name}: recorded, but no longer counted")));
        if !complaints.is_empty() && self.rustc != counted.rustc {
            complaints.push(format!("recorded with {}, this is {}", self.rustc, counted.rustc));
        }
        complaints
    }

    /// The figures beside those of an earlier record.
    pub fn table(&self, earlier: Option<&Record>) -> String {
        let mut table = format!("{:16} {:>9} {:>9}\n", "instructions", "recorded", "now");
        for operation in OPERATIONS {
            let show = |record: &Record| match record.instructions.get(operation.name) {
                Some(figure) => format!("{figure:.1}"),
                None => "-".into(),
            };
            let then = earlier.map_or("-".into(), show);
            let (name, now, what) = (operation.name, show(self), operation.what);
            writeln!(table, "{name:16} {then:>9} {now:>9}  {what}")
                .expect("a String takes whatever is written");
        }
        table
    }
}

/// The instructions that one run collects.
fn under_callgrind(program: &Path, operation: &Operation, rounds: u32) -> Result<u64, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--toggle-collect=counts_collect", "--toggle-collect=counts_pause"])
        .arg(program)
        .args(["run", operation.name, &rounds.to_string()])
        .env_remove("SCHEDULER_BARRIER");
    let out = valgrind.output().map_err(|e| format!("cannot start valgrind: {e}"))?;
    let report = String::from_utf8_lossy(&out.stderr);
    let collected = report.lines().find_map(|line| line.split_once("Collected :"));
    match collected.and_then(|(_, count)| count.trim().parse().ok()) {
        Some(count) if out.status.success() => Ok(count),
        _ => Err(format!("{} under callgrind: {}\n{report}", operation.name, out.status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(figures: &[(&str, f64)]) -> Record {
        Record {
            rustc: "rustc 1".into(),
            arch: "any".into(),
            date: "today".into(),
            command: "none".into(),
            instructions: figures.iter().map(|&(name, n)| (name.into(), n)).collect(),
        }
    }

    #[test]
    fn only_growth_beyond_the_tolerance_is_complained_of() {
        let recorded = record(&[("join", 100.0), ("spawn", 200.0)]);
        let at = |join, spawn| recorded.complaints(&record(&[("join", join), ("spawn", spawn)]));
        assert_eq!(at(105.0, 100.0), Vec::<String>::new());
        assert_eq!(at(105.1, 200.0), ["join: 105.1 instructions, 100 recorded: +5.1 %"]);
    }

    #[test]
    fn an_operation_on_one_side_alone_is_complained_of() {
        let (one, two) = (record(&[("a", 1.0)]), record(&[("a", 1.0), ("b", 1.0)]));
        assert_eq!(one.complaints(&two), ["b: 1 instructions, and no record"]);
        assert_eq!(two.complaints(&one), ["b: recorded, but no longer counted"]);
    }

    #[test]
    fn another_compiler_is_named_beside_a_complaint() {
        let recorded = Record { rustc: "rustc 0".into(), ..record(&[("a", 1.0)]) };
        let complaints = recorded.complaints(&record(&[("a", 2.0)]));
        assert_eq!(complaints.last().expect("two"), "recorded with rustc 0, this is rustc 1");
        assert_eq!(recorded.complaints(&record(&[("a", 1.0)])), Vec::<String>::new());
    }

    #[test]
    fn every_program_runs_to_its_end() {
        for operation in OPERATIONS {
            (operation.run)(3);
        }
    }

    #[test]
    fn the_record_names_every_operation() {
        let record = Record::parse(include_str!("../../counts.toml")).expect("well-formed");
        let recorded: Vec<_> = record.instructions.into_keys().collect();
        let mut names = OPERATIONS.map(|operation| operation.name);
        names.sort_unstable();
        assert_eq!(recorded, names);
    }
}
