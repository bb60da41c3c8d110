//! Scopes in scopes, 6 deep.

use super::ledger::{self, Drops};
use super::search::count;
use super::tree::{pool, usable, work};
use scheduler_shuttle::{Scope, ThreadPool, in_place_scope, scope};
use shuttle::rand::{Rng, thread_rng};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};

const DEPTH: u32 = 6;
const WORKERS: usize = 8;
/// The parts, by the numbers of a binary heap whose node 1 is the outermost body: two in each
/// level, each of which opens the next.
const PARTS: usize = 2 << DEPTH;

/// What the levels borrow from the frames above them.
struct Frame<'a> {
    above: Option<&'a Frame<'a>>,
    ended: AtomicUsize,
}

impl<'a> Frame<'a> {
    fn new(above: Option<&'a Self>) -> Self {
        Self { above, ended: AtomicUsize::new(0) }
    }

    /// A part has ended, in this frame and so in all above it.
    fn end(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        if let Some(above) = self.above {
            above.end();
        }
    }

    fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }
}

/// How many parts a scope has in it: of its two, one spawns a third.
fn parts_below(depth: u32) -> usize {
    3 * ((1 << depth) - 1)
}

/// The body of a level's scope.
fn level<'scope>(s: &'scope Scope<'scope, '_>, frame: &'scope Frame<'_>, id: usize, depth: u32) {
    for child in [2 * id, 2 * id + 1] {
        let captured = Drops::new(child);
        let part = s.spawn(move || {
            if child.is_multiple_of(2) {
                // Into the level above, from inside a part of it.
                drop(s.spawn(move || {
                    ledger::run(PARTS + child);
                    frame.end();
                }));
            }
            if depth > 1 {
                let here = Frame::new(Some(frame));
                deeper(&here, child, depth - 1);
                assert_eq!(here.ended(), parts_below(depth - 1), "a scope left parts behind");
            }
            work(1);
            ledger::run(child);
            frame.end();
            drop(captured);
        });
        if thread_rng().gen_bool(0.2) {
            part.join().expect("nothing panics");
        }
    }
}

fn deeper(frame: &Frame<'_>, id: usize, depth: u32) {
    if id.is_multiple_of(2) {
        scope(|s| level(s, frame, id, depth));
    } else {
        in_place_scope(|s| level(s, frame, id, depth));
    }
}

fn nested(pool: &ThreadPool, open: impl FnOnce(&Frame<'_>)) {
    let frame = Frame::new(None);
    open(&frame);
    assert_eq!(frame.ended(), parts_below(DEPTH));
    (2..PARTS).for_each(|id| assert_eq!(ledger::runs(id), 1, "part {id} is lost"));
    (2..PARTS).step_by(2).for_each(|id| assert_eq!(ledger::runs(PARTS + id), 1));
    ledger::all_dropped();
    count(pool);
}

pub(crate) fn nested_scopes_on_a_worker() {
    let pool = pool(WORKERS);
    nested(&pool, |frame| pool.scope(|s| level(s, frame, 1, DEPTH)));
}

/// From a thread that is no worker: what its body spawns goes through the global queue.
pub(crate) fn nested_scopes_in_place() {
    let pool = pool(WORKERS);
    nested(&pool, |frame| pool.in_place_scope(|s| level(s, frame, 1, DEPTH)));
}

/// As `level`, where some parts throw.
fn level_with_panics(id: usize, depth: u32, throwers: &[usize]) {
    scope(|s| {
        for child in [2 * id, 2 * id + 1] {
            let captured = Drops::new(child);
            drop(s.spawn(move || {
                let _captured = captured;
                ledger::run(child);
                if throwers.contains(&child) {
                    panic::resume_unwind(Box::new(child));
                }
                if depth > 1 {
                    level_with_panics(child, depth - 1, throwers);
                }
            }));
        }
    });
}

/// A part throws, or a scope inside it does: the scope around it ends with one of its parts'
/// panics when all of them have ended, so all parts run but those below a panic.
pub(crate) fn nested_scopes_with_panics() {
    let mut rng = thread_rng();
    let throwers: Vec<usize> = (0..rng.gen_range(0..4)).map(|_| rng.gen_range(2..PARTS)).collect();
    let pool = pool(WORKERS);
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        pool.install(|| level_with_panics(1, DEPTH, &throwers));
    }));
    let below_a_panic = |part: usize| (1..=DEPTH).any(|up| throwers.contains(&(part >> up)));
    for part in 2..PARTS {
        assert_eq!(ledger::runs(part), u32::from(!below_a_panic(part)), "part {part}");
    }
    match result {
        Ok(()) => assert!(throwers.is_empty(), "a panic is lost"),
        Err(payload) => {
            let thrown = *payload.downcast::<usize>().expect("nothing else is thrown");
            assert!(throwers.contains(&thrown) && !below_a_panic(thrown));
        }
    }
    ledger::all_dropped();
    usable(&pool, PARTS);
    count(&pool);
}
