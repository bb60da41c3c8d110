//! Counts the words of every file under a folder, by recursive fork/join.
//!
//! ```text
//! cargo run --release --example wordcount -- DIR
//! ```
//!
//! A scope for each folder forks a job for each entry; a file larger than `--split` is halved
//! by `join` down to that size; the counts are merged up the tree. Then a plain loop on one
//! thread counts everything again, and the results must be equal. The parallel pass goes first
//! and is the one that waits for the disk: to compare times, look at a second run.
//!
//! - A word is a maximal run of alphanumeric characters (`char::is_alphanumeric`), each
//!   lower-cased by itself (`char::to_lowercase`). All else separates words: an apostrophe, an
//!   underscore, a combining mark, any byte that is not valid UTF-8.
//! - A file with invalid UTF-8 is counted like any other, and remarked upon.
//! - A link to a file is followed, and the file counts once more. A link to a folder is followed
//!   only if it is DIR itself, so there are no loops. DIR may also be a single file.
//! - Pipes, sockets and devices are not opened.
//! - What cannot be read is left out; of a file that fails half-way, the part before counts.
//!
//! Whatever is left out or odd is counted in the summary and listed on stderr. Exit code: 0 if
//! all was counted, remarks or not; 1 if the results differ or cannot be written; 2 if the
//! command line is wrong or DIR cannot be read.

#[path = "wordcount/files.rs"]
mod files;
#[path = "wordcount/tally.rs"]
mod tally;
#[path = "wordcount/words.rs"]
mod words;

use files::{Entry, list, open_root};
use indicatif::{ProgressBar, ProgressStyle};
use scheduler::{ThreadPool, join, scope};
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};
use tally::{Remarks, Tally};
use words::{Counts, absorb, count_words, cut};

const HELP: &str = "\
Counts the words of every file under a folder: in parallel, then again on one thread.

Usage: wordcount [OPTIONS] [DIR]     DIR is a folder or a file; default: the current folder

  --threads N    workers; default 0: SCHEDULER_NUM_THREADS, or else one for each core
  --top N        how many of the most frequent words to print; default 20
  --split BYTES  halve files larger than this, again and again; default 1048576. Of a file,
                 16 times as much is in memory at a time
  --no-verify    do not count again on one thread
  --help         this text
";

/// How much of a file the sequential pass reads at a time: little enough to stay in the cache.
const SEQUENTIAL_BLOCK: usize = 256 << 10;

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    let done = match parse(std::env::args_os().skip(1)) {
        Ok(Some(options)) => run(&options, &mut out),
        Ok(None) => out.write_all(HELP.as_bytes()).map(|()| true).map_err(Failure::Output),
        Err(message) => Err(Failure::Usage(message)),
    };
    match done {
        Ok(equal) => ExitCode::from(u8::from(!equal)),
        // The reader has seen enough, as `head` has.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Output(error)) => {
            say(&format!("cannot write the result: {error}"));
            ExitCode::FAILURE
        }
        Err(Failure::Usage(message)) => {
            say(&message);
            ExitCode::from(2)
        }
    }
}

/// Why the program ends early.
enum Failure {
    Usage(String),
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// One line on stderr. `eprintln!` would panic if nobody reads there any more.
fn say(message: &str) {
    let _ = writeln!(io::stderr(), "wordcount: {message}");
}

// ---- The command line

struct Options {
    root: PathBuf,
    threads: usize,
    top: usize,
    split: usize,
    verify: bool,
}

/// The options, or `None` if help was asked for.
fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Option<Options>, String> {
    let mut root = None;
    let (mut threads, mut top, mut split, mut verify) = (0, 20, 1 << 20, true);
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--help" | "-h") => return Ok(None),
            Some("--no-verify") => verify = false,
            Some("--threads") => threads = number("--threads", args.next(), 0)?,
            Some("--top") => top = number("--top", args.next(), 0)?,
            Some("--split") => split = number("--split", args.next(), 1)?,
            Some(text) if text.starts_with('-') => {
                return Err(format!("there is no option {text:?}; --help lists all"));
            }
            _ if root.is_some() => return Err(format!("only one DIR, please: what is {arg:?}?")),
            _ => root = Some(PathBuf::from(arg)),
        }
    }
    let root = root.unwrap_or_else(|| ".".into());
    Ok(Some(Options { root, threads, top, split, verify }))
}

fn number(option: &str, value: Option<OsString>, least: usize) -> Result<usize, String> {
    let Some(value) = value else {
        return Err(format!("{option} needs a number after it"));
    };
    match value.to_str().and_then(|text| text.parse().ok()) {
        Some(number) if number >= least => Ok(number),
        _ => Err(format!("{option} needs a number of at least {least}, not {value:?}")),
    }
}

// ---- The two passes

/// Counts, prints and compares; whether the results are equal.
fn run(options: &Options, out: &mut impl Write) -> Result<bool, Failure> {
    let Options { ref root, threads, top, split, verify } = *options;
    let entry = open_root(root).map_err(|error| Failure::Usage(format!("{root:?}: {error}")))?;
    let pool = ThreadPool::builder()
        .num_threads(threads)
        // Folders can nest as deep as a path is long. Memory that is not touched costs nothing.
        .stack_size(64 << 20)
        .build()
        .map_err(|error| Failure::Usage(error.to_string()))?;

    let since = SystemTime::now();
    let pass = Parallel { split, bar: progress("parallel") };
    let (tally, time) = timed(|| pool.install(|| pass.count(&entry, Tally::default())));
    let metrics = pool.metrics();
    pass.bar.finish_and_clear();
    tally.list_remarks();
    tally.print(out, top)?;
    let (seconds, workers) = (time.as_secs_f64(), pool.current_num_threads());
    writeln!(out, "\nparallel    {seconds:>9.3} s, workers: {workers}")?;

    let mut equal = true;
    if verify {
        let bar = progress("sequential");
        let (again, time) = timed(|| count_sequentially(entry, &bar));
        bar.finish_and_clear();
        equal = tally == again;
        let (longer, seconds) = (time.as_secs_f64() / seconds, time.as_secs_f64());
        writeln!(out, "sequential  {seconds:>9.3} s, {longer:.2} times as long")?;
        writeln!(out, "equal       {:>9}", if equal { "yes" } else { "NO" })?;
        if !equal {
            explain_difference(root, since, &tally, &again);
        }
    }
    writeln!(out, "\nWhat the workers did (a branch that its own worker took back is no job):")?;
    write!(out, "{metrics}")?;
    Ok(equal)
}

fn timed<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let value = f();
    (value, begin.elapsed())
}

/// A bar on stderr, if somebody is there to see it.
fn progress(pass: &'static str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{msg:10} [{bar:30}] {bytes} of {total_bytes}, {elapsed}");
    ProgressBar::new(0).with_style(style.expect("the template is valid")).with_message(pass)
}

/// The parallel pass.
struct Parallel {
    split: usize,
    bar: ProgressBar,
}

impl Parallel {
    /// Adds what is at `entry` to `tally`.
    fn count(&self, entry: &Entry, mut tally: Tally) -> Tally {
        if entry.folder {
            return self.count_folder(&entry.path, tally);
        }
        tally.add_file(&entry.path, self.split.saturating_mul(16), &self.bar, |text, counts| {
            self.count_text(text, counts)
        });
        tally
    }

    /// Forks a job for each entry. A job adds to a tally that lies idle in its folder, or else
    /// to a new one. So where nobody stole there is nothing to merge, and tallies are never
    /// more than jobs at work.
    fn count_folder(&self, folder: &Path, mut tally: Tally) -> Tally {
        let entries = list(folder, &self.bar, &mut tally);
        let idle = Mutex::new(vec![tally]);
        scope(|s| {
            for entry in &entries {
                let idle = &idle;
                s.spawn(move || {
                    let tally = idle.lock().unwrap().pop();
                    let tally = self.count(entry, tally.unwrap_or_default());
                    idle.lock().unwrap().push(tally);
                });
            }
        });
        merge(idle.into_inner().unwrap())
    }

    /// Adds the words of `text` to `counts`; whether all of it is UTF-8.
    fn count_text(&self, text: &[u8], counts: &mut Counts) -> bool {
        let middle = if text.len() > self.split { cut(text) } else { None };
        let Some(middle) = middle else {
            return count_words(text, counts);
        };
        let (left, right) = text.split_at(middle);
        let mut more = Counts::default();
        let (left, right) =
            join(|| self.count_text(left, counts), || self.count_text(right, &mut more));
        absorb(counts, more);
        left && right
    }
}

/// Merges tallies pairwise.
fn merge(mut tallies: Vec<Tally>) -> Tally {
    if tallies.len() < 2 {
        return tallies.pop().unwrap_or_default();
    }
    let rest = tallies.split_off(tallies.len() / 2);
    let (mut tally, other) = join(|| merge(tallies), || merge(rest));
    tally.absorb(other);
    tally
}

/// The sequential pass: no pool, no scope, no cutting, one tally.
fn count_sequentially(root: Entry, bar: &ProgressBar) -> Tally {
    let mut tally = Tally::default();
    let mut left = vec![root];
    while let Some(entry) = left.pop() {
        if entry.folder {
            left.extend(list(&entry.path, bar, &mut tally));
        } else {
            tally.add_file(&entry.path, SEQUENTIAL_BLOCK, bar, count_words);
        }
    }
    tally
}

/// Says how the results differ, and whether that may be because somebody wrote to the files.
fn explain_difference(root: &Path, since: SystemTime, parallel: &Tally, sequential: &Tally) {
    for (pass, tally) in [("parallel", parallel), ("sequential", sequential)] {
        let Tally { files, folders, bytes, counts, .. } = tally;
        let words: u64 = counts.values().sum();
        say(&format!("{pass}: {files} files, {folders} folders, {bytes} bytes, {words} words"));
    }
    // Some file systems keep times in steps of two seconds.
    let since = since - Duration::from_secs(2);
    let mut changed = Remarks::default();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.modified().is_ok_and(|time| time >= since) {
            changed.add(|| format!("{path:?} was written to since the start"));
        }
        if metadata.is_dir() {
            let entries = list(&path, &ProgressBar::hidden(), &mut Tally::default());
            left.extend(entries.into_iter().map(|entry| entry.path));
        }
    }
    changed.say_all("changed");
    say(match changed.count {
        0 => "the results differ, and no file changed meanwhile: an error of this program",
        _ => "the results differ, perhaps because files changed meanwhile: please try again",
    });
}
