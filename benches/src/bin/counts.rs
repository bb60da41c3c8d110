//! Instructions of the scheduler's operations: `cargo run --release -p benches --bin counts --
//! --help`.

use std::{error::Error, fs, path::PathBuf, process::ExitCode};

use benches::counts::{self, OPERATIONS, Operation, Record};
use clap::{Parser, Subcommand};

/// Counts the instructions of fork, spawn, steal and submit under callgrind (valgrind).
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Count, and show the figures beside the recorded ones.
    Show,
    /// Count, and fail if a figure has grown by more than 5 % over the recorded one.
    Check,
    /// Count, and write the record anew.
    Record,
    /// Run one operation: what callgrind counts.
    Run {
        #[arg(value_parser = operation)]
        operation: Operation,
        rounds: u32,
    },
}

fn operation(name: &str) -> Result<Operation, String> {
    let names = OPERATIONS.map(|operation| operation.name).join(", ");
    let found = OPERATIONS.into_iter().find(|operation| operation.name == name);
    found.ok_or_else(|| format!("there are {names}"))
}

fn main() -> ExitCode {
    match perform(Options::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("counts: {error}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<(), Box<dyn Error>> {
    if let Task::Run { operation, rounds } = task {
        return Ok(counts::run(&operation, rounds)?);
    }
    if cfg!(debug_assertions) {
        return Err("counts are of release builds: use --release".into());
    }
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/counts.toml"));
    let counted = Record::count(&std::env::current_exe()?)?;
    if let Task::Record = task {
        print!("{}", counted.table(None));
        return Ok(fs::write(path, toml::to_string(&counted)?)?);
    }
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let recorded = Record::parse(&text)?;
    print!("{}", counted.table(Some(&recorded)));
    let complaints = recorded.complaints(&counted);
    if matches!(task, Task::Check) && !complaints.is_empty() {
        let again = &recorded.command;
        return Err(format!("{}\nif that is meant: {again}", complaints.join("\n")).into());
    }
    Ok(())
}
