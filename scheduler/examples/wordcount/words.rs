//! Words: where a text can be cut, and counting them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// How often each word occurs.
pub(crate) type Counts = HashMap<Box<[u8]>, u64, BuildHasherDefault<WordHasher>>;

/// Whether a text can be cut before this byte: an ASCII character in no word. In UTF-8 such a
/// byte is never part of another character, not even of an invalid one, so both sides read as
/// they did together. Text without any, such as lines of only Chinese, stays whole.
pub(crate) fn separates(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric()
}

/// A place near the middle to cut `text`, with something on both sides.
pub(crate) fn cut(text: &[u8]) -> Option<usize> {
    let (left, right) = text.split_at(text.len() / 2);
    let after = right.iter().position(|&byte| separates(byte)).map(|at| left.len() + at);
    after.or_else(|| left.iter().rposition(|&byte| separates(byte))).filter(|&at| at > 0)
}

/// Adds the words of `text` to `counts`; whether all of it is UTF-8.
pub(crate) fn count_words(text: &[u8], counts: &mut Counts) -> bool {
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
pub(crate) fn absorb(counts: &mut Counts, mut other: Counts) {
    if counts.len() < other.len() {
        std::mem::swap(counts, &mut other);
    }
    other.into_iter().for_each(|(word, count)| *counts.entry(word).or_default() += count);
}

/// One multiplication for each eight bytes. The standard hasher withstands keys chosen to
/// collide, and the whole count took 1.6 times as long with it.
#[derive(Default)]
pub(crate) struct WordHasher(u64);

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
