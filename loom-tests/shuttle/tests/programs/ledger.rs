//! What the programs write down while they run: which jobs ran, what was dropped.
//!
//! All threads of a schedule are one OS thread, so a plain thread-local serves them all, and adds
//! no point at which they switch.

use std::cell::{Cell, RefCell};

const ENTRIES: usize = 1024;

std::thread_local! {
    static RAN: [Cell<u32>; ENTRIES] = const { [const { Cell::new(0) }; ENTRIES] };
    static NEXT: Cell<usize> = const { Cell::new(0) };
    static MADE: RefCell<Vec<Made>> = const { RefCell::new(Vec::new()) };
}

/// A value whose drop is counted.
struct Made {
    id: usize,
    drops: u32,
}

/// A new schedule begins.
pub(crate) fn open() {
    RAN.with(|ran| ran.iter().for_each(|count| count.set(0)));
    NEXT.set(0);
    MADE.with_borrow_mut(Vec::clear);
}

/// A number that no job has yet.
pub(crate) fn next() -> usize {
    NEXT.replace(NEXT.get() + 1)
}

/// Job `id` runs.
pub(crate) fn run(id: usize) {
    RAN.with(|ran| ran[id].set(ran[id].get() + 1));
    assert_eq!(runs(id), 1, "job {id} ran twice");
}

/// How often job `id` has run.
pub(crate) fn runs(id: usize) -> u32 {
    RAN.with(|ran| ran[id].get())
}

/// Jobs 0 to `n - 1` have each run once.
pub(crate) fn all_ran(n: usize) {
    (0..n).for_each(|id| assert_eq!(runs(id), 1, "job {id} is lost"));
}

/// What a closure captures: counts its drop.
#[derive(Debug)]
pub(crate) struct Drops(usize);

impl Drops {
    pub(crate) fn new(id: usize) -> Self {
        MADE.with_borrow_mut(|made| {
            made.push(Made { id, drops: 0 });
            Self(made.len() - 1)
        })
    }
}

impl Drop for Drops {
    fn drop(&mut self) {
        // A schedule before this one failed and is being cleared away, if there is no entry.
        let twice = MADE.with_borrow_mut(|made| {
            let made = made.get_mut(self.0)?;
            made.drops += 1;
            (made.drops > 1).then_some(made.id)
        });
        assert_eq!(twice, None, "what that job captured was dropped twice");
    }
}

/// How many values of that id are still there.
pub(crate) fn kept(id: usize) -> usize {
    MADE.with_borrow(|made| made.iter().filter(|made| made.id == id && made.drops == 0).count())
}

/// Every value was dropped, once.
pub(crate) fn all_dropped() {
    MADE.with_borrow(|made| {
        let kept = made.iter().find(|made| made.drops == 0).map(|made| made.id);
        assert_eq!(kept, None, "what that job captured was not dropped");
    });
}
