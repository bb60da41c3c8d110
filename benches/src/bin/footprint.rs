//! Latencies, idle cost, memory and size: `cargo run --release -p benches --bin footprint --
//! --help`.

use std::{error::Error, fs::File, io::Write, path::PathBuf, process::ExitCode};

use benches::footprint::{self, Counting, Size, Subject};
use clap::{Parser, ValueEnum};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Measures what a scheduler costs beside its throughput, against its peers, in about ten minutes.
#[derive(Debug, Parser)]
#[command(name = "footprint")]
struct Options {
    /// Only these subjects, in this order [default: all but build]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    only: Vec<Subject>,
    /// Also build minimal programs, by cargo: takes minutes
    #[arg(long)]
    build: bool,
    /// One short round: to see that it works, not to believe its figures
    #[arg(long)]
    quick: bool,
    /// Also write the report to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Name the subjects, run nothing
    #[arg(long)]
    list: bool,
    /// One case alone, whose samples are printed: what the program starts itself for
    #[arg(long, hide = true, value_name = "CASE", requires = "only")]
    probe: Option<String>,
}

impl Options {
    fn subjects(&self) -> Vec<Subject> {
        let mut subjects = self.only.clone();
        if subjects.is_empty() {
            subjects = Subject::value_variants().to_vec();
            subjects.retain(|&subject| subject != Subject::Build);
        }
        if self.build && !subjects.contains(&Subject::Build) {
            subjects.push(Subject::Build);
        }
        subjects
    }

    fn size(&self) -> Size {
        if self.quick { Size::Quick } else { Size::Full }
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("footprint: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.list {
        for value in Subject::value_variants().iter().filter_map(ValueEnum::to_possible_value) {
            println!("{:10} {}", value.get_name(), value.get_help().unwrap_or_default());
        }
        return Ok(());
    }
    let subjects = options.subjects();
    if let Some(case) = &options.probe {
        println!("{}", footprint::probe(subjects[0], options.size(), case)?);
        return Ok(());
    }
    // Opened now: a path that cannot be written must not cost a whole run.
    let file = options.json.as_ref().map(|path| {
        File::create(path).map_err(|e| format!("cannot write {}: {e}", path.display()))
    });
    let file = file.transpose()?;
    if cfg!(debug_assertions) {
        return Err("figures are of release builds: use --release".into());
    }
    let program = std::env::current_exe()?;
    let progress = |case: &str| eprint!("\r{case:60}");
    let section = footprint::measure(&program, &subjects, options.size(), progress);
    eprintln!();
    let section = section?;
    println!("{section}");
    if let Some(mut file) = file {
        serde_json::to_writer_pretty(&file, &section)?;
        writeln!(file)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(std::iter::once("footprint").chain(args.split_whitespace()))
    }

    #[test]
    fn builds_only_when_asked() {
        let subjects = |args| parse(args).expect("valid").subjects();
        assert!(!subjects("").contains(&Subject::Build));
        assert_eq!(subjects("--build").last(), Some(&Subject::Build));
        assert_eq!(subjects("--only task,idle"), [Subject::Task, Subject::Idle]);
        assert_eq!(subjects("--only build --build"), [Subject::Build]);
    }

    #[test]
    fn errors_name_what_was_wrong() {
        for (args, culprit) in [
            ("--only task,nonsense", "'nonsense'"),
            ("--frobnicate", "'--frobnicate'"),
            ("--json", "'--json <FILE>'"),
            ("--probe x", "--only"),
        ] {
            let error = parse(args).expect_err(args).to_string();
            assert!(error.contains(culprit), "{args}: {error}");
        }
        let unwritable = parse("--json /nonexistent/directory/file").expect("valid");
        let error = run(&unwritable).expect_err("cannot be written").to_string();
        assert!(error.contains("/nonexistent/directory/file"), "{error}");
    }
}
