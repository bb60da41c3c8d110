//! All contenders at all works, interleaved round by round: `cargo run --release -p benches --bin
//! quick -- --help`.

use std::{
    fs::File, io::Write, num::NonZero, process::ExitCode, str::FromStr, thread, time::Duration,
};

use benches::{CATALOG, Contender, Entry, Load, Machine, Row, Sizes, Table, Work, json};

const HELP: &str = "\
Runs every work on every contender with 1 and 2 workers, all of them once per round,
and prints a table per work.

  --only A,B    only these works, in this order (see --list) [all but the longest]
  --rounds N    rounds to measure, after one to warm up [9]
  --fib N       the argument of naive Fibonacci [38]
  --leaf-ms N   the length of each late leaf [100]
  --json FILE   also write all samples to FILE
  --list        name the works, run nothing

T1, T2: milliseconds with 1, 2 workers; Ts: serial. Ratios and ns/fork are of the minima,
the ratios under `med` of the medians. ns/fork: wall time beyond serial, per fork; `-` where
there is none. T1/plan, T2/plan: median over the time that the work itself allows.";

/// Long enough for a pool to go to sleep before the next one is timed.
const PAUSE: Duration = Duration::from_millis(2);

/// The largest Fibonacci argument that is still of use.
const MOST_FIB: u32 = 60;

#[derive(Debug)]
struct Options {
    works: Vec<Entry>,
    rounds: usize,
    sizes: Sizes,
    json: Option<(String, File)>,
}

fn main() -> ExitCode {
    // SAFETY: 1. nothing ran before this, so there is no other thread.
    unsafe { benches::big_stacks_by_default() };
    let options = match options(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quick: {error}");
            return ExitCode::from(2);
        }
    };
    benches::on_big_stack(|| measure(options))
}

/// `None` if the arguments only asked for information, which is then printed.
fn options(mut args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let sizes = Sizes { leaf: Duration::from_millis(100), ..Sizes::default() };
    let mut options = Options { works: quick(), rounds: 9, sizes, json: None };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(None);
            }
            "--list" => {
                CATALOG.iter().for_each(|entry| println!("{}", entry.name));
                return Ok(None);
            }
            "--only" => options.works = named(&value()?)?,
            "--rounds" => options.rounds = number::<NonZero<usize>>(&arg, &value()?)?.get(),
            "--fib" => options.sizes.fib = number(&arg, &value()?)?,
            "--leaf-ms" => options.sizes.leaf = Duration::from_millis(number(&arg, &value()?)?),
            "--json" => {
                // Opened now: a path that cannot be written must not cost a whole run.
                let path = value()?;
                let file = File::create(&path).map_err(|e| format!("cannot write {path}: {e}"))?;
                options.json = Some((path, file));
            }
            _ => return Err(format!("unknown argument {arg}; --help lists all")),
        }
    }
    match options.sizes.fib {
        ..=MOST_FIB => Ok(Some(options)),
        n => Err(format!("--fib {n}: {MOST_FIB} already takes hours")),
    }
}

fn number<T: FromStr<Err: std::fmt::Display>>(option: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|e| format!("{option} {value}: {e}"))
}

fn quick() -> Vec<Entry> {
    CATALOG.iter().filter(|entry| entry.in_quick).copied().collect()
}

fn named(names: &str) -> Result<Vec<Entry>, String> {
    let find = |name: &str| CATALOG.iter().find(|entry| entry.name == name).copied();
    let known = || CATALOG.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
    names
        .split(',')
        .map(|name| {
            find(name).ok_or_else(|| format!("no work is called {name:?}; there are {}", known()))
        })
        .collect()
}

fn measure(options: Options) -> ExitCode {
    let machine = Machine::here();
    println!("{}, {} CPUs, {}, {}", machine.cpu, machine.cpus, machine.system, machine.rustc);
    let crates: Vec<_> =
        machine.crates.iter().map(|(name, version)| format!("{name} {version}")).collect();
    println!("{}; {} rounds, milliseconds\n", crates.join(", "), options.rounds);

    let everybody = Contender::line_up(&[1, 2]);
    let mut tables = Vec::new();
    for entry in &options.works {
        let contenders: Vec<_> =
            everybody.iter().filter(|contender| entry.suits(contender)).collect();
        let table = compare(&entry.build(&options.sizes), &contenders, options.rounds);
        println!("{table}");
        tables.push(table);
    }
    if let Some((path, mut file)) = options.json
        && let Err(error) = file.write_all(json(&machine, options.rounds, &tables).as_bytes())
    {
        eprintln!("quick: cannot write {path}: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn compare(work: &Work, contenders: &[&Contender], rounds: usize) -> Table {
    let mut rows: Vec<_> = contenders.iter().map(|contender| Row::new(work, contender)).collect();
    for contender in contenders {
        work.run(contender);
    }
    let before = Load::now();
    for round in 0..rounds {
        // Each begins a round in turn, so that nobody always follows the same neighbour's caches
        // and clock.
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            thread::sleep(PAUSE);
            let sample = work.run(contenders[index]);
            rows[index].ms.push(sample.typical().as_secs_f64() * 1e3);
        }
    }
    Table::new(work, rows, Load::now().since(&before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &str) -> Result<Option<Options>, String> {
        options(args.split_whitespace().map(String::from))
    }

    #[test]
    fn only_picks_works_in_the_given_order() {
        let options = parse("--only uts-t3,fib --rounds 3").expect("valid").expect("to be run");
        let names: Vec<_> = options.works.iter().map(|entry| entry.name).collect();
        assert_eq!((names, options.rounds), (vec!["uts-t3", "fib"], 3));
    }

    #[test]
    fn errors_name_what_was_wrong() {
        for (args, culprit) in [
            ("--only fib,nonsense", "\"nonsense\""),
            ("--rounds 0", "--rounds 0"),
            ("--rounds", "--rounds needs a value"),
            ("--fib 100", "--fib 100"),
            ("--leaf-ms x", "--leaf-ms x"),
            ("--json /nonexistent/directory/file", "/nonexistent/directory/file"),
            ("--frobnicate", "--frobnicate"),
        ] {
            let error = parse(args).expect_err(args);
            assert!(error.contains(culprit), "{args}: {error}");
        }
    }
}
