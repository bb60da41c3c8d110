//! The words of a tree of files: reading, hashing, and maps to be merged.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use super::{Job, Sample, check};
use crate::Contender;

type Counts = HashMap<Box<str>, u64>;

/// The files, which must not change as long as it is in use, and their words.
#[derive(Debug)]
pub(crate) struct Words {
    files: Vec<PathBuf>,
    counts: Counts,
}

impl Words {
    /// All files below `folder` but those in folders that are hidden or called `target`.
    ///
    /// # Panics
    /// If something cannot be read.
    pub(crate) fn new(folder: &Path) -> Words {
        let mut files = Vec::new();
        list(folder, &mut files).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        // Folders are listed in no order.
        files.sort_unstable();
        let mut counts = Counts::new();
        files.iter().for_each(|file| count(file, &mut counts));
        Words { files, counts }
    }
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if kind.is_file() {
            files.push(entry.path());
        } else if kind.is_dir() && name != "target" && !name.as_encoded_bytes().starts_with(b".") {
            list(&entry.path(), files)?;
        }
    }
    Ok(())
}

/// Adds the words of `file`.
fn count(file: &Path, counts: &mut Counts) {
    let bytes = fs::read(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    count_text(&String::from_utf8_lossy(&bytes), counts);
}

/// Words are what lies between characters that are not alphanumeric.
fn count_text(text: &str, counts: &mut Counts) {
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        match counts.get_mut(word) {
            Some(count) => *count += 1,
            None => drop(counts.insert(word.into(), 1)),
        }
    }
}

impl Job for Words {
    fn title(&self) -> String {
        let words: u64 = self.counts.values().sum();
        format!("{words} words in {} files", self.files.len())
    }

    fn run(&self, contender: &Contender) -> Sample {
        // A chunk adds to a map that nobody is using, so there are as many as threads at work.
        let idle = Mutex::new(Vec::<Counts>::new());
        let lock = || idle.lock().expect("nobody panics with the lock held");
        let (sample, counts) = Sample::wall(|| {
            contender.parallel_for(0..self.files.len(), 1, &|chunk| {
                let mut counts = lock().pop().unwrap_or_default();
                self.files[chunk].iter().for_each(|file| count(file, &mut counts));
                lock().push(counts);
            });
            let mut maps = std::mem::take(&mut *lock());
            let mut all = maps.pop().unwrap_or_default();
            for (word, count) in maps.into_iter().flatten() {
                *all.entry(word).or_default() += count;
            }
            all
        });
        // Not as maps: a failure would print all the words.
        check(self, contender, counts == self.counts, true);
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lie_between_all_else() {
        let mut counts = Counts::new();
        count_text("to be, or_not--to bé?\n", &mut counts);
        let mut counts: Vec<_> = counts.iter().map(|(word, count)| (&**word, *count)).collect();
        counts.sort_unstable();
        assert_eq!(counts, [("be", 1), ("bé", 1), ("not", 1), ("or", 1), ("to", 2)]);
    }

    #[test]
    fn files_of_folders_within_are_found() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let words = Words::new(folder);
        assert!(words.files.contains(&folder.join("src/work/words.rs")), "{:?}", words.files);
    }
}
