//! How many workers search, how many sleep: one word, so that one load tells both.

use crate::sync::fault::{self, Fault};
use crate::sync::{AtomicU64, Ordering};

/// A snapshot of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Idle(u64);

/// Bits 0..16: workers asleep, or on the way there. At most 65,535.
const SLEEPING: u64 = 1;
/// Bits 16..32: workers searching.
const SEARCHING: u64 = 1 << 16;
const FIELD: u64 = 0xFFFF;
/// Bit 32: there is no asymmetric barrier, so an owner publishes each job at once.
const EAGER: u64 = 1 << 32;

impl Idle {
    pub(crate) fn sleeping(self) -> u64 {
        self.0 & FIELD
    }

    pub(crate) fn searching(self) -> u64 {
        (self.0 / SEARCHING) & FIELD
    }

    /// Whether every job is to be published, needed or not.
    pub(crate) fn eager(self) -> bool {
        self.0 & EAGER != 0
    }

    /// Whether the one who made work public has to wake somebody: a searcher would find it,
    /// or look again before it sleeps.
    pub(crate) fn wants_wake(self) -> bool {
        self.sleeping() != 0 && self.searching() == 0
    }
}

/// The word. Every change is a read-modify-write, so a reader of any later value has
/// synchronised with all earlier changes.
///
/// Ordering: the changes are AcqRel and not SeqCst: what orders them against the queues is
/// the fence beside them (`sleep/README.md`), and a model must be able to see its loss.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

/// Ordering: AcqRel: a reader of any later value has synchronised with every earlier change, and
/// with what a worker wrote before it counted itself over: its slot's state.
fn change() -> Ordering {
    fault::half(Fault::WordNoAcquire, Fault::WordNoRelease)
}

impl Word {
    pub(crate) fn new(eager: bool) -> Self {
        Self(AtomicU64::new(if eager { EAGER } else { 0 }))
    }

    /// Whether an owner has to look closer: somebody is idle, or jobs are published eagerly.
    /// The one load that every fork makes.
    #[inline(always)]
    pub(crate) fn is_quiet(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// A look that needs to be ordered by what comes before it, a fence or a change of the word;
    /// nothing is read through it.
    pub(crate) fn peek(&self) -> Idle {
        Idle(self.0.load(Ordering::Relaxed))
    }

    /// Counts one more searcher, unless that would make them more than `limit`.
    pub(crate) fn try_search(&self, limit: u64) -> bool {
        let more = |word| (Idle(word).searching() < limit).then_some(word + SEARCHING);
        self.0.fetch_update(change(), Ordering::Relaxed, more).is_ok()
    }

    /// A searcher is done. What the word was before.
    pub(crate) fn end_search(&self) -> Idle {
        Idle(self.0.fetch_sub(SEARCHING, change()))
    }

    /// A searcher goes to sleep. What the word was before.
    pub(crate) fn search_to_sleep(&self) -> Idle {
        Idle(self.0.fetch_add(SLEEPING.wrapping_sub(SEARCHING), change()))
    }

    /// A busy worker goes to sleep.
    pub(crate) fn begin_sleep(&self) -> Idle {
        Idle(self.0.fetch_add(SLEEPING, change()))
    }

    /// A sleeper is busy again. What the word was before.
    pub(crate) fn end_sleep(&self) -> Idle {
        Idle(self.0.fetch_sub(SLEEPING, change()))
    }

    /// A sleeper is made a searcher, by the one who wakes it.
    pub(crate) fn sleep_to_search(&self) {
        self.0.fetch_add(SEARCHING - SLEEPING, change());
    }
}

#[cfg(test)]
mod tests {
    use super::Word;

    #[test]
    fn the_fields_do_not_touch() {
        for eager in [false, true] {
            let word = Word::new(eager);
            assert_eq!(word.is_quiet(), !eager);
            for _ in 0..65_535 {
                word.begin_sleep();
            }
            assert_eq!((word.peek().sleeping(), word.peek().searching()), (65_535, 0));
            for n in 0..65_535 {
                word.sleep_to_search();
                assert_eq!(word.peek().searching(), n + 1);
            }
            assert!(!word.try_search(65_535), "no more searchers than the limit");
            for _ in 0..65_535 {
                word.search_to_sleep();
            }
            assert_eq!((word.peek().sleeping(), word.peek().searching()), (65_535, 0));
            assert_eq!(word.peek().eager(), eager);
        }
    }
}
