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

use indicatif::{ProgressBar, ProgressStyle};
use scheduler::{ThreadPool, join, scope};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, DirEntry, File};
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

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

/// How many remarks of a kind are listed; the others are only counted.
const LISTED: usize = 10;

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

// ---- Folders and files

/// A folder to go into, or a file to read.
struct Entry {
    path: PathBuf,
    folder: bool,
}

/// What was given as DIR, if it can be read.
fn open_root(path: &Path) -> io::Result<Entry> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        fs::read_dir(path)?;
    } else if metadata.is_file() {
        File::open(path)?;
    } else {
        return Err(io::Error::other("neither a folder nor a file"));
    }
    Ok(Entry { path: path.to_owned(), folder: metadata.is_dir() })
}

/// What is to be counted in a folder. The rest becomes remarks.
fn list(folder: &Path, bar: &ProgressBar, tally: &mut Tally) -> Vec<Entry> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            tally.remark(Kind::Unreadable, folder, Some(error));
            return found;
        }
    };
    tally.folders += 1;
    let mut empty = true;
    for entry in entries {
        empty = false;
        match entry {
            Ok(entry) => found.extend(look_at(&entry, bar, tally)),
            Err(error) => tally.remark(Kind::Unreadable, folder, Some(error)),
        }
    }
    if empty {
        tally.remark(Kind::EmptyFolder, folder, None);
    }
    found
}

fn look_at(entry: &DirEntry, bar: &ProgressBar, tally: &mut Tally) -> Option<Entry> {
    let path = entry.path();
    let own = entry.metadata();
    let link = own.as_ref().is_ok_and(|metadata| metadata.is_symlink());
    match if link { fs::metadata(&path) } else { own } {
        Ok(metadata) if metadata.is_file() => {
            bar.inc_length(metadata.len());
            return Some(Entry { path, folder: false });
        }
        Ok(metadata) if metadata.is_dir() && !link => return Some(Entry { path, folder: true }),
        Ok(metadata) if metadata.is_dir() => tally.remark(Kind::FolderLink, &path, None),
        Ok(_) => tally.remark(Kind::Special, &path, None),
        Err(error) if link && error.kind() != ErrorKind::PermissionDenied => {
            tally.remark(Kind::BrokenLink, &path, Some(error));
        }
        Err(error) => tally.remark(Kind::Unreadable, &path, Some(error)),
    }
    None
}

/// Reads a file in blocks of about `size` bytes, none of which ends within a word. After an
/// error, `each` has had all that came before it.
fn read_blocks(path: &Path, size: usize, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut file = File::open(path)?;
    let expected = usize::try_from(file.metadata()?.len()).unwrap_or(size);
    let mut buffer = Vec::new();
    buffer.try_reserve(expected.min(size).saturating_add(1))?;
    loop {
        let kept = buffer.len();
        let read = (&mut file).take(size as u64).read_to_end(&mut buffer);
        let last = !matches!(read, Ok(n) if n == size);
        let end = if last {
            buffer.len()
        } else {
            // What was kept has no place to cut but its start.
            buffer[kept..].iter().rposition(|&byte| separates(byte)).map_or(0, |at| kept + at)
        };
        each(&buffer[..end]);
        buffer.drain(..end);
        if last {
            return read.map(drop);
        }
    }
}

// ---- Words

/// How often each word occurs.
type Counts = HashMap<Box<[u8]>, u64, BuildHasherDefault<WordHasher>>;

/// Whether a text can be cut before this byte: an ASCII character in no word. In UTF-8 such a
/// byte is never part of another character, not even of an invalid one, so both sides read as
/// they did together. Text without any, such as lines of only Chinese, stays whole.
fn separates(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric()
}

/// A place near the middle to cut `text`, with something on both sides.
fn cut(text: &[u8]) -> Option<usize> {
    let (left, right) = text.split_at(text.len() / 2);
    let after = right.iter().position(|&byte| separates(byte)).map(|at| left.len() + at);
    after.or_else(|| left.iter().rposition(|&byte| separates(byte))).filter(|&at| at > 0)
}

/// Adds the words of `text` to `counts`; whether all of it is UTF-8.
fn count_words(text: &[u8], counts: &mut Counts) -> bool {
    if let Ok(text) = str::from_utf8(text) {
        count_characters(text, counts);
        return true;
    }
    text.utf8_chunks().for_each(|chunk| count_characters(chunk.valid(), counts));
    false
}

fn count_characters(text: &str, counts: &mut Counts) {
    let mut word = Vec::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase() as u8);
        } else if !c.is_ascii() && c.is_alphanumeric() {
            let mut utf8 = [0; 4];
            c.to_lowercase().for_each(|c| word.extend(c.encode_utf8(&mut utf8).bytes()));
        } else if !word.is_empty() {
            add(counts, &word);
            word.clear();
        }
    }
    if !word.is_empty() {
        add(counts, &word);
    }
}

/// Counts one occurrence; allocates only for a word that is new.
fn add(counts: &mut Counts, word: &[u8]) {
    match counts.get_mut(word) {
        Some(count) => *count += 1,
        None => drop(counts.insert(word.into(), 1)),
    }
}

/// Moves the smaller map into the larger one.
fn absorb(counts: &mut Counts, mut other: Counts) {
    if counts.len() < other.len() {
        std::mem::swap(counts, &mut other);
    }
    other.into_iter().for_each(|(word, count)| *counts.entry(word).or_default() += count);
}

/// One multiplication for each eight bytes. The standard hasher withstands keys chosen to
/// collide, which words are not, and takes longer than all the rest of the count.
#[derive(Default)]
struct WordHasher(u64);

impl WordHasher {
    fn mix(&mut self, bytes: u64) {
        // An odd number with its bits well mixed: the golden ratio's.
        self.0 = (self.0.rotate_left(5) ^ bytes).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (eights, rest) = bytes.as_chunks();
        eights.iter().for_each(|&eight| self.mix(u64::from_le_bytes(eight)));
        self.mix(rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)));
    }

    /// The length, which a slice writes first.
    fn write_usize(&mut self, length: usize) {
        self.0 ^= length as u64;
    }

    /// The high bits are the better ones, but maps use the low ones too.
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

// ---- What is known so far

/// What is remarked upon.
#[derive(Clone, Copy)]
enum Kind {
    EmptyFolder,
    InvalidUtf8,
    Unreadable,
    BrokenLink,
    FolderLink,
    Special,
}

/// What the kinds are called: in a remark, and in the summary.
const KINDS: [(&str, &str); 6] = [
    ("empty folder", "empty folders"),
    ("invalid UTF-8", "invalid UTF-8"),
    ("cannot read", "unreadable"),
    ("broken link", "broken links"),
    ("link to a folder, not followed", "links to folders"),
    ("special file, not opened", "special files"),
];

/// The remarks of one kind.
#[derive(Default)]
struct Remarks {
    count: u64,
    listed: Vec<String>,
}

impl Remarks {
    fn add(&mut self, line: impl FnOnce() -> String) {
        self.count += 1;
        if self.listed.len() < LISTED {
            self.listed.push(line());
        }
    }

    fn absorb(&mut self, other: Self) {
        self.count += other.count;
        self.listed.extend(other.listed);
        self.listed.truncate(LISTED);
    }

    fn say_all(&self, kind: &str) {
        self.listed.iter().for_each(|line| say(line));
        let more = self.count - self.listed.len() as u64;
        if more > 0 {
            say(&format!("{kind}: {more} more"));
        }
    }
}

/// What has been counted so far.
#[derive(Default)]
struct Tally {
    files: u64,
    folders: u64,
    bytes: u64,
    counts: Counts,
    remarks: [Remarks; KINDS.len()],
}

/// Whether the same was counted. Which remarks are listed depends on who came first.
impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        let same = |(mine, other): (&Remarks, &Remarks)| mine.count == other.count;
        (self.files, self.folders, self.bytes) == (other.files, other.folders, other.bytes)
            && self.remarks.iter().zip(&other.remarks).all(same)
            && self.counts == other.counts
    }
}

impl Tally {
    /// Reads a file in blocks, which `count` adds to the counts; it says if they were UTF-8.
    fn add_file(
        &mut self,
        path: &Path,
        block: usize,
        bar: &ProgressBar,
        count: impl Fn(&[u8], &mut Counts) -> bool,
    ) {
        let mut valid = true;
        let read = read_blocks(path, block, |text| {
            valid &= count(text, &mut self.counts);
            self.bytes += text.len() as u64;
            bar.inc(text.len() as u64);
        });
        match read {
            Ok(()) => self.files += 1,
            Err(error) => self.remark(Kind::Unreadable, path, Some(error)),
        }
        if !valid {
            self.remark(Kind::InvalidUtf8, path, None);
        }
    }

    fn remark(&mut self, kind: Kind, path: &Path, error: Option<io::Error>) {
        let detail = error.map(|error| format!(": {error}")).unwrap_or_default();
        // Quoted, so that no name can span lines.
        let line = || format!("{}: {path:?}{detail}", KINDS[kind as usize].0);
        self.remarks[kind as usize].add(line);
    }

    fn absorb(&mut self, other: Self) {
        self.files += other.files;
        self.folders += other.folders;
        self.bytes += other.bytes;
        absorb(&mut self.counts, other.counts);
        self.remarks.iter_mut().zip(other.remarks).for_each(|(mine, more)| mine.absorb(more));
    }

    fn list_remarks(&self) {
        self.remarks.iter().zip(KINDS).for_each(|(remarks, (kind, _))| remarks.say_all(kind));
    }

    fn print(&self, out: &mut impl Write, top: usize) -> io::Result<()> {
        let mut line = |name, value| writeln!(out, "{name:<17}{:>16}", grouped(value));
        line("files", self.files)?;
        line("bytes", self.bytes)?;
        line("words", self.counts.values().sum())?;
        line("distinct words", self.counts.len() as u64)?;
        line("folders", self.folders)?;
        for (remarks, (_, name)) in self.remarks.iter().zip(KINDS) {
            line(name, remarks.count)?;
        }

        // Ordered by falling count, then by the alphabet.
        let mut words: Vec<_> = self.counts.iter().map(|(word, n)| (Reverse(*n), word)).collect();
        if top < words.len() {
            words.select_nth_unstable(top);
            words.truncate(top);
        }
        words.sort_unstable();
        if !words.is_empty() {
            writeln!(out, "\n           count  word")?;
        }
        for (Reverse(count), word) in words {
            writeln!(out, "{:>16}  {}", grouped(count), String::from_utf8_lossy(word))?;
        }
        Ok(())
    }
}

/// The number with a comma after every three digits.
fn grouped(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}
