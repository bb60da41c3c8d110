//! What has been counted and remarked so far, and how it is printed.

use crate::files::read_blocks;
use crate::say;
use crate::words::{Counts, absorb};
use indicatif::ProgressBar;
use std::cmp::Reverse;
use std::io::{self, Write};
use std::path::Path;

/// How many remarks of a kind are listed; the others are only counted.
const LISTED: usize = 10;

/// What is remarked upon.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
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
pub(crate) struct Remarks {
    pub(crate) count: u64,
    listed: Vec<String>,
}

impl Remarks {
    pub(crate) fn add(&mut self, line: impl FnOnce() -> String) {
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

    pub(crate) fn say_all(&self, kind: &str) {
        self.listed.iter().for_each(|line| say(line));
        let more = self.count - self.listed.len() as u64;
        if more > 0 {
            say(&format!("{kind}: {more} more"));
        }
    }
}

/// What has been counted so far.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) files: u64,
    pub(crate) folders: u64,
    pub(crate) bytes: u64,
    pub(crate) counts: Counts,
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
    pub(crate) fn add_file(
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

    pub(crate) fn remark(&mut self, kind: Kind, path: &Path, error: Option<io::Error>) {
        let detail = error.map(|error| format!(": {error}")).unwrap_or_default();
        // Quoted, so that no name can span lines.
        let line = || format!("{}: {path:?}{detail}", KINDS[kind as usize].0);
        self.remarks[kind as usize].add(line);
    }

    pub(crate) fn absorb(&mut self, other: Self) {
        self.files += other.files;
        self.folders += other.folders;
        self.bytes += other.bytes;
        absorb(&mut self.counts, other.counts);
        self.remarks.iter_mut().zip(other.remarks).for_each(|(mine, more)| mine.absorb(more));
    }

    pub(crate) fn list_remarks(&self) {
        self.remarks.iter().zip(KINDS).for_each(|(remarks, (kind, _))| remarks.say_all(kind));
    }

    pub(crate) fn print(&self, out: &mut impl Write, top: usize) -> io::Result<()> {
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
