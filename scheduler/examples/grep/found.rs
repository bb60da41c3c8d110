//! What the search finds in a file, and in all of them.

use crate::say;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

/// A line that matches.
#[derive(PartialEq, Eq)]
pub(crate) struct Hit {
    /// From 0.
    pub(crate) number: usize,
    pub(crate) text: Vec<u8>,
}

pub(crate) enum Outcome {
    Searched { bytes: usize, hits: Vec<Hit> },
    Binary,
    Unreadable(io::Error),
}

pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) outcome: Outcome,
}

impl File {
    pub(crate) fn print(&self, count: bool, out: &mut impl Write) -> io::Result<()> {
        let path = self.path.as_os_str().as_encoded_bytes();
        match &self.outcome {
            Outcome::Unreadable(error) => say(format_args!("{}: {error}", self.path.display())),
            Outcome::Searched { hits, .. } if count && !hits.is_empty() => {
                out.write_all(path)?;
                writeln!(out, ":{}", hits.len())?;
            }
            Outcome::Searched { hits, .. } if !count => {
                for Hit { number, text } in hits {
                    out.write_all(path)?;
                    write!(out, ":{}:", number + 1)?;
                    out.write_all(text)?;
                    out.write_all(b"\n")?;
                }
            }
            Outcome::Searched { .. } | Outcome::Binary => {}
        }
        Ok(())
    }

    pub(crate) fn equals(&self, other: &Self) -> bool {
        self.path == other.path
            && match (&self.outcome, &other.outcome) {
                (Outcome::Searched { hits, .. }, Outcome::Searched { hits: others, .. }) => {
                    hits == others
                }
                (Outcome::Unreadable(one), Outcome::Unreadable(other)) => {
                    one.kind() == other.kind()
                }
                (Outcome::Binary, Outcome::Binary) => true,
                _ => false,
            }
    }
}

#[derive(Default)]
pub(crate) struct Total {
    files: usize,
    bytes: usize,
    matching: usize,
    hits: usize,
    binary: usize,
    unreadable: usize,
}

impl Total {
    pub(crate) fn add(&mut self, file: &File) {
        match &file.outcome {
            Outcome::Searched { bytes, hits } => {
                self.files += 1;
                self.bytes += bytes;
                self.matching += usize::from(!hits.is_empty());
                self.hits += hits.len();
            }
            Outcome::Binary => self.binary += 1,
            Outcome::Unreadable(_) => self.unreadable += 1,
        }
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, bytes, matching, hits, binary, unreadable } = self;
        write!(
            f,
            "{hits} lines in {matching} of {files} files, {bytes} bytes; {binary} binary, {unreadable} unreadable"
        )
    }
}
