//! What more cores would do: `cargo run --release -p benches --bin model -- --help`.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use benches::model::{self, Costs};
use clap::{Args, Parser, Subcommand};
use serde::Serialize;

/// Simulates schedulers on 1 to 256 cores, from costs measured on this machine.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Measure the costs.
    Measure {
        /// Also write them to this file.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Simulate, and show speed-up and wasted time.
    Show(From),
    /// Set predictions for 1 and 2 workers beside measured times.
    Check(From),
}

#[derive(Debug, Args)]
struct From {
    /// Costs that `measure` has written; without it they are measured.
    #[arg(long, value_name = "FILE")]
    costs: Option<PathBuf>,
    /// What the shapes of tasks and the choice of victims depend on.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also write the report to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Options::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("model: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), Box<dyn Error>> {
    match task {
        Task::Measure { json } => {
            let costs = Costs::measure();
            print!("{costs}");
            write(json.as_deref(), &costs)
        }
        Task::Show(from) => {
            let section = model::report(&from.costs()?, from.seed);
            print!("{section}");
            write(from.json.as_deref(), &section)
        }
        Task::Check(from) => {
            let section = model::check(&from.costs()?, from.seed);
            print!("{section}");
            write(from.json.as_deref(), &section)
        }
    }
}

impl From {
    fn costs(&self) -> Result<Costs, Box<dyn Error>> {
        let Some(path) = &self.costs else { return Ok(Costs::measure()) };
        let named = |error: &dyn Error| format!("{}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(|e| named(&e))?;
        Ok(serde_json::from_str(&text).map_err(|e| named(&e))?)
    }
}

fn write(path: Option<&Path>, what: &impl Serialize) -> Result<(), Box<dyn Error>> {
    let Some(path) = path else { return Ok(()) };
    let text = serde_json::to_string_pretty(what)? + "\n";
    Ok(fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))?)
}
