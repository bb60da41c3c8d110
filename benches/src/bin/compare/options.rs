//! The command line.

use std::{collections::HashSet, num::NonZero, path::PathBuf, time::Duration};

use benches::{CATALOG, Contender, Entry, Sizes, report::COLUMNS};
use clap::{Parser, builder::PossibleValuesParser, value_parser};

/// Runs every work on every contender, all of them once per round, prints a table per work, and
/// writes a page with plots, a drawing for the README, and all samples.
#[derive(Debug, Parser)]
#[command(name = "compare", after_help = columns())]
pub(crate) struct Options {
    /// Few rounds, and without the longest works: to see that it works, not to believe its figures
    #[arg(long)]
    pub(crate) quick: bool,

    /// Only these works, in this order
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = works())]
    only: Vec<String>,

    /// Only these contenders
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = contenders())]
    contenders: Vec<String>,

    /// Numbers of workers; the plain program always has one
    #[arg(long, value_name = "N,M", value_delimiter = ',', default_value = "1,2",
          value_parser = value_parser!(u16).range(1..=256))]
    workers: Vec<u16>,

    /// Rounds to measure, after one to warm up [default: 9, with --quick 3]
    #[arg(long, value_name = "N")]
    rounds: Option<NonZero<usize>>,

    // More takes hours.
    /// The argument of naive Fibonacci [default: 38, with --quick 34]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(..=60))]
    fib: Option<u32>,

    /// The length of each late leaf, in milliseconds [default: 100, with --quick 20]
    #[arg(long, value_name = "N")]
    leaf_ms: Option<u64>,

    /// The folder whose words are counted [default: the project's]
    #[arg(long, value_name = "DIR", value_parser = folder)]
    words: Option<PathBuf>,

    /// Where the files go that have no place of their own
    #[arg(long, value_name = "DIR", default_value = "target/compare")]
    out: PathBuf,

    /// Where the samples go [default: DIR/compare.json, with --from nowhere]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Where the page goes [default: DIR/compare.html]
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Where the drawing for the README goes [default: DIR/compare.svg]
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Measures nothing, but draws what an earlier run has written as JSON
    #[arg(long, value_name = "FILE", conflicts_with_all =
          ["quick", "only", "contenders", "workers", "rounds", "fib", "leaf_ms", "words"])]
    pub(crate) from: Option<PathBuf>,

    /// A section that another program has written as JSON; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) include: Vec<PathBuf>,

    /// Names all works and contenders, runs nothing
    #[arg(long)]
    pub(crate) list: bool,
}

fn columns() -> String {
    let lines = COLUMNS.iter().map(|(name, meaning)| format!("\n  {name}: {meaning}"));
    format!("Columns of the tables:{}", lines.collect::<String>())
}

fn folder(path: &str) -> Result<PathBuf, String> {
    let folder = PathBuf::from(path);
    if folder.is_dir() { Ok(folder) } else { Err("no such folder".into()) }
}

fn works() -> PossibleValuesParser {
    PossibleValuesParser::new(CATALOG.iter().map(|entry| entry.name))
}

fn contenders() -> PossibleValuesParser {
    PossibleValuesParser::new(Contender::NAMES)
}

impl Options {
    /// Finds what a single option cannot know to be wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        let workers: Vec<_> = self.workers.iter().map(ToString::to_string).collect();
        for (option, values) in
            [("only", &self.only), ("contenders", &self.contenders), ("workers", &workers)]
        {
            let mut seen = HashSet::new();
            if let Some(value) = values.iter().find(|value| !seen.insert(*value)) {
                return Err(format!("--{option} names {value} twice"));
            }
        }
        Ok(())
    }

    pub(crate) fn works(&self) -> Vec<Entry> {
        if self.only.is_empty() {
            return CATALOG.iter().filter(|entry| entry.in_quick || !self.quick).copied().collect();
        }
        let find = |name: &String| CATALOG.iter().find(|entry| entry.name == name).copied();
        self.only.iter().filter_map(find).collect()
    }

    /// Starts the contenders; whoever can have none of these numbers of workers has one.
    pub(crate) fn contenders(&self) -> Vec<Contender> {
        let names: Vec<&str> = match self.contenders.as_slice() {
            [] => Contender::NAMES.to_vec(),
            names => names.iter().map(String::as_str).collect(),
        };
        let mut contenders = Vec::new();
        for name in names {
            let workers = self.workers.iter().copied().map(usize::from);
            let mut some: Vec<_> = workers.filter_map(|n| Contender::start(name, n)).collect();
            if some.is_empty() {
                some.extend(Contender::start(name, 1));
            }
            contenders.append(&mut some);
        }
        contenders
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.map_or(if self.quick { 3 } else { 9 }, NonZero::get)
    }

    pub(crate) fn sizes(&self) -> Sizes {
        let (fib, leaf) = if self.quick { (34, 20) } else { (38, 100) };
        let default = Sizes::default();
        Sizes {
            fib: self.fib.unwrap_or(fib),
            leaf: Duration::from_millis(self.leaf_ms.unwrap_or(leaf)),
            words: self.words.clone().unwrap_or(default.words),
            ..default
        }
    }

    pub(crate) fn json(&self) -> Option<PathBuf> {
        // Drawing an old run must not replace the samples of the last one.
        let default = self.from.is_none().then(|| self.out.join("compare.json"));
        self.json.clone().or(default)
    }

    pub(crate) fn html(&self) -> PathBuf {
        self.html.clone().unwrap_or_else(|| self.out.join("compare.html"))
    }

    pub(crate) fn svg(&self) -> PathBuf {
        self.svg.clone().unwrap_or_else(|| self.out.join("compare.svg"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(args: &str) -> Result<Options, String> {
        Options::try_parse_from(["compare"].into_iter().chain(args.split_whitespace()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn only_picks_works_in_the_given_order() {
        let options = parse("--only uts-t3,fib --rounds 3").expect("valid");
        let names: Vec<_> = options.works().iter().map(|entry| entry.name).collect();
        assert_eq!((names, options.rounds()), (vec!["uts-t3", "fib"], 3));
    }

    #[test]
    fn what_is_given_goes_before_what_quick_says() {
        let options = parse("--quick --fib 20").expect("valid");
        assert_eq!((options.sizes().fib, options.rounds()), (20, 3));
        assert_eq!(options.sizes().leaf.as_millis(), 20);
    }

    #[test]
    fn nothing_is_measured_twice() {
        for (args, culprit) in [
            ("--only fib,flood,fib", "fib"),
            ("--contenders ours,ours", "ours"),
            ("--workers 2,1,2", "2"),
        ] {
            let error = parse(args).expect("valid one by one").check().expect_err(args);
            assert!(error.contains(&format!("{culprit} twice")), "{args}: {error}");
        }
        parse("--only fib,flood --workers 1,2").expect("valid").check().expect("nothing twice");
    }

    #[test]
    fn an_old_run_does_not_replace_the_last_samples() {
        assert_eq!(parse("--from a.json --out d").expect("valid").json(), None);
        assert_eq!(parse("--out d").expect("valid").json(), Some("d/compare.json".into()));
        assert_eq!(parse("--out d").expect("valid").html(), PathBuf::from("d/compare.html"));
    }

    #[test]
    fn the_plain_program_comes_along_with_one_worker() {
        let options = parse("--contenders serial,ours --workers 2,3").expect("valid");
        let contenders = options.contenders();
        let who: Vec<_> = contenders.iter().map(|c| (c.name, c.workers)).collect();
        assert_eq!(who, [("serial", 1), ("ours", 2), ("ours", 3)]);
    }

    #[test]
    fn errors_name_what_was_wrong() {
        for (args, culprit) in [
            ("--only fib,nonsense", "'nonsense'"),
            ("--contenders ours,nobody", "'nobody'"),
            ("--workers 0", "'0' for '--workers"),
            ("--workers 1,x", "'x' for '--workers"),
            ("--rounds 0", "'0' for '--rounds"),
            ("--rounds", "'--rounds"),
            ("--fib 100", "'100' for '--fib"),
            ("--leaf-ms x", "'x' for '--leaf-ms"),
            ("--words /no/such/folder", "'/no/such/folder' for '--words"),
            ("--from a.json --rounds 3", "'--rounds"),
            ("--frobnicate", "'--frobnicate'"),
        ] {
            let error = parse(args).expect_err(args);
            assert!(error.contains(culprit), "{args}: {error}");
        }
    }
}
