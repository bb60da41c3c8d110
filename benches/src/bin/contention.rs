//! One queue against stealing, as workers grow: `cargo run --release -p benches --bin contention
//! -- --help`.

use std::{error::Error, fs::File, io::Write, path::PathBuf, process::ExitCode};

use benches::contention::{self, Plan};
use clap::Parser;

/// Loads pools with one queue, and pools that steal, with tiny tasks and more and more workers.
#[derive(Debug, Parser)]
struct Options {
    /// Numbers of workers.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8,16,32,64",
          value_parser = clap::value_parser!(u16).range(1..=128))]
    workers: Vec<u16>,
    /// Tasks of each load, about.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1000..))]
    tasks: u64,
    /// Rounds, of which the medians are shown.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// One round of a tenth of the tasks.
    #[arg(long)]
    quick: bool,
    /// Also write the report to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("contention: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    // Opened now: a path that cannot be written must not cost a whole run.
    let file = options.json.as_ref().map(|path| {
        File::create(path).map_err(|e| format!("cannot write {}: {e}", path.display()))
    });
    let file = file.transpose()?;
    let workers = options.workers.into_iter().map(usize::from).collect();
    let (tasks, rounds) = (options.tasks, options.rounds.into());
    let plan = match options.quick {
        true => Plan { workers, tasks: tasks / 10, rounds: 1 },
        false => Plan { workers, tasks, rounds },
    };
    let section = contention::measure(&plan, |done, all| eprint!("\r{done} of {all} pools "));
    eprintln!();
    println!("{section}");
    if let Some(mut file) = file {
        serde_json::to_writer_pretty(&file, &section)?;
        writeln!(file)?;
    }
    Ok(())
}
