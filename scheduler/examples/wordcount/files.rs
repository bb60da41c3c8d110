//! What there is under a folder, and reading it.

use crate::tally::{Kind, Tally};
use crate::words::separates;
use indicatif::ProgressBar;
use std::fs::{self, DirEntry, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// A folder to go into, or a file to read.
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    pub(crate) folder: bool,
}

/// What was given as DIR, if it can be read.
pub(crate) fn open_root(path: &Path) -> io::Result<Entry> {
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
pub(crate) fn list(folder: &Path, bar: &ProgressBar, tally: &mut Tally) -> Vec<Entry> {
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
pub(crate) fn read_blocks(path: &Path, size: usize, mut each: impl FnMut(&[u8])) -> io::Result<()> {
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
