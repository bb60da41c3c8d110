//! What the models write down while they run: which jobs ran, what was dropped.
//!
//! All threads of a model run on one OS thread, so a plain thread-local serves them all, and
//! adds neither branches nor order to what is searched.

use std::cell::Cell;

const ENTRIES: usize = 8;

std::thread_local! {
    static RAN: [Cell<u32>; ENTRIES] = const { [const { Cell::new(0) }; ENTRIES] };
    static DROPPED: [Cell<u32>; ENTRIES] = const { [const { Cell::new(0) }; ENTRIES] };
}

/// A new execution begins.
pub(super) fn open() {
    RAN.with(|ran| ran.iter().for_each(|count| count.set(0)));
    DROPPED.with(|dropped| dropped.iter().for_each(|count| count.set(0)));
}

/// Job `id` runs.
pub(super) fn run(id: usize) {
    RAN.with(|ran| ran[id].set(ran[id].get() + 1));
    assert_eq!(runs(id), 1, "job {id} ran twice");
}

/// How often job `id` has run.
pub(super) fn runs(id: usize) -> u32 {
    RAN.with(|ran| ran[id].get())
}

/// Jobs 0 to `n - 1` have each run once.
pub(super) fn all_ran(n: usize) {
    (0..n).for_each(|id| assert_eq!(runs(id), 1, "job {id} is lost"));
}

/// Counts its own drop.
#[derive(Debug)]
pub(super) struct Drops(pub(super) usize);

impl Drop for Drops {
    fn drop(&mut self) {
        DROPPED.with(|dropped| dropped[self.0].set(dropped[self.0].get() + 1));
        assert_eq!(drops(self.0), 1, "value {} was dropped twice", self.0);
    }
}

/// How often the value `id` was dropped.
pub(super) fn drops(id: usize) -> u32 {
    DROPPED.with(|dropped| dropped[id].get())
}
