//! Searches the lines of every file below a folder for a regular expression. `map` gives the results in the order of the
//! walk, as they are needed; a large file is cut in two, again and again, by `join`.
//!
//! ```text
//! cargo run --release --example grep -- [OPTIONS] PATTERN [PATH]
//! ```
//!
//! - All of a folder is searched, hidden files and those that git ignores as well. Links are not followed, unless PATH is
//!   one; pipes, sockets and devices are not opened.
//! - A file with a zero byte in its first 8000 counts as binary, as it does for git, and is not searched.
//! - What cannot be read is named on stderr, and counted; the rest is searched.
//! - A line need not be UTF-8, and is printed as it is. Its end is a line feed.
//! - A file is read as a whole, and forgotten, but for its hits, when it has been searched.
//!
//! `--check` searches again by a plain loop on one thread. The parallel pass goes first and is the one that waits for the
//! disk: to compare times, look at a second run.
//!
//! The lines go to stdout, the same ones in the same order on each run; the counts go to stderr. Exit code: 0 whether
//! there are hits or not; 1 if `--check` finds a difference, or the lines cannot be written; 2 if the command line is wrong
//! or PATH is not there.

#[path = "grep/found.rs"]
mod found;
#[path = "args/line.rs"]
mod line;
mod walk;

use found::{File, Hit, Outcome, Total};
use lexopt::{Arg, Parser};
use regex::bytes::{Regex, RegexBuilder};
use scheduler::{ThreadPool, join};
use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const HELP: &str = "\
Prints the lines that match a regular expression, in every file below a folder.

Usage: grep [OPTIONS] PATTERN [PATH]     PATH is a folder or a file; default: the current folder

  -c, --count        only say how many lines of each file match
  -i, --ignore-case  let small letters match capitals
      --check        search again on one thread, by a plain loop, and compare
      --threads W    workers; default 0: SCHEDULER_NUM_THREADS, or one for each core
      --quick        a short run: --count --check '\\bunsafe\\b', in the sources of this crate

A PATTERN that begins with a dash comes after `--`. For the syntax see https://docs.rs/regex
";

/// A piece of a file that is cut no further: some 30 µs of work, so that forks cost nothing beside it.
const PIECE: usize = 16 << 10;
/// How far a file is looked at for a zero byte.
const PROBE: usize = 8000;
/// Files that are ahead of the one whose lines are printed. Their sizes differ by much.
const WINDOW: usize = 1024;

struct Options {
    pattern: Regex,
    root: PathBuf,
    count: bool,
    check: bool,
    pool: ThreadPool,
}

fn main() -> ExitCode {
    let options = line::read("grep", HELP, parse);
    match run(&options, &mut BufWriter::new(io::stdout().lock())) {
        Ok(equal) => ExitCode::from(u8::from(!equal)),
        // The reader has seen enough, as `head` has.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("cannot write the lines: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn parse(parser: &mut Parser) -> Result<Option<Options>, lexopt::Error> {
    let (mut pattern, mut root) = (None, None);
    let (mut count, mut check, mut ignore_case, mut threads) = (false, false, false, 0);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Short('c') | Arg::Long("count") => count = true,
            Arg::Short('i') | Arg::Long("ignore-case") => ignore_case = true,
            Arg::Long("check") => check = true,
            Arg::Long("threads") => threads = line::number(parser, "--threads", line::WORKERS)?,
            Arg::Long("quick") if pattern.is_none() => {
                (count, check) = (true, true);
                pattern = Some(r"\bunsafe\b".into());
                root = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
            }
            Arg::Value(text) if pattern.is_none() => pattern = Some(text),
            Arg::Value(path) if root.is_none() => root = Some(path.into()),
            _ => return Err(arg.unexpected()),
        }
    }
    let pattern: OsString = pattern.ok_or("a PATTERN is needed")?;
    let root = root.unwrap_or_else(|| ".".into());
    let metadata = root.metadata().map_err(|error| format!("{}: {error}", root.display()))?;
    if !metadata.is_dir() && !metadata.is_file() {
        Err(format!("{}: neither a folder nor a file", root.display()))?;
    }
    let pattern = pattern.to_str().ok_or_else(|| format!("{pattern:?} is not UTF-8"))?;
    let pattern = RegexBuilder::new(pattern).case_insensitive(ignore_case).build();
    let pattern = pattern.map_err(|error| error.to_string())?;
    Ok(Some(Options { pattern, root, count, check, pool: line::pool(threads)? }))
}

/// One line on stderr. `eprintln!` would panic if nobody reads there any more.
fn say(message: impl Display) {
    let _ = writeln!(io::stderr(), "grep: {message}");
}

/// Searches, prints, and compares if that was asked for; whether the results are equal.
fn run(options: &Options, out: &mut impl Write) -> io::Result<bool> {
    let Options { pattern, root, count, check, pool } = options;
    let begin = Instant::now();
    let by_pieces = pattern.clone();
    let files =
        pool.map(walk::files(root), move |entry| look_into(entry, |text| search(text, &by_pieces)));
    let mut total = Total::default();
    let mut found = Vec::new();
    for file in files.window(WINDOW) {
        total.add(&file);
        file.print(*count, out)?;
        // Else it is forgotten at once.
        if *check {
            found.push(file);
        }
    }
    out.flush()?;
    let seconds = begin.elapsed().as_secs_f64();
    say(format_args!("{total}; {seconds:.3} s, workers: {}", pool.current_num_threads()));
    if !check {
        return Ok(true);
    }

    let begin = Instant::now();
    let again = walk::files(root)
        .map(|entry| look_into(entry, |text| search_line_by_line(text, pattern).1));
    let again: Vec<File> = again.collect();
    let longer = begin.elapsed().as_secs_f64() / seconds;
    let differs = found.iter().zip(&again).find(|(file, other)| !file.equals(other));
    let equal = differs.is_none() && found.len() == again.len();
    let verdict = if equal { "the same" } else { "SOMETHING ELSE" };
    say(format_args!("one thread takes {longer:.2} times as long, and finds {verdict}"));
    if let Some((file, _)) = differs {
        say(format_args!("the first difference is in {}", file.path.display()));
    }
    Ok(equal)
}

/// Reads a file, and searches it if it has text.
fn look_into(
    entry: Result<PathBuf, walkdir::Error>,
    search: impl FnOnce(&[u8]) -> Vec<Hit>,
) -> File {
    let path = match entry {
        Ok(path) => path,
        Err(error) => {
            let path = error.path().unwrap_or(Path::new("?")).to_owned();
            return File { path, outcome: Outcome::Unreadable(error.into()) };
        }
    };
    let outcome = match fs::read(&path) {
        Ok(text) if text.iter().take(PROBE).any(|&byte| byte == 0) => Outcome::Binary,
        Ok(text) => Outcome::Searched { bytes: text.len(), hits: search(&text) },
        Err(error) => Outcome::Unreadable(error),
    };
    File { path, outcome }
}

/// Cuts text in two between lines, as long as it is large.
fn search(text: &[u8], pattern: &Regex) -> Vec<Hit> {
    fn pieces(text: &[u8], pattern: &Regex) -> (usize, Vec<Hit>) {
        let cut = if text.len() <= PIECE { None } else { between_lines(text) };
        let Some(cut) = cut else { return search_line_by_line(text, pattern) };
        let (left, right) = text.split_at(cut);
        let ((lines, mut hits), (more_lines, more_hits)) =
            join(|| pieces(left, pattern), || pieces(right, pattern));
        hits.extend(more_hits.into_iter().map(|hit| Hit { number: lines + hit.number, ..hit }));
        (lines + more_lines, hits)
    }

    pieces(text, pattern).1
}

/// Where a line begins: the first one behind the middle, else the last one before it.
fn between_lines(text: &[u8]) -> Option<usize> {
    let (left, right) = text.split_at(text.len() / 2);
    let ends = |byte: &u8| *byte == b'\n';
    let behind = right.iter().position(ends).map(|end| left.len() + end + 1);
    behind.filter(|&cut| cut < text.len()).or_else(|| Some(left.iter().rposition(ends)? + 1))
}

/// How many lines there are, and those that match.
fn search_line_by_line(text: &[u8], pattern: &Regex) -> (usize, Vec<Hit>) {
    let mut lines = 0;
    let mut hits = Vec::new();
    for (number, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if pattern.is_match(line) {
            hits.push(Hit { number, text: line.to_owned() });
        }
        lines += 1;
    }
    (lines, hits)
}
