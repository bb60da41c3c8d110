//! All contenders at all works, interleaved round by round: `cargo run --release -p benches --bin
//! compare -- --help`.

mod options;

use std::{path::Path, process::ExitCode, time::SystemTime};

use benches::{
    CATALOG, Contender, Entry, Machine, measure,
    report::{Run, html, load, summary, svg, table, write},
    section::Section,
};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use crate::options::Options;

fn main() -> ExitCode {
    // SAFETY: 1. nothing ran before this, so there is no other thread.
    unsafe { benches::big_stacks_by_default() };
    let options = Options::parse();
    match benches::on_big_stack(|| compare(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<(), String> {
    if options.list {
        let works: Vec<_> = CATALOG.iter().map(|entry| entry.name).collect();
        println!("works: {}", works.join(", "));
        println!("contenders: {}", Contender::NAMES.join(", "));
        return Ok(());
    }
    options.check()?;
    // What cannot be read or written must not cost a whole run.
    let sections: Vec<_> =
        options.include.iter().map(|path| load::<Section>(path)).collect::<Result<_, _>>()?;
    let (json, page, drawing) = (options.json(), options.html(), options.svg());
    for path in json.iter().chain([&page, &drawing]) {
        try_to_write(path)?;
    }
    let mut run = match &options.from {
        Some(path) => {
            let run = load::<Run>(path)?;
            introduce(&run);
            run.works.iter().for_each(|work| println!("{}", table(work)));
            run
        }
        None => measure_all(options)?,
    };
    sections.into_iter().for_each(|section| run.include(section));
    println!("Ours and the best of the others, the worst first:\n{}", summary(&run));
    if let Some(path) = &json {
        run.save(path)?;
        println!("samples: {}", path.display());
    }
    write(&page, &html(&run))?;
    println!("page:    {}", page.display());
    write(&drawing, &svg(&run))?;
    println!("drawing: {}", drawing.display());
    Ok(())
}

fn measure_all(options: &Options) -> Result<Run, String> {
    let (sizes, rounds) = (options.sizes(), options.rounds());
    let everybody = options.contenders();
    let suited = |entry: &Entry| -> Vec<&Contender> {
        everybody.iter().filter(|contender| entry.suits(contender)).collect()
    };
    let plan: Vec<_> = options.works().into_iter().map(|entry| (entry, suited(&entry))).collect();
    if let Some((entry, _)) = plan.iter().find(|(_, contenders)| contenders.is_empty()) {
        return Err(format!("{} suits none of these contenders", entry.name));
    }

    let mut run = Run {
        machine: Machine::here(),
        date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        command: command(std::env::args().skip(1)),
        rounds,
        works: Vec::new(),
        sections: Vec::new(),
    };
    introduce(&run);
    let runs: usize = plan.iter().map(|(_, contenders)| contenders.len() * (rounds + 1)).sum();
    // Drawn between two runs only, never during one.
    let bar = ProgressBar::new(runs as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}  {elapsed} of about {duration}")
            .expect("a valid template"),
    );
    for (entry, contenders) in &plan {
        bar.set_message(entry.name);
        let report = measure(entry, contenders, &sizes, rounds, |_| bar.inc(1));
        bar.suspend(|| println!("{}", table(&report)));
        run.works.push(report);
    }
    bar.finish_and_clear();
    Ok(run)
}

fn introduce(run: &Run) {
    let Machine { cpu, cpus, system, rustc, crates } = &run.machine;
    let crates: Vec<_> = crates.iter().map(|(name, version)| format!("{name} {version}")).collect();
    println!("{cpu}, {cpus} CPUs, {system}, {rustc}");
    println!("{}; {} rounds, {}", crates.join(", "), run.rounds, run.date);
    println!("{}\n", run.command);
}

/// The command line that repeats a run.
fn command(args: impl Iterator<Item = String>) -> String {
    let mut command = "cargo run --release -p benches --bin compare".to_owned();
    for (index, arg) in args.enumerate() {
        command += if index == 0 { " -- " } else { " " };
        command += &arg;
    }
    command
}

/// Finds out whether `path` can be written, without harm to what is there; makes the directories
/// that it is to be in.
fn try_to_write(path: &Path) -> Result<(), String> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let opened =
        made.and_then(|()| std::fs::OpenOptions::new().append(true).create(true).open(path));
    opened.map(drop).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
